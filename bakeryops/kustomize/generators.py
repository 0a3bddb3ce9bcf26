"""ConfigMaps and Secrets made from files and literals, and the hash of their content."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from bakeryops.kustomize.errors import KustomizeError
from bakeryops.kustomize.fields import boolean, mapping, pairs, text, texts
from bakeryops.kustomize.resource import Resource

__all__ = ["content_hash", "generate"]

_FIELDS = ("name", "namespace", "behavior", "files", "literals", "env", "envs", "options", "type")
_OPTIONS = ("labels", "annotations", "disableNameSuffixHash", "immutable")
_LINE = 70
"""Characters of base64 on one line of a Secret's value that is longer."""


def generate(kind: str, entry: Any, options: Any, read: Callable[[str], bytes], resources: list[Resource]) -> None:
    """Make the ConfigMap or Secret of one generator and add it, or merge it into the one that is there.

    `read` gives a file by the path written in the kustomization. Raises `KustomizeError`.
    """
    field = "configMapGenerator" if kind == "ConfigMap" else "secretGenerator"
    found = mapping(entry, field, tuple(each for each in _FIELDS if kind == "Secret" or each != "type"))
    name = text(found, "name", field)
    if not name:
        raise KustomizeError(f"an entry of {field} has no name")
    content = _content(found, read)
    value: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
    if namespace := text(found, "namespace", field):
        value["metadata"]["namespace"] = namespace
    if kind == "Secret":
        value["type"] = text(found, "type", field) or "Opaque"
    _fill(value, kind, content)
    made = Resource(value, behavior=text(found, "behavior", field) or "create")
    made.hashed = _apply_options(value, options, found.get("options"))
    _add(made, resources)


def _content(found: dict[str, Any], read: Callable[[str], bytes]) -> dict[str, bytes]:
    content: dict[str, bytes] = {}
    envs = texts(found, "envs") + ([found["env"]] if isinstance(found.get("env"), str) else [])
    for path in envs:
        for key, line in _env_lines(read(path), path):
            _once(content, key, line)
    for written in texts(found, "files"):
        key, equals, path = written.partition("=")
        if not equals:
            key, path = written.rpartition("/")[2], written
        if not key or not path:
            raise KustomizeError(f"key name or file path is missing for the file source {written!r}")
        _once(content, key, read(path))
    for written in texts(found, "literals"):
        key, equals, value = written.partition("=")
        if not equals or not key:
            raise KustomizeError(
                f"loading KV pairs: literal sources [{written}]: "
                f"invalid literal source {written}, expected key=value"
            )
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        _once(content, key, value.encode())
    return content


def _once(content: dict[str, bytes], key: str, value: bytes) -> None:
    if key in content:
        raise KustomizeError(f"cannot add key {key!r}, another key by that name already exists")
    content[key] = value


def _env_lines(data: bytes, path: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    try:
        lines = data.decode("utf-8").removeprefix("\ufeff").split("\n")
    except UnicodeDecodeError:
        raise KustomizeError(f"env source file {path} is not UTF-8") from None
    for line in lines:
        kept = line.removesuffix("\r").lstrip()
        if not kept or kept.startswith("#"):
            continue
        key, equals, value = kept.partition("=")
        if not equals:
            raise KustomizeError(
                f"the line {key!r} of the env source file {path} takes its value from the environment"
            )
        found.append((key, value.encode()))
    return found


def _fill(value: dict[str, Any], kind: str, content: dict[str, bytes]) -> None:
    for key, data in content.items():
        if kind == "Secret":
            value.setdefault("data", {})[key] = _lined(base64.b64encode(data).decode())
            continue
        try:
            value.setdefault("data", {})[key] = data.decode("utf-8")
        except UnicodeDecodeError:
            value.setdefault("binaryData", {})[key] = _lined(base64.b64encode(data).decode())
    if "data" in value and not value["data"]:
        del value["data"]


def _lined(encoded: str) -> str:
    if len(encoded) <= _LINE:
        return encoded
    return "".join(encoded[at : at + _LINE] + "\n" for at in range(0, len(encoded), _LINE))


def _apply_options(value: dict[str, Any], everywhere: Any, here: Any) -> bool:
    hashed = True
    immutable = False
    for options in (everywhere, here):
        if options is None:
            continue
        found = mapping(options, "generatorOptions", _OPTIONS)
        for field in ("labels", "annotations"):
            if wanted := pairs(found, field):
                value["metadata"].setdefault(field, {}).update(wanted)
        hashed = hashed and not boolean(found, "disableNameSuffixHash", "generatorOptions")
        immutable = immutable or boolean(found, "immutable", "generatorOptions")
    if immutable:
        value["immutable"] = True
    return hashed


def _add(made: Resource, resources: list[Resource]) -> None:
    same = [
        each
        for each in resources
        if each.kind == made.kind
        and not each.group
        and any((known.name, known.namespace) == (made.name, made.namespace) for known in each.ids())
    ]
    if made.behavior == "create":
        if same:
            raise KustomizeError(f"id {made.id!r} exists; behavior must be merge or replace")
        resources.append(made)
        return
    if made.behavior not in ("merge", "replace"):
        raise KustomizeError(f"unknown behavior {made.behavior!r} of a generator")
    if len(same) != 1:
        raise KustomizeError(f"id {made.id} does not exist; cannot merge or replace")
    _lay_over(same[0], made)


def _lay_over(there: Resource, made: Resource) -> None:
    for field in ("labels", "annotations"):
        if field in made.metadata:
            there.metadata[field] = {**(there.metadata.get(field) or {}), **made.metadata[field]}
    if made.behavior == "replace":
        there.value.pop("data", None)
        there.value.pop("binaryData", None)
    for field in ("data", "binaryData"):
        if field in made.value:
            there.value[field] = {**(there.value.get(field) or {}), **made.value[field]}
    if made.value.get("immutable"):
        there.value["immutable"] = True
    there.hashed = there.hashed or made.hashed


def content_hash(value: dict[str, Any]) -> str:
    """Return the ten characters that kustomize puts at the end of a generated object's name."""
    # kustomize means to hash the name too, but looks for it where it is not, so that every name counts as "".
    hashed: dict[str, Any] = {"kind": value["kind"], "name": "", "data": value.get("data") or ""}
    if value["kind"] == "Secret":
        hashed["type"] = value.get("type") or ""
        if "stringData" in value:
            hashed["stringData"] = value["stringData"]
    elif value.get("binaryData"):
        hashed["binaryData"] = value["binaryData"]
    written = json.dumps(hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for plain, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        written = written.replace(plain, escaped)
    for separator in ("\u2028", "\u2029"):
        written = written.replace(separator, f"\\u{ord(separator):04x}")
    digest = hashlib.sha256(written.encode()).hexdigest()[:10]
    return digest.translate(str.maketrans("013ae", "ghkmt"))
