"""The image registry that is part of Gitea: which tags there are, and what is behind one."""
