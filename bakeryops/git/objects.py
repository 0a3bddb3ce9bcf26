"""Git objects as bytes: read from `cat-file --batch`, written as a pack that one git takes in."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from bakeryops.text import clean, decode

__all__ = [
    "EMPTY_TREE",
    "Found",
    "Identity",
    "Kind",
    "Made",
    "TreeEntry",
    "batch",
    "commit",
    "pack",
    "read_tree",
    "tree",
]

Kind = Literal["commit", "tree", "blob"]
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_NUMBERS: dict[Kind, int] = {"commit": 1, "tree": 2, "blob": 3}
_NOT_IN_NAMES = str.maketrans("", "", "<>\n\0")


class Found(NamedTuple):
    """An object as it was read."""

    sha: str
    kind: str
    data: bytes


class Made(NamedTuple):
    """An object that is to be written."""

    kind: Kind
    data: bytes

    @property
    def sha(self) -> str:
        """The name that git gives it."""
        return hashlib.sha1(self._header() + self.data, usedforsecurity=False).hexdigest()

    def _header(self) -> bytes:
        return f"{self.kind} {len(self.data)}\0".encode()


class TreeEntry(NamedTuple):
    """One line of a tree."""

    mode: bytes
    name: bytes
    sha: str


class Identity(NamedTuple):
    """Who a commit is from."""

    name: str
    email: str

    def line(self, when: int) -> str:
        """Return it as a commit has it, at a time in seconds since the epoch."""
        name = clean(self.name).translate(_NOT_IN_NAMES).strip() or "unknown"
        email = clean(self.email).translate(_NOT_IN_NAMES).strip()
        return f"{name} <{email}> {max(0, int(when))} +0000"


def batch(data: bytes, count: int) -> list[Found | None]:
    """Return the objects in the output of `cat-file --batch`, None for each that is missing."""
    found: list[Found | None] = []
    at = 0
    while len(found) < count:
        end = data.find(b"\n", at)
        if end < 0:
            found.append(None)
            continue
        fields = data[at:end].split()
        at = end + 1
        if len(fields) >= 3 and fields[-1].isdigit() and fields[-2] in (b"blob", b"tree", b"commit", b"tag"):
            size = int(fields[-1])
            found.append(Found(decode(fields[-3]), decode(fields[-2]), data[at : at + size]))
            at += size + 1
        else:
            found.append(None)
    return found


def read_tree(data: bytes) -> list[TreeEntry]:
    """Return the lines of a tree."""
    found: list[TreeEntry] = []
    at = 0
    while at < len(data):
        space, end = data.index(b" ", at), data.index(b"\0", at)
        found.append(TreeEntry(data[at:space], data[space + 1 : end], data[end + 1 : end + 21].hex()))
        at = end + 21
    return found


def tree(entries: Iterable[TreeEntry]) -> Made:
    """Return the tree of these lines, in the order that they have."""
    return Made(
        "tree", b"".join(b"%b %b\0%b" % (each.mode, each.name, bytes.fromhex(each.sha)) for each in entries)
    )


def commit(root: str, parents: Sequence[str], message: str, author: Identity, when: int) -> Made:
    """Return a commit of a tree, whose author committed it `when` (seconds since the epoch)."""
    who = author.line(when)
    head = [f"tree {root}", *(f"parent {each}" for each in parents), f"author {who}", f"committer {who}"]
    text = message.replace("\0", "").strip("\n")
    return Made("commit", ("\n".join([*head, "", text]) + "\n").encode("utf-8", "replace"))


def pack(objects: Sequence[Made]) -> bytes:
    """Return a pack of objects, as `unpack-objects` reads it."""
    parts = [b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")]
    for each in objects:
        size = len(each.data)
        first, size = (_NUMBERS[each.kind] << 4) | (size & 15), size >> 4
        head = bytearray()
        while size:
            head.append(first | 128)
            first, size = size & 127, size >> 7
        head.append(first)
        parts += [bytes(head), zlib.compress(each.data, 1)]
    body = b"".join(parts)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()
