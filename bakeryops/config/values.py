"""What a configuration value may be: each kind reads text, and says what is right when it cannot."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from bakeryops.units import parse_quantity

__all__ = [
    "Branch",
    "Choice",
    "Folder",
    "GitUrl",
    "Kind",
    "Names",
    "Number",
    "PathName",
    "Plain",
    "SecretFile",
    "Size",
    "Switch",
    "WebUrl",
    "Whole",
    "nearest",
    "show",
]

Raw = str | list[str]
"""A value as written: the text of a scalar, or those of a list."""

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_WHOLE = re.compile(r"[0-9][0-9_]*")
_BRANCH = re.compile(
    r"(?!/|.*(?:\.\.|//|@\{|\.lock(?:/|$)|/\.))[^\s~^:?*\[\\\x00-\x1f\x7f.\-][^\s~^:?*\[\\\x00-\x1f\x7f]*(?<![/.])"
)
_TOKEN = re.compile(r"(?:[0-9a-f]{40}|(?:gto|ghp|ghs|glpat|github_pat)[_-]\S{16,})")
_SCP = re.compile(r"[^/@:\s-][^/@:\s]*@[^/:@\s]+:[^\s]+")
_UNIT_SLIP = re.compile(r"([0-9.]+) *([KMGTkmgt])i?[bB]")


class Kind(Protocol):
    """How one kind of value is read and named."""

    @property
    def wanted(self) -> str:
        """What a person must write, as in "true or false"."""

    def read(self, raw: Raw) -> Any:
        """Return the value; raises `ValueError` whose text completes "KEY: …"."""


def nearest(word: str, known: Sequence[str]) -> str:
    """Return the known word that was probably meant, or ""."""
    found = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return found[0] if found else ""


def show(value: object) -> str:
    """Return a value as it is written in the file, short enough for one line."""
    match value:
        case None:
            return "-"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(str(item) for item in value) or "(none)"
        case _:
            return str(value)


def _one(raw: Raw, wanted: str) -> str:
    if isinstance(raw, list):
        raise ValueError(f"a list where {wanted} is wanted")
    return raw.strip()


@dataclass(frozen=True, slots=True)
class Plain:
    """Any text of one line."""

    wanted: str = "text"

    def read(self, raw: Raw) -> str:
        """Return the text."""
        text = _one(raw, self.wanted)
        if not text:
            raise ValueError(f"empty; {self.wanted} is wanted")
        if not text.isprintable():
            raise ValueError("contains characters that do not print")
        return text


@dataclass(frozen=True, slots=True)
class PathName(Plain):
    """The path of a file; `~` and paths relative to the configuration file are resolved by the loader."""

    wanted: str = "a path"


@dataclass(frozen=True, slots=True)
class SecretFile(PathName):
    """The path of a file that holds a secret; the secret itself is refused without being repeated."""

    wanted: str = "the path of a file"

    def read(self, raw: Raw) -> str:
        """Return the path."""
        text = PathName.read(self, raw)
        if _TOKEN.fullmatch(text):
            raise ValueError("looks like a secret itself; write it to a file of mode 0600 and name that file here")
        return text


@dataclass(frozen=True, slots=True)
class WebUrl(Plain):
    """The address of a web service, without user name or password."""

    wanted: str = "an address such as https://gitea.example.org"

    def read(self, raw: Raw) -> str:
        """Return the address without a slash at its end."""
        text = Plain.read(self, raw)
        try:
            parts = urlsplit(text)
            host = parts.hostname
        except ValueError:
            raise ValueError(f"not {self.wanted}") from None
        if "@" in parts.netloc:
            raise ValueError("holds a user name; credentials never stand in an address")
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise ValueError(f"not {self.wanted}")
        return text.rstrip("/")


@dataclass(frozen=True, slots=True)
class GitUrl(Plain):
    """The address of a Git repository: http, https, ssh or file; never with a password in it."""

    wanted: str = "an address such as https://gitea.example.org/owner/name.git"

    def read(self, raw: Raw) -> str:
        """Return the address."""
        text = Plain.read(self, raw)
        if _SCP.fullmatch(text):
            return text
        try:
            parts = urlsplit(text)
            host, password, user = parts.hostname, parts.password, parts.username
        except ValueError:
            raise ValueError(f"not {self.wanted}") from None
        if password is not None or (user is not None and parts.scheme != "ssh"):
            raise ValueError("holds a user name or password; these stand in the file that git.credentials names")
        if parts.query or parts.fragment:
            raise ValueError(f"not {self.wanted}")
        if parts.scheme == "file" and parts.path.startswith("/"):
            return text
        if parts.scheme not in ("http", "https", "ssh") or not host or host.startswith("-"):
            raise ValueError(f"not {self.wanted}")
        return text


@dataclass(frozen=True, slots=True)
class Branch(Plain):
    """The name of a branch."""

    wanted: str = "the name of a branch"

    def read(self, raw: Raw) -> str:
        """Return the name."""
        text = Plain.read(self, raw)
        if len(text) > 200 or not _BRANCH.fullmatch(text):
            raise ValueError(f"{text[:80]!r} is not {self.wanted}")
        return text


@dataclass(frozen=True, slots=True)
class Folder(Plain):
    """A folder inside the repository, relative to its root."""

    wanted: str = "a folder in the repository, such as services"

    def read(self, raw: Raw) -> str:
        """Return the folder without slashes at its ends."""
        text = Plain.read(self, raw).removeprefix("./").rstrip("/")
        if text.startswith(("/", "-", ":")) or ".." in text.split("/") or not text:
            raise ValueError(f"{text[:80]!r} is not {self.wanted}")
        return text


@dataclass(frozen=True, slots=True)
class Switch:
    """Yes or no."""

    wanted: str = "true or false"

    def read(self, raw: Raw) -> bool:
        """Return the truth."""
        text = _one(raw, self.wanted).lower()
        if text in _YES:
            return True
        if text in _NO:
            return False
        raise ValueError(f"{text!r} is not {self.wanted}")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def wanted(self) -> str:
        """The words."""
        return f"one of {', '.join(self.words)}"

    def read(self, raw: Raw) -> str:
        """Return the word."""
        text = _one(raw, self.wanted).lower()
        if text in self.words:
            return text
        meant = nearest(text, self.words)
        raise ValueError(f"{text!r} is not {self.wanted}" + (f"; did you mean {meant!r}?" if meant else ""))


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds."""

    least: int
    most: int

    @property
    def wanted(self) -> str:
        """The bounds."""
        return f"a whole number from {self.least} to {self.most}"

    def read(self, raw: Raw) -> int:
        """Return the number."""
        text = _one(raw, self.wanted)
        if len(text) > 20 or not _WHOLE.fullmatch(text) or not self.least <= int(text) <= self.most:
            raise ValueError(f"{text[:40]!r} is not {self.wanted}")
        return int(text)


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds."""

    least: float
    most: float

    @property
    def wanted(self) -> str:
        """The bounds."""
        return f"a number from {self.least:g} to {self.most:g}"

    def read(self, raw: Raw) -> float:
        """Return the number."""
        text = _one(raw, self.wanted)
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not self.least <= value <= self.most:
            raise ValueError(f"{text[:40]!r} is not {self.wanted}")
        return value


class Bytes(int):
    """A number of bytes that shows in binary units."""

    def __str__(self) -> str:
        """Return "768Mi", or the plain number where no unit fits."""
        for power, unit in ((40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")):
            if self and self % (1 << power) == 0:
                return f"{self >> power}{unit}"
        return int.__repr__(self)


@dataclass(frozen=True, slots=True)
class Size:
    """A number of bytes, in Kubernetes' notation; the bounds are bytes."""

    least: int
    most: int

    @property
    def wanted(self) -> str:
        """The bounds."""
        return f"a size such as 768Mi, from {Bytes(self.least)} to {Bytes(self.most)}"

    def read(self, raw: Raw) -> Bytes:
        """Return the bytes."""
        text = _one(raw, self.wanted)
        amount = parse_quantity(text[:40])
        if amount is not None and self.least <= amount <= self.most:
            return Bytes(amount)
        slip = _UNIT_SLIP.fullmatch(text)
        meant = f"; did you mean {slip[1] + slip[2].upper() + 'i'!r}?" if slip else ""
        raise ValueError(f"{text[:40]!r} is not {self.wanted}{meant}")


@dataclass(frozen=True, slots=True)
class Names:
    """A list of Kubernetes names; in a variable they are separated by commas."""

    wanted: str = "a list of namespace names"

    def read(self, raw: Raw) -> tuple[str, ...]:
        """Return the names, each once, in the order written."""
        words = raw.split(",") if isinstance(raw, str) else raw
        names = [word.strip() for word in words if word.strip()]
        for name in names:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name[:70]!r} is not a namespace name (lower-case letters, digits and '-')")
        return tuple(dict.fromkeys(names))
