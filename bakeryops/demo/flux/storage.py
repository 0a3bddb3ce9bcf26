"""The artifacts that source-controller keeps and other controllers fetch."""

from __future__ import annotations

from collections.abc import Mapping

from bakeryops.demo.contracts import Clock, Object
from bakeryops.demo.flux.artifacts import Artifact, Ignore, commit_of, pack
from bakeryops.demo.flux.sources import GitSources, SourceFault

__all__ = ["Storage"]

_TTL_SECONDS = 60.0
_RECORDS = 2
"""An artifact that is not the present one goes after a minute, or when there are more than two."""

Place = tuple[str, str, str]
"""Kind, namespace and name of a source."""


def _place(source: Object) -> Place:
    return source["kind"], source["metadata"]["namespace"], source["metadata"]["name"]


class Storage:
    """Artifacts by source; what was stored before the start is read from Git again when someone asks for it."""

    def __init__(self, clock: Clock, sources: GitSources) -> None:
        """Take the clock, by which old artifacts go, and where files come from."""
        self._clock = clock
        self._sources = sources
        self._present: dict[Place, tuple[str, Artifact]] = {}
        self._records: dict[Place, dict[str, float]] = {}

    def store(self, source: Object, revision: str) -> Artifact:
        """Store the files of a revision that the source does not ignore; raises `SourceFault`."""
        if source["kind"] != "GitRepository":
            raise SourceFault(
                "ArtifactFailed", f"the contents of this {source['kind']} are not stored in this cluster"
            )
        ignore = Ignore((source.get("spec") or {}).get("ignore"))
        found = self._sources.files(commit_of(revision), ignore.folder())
        artifact = pack({path: data for path, data in found.items() if ignore.keeps(path)})
        place = _place(source)
        self._present[place] = (revision, artifact)
        self._records.setdefault(place, {})[revision] = self._clock.now()
        return artifact

    def files(self, source: Object) -> Mapping[str, bytes]:
        """Return the files of the artifact that a source's status names; raises `SourceFault`."""
        revision = str(((source.get("status") or {}).get("artifact") or {}).get("revision") or "")
        known = self._present.get(_place(source))
        if known is None or known[0] != revision:
            return self.store(source, revision).files
        return known[1].files

    def collect(self, source: Object, present: str) -> int:
        """Drop artifacts of a source that are old; returns how many."""
        records = self._records.setdefault(_place(source), {})
        others = sorted((when, revision) for revision, when in records.items() if revision != present)
        old = self._clock.now() - _TTL_SECONDS
        gone = [revision for place, (when, revision) in enumerate(others)
                if when < old or place < len(others) + 1 - _RECORDS]  # fmt: skip
        for revision in gone:
            del records[revision]
        return len(gone)

    def forget(self, source: Object) -> None:
        """Drop everything of a source that is gone."""
        self._present.pop(_place(source), None)
        self._records.pop(_place(source), None)
