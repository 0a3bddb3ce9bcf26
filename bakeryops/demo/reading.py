"""GET and LIST."""

from __future__ import annotations

import asyncio

from aiohttp import web

from bakeryops.demo.api import Call, answer
from bakeryops.demo.contracts import Object
from bakeryops.demo.convert import is_stored_form, partial, served
from bakeryops.demo.paging import Page, Selection, parse_revision, select_page, too_large
from bakeryops.demo.status import not_found
from bakeryops.demo.store import object_key
from bakeryops.demo.table import Entry, encode
from bakeryops.demo.tables import render_table

__all__ = ["get_object", "list_objects", "object_answer", "served_bytes"]

_SLICE = 250
"""Objects encoded before the event loop gets its turn."""


async def get_object(call: Call) -> web.StreamResponse:
    """Answer with one object."""
    version = call.query.get("resourceVersion", "")
    if version and parse_revision(version) > call.store.revision:
        raise too_large(parse_revision(version), call.store.revision)
    entry = call.store.table_of(call.resource).get(object_key(call.namespace, call.target.name))
    if entry is None:
        raise not_found(call.resource.plural, call.resource.group, call.target.name)
    return object_answer(call, entry.obj)


def object_answer(
    call: Call, obj: Object, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Answer with an object in the form that the request asks for."""
    kind = call.format.kind
    if kind == "Table":
        table = render_table(call.store, call.resource, [obj], call.query, meta_version=call.format.version)
        table["metadata"] = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return answer(table, status=status, headers=headers)
    if kind == "PartialObjectMetadata":
        return answer(partial(obj, call.format.version), status=status, headers=headers)
    body = served(call.resource, call.target.version, obj)
    return answer(body, status=status, headers=headers, as_yaml=call.format.yaml)


def served_bytes(call: Call, entry: Entry) -> bytes:
    """Return one object of a list, encoded; built-in kinds leave out kind and apiVersion there."""
    if call.format.kind == "PartialObjectMetadata":
        return encode(partial(entry.obj, call.format.version))
    if call.resource.custom:
        return encode(served(call.resource, call.target.version, entry.obj))
    obj = entry.obj
    if not is_stored_form(call.resource, call.target.version):
        obj = served(call.resource, call.target.version, obj)
    return encode({key: value for key, value in obj.items() if key not in ("kind", "apiVersion")})


async def list_objects(call: Call) -> web.StreamResponse:
    """Answer with a list, a page of one, or a table of it."""
    selection = Selection.of(call.resource, call.target.namespace, call.query, call.target.name)
    page = select_page(call.store, call.resource, selection, call.query)
    meta = _list_meta(page)
    if call.format.kind == "Table":
        objects = [entry.obj for entry in page.entries]
        table = render_table(call.store, call.resource, objects, call.query, meta_version=call.format.version)
        table["metadata"] = meta
        return answer(table)
    if call.format.kind == "PartialObjectMetadata":
        head: Object = {
            "kind": "PartialObjectMetadataList",
            "apiVersion": f"meta.k8s.io/{call.format.version}",
            "metadata": meta,
        }
    else:
        api_version = call.resource.api_version_of(call.target.version)
        head = {"kind": call.resource.list_kind, "apiVersion": api_version, "metadata": meta}
    if call.format.yaml:
        items = [served(call.resource, call.target.version, entry.obj) for entry in page.entries]
        return answer({**head, "items": items}, as_yaml=True)
    parts = []
    for index, entry in enumerate(page.entries):
        parts.append(served_bytes(call, entry))
        if index % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
    return answer(encode(head)[:-1] + b',"items":[' + b",".join(parts) + b"]}")


def _list_meta(page: Page) -> Object:
    meta: Object = {"resourceVersion": str(page.revision)}
    if page.token:
        meta["continue"] = page.token
    if page.remaining:
        meta["remainingItemCount"] = page.remaining
    return meta
