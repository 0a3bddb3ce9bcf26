"""Gitea over its REST API: version, repository, commit states, webhooks, packages."""
