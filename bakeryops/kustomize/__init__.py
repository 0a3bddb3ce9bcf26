"""What `kubectl kustomize` makes of a folder, from files in memory.

A build is either what kustomize gives or a `KustomizeError`: a field that is not known here is refused by name,
and never passed over. Files are a mapping from paths relative to the repository's root to bytes, so a build of
any commit needs no checkout.
"""

from bakeryops.kustomize.build import build
from bakeryops.kustomize.documents import load_documents
from bakeryops.kustomize.errors import KustomizeError

__all__ = ["KustomizeError", "build", "load_documents"]
