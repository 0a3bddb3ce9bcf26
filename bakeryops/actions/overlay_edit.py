"""A change of image tags in the overlay as data: what is expected there, what is wanted, and how it is committed.

It is computed for a preview and again, on whatever the branch's tip is by then, when it is carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from bakeryops.git.editing import Editor
from bakeryops.git.entries import Entry
from bakeryops.git.errors import GitError
from bakeryops.git.objects import Identity
from bakeryops.git.overlay import NAMES, images
from bakeryops.git.repository import Repository
from bakeryops.model.code import OverlayImage

__all__ = ["Edit", "Made", "entries_at", "make"]


class Edit(msgspec.Struct, frozen=True):
    """A change of the overlay.

    `before` and `after` are entries by the image's name. With `mode` revert the commits are reverted, newest
    first, in one commit, and must come to `after`; with set the entries are written. `when` is in seconds since
    the epoch.
    """

    overlay: str
    mode: Literal["revert", "set"]
    commits: tuple[str, ...]
    before: dict[str, Entry]
    after: dict[str, Entry]
    message: str
    author: str
    email: str
    when: int


class Made(msgspec.Struct, frozen=True):
    """What an edit comes to on one tip of the branch: a commit nobody has seen yet, or why there is none.

    `state` is made, done (the entries say so already), changed (they say something else than was expected) or
    conflict (a revert does not apply cleanly, or changes other entries too).
    """

    state: Literal["made", "done", "changed", "conflict"]
    commit: str = ""
    text: str = ""
    merges: tuple[str, ...] = ()
    """Those of the reverted commits that are merges: bringing in their branches again brings nothing."""


async def make(repository: Repository, editor: Editor, head: str, edit: Edit) -> Made:
    """Make the commit of an edit on top of `head`: the same one for the same arguments. Raises `GitError`."""
    present = await entries_at(repository, head, edit.overlay)
    found = {name: present.get(name) for name in edit.after}
    if all(found[name] == entry for name, entry in edit.after.items()):
        return Made("done", head, "the overlay says so already")
    for name, entry in edit.before.items():
        if found.get(name) != entry:
            return Made("changed", text=_changed(name, entry, found.get(name)))
    merges: tuple[str, ...] = ()
    if edit.mode == "set":
        tree = await editor.set_entries(head, edit.overlay, edit.after)
    else:
        reverted = await editor.revert(head, edit.commits)
        if reverted.conflicts:
            return Made("conflict", text=f"the revert conflicts in {', '.join(reverted.conflicts[:3])}")
        if reverted.empty:
            return Made("conflict", text="the revert changes nothing: it was taken back already")
        tree, merges = reverted.tree, reverted.merges
    author = Identity(edit.author, edit.email)
    commit = await editor.commit(tree, head, edit.message, author=author, when=edit.when)
    if edit.mode == "revert":
        other = await _others(repository, commit, edit, present)
        if other:
            return Made("conflict", text=other)
    return Made("made", commit, merges=merges)


async def _others(repository: Repository, commit: str, edit: Edit, before: Mapping[str, Entry]) -> str:
    """Say what a revert changes that is not meant, or that it does not come to what is; "" where all is well."""
    after = await entries_at(repository, commit, edit.overlay)
    for name in dict.fromkeys((*before, *after)):
        wanted = edit.after.get(name, before.get(name))
        if after.get(name) != wanted:
            what = "changes" if name not in edit.after else "does not come to what is wanted for"
            return f"the revert {what} {name.rpartition('/')[2]}"
    return ""


async def entries_at(repository: Repository, revision: str, overlay: str) -> dict[str, Entry]:
    """Return the overlay's entries at a commit, by the image's name; raises `GitError` where it cannot be read."""
    return {each.name: _entry(each) for each in await images_at(repository, revision, overlay)}


async def images_at(repository: Repository, revision: str, overlay: str) -> Sequence[OverlayImage]:
    """Return the overlay's images at a commit; raises `GitError` where it cannot be read."""
    paths = [f"{overlay.strip('/')}/{name}" for name in NAMES]
    blobs = await repository.blobs([f"{revision}:{path}" for path in paths])
    for path, blob in zip(paths, blobs, strict=True):
        if blob is not None:
            return images(blob, path)
    raise GitError(
        f"{overlay} has no {NAMES[0]} at {revision[:7]}",
        kind="missing",
        hint="Set git.overlay to the folder of the kustomization that Flux applies.",
    )


def _entry(image: OverlayImage) -> Entry:
    return Entry(image.tag, image.digest, image.new_name)


def _changed(name: str, expected: Entry, found: Entry | None) -> str:
    service = name.rpartition("/")[2]
    if found is None:
        return f"the overlay has no entry for {service} any more"
    return f"{service} is at {found.tag or found.digest} by now, not at {expected.tag or expected.digest}"
