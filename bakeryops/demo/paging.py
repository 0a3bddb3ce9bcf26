"""Lists: which objects, at which revision, in which pages."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from bakeryops.demo.resources import Resource
from bakeryops.demo.selectors import Predicate, field_selector, label_selector
from bakeryops.demo.status import Cause, StatusError, bad_request, expired, invalid
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.table import Entry

__all__ = ["Page", "Selection", "parse_revision", "select_page", "too_large"]

_EXPIRED_PAGE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
)
_TOO_OLD = "The resourceVersion for the provided list is too old."
_MATCHES = ("Exact", "NotOlderThan")


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list or a watch is about."""

    prefix: str
    """Start of the keys: `namespace/` or nothing."""
    labels: Predicate | None
    fields: Predicate | None

    @classmethod
    def of(cls, resource: Resource, namespace: str, query: Mapping[str, str], name: str = "") -> Selection:
        """Read the selectors of a query; raises `StatusError` 400."""
        fields = query.get("fieldSelector", "")
        if name:
            fields = f"metadata.name={name}" + (f",{fields}" if fields else "")
        return cls(
            f"{namespace}/" if namespace else "",
            label_selector(query.get("labelSelector", "")),
            field_selector(fields, resource),
        )

    @property
    def everything(self) -> bool:
        """Whether no selector narrows the objects."""
        return self.labels is None and self.fields is None

    def takes(self, entry: Entry) -> bool:
        """Say whether an object is selected."""
        if not entry.key.startswith(self.prefix):
            return False
        return (self.labels is None or self.labels(entry.obj)) and (self.fields is None or self.fields(entry.obj))


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    entries: list[Entry]
    revision: int
    token: str = ""
    remaining: int | None = None


def parse_revision(text: str) -> int:
    """Return a resourceVersion as a number; raises `StatusError` as the server does for other texts."""
    if text.isdigit() and text.isascii():
        return int(text)
    message = f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
    raise StatusError(500, "", f"resourceVersion: {message}")


def too_large(wanted: int, current: int) -> StatusError:
    """A revision that does not exist yet."""
    return StatusError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {wanted}, current: {current}",
        details={
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
        headers={"Retry-After": "1"},
    )


def select_page(store: ObjectStore, resource: Resource, selection: Selection, query: Mapping[str, str]) -> Page:
    """Return the page that a query asks for; raises `StatusError` (400, 410, 422, 504)."""
    limit = int(query.get("limit") or 0) if (query.get("limit") or "0").lstrip("-").isdigit() else 0
    token = query.get("continue", "")
    version = query.get("resourceVersion", "")
    match = query.get("resourceVersionMatch", "")
    _check_match(version, match, token)
    table = store.table_of(resource)
    start, revision = selection.prefix, store.revision
    if token:
        if version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        revision, after = _decode(token)
        start = selection.prefix + after
        if revision == -1:
            revision = store.revision
            return _page(store, resource, selection, revision, start, limit, inconsistent=True)
        if revision < table.oldest:
            raise expired(_EXPIRED_PAGE, {"continue": _encode(-1, after)})
        if revision > store.revision:
            raise too_large(revision, store.revision)
    elif version:
        wanted = parse_revision(version)
        if wanted > store.revision:
            raise too_large(wanted, store.revision)
        if match == "Exact":
            if wanted < table.oldest:
                raise expired(_TOO_OLD)
            revision = wanted
        elif wanted == 0:
            limit = 0
    return _page(store, resource, selection, revision, start, limit)


def _check_match(version: str, match: str, token: str) -> None:
    field = "resourceVersionMatch"
    problem: Cause | None = None
    if match and match not in _MATCHES:
        listed = ", ".join(f'"{each}"' for each in (*_MATCHES, ""))
        problem = Cause(
            "FieldValueNotSupported", f'Unsupported value: "{match}": supported values: {listed}', field
        )
    elif match and not version:
        why = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        problem = Cause("FieldValueForbidden", why, field)
    elif match and token:
        why = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
        problem = Cause("FieldValueForbidden", why, field)
    elif match == "Exact" and version == "0":
        why = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        problem = Cause("FieldValueForbidden", why, field)
    if problem:
        raise invalid("ListOptions", "meta.k8s.io", "", [problem])


def _page(
    store: ObjectStore,
    resource: Resource,
    selection: Selection,
    revision: int,
    start: str,
    limit: int,
    *,
    inconsistent: bool = False,
) -> Page:
    table = store.table_of(resource)
    entries = table.walk(revision, selection.prefix, start)
    if not selection.everything:
        entries = (entry for entry in entries if selection.takes(entry))
    if limit <= 0:
        return Page(list(entries), revision)
    found = list(islice(entries, limit + 1))
    if len(found) <= limit:
        return Page(found, revision)
    found.pop()
    after = found[-1].key.removeprefix(selection.prefix) + "\0"
    remaining = None
    if selection.everything and not inconsistent:
        remaining = table.count_from(selection.prefix, selection.prefix + after)
    return Page(found, revision, _encode(-1 if inconsistent else revision, f"/{after}"), remaining)


def _encode(revision: int, start: str) -> str:
    body = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def _decode(token: str) -> tuple[int, str]:
    prefix = "invalid continue token: continue key is not valid: "
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"{prefix}illegal base64 data at input byte 0") from error
    try:
        body = json.loads(raw)
    except ValueError as error:
        first = raw[:1].decode("latin-1")
        shown = first if first.isascii() and first.isprintable() else f"\\x{ord(first):02x}" if first else ""
        raise bad_request(f"{prefix}invalid character '{shown}' looking for beginning of value") from error
    if not isinstance(body, dict) or body.get("v") != "meta.k8s.io/v1":
        raise bad_request(f"{prefix}server does not recognize this encoded version")
    revision, start = body.get("rv"), body.get("start")
    if not isinstance(revision, int) or not isinstance(start, str) or revision == 0 or not start:
        raise bad_request(f"{prefix}incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    return revision, start.removeprefix("/")
