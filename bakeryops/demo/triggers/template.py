"""TriggerTemplates: parameters put into the objects they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bakeryops.demo.contracts import Object

__all__ = ["resources_of"]

_PARAMETER = re.compile(r"\$\((?:tt\.params\.(?P<name>[\w.-]+)|uid)\)")


def resources_of(spec: Object, params: Mapping[str, str], uid: str) -> list[Object]:
    """Return the objects of a TriggerTemplate's spec with `$(tt.params.…)` and `$(uid)` replaced.

    A parameter that is neither given nor has a default stays as it stands, as Triggers leaves it.
    """
    declared: dict[str, str] = {}
    for each in spec.get("params") or ():
        name = str(each.get("name", ""))
        value = params.get(name, each.get("default"))
        if value is not None:
            declared[name] = str(value)

    def text(value: str) -> str:
        return _PARAMETER.sub(lambda found: declared.get(found["name"], found[0]) if found["name"] else uid, value)

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, dict):
            return {text(name): walk(item) for name, item in value.items()}
        return [walk(item) for item in value] if isinstance(value, list) else value

    return [walk(each) for each in spec.get("resourcetemplates") or ()]
