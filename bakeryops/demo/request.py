"""What a request asks for: its path taken apart, its options, its body, the form of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from bakeryops.demo import protobuf
from bakeryops.demo.contracts import Object
from bakeryops.demo.status import StatusError, bad_request, unsupported_media_type

__all__ = ["Format", "Target", "accepted_format", "flag", "parse_body", "parse_target"]

_METHOD_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_READABLE = "application/json, application/yaml, application/vnd.kubernetes.protobuf"


@dataclass(frozen=True, slots=True)
class Target:
    """A resource request as authorisation and routing see it."""

    verb: str
    group: str
    version: str
    resource: str
    """Plural of the path."""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    """What follows the subresource, such as the path behind `proxy`."""
    query: Mapping[str, str] = field(default_factory=dict)


def parse_target(method: str, path: str, query: Mapping[str, str]) -> Target | None:
    """Return what a path of `/api` or `/apis` names, or None when it names no resource."""
    parts = [part for part in path.split("/") if part]
    if len(parts) >= 3 and parts[0] == "api":
        group, version, parts = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, parts = parts[1], parts[2], parts[3:]
    else:
        return None
    if parts[0] == "watch" and len(parts) > 1:
        parts = parts[1:]
        query = {**query, "watch": "true"}
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in ("status", "finalize"):
            parts = parts[2:]
    resource = parts[0]
    name = parts[1] if len(parts) > 1 else ""
    subresource = parts[2] if len(parts) > 2 else ""
    return Target(
        verb=_verb(method, name, subresource, query),
        group=group,
        version=version,
        resource=resource,
        namespace=namespace,
        name=name,
        subresource=subresource,
        rest="/".join(parts[3:]),
        query=query,
    )


def _verb(method: str, name: str, subresource: str, query: Mapping[str, str]) -> str:
    if method in ("GET", "HEAD"):
        if name and not (flag(query, "watch") and not subresource):
            return "get"
        return "watch" if flag(query, "watch") else "list"
    if method == "DELETE" and not name:
        return "deletecollection"
    return _METHOD_VERBS.get(method, method.lower())


def flag(query: Mapping[str, str], key: str) -> bool:
    """Return a boolean query parameter; a bare one counts as true."""
    value = query.get(key)
    return value is not None and value.lower() in ("", "1", "t", "true")


@dataclass(frozen=True, slots=True)
class Format:
    """The form of an answer."""

    kind: str = "object"
    """object, Table, PartialObjectMetadata."""
    version: str = "v1"
    """Version of meta.k8s.io for the other kinds."""
    yaml: bool = False


def accepted_format(accept: str, *, lists: bool = True) -> Format:
    """Return the first form that an Accept header names and this server has; raises `StatusError` 406."""
    del lists
    if not accept.strip():
        return Format()
    for part in accept.split(","):
        media, *params = (piece.strip() for piece in part.split(";"))
        options = dict(param.split("=", 1) for param in params if "=" in param)
        if media in ("application/json", "application/*", "*/*"):
            kind = options.get("as", "")
            if not kind:
                return Format()
            if options.get("g") == "meta.k8s.io" and options.get("v") in ("v1", "v1beta1"):
                if kind in ("Table",):
                    return Format("Table", options["v"])
                if kind in ("PartialObjectMetadata", "PartialObjectMetadataList"):
                    return Format("PartialObjectMetadata", options["v"])
        elif media == "application/yaml" and "as" not in options:
            return Format(yaml=True)
    message = f"406: Not Acceptable\n\nAvailable representations: {_READABLE}"
    raise StatusError(406, "NotAcceptable", message, details={})


def parse_body(raw: bytes, content_type: str, kind: str) -> Object:
    """Return the object of a request body (JSON or YAML); raises `StatusError` 400 or 415."""
    media = content_type.partition(";")[0].strip().lower()
    if media == protobuf.MEDIA_TYPE:
        try:
            return protobuf.decode(raw)
        except (ValueError, UnicodeDecodeError) as error:
            raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {error}") from error
    if media in ("application/yaml", "application/apply-patch+yaml"):
        body = _load_yaml(raw)
    elif media in ("", "application/json", "text/plain", "application/octet-stream"):
        body = _load_json(raw, kind)
    else:
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml"
        )
    if not isinstance(body, dict):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse "
            f"error: json: cannot unmarshal into Go value of type struct ({_excerpt(raw)})"
        )
    return body


def _load_yaml(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        pass  # not JSON, which is YAML's most frequent form
    try:
        return yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: {error}") from error


def _load_json(raw: bytes, kind: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        reason = "unexpected end of JSON input" if _is_cut(error, raw) else f"invalid character at offset {error}"
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse "
            f"error: {reason} ({_excerpt(raw)})"
        ) from error


def _is_cut(error: ValueError, raw: bytes) -> bool:
    return getattr(error, "pos", 0) >= len(raw.rstrip()) or not raw.strip()


def _excerpt(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return f"{text[:30]} ..." if len(text) > 30 else text
