"""The causes that validation names, and the rules for names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.status import Cause
from bakeryops.demo.table import encode

__all__ = [
    "SUBDOMAIN_RULE",
    "at_least_zero",
    "bad",
    "is_label",
    "is_subdomain",
    "label_rule",
    "required",
    "shown",
    "unsupported",
]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
    "end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def label_rule() -> str:
    """Return the rule for names of one DNS label."""
    return _LABEL_RULE


def is_label(name: Any) -> bool:
    """Say whether a name is a DNS label."""
    return isinstance(name, str) and len(name) <= 63 and _LABEL.fullmatch(name) is not None


def is_subdomain(name: Any) -> bool:
    """Say whether a name is a DNS subdomain."""
    return isinstance(name, str) and len(name) <= 253 and _SUBDOMAIN.fullmatch(name) is not None


def shown(value: Any) -> str:
    """Return a value as causes write it."""
    return "null" if value is None else encode(value).decode("utf-8", "replace")


def bad(field: str, value: Any, why: str) -> Cause:
    """A value that breaks a rule."""
    return Cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {why}", field)


def required(field: str, why: str = "") -> Cause:
    """A value that is missing."""
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def unsupported(field: str, value: Any, known: Iterable[str]) -> Cause:
    """A value that is none of the known ones."""
    listed = ", ".join(f'"{each}"' for each in known)
    return Cause("FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {listed}", field)


def at_least_zero(spec: Object, prefix: str, *fields: str) -> list[Cause]:
    """Refuse negative numbers."""
    return [
        bad(f"{prefix}.{field}", spec[field], "must be greater than or equal to 0")
        for field in fields
        if isinstance(spec.get(field), int) and spec[field] < 0
    ]
