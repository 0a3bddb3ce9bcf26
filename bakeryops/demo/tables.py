"""Tables as kubectl prints them: columns and cells for every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bakeryops.demo import tables_cluster, tables_workload
from bakeryops.demo.contracts import Object
from bakeryops.demo.convert import partial
from bakeryops.demo.durations import age
from bakeryops.demo.jsonpath import find_text
from bakeryops.demo.objects import dig
from bakeryops.demo.resources import Resource

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["render_table"]

_NAME = "Name must be unique within a namespace. It is given when the object is created and cannot be changed."
_AGE = "Time since the object was created, or the time of its creation."
Cells = Callable[[Object, float], list[Any]]


@dataclass(frozen=True, slots=True)
class _Printer:
    columns: list[Object]
    cells: Cells


def render_table(
    store: ObjectStore,
    resource: Resource,
    objects: Iterable[Object],
    query: Mapping[str, str],
    *,
    meta_version: str = "v1",
    columns: bool = True,
) -> Object:
    """Return the `Table` of objects, without metadata; `includeObject` of the query says what a row carries."""
    printer = _printer_of(resource)
    include = query.get("includeObject") or "Metadata"
    now = store.clock.now()
    rows = []
    for obj in objects:
        carried: Object | None = None
        if include == "Object":
            carried = obj
        elif include != "None":
            carried = partial(obj, meta_version)
        rows.append({"cells": printer.cells(obj, now), "object": carried})
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{meta_version}",
        "metadata": {},
        "columnDefinitions": printer.columns if columns else None,
        "rows": rows,
    }


def _printer_of(resource: Resource) -> _Printer:
    known = {**tables_workload.PRINTERS, **tables_cluster.PRINTERS}.get(resource.key)
    if known is not None:
        return _Printer(_definitions(known[0]), known[1])
    if resource.custom:
        return _custom_printer(resource)
    return _Printer(
        _definitions("Name Created-At"),
        lambda obj, _now: [obj["metadata"]["name"], obj["metadata"].get("creationTimestamp")],
    )


def _definitions(text: str) -> list[Object]:
    """Read a list of titles: "-" parts words (and is doubled where meant), "+" marks those of -o wide."""
    found = []
    for word in text.split():
        title = word.lstrip("+").replace("--", "\0").replace("-", " ").replace("\0", "-")
        found.append(
            {
                "name": title,
                "type": "string",
                "format": "name" if title == "Name" else "",
                "description": _NAME if title == "Name" else _AGE if title == "Age" else title,
                "priority": 1 if word.startswith("+") else 0,
            }
        )
    return found


def _custom_printer(resource: Resource) -> _Printer:
    columns: list[Object] = []
    for version in dig(resource.definition, "spec", "versions") or ():
        if version.get("name") == resource.version:
            columns = version.get("additionalPrinterColumns") or []
    if not columns:
        columns = [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]
    definitions = _definitions("Name")
    for column in columns:
        path = column["jsonPath"]
        definitions.append(
            {
                "name": column["name"],
                "type": column["type"],
                "format": column.get("format", ""),
                "description": column.get("description")
                or f"Custom resource definition column (in JSONPath format): {path}",
                "priority": column.get("priority", 0),
            }
        )

    def cells(obj: Object, now: float) -> list[Any]:
        row: list[Any] = [obj["metadata"]["name"]]
        for column in columns:
            value = find_text(obj, column["jsonPath"])
            row.append(_cell(value, column["type"], now))
        return row

    return _Printer(definitions, cells)


def _cell(value: Any, kind: str, now: float) -> Any:
    if value is None:
        return None
    if kind == "date":
        return age(str(value), now)
    if kind == "integer" and isinstance(value, int):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "number" and isinstance(value, int | float):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
