"""The specs of Triggers' kinds as far as EventListeners rely on them: types and required fields."""

from __future__ import annotations

from bakeryops.demo.contracts import Object

__all__ = ["triggers_spec"]

_OPEN: Object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_ANY: Object = {"x-kubernetes-preserve-unknown-fields": True}
_TEXT: Object = {"type": "string"}


def _form(*needed: str, **fields: Object) -> Object:
    form: Object = {**_OPEN, "properties": fields}
    return {**form, "required": list(needed)} if needed else form


def _listed(items: Object) -> Object:
    return {"type": "array", "items": items}


_REFERENCE = _form(name=_TEXT, kind=_TEXT, apiVersion=_TEXT)
_BINDING = _form(params=_listed(_form("name", "value", name=_TEXT, value=_TEXT)))
_TEMPLATE = _form(
    params=_listed(_form("name", name=_TEXT, default=_TEXT, description=_TEXT)), resourcetemplates=_listed(_OPEN)
)
_TRIGGER_FIELDS: dict[str, Object] = {
    "name": _TEXT,
    "serviceAccountName": _TEXT,
    "interceptors": _listed(
        _form(name=_TEXT, ref=_REFERENCE, params=_listed(_form("name", name=_TEXT, value=_ANY)))
    ),
    "bindings": _listed(_form(name=_TEXT, value=_TEXT, ref=_TEXT, kind=_TEXT, apiVersion=_TEXT)),
    "template": _form(ref=_TEXT, apiVersion=_TEXT, spec=_TEMPLATE),
}
_SPECS: dict[str, Object] = {
    "EventListener": _form(
        serviceAccountName=_TEXT, resources=_OPEN, triggers=_listed(_form(triggerRef=_TEXT, **_TRIGGER_FIELDS))
    ),
    "Trigger": _form("template", **_TRIGGER_FIELDS),
    "TriggerBinding": _BINDING,
    "ClusterTriggerBinding": _BINDING,
    "TriggerTemplate": _TEMPLATE,
}


def triggers_spec(kind: str) -> Object | None:
    """Return the schema of the spec of a kind of Triggers, None for a kind whose spec is left open."""
    return _SPECS.get(kind)
