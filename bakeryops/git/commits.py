"""What `git log` wrote, as commits: total on odd encodings, empty fields and messages made to confuse."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from bakeryops.masking import mask_text
from bakeryops.model.code import Commit
from bakeryops.text import clean, clean_lines, decode

__all__ = ["FIELDS", "Change", "changes", "split_message"]

FIELDS = "%x00".join(("%H", "%P", "%an", "%ae", "%at", "%ct", "%B"))
"""The fields of a commit in `git log --format`, seven of them."""
_COUNT = 7
_LATEST = 253_402_300_799.0
"""The last second of the year 9999."""
_LONGEST_NAME = 200
_LONGEST_BODY = 8000
_TRAILER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)")


class Change(msgspec.Struct, frozen=True):
    """A commit and the paths that it changes against its first parent."""

    commit: Commit
    paths: tuple[str, ...]


def changes(data: bytes, mark: bytes) -> Iterator[Change]:
    """Yield the commits that `git log -z --name-only --format=MARK%x00FIELDS` wrote, where no text is MARK."""
    parts = data.split(b"\0")
    begins = [index for index, part in enumerate(parts) if part.lstrip(b"\n") == mark]
    for begin, end in zip(begins, [*begins, len(parts)][1:], strict=True):
        fields = [decode(part) for part in parts[begin + 1 : begin + 1 + _COUNT]]
        if len(fields) == _COUNT:
            paths = (decode(part.lstrip(b"\n")) for part in parts[begin + 1 + _COUNT : end])
            yield Change(_commit(fields), tuple(path for path in paths if path))


def _commit(fields: list[str]) -> Commit:
    sha, parents, author, email, authored, committed, message = fields
    subject, body, trailers = split_message(message)
    return Commit(
        sha=clean(sha),
        parents=tuple(clean(parents).split()),
        author=clean(author[:_LONGEST_NAME]),
        email=clean(email[:_LONGEST_NAME]),
        authored=_seconds(authored),
        committed=_seconds(committed),
        # Whoever put a secret into a message shall not see it on every screen.
        subject=mask_text(subject),
        body=mask_text(body),
        trailers=trailers,
    )


def _seconds(text: str) -> float:
    """Return a time that a calendar can show, whatever a commit claims."""
    try:
        return min(max(0.0, float(int(text[:30]))), _LATEST)
    except (ValueError, OverflowError):
        return 0.0


def split_message(message: str) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Return (subject, body, trailers) of a commit message.

    The subject is the first paragraph as one line; trailers are the last paragraph where each of its lines is
    "Key: value" or goes on with the one before.
    """
    paragraphs = [part.strip("\n") for part in re.split(r"\n[ \t]*\n", message[: 4 * _LONGEST_BODY].strip())]
    subject = clean(paragraphs[0])[:1000]
    rest = paragraphs[1:]
    trailers: tuple[tuple[str, str], ...] = ()
    if rest and (found := _trailers(rest[-1])):
        trailers, rest = found, rest[:-1]
    return subject, clean_lines("\n\n".join(rest))[:_LONGEST_BODY], trailers


def _trailers(paragraph: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for line in paragraph.splitlines():
        if found and line[:1] in (" ", "\t"):
            found[-1] = (found[-1][0], f"{found[-1][1]} {clean(line).strip()}")
            continue
        match = _TRAILER.fullmatch(line.rstrip())
        if match is None:
            return ()
        found.append((match[1], clean(match[2]).strip()))
    return tuple(found)
