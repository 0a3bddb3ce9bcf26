"""The Git repository that is built and deployed, read through a private mirror with the real git."""
