"""Whether a revision that Flux tells of holds a commit, also one that was pushed after the mirror was fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeryops.actions.flux_steps import ancestors
from bakeryops.git.repository import Repository
from tests.support.git_origin import Origin


class Hands:
    """A step's hands that hold nothing but a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def repository(self) -> Repository:
        return self._repository


async def test_a_commit_that_somebody_pushed_after_ours_holds_ours(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin.git")
    before, ours = origin.commit({"a": "1"}, "first"), origin.commit({"a": "2"}, "ours")
    repository = Repository(origin.url, folder=tmp_path / "mirrors")
    await repository.refresh()
    later = origin.commit({"a": "3"}, "later")
    at: Any = Hands(repository)
    holds = await ancestors(at, ours)
    assert holds is not None
    answers = [await holds(each) for each in (before, ours, later, "0" * 40)]  # type: ignore[misc]
    assert answers == [False, True, True, False]
    fetched = repository.runs
    await holds(before)  # type: ignore[misc]
    assert repository.runs == fetched + 1, "what is known is not fetched for again"
