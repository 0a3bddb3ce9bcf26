"""What is kept on disk in SQLite, bounded, and never missed when it cannot be kept."""
