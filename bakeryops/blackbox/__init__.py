"""The black box: what fails is saved at the moment it fails, before the cluster forgets it."""
