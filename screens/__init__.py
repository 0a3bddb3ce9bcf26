"""Screens of the console: they show, and know nothing of HTTP."""
