"""The one client layer that everything uses to reach a cluster."""
