"""Revisions and inventory ids taken apart."""

from __future__ import annotations

import re

from bakeryops.model.sync import InventoryEntry, Revision
from bakeryops.read.needs import plural_of
from bakeryops.text import clean

__all__ = ["inventory_entry", "parse_revision"]

_MOST = 600
_NEW = re.compile(r"(?:(?P<ref>.+)@)?(?P<algorithm>sha1|sha256|sha384|sha512|blake3):(?P<hash>[0-9a-f]+)")
_OLD = re.compile(r"(?:(?P<ref>.+)/)?(?P<hash>[0-9a-f]{40}|[0-9a-f]{64})")


def parse_revision(text: str | None) -> Revision | None:
    """Return a revision taken apart; None for none.

    `main@sha1:9f3c…`, `sha1:…`, `1.2@sha256:…`, Flux' older `main/9f3c…`; anything else is a version (`6.2.0`).
    """
    shown = clean((text or "")[:_MOST])
    if not shown:
        return None
    if found := _NEW.fullmatch(shown):
        return Revision(shown, found["ref"] or "", found["algorithm"], found["hash"])
    if found := _OLD.fullmatch(shown):
        algorithm = "sha1" if len(found["hash"]) == 40 else "sha256"
        return Revision(shown, found["ref"] or "", algorithm, found["hash"])
    return Revision(shown, shown, "", "")


def inventory_entry(identifier: str) -> InventoryEntry | None:
    """Return the object that an inventory id `<namespace>_<name>_<group>_<kind>` names; None where it is none."""
    namespace, first, rest = identifier[:_MOST].partition("_")
    parts = rest.rsplit("_", 2)
    if not first or len(parts) != 3 or not parts[0] or not parts[2]:
        return None
    # A name cannot hold an underscore: two of them stand for the colon in names of roles.
    name, group, kind = parts[0].replace("__", ":"), parts[1], parts[2]
    kind = clean(kind)
    return InventoryEntry(plural_of(kind), clean(namespace), clean(name), clean(group), kind)
