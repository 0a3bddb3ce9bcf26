"""The configuration in force: option over variable over file over default, and where each value came from."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeryops.config.document import Leaf, Problem, parse
from bakeryops.config.schema import Config, Key, all_keys
from bakeryops.config.values import PathName, nearest
from bakeryops.errors import ConfigError
from bakeryops.locations import config_file, expanded

__all__ = ["Loaded", "check", "load"]

_SECRET_WORDS = ("token", "password", "passwd", "secret", "credential", "apikey", "api_key", "private_key")
_OTHER_VARIABLES = frozenset({"BAKERYOPS_CONFIG"})
_OUTSIDE_PREFIXES = ("BAKERYOPS_TEST_", "BAKERYOPS_COMPLETE")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration with its origins."""

    config: Config
    origins: Mapping[str, str]
    """By key: `--theme`, `BAKERYOPS_THEME`, `FILE:LINE`, or `default`."""
    file: Path
    found: bool
    """Whether the file exists."""


def load(
    file: Path | None = None, *, flags: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> Loaded:
    """Return the configuration in force.

    `file` is one named by the user, which must exist; without it the usual place is read if it is there. `flags`
    holds the texts given on the command line, by key. Raises `ConfigError` that names the place, the key and what
    is right.
    """
    path = expanded(file or config_file())
    environ = os.environ if environ is None else environ
    leaves, problems = _read(path, required=file is not None or "BAKERYOPS_CONFIG" in environ)
    values, origins, wrong = _from_file(path, leaves)
    _raise_first(path, [*problems, *wrong])
    for name, value, origin in [*_from_variables(environ), *_from_flags(flags or {})]:
        values[name], origins[name] = value, origin
    every = {key.name: values.get(key.name, key.default) for key in all_keys()}
    return Loaded(
        _build(Config, every, ""), {name: origins.get(name, "default") for name in every}, path, path.exists()
    )


def check(file: Path) -> list[str]:
    """Return every problem of a file, each as `FILE:LINE:COLUMN: KEY: what is wrong`.

    Raises `ConfigError` when the file cannot be read at all.
    """
    leaves, problems = _read(file, required=True)
    found = [*problems, *_from_file(file, leaves)[2]]
    return [problem.at(file) for problem in sorted(found, key=lambda p: (p.line, p.column))]


def _read(path: Path, *, required: bool) -> tuple[list[Leaf], list[Problem]]:
    try:
        with path.open("rb") as stream:
            return parse(stream.read(1 << 20))
    except FileNotFoundError:
        if not required:
            return [], []
        raise ConfigError(
            f"{path}: there is no such file", hint="Write one with: bakeryops config init, or leave --config out."
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None


def _raise_first(path: Path, problems: list[Problem]) -> None:
    if not problems:
        return
    first, *others = sorted(problems, key=lambda problem: (problem.line, problem.column))
    more = f"{len(others)} more, " if others else ""
    raise ConfigError(first.at(path), hint=f"See all with: bakeryops config check  ({more}keys: docs/config.md)")


def _from_file(path: Path, leaves: list[Leaf]) -> tuple[dict[str, Any], dict[str, str], list[Problem]]:
    known = {key.name: key for key in all_keys()}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    problems: list[Problem] = []
    for leaf in leaves:
        key = known.get(leaf.name)
        if key is None:
            if not _is_empty_section(leaf, known):
                problems.append(Problem(leaf.line, leaf.column, _unknown(leaf.name, known)))
        elif leaf.value is not None and leaf.name not in values:
            try:
                values[leaf.name] = _resolved(key, key.kind.read(leaf.value), path.parent)
                origins[leaf.name] = f"{path}:{leaf.line}"
            except ValueError as error:
                problems.append(Problem(leaf.line, leaf.column, f"{leaf.name}: {error}"))
    return values, origins, problems


def _is_empty_section(leaf: Leaf, known: Mapping[str, Key]) -> bool:
    return leaf.value is None and any(name.startswith(f"{leaf.name}.") for name in known)


def _unknown(name: str, known: Mapping[str, Key]) -> str:
    last = name.rpartition(".")[2].lower()
    if any(word in last for word in _SECRET_WORDS):
        return f"{name}: secrets are never kept in this file; the kubeconfig holds what connects to the cluster"
    if any(candidate.startswith(f"{name}.") for candidate in known):
        inside = ", ".join(c.removeprefix(f"{name}.") for c in known if c.startswith(f"{name}."))
        return f"{name}: a section, not a value; it holds {inside}"
    if name.split(".")[0] in known:
        return f"{name}: {name.split('.')[0]} takes a value, not keys of its own"
    meant = nearest(name, list(known)) or next((c for c in known if c.rpartition(".")[2] == last), "")
    return f"{name}: unknown key" + (f"; did you mean {meant}?" if meant else "; see: bakeryops config show")


def _from_variables(environ: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    by_variable = {key.variable: key for key in all_keys()}
    for variable in sorted(environ):
        text = environ[variable]
        if not variable.startswith("BAKERYOPS_") or variable in _OTHER_VARIABLES:
            continue
        if variable.startswith(_OUTSIDE_PREFIXES) or variable.startswith("_"):
            continue
        key = by_variable.get(variable)
        if key is None:
            meant = nearest(
                variable.removeprefix("BAKERYOPS_"), [v.removeprefix("BAKERYOPS_").lower() for v in by_variable]
            )
            raise ConfigError(
                f"{variable}: no such variable",
                hint=f"Did you mean BAKERYOPS_{meant.upper()}?"
                if meant
                else "Unset it; see: bakeryops config show",
            )
        if text:
            yield key.name, _read_text(key, text, variable), variable


def _from_flags(flags: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    known = {key.name: key for key in all_keys()}
    for name, text in flags.items():
        yield name, _read_text(known[name], text, known[name].flag), known[name].flag


def _read_text(key: Key, text: str, origin: str) -> Any:
    try:
        return _resolved(key, key.kind.read(text), Path.cwd())
    except ValueError as error:
        raise ConfigError(f"{origin}: {error}") from None


def _resolved(key: Key, value: Any, folder: Path) -> Any:
    """Return a path as an absolute one, relative to where it was written; other values as they are."""
    return str(folder.absolute() / expanded(value)) if isinstance(key.kind, PathName) else value


def _build(schema: type[Any], values: Mapping[str, Any], prefix: str) -> Any:
    arguments: dict[str, Any] = {}
    for item in dataclasses.fields(schema):
        name = prefix + item.name
        section = item.default_factory
        arguments[item.name] = (
            values[name] if item.metadata else _build(section, values, f"{name}.")  # type: ignore[arg-type]
        )
    return schema(**arguments)
