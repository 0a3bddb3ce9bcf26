"""What the monorepo is made of: source files, manifests, and the edits of its developers."""
