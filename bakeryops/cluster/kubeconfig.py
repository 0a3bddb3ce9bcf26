"""Kubeconfig files: found, read, and merged by kubectl's rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bakeryops.errors import CredentialError, UsageError
from bakeryops.locations import expanded
from bakeryops.text import clean

__all__ = ["Entry", "Kubeconfig", "load"]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Entry:
    """One named cluster, user or context, with the file that says so (relative paths count from its folder)."""

    name: str
    file: Path
    body: Mapping[str, Any] = field(repr=False)

    def text(self, key: str) -> str:
        """Return a value that must be text, or an empty string where it is not given."""
        value = self.body.get(key)
        if value is None or isinstance(value, str):
            return value or ""
        raise UsageError(f"{self.file}: {key} of {self.name} must be text, not {type(value).__name__}")

    def flag(self, key: str) -> bool:
        """Return a value that must be true or false; not given is false."""
        value = self.body.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise UsageError(f"{self.file}: {key} of {self.name} must be true or false")

    def path(self, key: str) -> Path | None:
        """Return a file's path, made absolute from the folder of the kubeconfig; None where not given."""
        value = self.text(key)
        if not value.isprintable():
            raise UsageError(f"{self.file}: {key} of {self.name} holds a control character")
        return self.file.parent / expanded(value) if value else None

    def mapping(self, key: str) -> Mapping[str, Any] | None:
        """Return a value that must be a mapping, or None where it is not given."""
        value = self.body.get(key)
        if value is None or isinstance(value, dict):
            return value
        raise UsageError(f"{self.file}: {key} of {self.name} must be a mapping")

    def sequence(self, key: str) -> list[Any]:
        """Return a value that must be a list; not given is empty."""
        value = self.body.get(key)
        if value is None or isinstance(value, list):
            return value or []
        raise UsageError(f"{self.file}: {key} of {self.name} must be a list")


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """What one or several files say together; of an entry named twice the first holds."""

    files: tuple[Path, ...]
    current_context: str
    clusters: Mapping[str, Entry]
    users: Mapping[str, Entry]
    contexts: Mapping[str, Entry]

    @property
    def source(self) -> str:
        """The files' names, for people."""
        return ", ".join(str(file) for file in self.files)


def load(paths: Iterable[Path], *, must_exist: bool = False) -> Kubeconfig | None:
    """Return the files at `paths` merged, or None where none of them exists or says anything.

    A missing file is passed over unless `must_exist`. Raises `UsageError` for a file that is not a kubeconfig
    and `CredentialError` for one that may not be read.
    """
    files: list[Path] = []
    current = ""
    merged: dict[str, dict[str, Entry]] = {"clusters": {}, "users": {}, "contexts": {}}
    for path in paths:
        document = _read(path, must_exist)
        if not document:
            continue
        files.append(path)
        named = document.get("current-context")
        if not current and isinstance(named, str):
            current = named
        for section, entries in merged.items():
            for entry in _entries(path, document, section):
                entries.setdefault(entry.name, entry)
    if not files:
        return None
    return Kubeconfig(tuple(files), current, merged["clusters"], merged["users"], merged["contexts"])


def _read(path: Path, must_exist: bool) -> dict[str, Any] | None:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        if must_exist:
            raise UsageError(
                f"the kubeconfig {path} does not exist", hint="look at --kubeconfig and at $KUBECONFIG"
            ) from None
        return None
    except PermissionError:
        raise CredentialError(
            f"the kubeconfig {path} may not be read", hint=f"try: sudo chown $USER {path}"
        ) from None
    except OSError as error:
        raise UsageError(f"the kubeconfig {path} cannot be read", why=error.strerror or "") from None
    try:
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, in C where there is one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        # The problem's own text is left out of the snippet kind: a snippet could show a token.
        problem = clean(str(getattr(error, "problem", None) or "it is not text"))
        raise UsageError(f"{where} is not YAML", why=problem) from None
    if document is None:
        return None
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a kubeconfig", why="it holds no mapping")
    return document


def _entries(path: Path, document: Mapping[str, Any], section: str) -> Iterable[Entry]:
    listed = document.get(section)
    if listed is None:
        return
    if not isinstance(listed, list):
        raise UsageError(f"{path}: {section} must be a list")
    for item in listed:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str):
            raise UsageError(f"{path}: an entry of {section} has no name")
        body = item.get(section[:-1])
        if body is not None and not isinstance(body, dict):
            raise UsageError(f"{path}: {section[:-1]} {clean(name)} must be a mapping")
        yield Entry(name, path, body or {})
