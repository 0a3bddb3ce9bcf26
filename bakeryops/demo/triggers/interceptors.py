"""Interceptors: each looks at an event and lets it pass, with additions, or says why not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
from collections.abc import Callable
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.triggers.expressions import Event, canonical

__all__ = ["INTERCEPTORS", "StoppedError", "intercept"]


class StoppedError(Exception):
    """An interceptor does not let an event pass; the text is what the EventListener logs."""

    def __init__(self, code: str, why: str) -> None:
        """Take the gRPC code (FailedPrecondition, InvalidArgument) and the reason."""
        super().__init__(f"interceptor stopped trigger processing: rpc error: code = {code} desc = {why}")


def intercept(store: ObjectStore, namespace: str, entry: Object, event: Event) -> None:
    """Let one interceptor of a Trigger look at an event; raises `StoppedError`.

    `namespace` is the Trigger's, where Secrets are looked up.
    """
    reference = entry.get("ref") or {}
    name, kind = str(reference.get("name", "")), str(reference.get("kind") or "ClusterInterceptor")
    plural = "clusterinterceptors" if kind == "ClusterInterceptor" else "interceptors"
    known = store.get(plural, None if kind == "ClusterInterceptor" else namespace, name)
    found = INTERCEPTORS.get(name)
    if known is None or found is None:
        raise StoppedError("NotFound", f'{kind.lower()}.triggers.tekton.dev "{name}" not found')
    params = {str(each.get("name")): each.get("value") for each in entry.get("params") or ()}
    for param, value in params.items():
        if value is not None and not _FORMS.get(param, _anything)(value):
            raise StoppedError("InvalidArgument", f"failed to parse interceptor params: {param} has another form")
    found(store, namespace, params, event)


def _github(store: ObjectStore, namespace: str, params: dict[str, Any], event: Event) -> None:
    """Check the event's type and that whoever sent it knows the secret."""
    if event.header("Content-Type").partition(";")[0].strip() == "application/x-www-form-urlencoded":
        raise StoppedError(
            "InvalidArgument",
            "form parameter encoding not supported, please change the hook to send JSON payloads",
        )
    allowed = params.get("eventTypes")
    sent = event.header("X-GitHub-Event")
    if allowed and sent not in allowed:
        raise StoppedError("FailedPrecondition", f"event type {sent} is not allowed")
    reference = params.get("secretRef") or {}
    if not reference:
        return
    signature = event.header("X-Hub-Signature-256") or event.header("X-Hub-Signature")
    if not signature:
        raise StoppedError("FailedPrecondition", "Must set X-Hub-Signature-256 or X-Hub-Signature header")
    name, key = str(reference.get("secretName", "")), str(reference.get("secretKey", ""))
    if not key:
        raise StoppedError("FailedPrecondition", "github interceptor secretRef.secretKey is empty")
    secret = store.get("secrets", namespace, name)
    if secret is None or key not in (secret.get("data") or {}):
        why = (
            f'secrets "{name}" not found'
            if secret is None
            else f"cannot find {key} key in secret {namespace}/{name}"
        )
        raise StoppedError("FailedPrecondition", f"error getting secret: {why}")
    if not _signed(base64.b64decode(secret["data"][key]), event.raw, signature):
        raise StoppedError("FailedPrecondition", "payload signature check failed")


def _signed(secret: bytes, body: bytes, signature: str) -> bool:
    form, _, digits = signature.partition("=")
    if form not in ("sha256", "sha1") or not digits:
        return False
    expected = hmac.new(secret, body, hashlib.sha256 if form == "sha256" else hashlib.sha1).hexdigest()
    return hmac.compare_digest(expected.encode(), digits.encode())


def _cel(store: ObjectStore, namespace: str, params: dict[str, Any], event: Event) -> None:
    """Let the event pass where the filter says true, with the values of the overlays as extensions."""
    text = params.get("filter")
    if text:
        result = _evaluate(str(text), event)
        if result is not True:
            raise StoppedError("FailedPrecondition", f"expression {text} did not return true")
    for overlay in params.get("overlays") or ():
        value = _evaluate(str(overlay.get("expression", "")), event)
        target = event.extensions
        *way, last = str(overlay.get("key", "")).split(".")
        for step in way:
            target = target.setdefault(step, {})
            if not isinstance(target, dict):
                raise StoppedError("Internal", f"failed to add overlay {overlay.get('key')}: {step} has a value")
        target[last] = value


def _evaluate(text: str, event: Event) -> Any:
    # The package brings a command line of its own along, whose import would slow the cluster's start.
    import cel

    context = cel.Context(
        {
            "body": _doubles(event.body),
            "header": {name: [value] for name, value in event.headers.items()},
            "extensions": event.extensions,
            "requestURL": "/",
        },
        {
            "truncate": lambda value, length: value[: int(length)],
            "split": lambda value, by: value.split(by),
            "canonical": lambda header, name: (header.get(canonical(name)) or [""])[0],
            "match": lambda header, name, value: value in header.get(canonical(name), ()),
        },
    )
    try:
        return cel.evaluate(text, context)
    except (ValueError, TypeError, KeyError, RuntimeError, IndexError) as error:
        # The library shows where in a multi-line picture; a log line is one line.
        why = " ".join(str(error).split())
        raise StoppedError("InvalidArgument", f"expression {text} check failed: {why}") from None


def _doubles(value: Any) -> Any:
    """Return JSON with its numbers as doubles, which is what CEL gets from a request's body."""
    if isinstance(value, dict):
        return {name: _doubles(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_doubles(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        # No double holds more bits than these; Python would raise where other languages overflow.
        return float(value) if value.bit_length() < 1024 else math.inf if value > 0 else -math.inf
    return value


def _anything(_value: Any) -> bool:
    return True


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _mappings(value: Any) -> bool:
    return isinstance(value, list) and all(map(_mapping, value))


_FORMS: dict[str, Callable[[Any], bool]] = {
    "eventTypes": _texts,
    "secretRef": _mapping,
    "filter": _text,
    "overlays": _mappings,
}
"""The forms of the params that are read, by their names; params may hold any JSON in a Trigger."""


INTERCEPTORS: dict[str, Callable[[ObjectStore, str, dict[str, Any], Event], None]] = {
    "github": _github,
    "cel": _cel,
}
"""The core interceptors there are, by the name of their ClusterInterceptor."""
