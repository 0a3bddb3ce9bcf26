"""The overlay's kustomization: which image tag Git wants for each service, and in which line that stands."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec
import yaml

from bakeryops.git.errors import GitError
from bakeryops.model.code import OverlayImage
from bakeryops.text import clean, decode

__all__ = ["NAMES", "images", "past_images", "service_of"]

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What kustomize accepts as the name of the file, in its order."""

_LARGEST = 1 << 20
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TOP = re.compile(rb"^images:[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_NEXT_TOP = re.compile(rb"^(?![ \t#\r\n]|- )", re.MULTILINE)
_ITEM = re.compile(rb"^( *)- ", re.MULTILINE)


class _Entry(msgspec.Struct, frozen=True, gc=False):
    name: str
    new_name: str
    tag: str
    digest: str


def service_of(name: str) -> str:
    """Return the service that an image's name stands for: its last part."""
    return name.rpartition("/")[2]


def images(data: bytes, path: str) -> tuple[OverlayImage, ...]:
    """Return the entries of `images:`; raises `GitError` with file and line for what is not a kustomization."""
    if len(data) > _LARGEST:
        raise GitError(f"{path}: {len(data) >> 10} KiB are too much for a kustomization")
    try:
        root = yaml.compose(decode(data), Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        what = clean(str(getattr(error, "problem", None) or error))[:200]
        raise _wrong(path, line, f"not YAML: {what}") from None
    except RecursionError:
        raise _wrong(path, 1, "nested too deeply") from None
    if root is None:
        return ()
    if not isinstance(root, yaml.MappingNode):
        raise _wrong(path, 1, "a kustomization is made of lines KEY: VALUE")
    found: tuple[OverlayImage, ...] = ()
    for key, value in root.value:
        if key.value == "images" and not _empty(value):
            if not isinstance(value, yaml.SequenceNode):
                raise _wrong(path, value.start_mark.line + 1, "images: is not a list")
            found = tuple(_image(_entry_of(item, path), item.start_mark.line + 1) for item in value.value)
    return found


def past_images(data: bytes) -> tuple[OverlayImage, ...]:
    """Return the entries of an earlier overlay, none where it cannot be read.

    Files of one history differ in few entries, so each entry is parsed once however many files hold it.
    """
    blocks = list(_TOP.finditer(data)) if len(data) <= _LARGEST else []
    if len(blocks) == 1:
        begin = blocks[0].end()
        end = _NEXT_TOP.search(data, begin + 1)
        quick = _quick(data[begin : end.start() if end else len(data)], data.count(b"\n", 0, begin) + 1)
        if quick is not None:
            return quick
    try:
        return images(data, "")
    except GitError:
        return ()


def _quick(block: bytes, line: int) -> tuple[OverlayImage, ...] | None:
    """Return the entries of a plain block list that begins in `line`, None where it is anything else."""
    first = _ITEM.search(block)
    if first is None or block[: first.start()].strip():
        return None
    indent = first[1]
    begins = [found.start() for found in _ITEM.finditer(block) if found[1] == indent]
    found: list[OverlayImage] = []
    at = 0
    for begin, end in zip(begins, [*begins, len(block)][1:], strict=True):
        entry = _parsed(block[begin:end].rstrip())
        if entry is None:
            return None
        line += block.count(b"\n", at, begin)
        at = begin
        found.append(_image(entry, line))
    return tuple(found)


@lru_cache(maxsize=4096)
def _parsed(item: bytes) -> _Entry | None:
    try:
        root = yaml.compose(decode(item), Loader=_LOADER)
        return (
            _entry_of(root.value[0], "") if isinstance(root, yaml.SequenceNode) and len(root.value) == 1 else None
        )
    except (yaml.YAMLError, GitError, RecursionError):
        return None


def _entry_of(item: Any, path: str) -> _Entry:
    line = item.start_mark.line + 1
    if not isinstance(item, yaml.MappingNode):
        raise _wrong(path, line, "an entry of images: has no name")
    texts = {
        key.value: clean(value.value)
        for key, value in item.value
        if isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode) and not _empty(value)
    }
    if not texts.get("name"):
        raise _wrong(path, line, "an entry of images: has no name")
    return _Entry(texts["name"], texts.get("newName", ""), texts.get("newTag", ""), texts.get("digest", ""))


def _empty(value: Any) -> bool:
    return isinstance(value, yaml.ScalarNode) and value.tag == "tag:yaml.org,2002:null"


def _image(entry: _Entry, line: int) -> OverlayImage:
    return OverlayImage(service_of(entry.name), entry.name, entry.new_name, entry.tag, entry.digest, line)


def _wrong(path: str, line: int, what: str) -> GitError:
    return GitError(f"{clean(path)}:{line}: {what}", hint="Correct the file in the repository and push it.")
