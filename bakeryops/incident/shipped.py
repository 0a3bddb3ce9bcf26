"""Deployments with what they changed: the overlay, without what may be secret, and the commits they brought."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bakeryops.errors import BakeryopsError
from bakeryops.git.deployments import source_in_tag
from bakeryops.git.preview import Shortlog, shortlog
from bakeryops.git.repository import Repository
from bakeryops.incident.facts import Shipped
from bakeryops.model.code import CodeView
from bakeryops.model.history import Entry
from bakeryops.text import ELLIPSIS, clean, decode

__all__ = ["shipped", "without_secrets"]

LINES_MOST: Final = 160
"""Lines of a diff that are shown."""
_COMMITS_MOST: Final = 30
_DIFF_BYTES: Final = 256 << 10
_FILE = re.compile(r"diff --git a/(.*) b/(.*)")
_SECRET = re.compile(r"^\s*kind:\s*[\"']?(?:Secret|SealedSecret)\b", re.MULTILINE)
_GENERATOR = re.compile(r"^\s*[\"']?(?:secretGenerator|secretRef|stringData)\b", re.MULTILINE)
_LITERAL = re.compile(r"^([-+ ]\s*-\s+[\"']?[\w.-]+=).+$")


async def shipped(repository: Repository, code: CodeView, services: str, entry: Entry) -> Shipped:
    """Return a deployment with its diff and the commits of its service; `services` is the folder of services.

    What cannot be read is said in `missing`; never raises for that.
    """
    diff: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    log, folder, missing = None, "", []
    try:
        diff, left = await _diff(repository, code.overlay, entry.commit)
    except BakeryopsError as error:
        missing.append(f"the change of the overlay cannot be read: {error.message}")
    try:
        log, folder = await _log(repository, code, services, entry)
    except BakeryopsError as error:
        missing.append(f"the commits that it brought cannot be read: {error.message}")
    return Shipped(entry, diff, left, log, folder, "; ".join(missing))


async def _diff(repository: Repository, overlay: str, commit: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    text = await repository.diff(commit, overlay.strip("/"), most=_DIFF_BYTES)
    parts = list(_files(text.split("\n")))
    names = [name for path, _ in parts for name in (f"{commit}:{path}", f"{commit}^:{path}")]
    blobs = await repository.blobs(names)
    lines: list[str] = []
    left: list[str] = []
    for at, (path, part) in enumerate(parts):
        whole = "\n".join(decode(each) for each in blobs[2 * at : 2 * at + 2] if each is not None)
        shown = await asyncio.to_thread(without_secrets, path, whole, part)
        if shown is None:
            left.append(path)
        else:
            lines += shown
    if len(lines) > LINES_MOST:
        lines = [*lines[:LINES_MOST], f"{ELLIPSIS} {len(lines) - LINES_MOST} more lines"]
    return tuple(lines), tuple(left)


def without_secrets(path: str, whole: str, part: Sequence[str]) -> list[str] | None:
    """Return a file's part of a diff fit to be handed on, None where the file may hold secrets.

    `whole` is the file before and after. Of a kustomization that makes Secrets the values of literals are hidden.
    """
    name = path.rpartition("/")[2].lower()
    kustomization = name in ("kustomization.yaml", "kustomization.yml", "kustomization")
    if not kustomization and ("secret" in path.lower() or name.endswith((".env", ".key", ".pem")) or not whole):
        return None
    if _SECRET.search(whole):
        return None
    if _GENERATOR.search(whole):
        return [_LITERAL.sub(r"\1<hidden>", each) for each in part]
    return list(part)


def _files(lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the parts of a diff by path; a path that git had to quote is given as one that is not shown."""
    path, part = "", list[str]()
    for line in lines:
        if line.startswith("diff --git "):
            if part:
                yield path, part
            found = _FILE.fullmatch(line)
            path, part = (found[2] if found else f"{clean(line[11:])} (secret?)"), []
        if line:
            part.append(line)
    if part:
        yield path, part


async def _log(repository: Repository, code: CodeView, services: str, entry: Entry) -> tuple[Shortlog | None, str]:
    older, newer = (code.find(each) if each else None for each in (source_in_tag(entry.before), entry.source))
    if older is None or newer is None:
        return None, ""
    parent = services.strip("/")
    folder = f"{parent}/{entry.service}".strip("/")
    if entry.service not in await repository.folders(newer.sha, parent):
        folder = entry.service
    return await shortlog(repository, older.sha, newer.sha, [folder], limit=_COMMITS_MOST), folder
