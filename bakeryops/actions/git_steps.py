"""The step that commits a change of the overlay and pushes it, on whatever the branch's tip is by then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bakeryops.actions.overlay_edit import Edit, Made, entries_at, make
from bakeryops.errors import BakeryopsError
from bakeryops.git.editing import Editor
from bakeryops.git.errors import GitError
from bakeryops.git.preview import find_trailer
from bakeryops.git.repository import Repository
from bakeryops.jobs.step import At, Check, Step, StepFailedError, registered
from bakeryops.text import clean

__all__ = ["CHANGE", "LookAgain", "PushEdit"]

CHANGE = "Bakery-Change"
"""The trailer by which a commit of ours is known again."""
_ATTEMPTS = 8
_UNSURE = frozenset({"server", "refused", "timeout", "corrupt", "other"})
"""Kinds of failures of a push after which the commit may have arrived."""
_AGAIN = "Look at the new preview, and decide again."


@registered
class PushEdit(Step):
    """Commit an edit of the overlay and push it, never over what somebody else pushed.

    The commit is the same whenever it is made of the same tip, and known by its trailer: killed anywhere, the step
    finds its commit on the branch, or makes it again.
    """

    kind = "git.edit"

    async def check(self, at: At) -> Check:
        """Look whether the commit is on the branch already."""
        repository = await at.repository()
        await repository.refresh()
        found = await _pushed(at, repository)
        if found:
            return Check(True, self._evidence(repository, found), {"commit": found})
        return Check(False)

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Commit on the tip and push; where the tip moved, do it again as long as that means the same."""
        repository = await at.repository()
        editor = Editor(repository)
        edit = msgspec.convert(at.args["edit"], Edit)
        expected = str(at.args.get("head") or "")
        for _ in range(_ATTEMPTS):
            head = await repository.head()
            if head != expected:
                at.tell(f"{repository.branch} has moved to {head[:7]}: the change is computed anew on it")
                expected = head
            made = await make(repository, editor, head, edit)
            if made.state == "done":
                return {"commit": head, "nothing": True}
            if made.state != "made":
                raise _changed(repository, made)
            # Noted first: a run that comes after a kill must know its own commit.
            at.note("commit", made.commit)
            at.heed()
            if await self._push(at, repository, editor, made.commit, head):
                return {"commit": made.commit}
            await repository.refresh()
            if found := await _pushed(at, repository):
                return {"commit": found}
        raise StepFailedError(
            f"{repository.branch} moved {_ATTEMPTS} times while it was pushed to",
            hint="Try again in a quiet minute.",
        )

    async def verify(self, at: At) -> str:
        """Look whether the branch has the commit."""
        repository = await at.repository()
        await repository.refresh()
        commit = str(at.output(at.step.id, "commit"))
        if not await repository.is_ancestor(commit, await repository.head()):
            raise StepFailedError(
                f"{repository.branch} does not have {commit[:7]} any more",
                why="somebody has set the branch back",
                hint=_AGAIN,
            )
        if at.output(at.step.id, "nothing"):
            return f"{repository.branch} says so already at {commit[:7]}"
        return self._evidence(repository, commit)

    async def _push(self, at: At, repository: Repository, editor: Editor, commit: str, head: str) -> bool:
        """Push; return whether it arrived, False where the branch had moved. Raises `BakeryopsError`."""
        try:
            push = await editor.push(commit, expect=head)
        except GitError as error:
            if error.kind not in _UNSURE:
                raise
            arrived = await self._arrived(at, repository)
            if arrived:
                return True
            # What was sent before the time was up may be taken in yet.
            if arrived is None or error.kind == "timeout":
                raise StepFailedError(
                    f"whether {commit[:7]} is on {repository.branch} is not known: {error.message}",
                    why=error.why,
                    hint=f"As soon as Gitea answers, go on: bakeryops jobs resume {at.job}",
                    outcome="partial",
                ) from None
            raise
        if push.state == "refused":
            raise StepFailedError(
                f"{repository.branch} may not be pushed to",
                why=f"the server says: {clean(push.reason)}" if push.reason else "the branch is protected",
                hint="Let this user push to the branch, or name another in git.credentials.",
                outcome="refused",
            )
        return push.state == "pushed"

    async def _arrived(self, at: At, repository: Repository) -> bool | None:
        """Return whether a commit arrived although the push did not say so, None where nobody tells."""
        try:
            await repository.refresh()
            return bool(await _pushed(at, repository))
        except BakeryopsError:
            return None

    def _evidence(self, repository: Repository, commit: str) -> str:
        return f"{repository.branch} has {commit[:7]}"


@registered
class LookAgain(Step):
    """See that the branch still says what the preview showed, before anything is held, suspended or cancelled."""

    kind = "git.look"

    async def apply(self, at: At) -> None:
        """Fetch, and compute the change on the tip; raises `StepFailedError` where it is another one by now."""
        repository = await at.repository()
        await repository.refresh()
        if await _pushed(at, repository):
            return
        made = await make(
            repository, Editor(repository), await repository.head(), msgspec.convert(at.args["edit"], Edit)
        )
        if made.state not in ("made", "done"):
            raise _changed(repository, made)

    async def verify(self, at: At) -> str:
        """Say that it is so."""
        return "the entries are as they were shown"


def _changed(repository: Repository, made: Made) -> StepFailedError:
    return StepFailedError(
        f"{repository.branch} has changed meanwhile: {clean(made.text)}",
        why="nothing was pushed, so that nobody's change is lost",
        hint=_AGAIN,
        outcome="refused",
    )


async def _pushed(at: At, repository: Repository) -> str:
    """Return our commit on the fetched branch, "" where it is not there."""
    head = await repository.head()
    commit = at.memo("commit")
    if isinstance(commit, str) and head:
        try:
            if await repository.is_ancestor(commit, head):
                return commit
        except GitError:
            # It was made in a mirror that is gone.
            pass
    found = await find_trailer(repository, CHANGE, str(at.args["change"])) if head else ""
    return found if found and await _says(repository, found, msgspec.convert(at.args["edit"], Edit)) else ""


async def _says(repository: Repository, commit: str, edit: Edit) -> bool:
    """Return whether a commit that carries our trailer also says what we want: anybody may copy a message."""
    present = await entries_at(repository, commit, edit.overlay)
    return all(present.get(name) == entry for name, entry in edit.after.items())
