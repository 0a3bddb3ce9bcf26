"""An incident as one file: what was known of a service, or of all, in a window of time."""
