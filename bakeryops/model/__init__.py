"""Frozen values that the screens and the command line show."""
