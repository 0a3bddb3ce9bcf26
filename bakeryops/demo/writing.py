"""Create, update, patch and delete."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bakeryops.demo import podsecurity, strict
from bakeryops.demo.api import Call, answer
from bakeryops.demo.apply import apply
from bakeryops.demo.contracts import Object
from bakeryops.demo.convert import event_from_new_api, partial, served
from bakeryops.demo.objects import copy_json, meta_of
from bakeryops.demo.paging import Selection
from bakeryops.demo.patch_json import json_patch, merge_patch
from bakeryops.demo.patch_strategic import strategic_patch
from bakeryops.demo.reading import object_answer
from bakeryops.demo.request import flag, parse_body
from bakeryops.demo.status import (
    Cause,
    StatusError,
    bad_request,
    conflict,
    invalid,
    not_found,
    status_object,
    unsupported_media_type,
)

__all__ = ["create_object", "delete_collection", "delete_object", "dry_run", "patch_object", "read_object",
           "update_object"]  # fmt: skip

_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_APPLY = "application/apply-patch+yaml"
_POLICIES = ("Foreground", "Background", "Orphan")


def dry_run(call: Call) -> bool:
    """Return whether nothing is to be stored; raises `StatusError` for another value than All."""
    value = call.query.get("dryRun")
    if value in (None, "", "All"):
        return bool(value == "All")
    cause = Cause("FieldValueNotSupported", f'Unsupported value: "{value}": supported values: "All"', "dryRun")
    raise invalid("CreateOptions", "meta.k8s.io", "", [cause])


async def read_object(call: Call) -> tuple[Object, list[str]]:
    """Return the object of the body in its stored form, and the warnings about its fields."""
    raw = await call.request.read()
    body = parse_body(raw, call.request.headers.get("Content-Type", ""), call.resource.kind)
    return accept_object(call, body)


def accept_object(call: Call, body: Object) -> tuple[Object, list[str]]:
    """Check that a body is of the right kind and of known fields; returns it in its stored form, and warnings."""
    resource = call.resource
    version = resource.api_version_of(call.target.version)
    kind, api_version = body.get("kind", ""), body.get("apiVersion", "")
    if kind != resource.kind:
        if not kind:
            raise bad_request("Object 'Kind' is missing in '" + _shown(body) + "'")
        short = api_version.rpartition("/")[2]
        raise bad_request(
            f'{kind} in version "{short}" cannot be handled as a {resource.kind}: converting ({short}.{kind}) to '
            f"({resource.group.partition('.')[0] or 'core'}.{resource.kind}): unknown conversion"
        )
    if api_version != version:
        raise bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version ({version})"
        )
    warnings = strict.check(resource, call.target.version, body, call.query.get("fieldValidation", ""))
    if resource.alias_of:
        body = event_from_new_api(body)
    meta = body.setdefault("metadata", {})
    if call.target.name and meta.get("name") not in (None, "", call.target.name):
        raise bad_request(
            f"the name of the object ({meta['name']}) does not match the name on the URL ({call.target.name})"
        )
    if call.namespace and meta.get("namespace") not in (None, "", call.namespace):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    return body, warnings


def _shown(body: Object) -> str:
    from bakeryops.demo.table import encode

    return encode(body).decode("utf-8", "replace")[:200]


def warning_headers(warnings: list[str]) -> dict[str, str]:
    """Return the Warning header of an answer."""
    if not warnings:
        return {}
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in warnings]
    return {"Warning": ", ".join(f'299 - "{text}"' for text in quoted)}


async def create_object(call: Call) -> web.StreamResponse:
    """POST on a collection."""
    body, warnings = await read_object(call)
    strict.drop_status(call.resource, body)
    meta = meta_of(body)
    if not meta.get("name") and not meta.get("generateName"):
        cause = Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")
        raise invalid(call.resource.kind, call.resource.group, "", [cause])
    obj = call.store.create(
        call.resource.key, body, manager=call.manager, namespace=call.namespace, dry_run=dry_run(call)
    )
    warnings.extend(podsecurity.warnings(call.store, call.resource, obj))
    return object_answer(call, obj, 201, warning_headers(warnings))


async def update_object(call: Call) -> web.StreamResponse:
    """PUT on an object or its status."""
    body, warnings = await read_object(call)
    version = meta_of(body).get("resourceVersion")
    uid = meta_of(body).get("uid")

    def change(live: Object) -> Object:
        if uid and uid != live["metadata"]["uid"]:
            raise _wrong_uid(call, uid, live["metadata"]["uid"])
        if version and version != live["metadata"]["resourceVersion"]:
            raise conflict(call.resource.plural, call.resource.group, call.target.name)
        if not version and call.resource.custom:
            cause = Cause(
                "FieldValueInvalid",
                "Invalid value: 0: must be specified for an update",
                "metadata.resourceVersion",
            )
            raise invalid(call.resource.kind, call.resource.group, call.target.name, [cause])
        return strict.limit_to(call.resource, live, body, call.target.subresource)

    obj = call.store.mutate(
        call.resource.key, call.namespace, call.target.name, change, manager=call.manager,
        subresource=call.target.subresource, dry_run=dry_run(call),
    )  # fmt: skip
    if obj is None:
        raise not_found(call.resource.plural, call.resource.group, call.target.name)
    return object_answer(call, obj, 200, warning_headers(warnings))


async def patch_object(call: Call) -> web.StreamResponse:
    """PATCH in one of its four forms, on an object or its status."""
    media = call.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    raw = await call.request.read()
    if media == _APPLY:
        return _apply(call, raw)
    if media not in (_JSON_PATCH, _MERGE_PATCH, _STRATEGIC):
        raise unsupported_media_type("415: Unsupported Media Type")
    if media == _STRATEGIC and call.resource.custom:
        accepted = ", ".join((_JSON_PATCH, _MERGE_PATCH, _APPLY))
        message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
        raise StatusError(415, "UnsupportedMediaType", message)
    patch = parse_patch(raw)
    warnings: list[str] = []

    def change(live: Object) -> Object:
        patched = patch_value(media, live, patch, call)
        if not isinstance(patched, dict):
            raise bad_request("the patched object is no object")
        warnings.extend(strict.check(call.resource, call.target.version, patched,
                                     call.query.get("fieldValidation", "")))  # fmt: skip
        return strict.limit_to(call.resource, live, patched, call.target.subresource)

    obj = call.store.mutate(
        call.resource.key, call.namespace, call.target.name, change, manager=call.manager,
        subresource=call.target.subresource, dry_run=dry_run(call),
    )  # fmt: skip
    if obj is None:
        raise not_found(call.resource.plural, call.resource.group, call.target.name)
    return object_answer(call, obj, 200, warning_headers(warnings))


def parse_patch(raw: bytes) -> Any:
    """Return the patch of a body; raises `StatusError` 400."""
    import json

    try:
        return json.loads(raw)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from error


def patch_value(media: str, live: Object, patch: Any, call: Call) -> Any:
    """Return a copy of an object with a patch of a media type laid over it."""
    target = copy_json(live)
    if media == _JSON_PATCH:
        return json_patch(target, patch)
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal into a Go map[string]interface {}")
    if media == _MERGE_PATCH:
        return merge_patch(target, patch)
    return strategic_patch(target, patch, call.resource.form)


def _apply(call: Call, raw: bytes) -> web.StreamResponse:
    if not call.query.get("fieldManager"):
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        raise invalid("PatchOptions", "meta.k8s.io", "", [cause])
    body = parse_body(raw, _APPLY, call.resource.kind)
    body, warnings = accept_object(call, body)
    body["metadata"].setdefault("name", call.target.name)
    if call.namespace:
        body["metadata"].setdefault("namespace", call.namespace)
    strict.keep_subresource(call.resource, body, call.target.subresource)
    obj, created = apply(
        call.store, call.resource, call.namespace, call.target.name, body, manager=call.manager,
        force=flag(call.query, "force"), subresource=call.target.subresource, dry_run=dry_run(call),
    )  # fmt: skip
    return object_answer(call, obj, 201 if created else 200, warning_headers(warnings))


async def delete_options(call: Call) -> Object:
    """Return the options of a deletion, from the body or else the query; raises `StatusError` 422."""
    raw = await call.request.read()
    options: Object = {}
    if raw.strip():
        options = parse_body(raw, call.request.headers.get("Content-Type", ""), "DeleteOptions")
    for key in ("propagationPolicy", "gracePeriodSeconds", "orphanDependents", "dryRun"):
        if key in call.query and options.get(key) is None:
            options[key] = call.query[key]
    policy = options.get("propagationPolicy")
    if policy is not None and policy not in _POLICIES:
        listed = ", ".join(f'"{each}"' for each in (*_POLICIES, "nil"))
        why = f'Unsupported value: "{policy}": supported values: {listed}'
        raise invalid(
            "DeleteOptions", "meta.k8s.io", "", [Cause("FieldValueNotSupported", why, "propagationPolicy")]
        )
    if options.get("orphanDependents") in (True, "true") and policy is None:
        options["propagationPolicy"] = "Orphan"
    grace = options.get("gracePeriodSeconds")
    options["gracePeriodSeconds"] = int(grace) if grace is not None else None
    options["dryRun"] = options.get("dryRun") in ("All", ["All"]) or dry_run(call)
    return options


async def delete_object(call: Call) -> web.StreamResponse:
    """DELETE of one object: answers with a Status when it is gone, with the object while something holds it."""
    options = await delete_options(call)
    resource, name = call.resource, call.target.name
    live = call.store.get(resource.key, call.namespace, name)
    if live is None:
        raise not_found(resource.plural, resource.group, name)
    _check_preconditions(call, options.get("preconditions") or {}, live)
    return delete_now(call, live, options)


def delete_now(call: Call, live: Object, options: Object) -> web.Response:
    """Delete an object that is there and answer as DELETE does."""
    resource = call.resource
    meta = live["metadata"]
    obj = call.store.delete(
        resource.key, meta.get("namespace"), meta["name"],
        propagation=options.get("propagationPolicy") or "Background", grace=options["gracePeriodSeconds"],
        dry_run=options["dryRun"],
    )  # fmt: skip
    held = obj is not None and (
        call.store.get(resource.key, meta.get("namespace"), meta["name"]) is not None
        if not options["dryRun"]
        else bool(obj["metadata"].get("deletionTimestamp"))
    )
    if (held and obj is not None) or resource.key == "pods":
        return object_answer(call, obj or live)
    details: Object = {"name": meta["name"]}
    if resource.group:
        details["group"] = resource.group
    details.update(kind=resource.plural, uid=meta["uid"])
    return answer(status_object(details))


def _wrong_uid(call: Call, wanted: str, found: str) -> StatusError:
    why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
    return conflict(call.resource.plural, call.resource.group, call.target.name, why)


def _check_preconditions(call: Call, wanted: Object, live: Object) -> None:
    meta = live["metadata"]
    kind, name = call.resource.kind, meta["name"]
    if wanted.get("uid") and wanted["uid"] != meta["uid"]:
        why = (
            f"the UID in the precondition ({wanted['uid']}) does not match the UID in record ({meta['uid']}). "
            "The object might have been deleted and then recreated"
        )
        raise conflict(kind, "", name, why)
    version = wanted.get("resourceVersion")
    if version and version != meta["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({meta['resourceVersion']}). The object might have been modified"
        )
        raise conflict(kind, "", name, why)


async def delete_collection(call: Call) -> web.StreamResponse:
    """DELETE of a collection: answers with the list of what was deleted."""
    options = await delete_options(call)
    selection = Selection.of(call.resource, call.target.namespace, call.query)
    entries = [
        entry for entry in call.store.table_of(call.resource).scan(selection.prefix) if selection.takes(entry)
    ]
    for entry in entries:
        delete_now(call, entry.obj, options)
    items = [served(call.resource, call.target.version, entry.obj) for entry in entries]
    if not call.resource.custom:
        items = [
            {key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in items
        ]
    if call.format.kind == "PartialObjectMetadata":
        items = [partial(entry.obj) for entry in entries]
    return answer(
        {
            "kind": call.resource.list_kind,
            "apiVersion": call.resource.api_version_of(call.target.version),
            "metadata": {"resourceVersion": str(call.store.revision)},
            "items": items,
        }
    )
