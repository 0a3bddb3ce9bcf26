"""The embedded cluster: the Kubernetes HTTP API in one process, for practice and for tests."""
