"""Variables in manifests, as `spec.postBuild` fills them in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bakeryops.demo.contracts import Object

__all__ = ["SubstituteError", "substitute"]

_GROUP = "kustomize.toolkit.fluxcd.io"
_VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-=])([^}]*))?\}")


class SubstituteError(Exception):
    """A variable without value and default (an error since Flux 2.9)."""


def substitute(obj: Object, variables: Mapping[str, str]) -> Object:
    """Return an object with `${name}`, `${name:=default}` and `${name:-default}` filled in.

    What carries `kustomize.toolkit.fluxcd.io/substitute: disabled` stays as it is. Raises `SubstituteError`.
    """
    metadata = obj.get("metadata") or {}
    for place in ("labels", "annotations"):
        if (metadata.get(place) or {}).get(f"{_GROUP}/substitute") == "disabled":
            return obj
    filled: Object = _filled(obj, variables)
    return filled


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    if not isinstance(value, str) or "$" not in value:
        return value

    def one(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        if name is None:
            return "$"
        known = variables.get(name)
        if known is None or (not known and kind and kind.startswith(":")):
            if kind:
                return str(default)
            if known is None:
                raise SubstituteError(f'envsubst error: variable not set (strict mode): "{name}"')
        return str(known)

    return _VARIABLE.sub(one, value)
