"""Workloads and pods gathered by service: the service stands first, and its members stand together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bakeryops.model.health import Health
from screens.rows_workloads import POD_COLUMNS, WORKLOAD_COLUMNS
from screens.widgets.cells import Cell, Column, Row

__all__ = ["SERVICE_POD_COLUMNS", "SERVICE_WORKLOAD_COLUMNS", "Groups", "service_row", "service_sort"]

Group = tuple[str, str]
"""Namespace and name of a service."""


def _service_first(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    service = next(column for column in columns if column.key == "service")
    first = replace(service, width=15, worth=98, grow=True, most=24, keep=4)
    return (columns[0], first, *(column for column in columns[1:] if column.key != "service"))


SERVICE_WORKLOAD_COLUMNS = _service_first(WORKLOAD_COLUMNS)
"""A workload a row, its service first."""

SERVICE_POD_COLUMNS = _service_first(POD_COLUMNS)
"""A pod a row, its service first."""


class Groups:
    """Which services there are, whether one of their members is not well, and which member is named first."""

    def __init__(self) -> None:
        """Begin without any."""
        self._known: dict[Group, tuple[bool, tuple[int, str]]] = {}

    @staticmethod
    def name_of(view: Any) -> Group:
        """Return the service of a workload or pod: a database belongs to the service it is named after."""
        return view.namespace, view.service.removesuffix("-service").removesuffix("-db")

    def take(self, views: Iterable[Any]) -> set[Group]:
        """Gather `views`; return the services that are different from the time before."""
        before, self._known = self._known, {}
        for view in views:
            name = self.name_of(view)
            first, well = (view.health.rank, view.name), view.health not in (Health.BAD, Health.SOON)
            if (known := self._known.get(name)) is not None:
                first, well = min(first, known[1]), well and known[0]
            self._known[name] = (well, first)
        return {name for name, group in self._known.items() if before.get(name) != group}

    def place(self, view: Any) -> tuple[bool, bool]:
        """Return whether the view's service is well, and whether this member is its first."""
        well, first = self._known.get(self.name_of(view), (True, (0, "")))
        return well, first == (view.health.rank, view.name)


def service_row(row: Row, view: Any, groups: Groups, plain: tuple[Column, ...]) -> Row:
    """Return a row of the columns `plain` with its service first.

    Services with trouble come first; the first member of a service carries its name plainly, the others quietly.
    """
    at = next(number for number, column in enumerate(plain) if column.key == "service")
    _, first = groups.place(view)
    name = groups.name_of(view)
    service = Cell(name[1], "accent" if first else "dim")
    order = [number for number in range(1, len(plain)) if number != at]
    cells = (row.cells[0], service, *(row.cells[number] for number in order))
    sort = (row.sort[0], service_sort(view, groups), *(row.sort[number] for number in order))
    return Row(row.key, cells, sort, row.search, row.tone)


def service_sort(view: Any, groups: Groups) -> tuple[bool, str, str]:
    """Return what a member is sorted by: services with trouble come first, then by name and namespace."""
    namespace, name = groups.name_of(view)
    return groups.place(view)[0], name, namespace
