"""Widgets of the console: they know rows, not Kubernetes."""
