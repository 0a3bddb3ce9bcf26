"""The lists of the workloads view: workloads, pods and volumes, and the first two gathered by service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from bakeryops.model.health import Health
from bakeryops.model.overview import ObjectRef
from bakeryops.model.workload import PodView, VolumeView, WorkloadView
from bakeryops.read.index import IndexChanges
from screens.console import Console
from screens.rows_services import SERVICE_POD_COLUMNS, SERVICE_WORKLOAD_COLUMNS, Groups, service_row, service_sort
from screens.rows_sorting import POD_SORT, WORKLOAD_SORT, pod_search, workload_search
from screens.rows_volumes import VOLUME_COLUMNS, volume_row
from screens.rows_workloads import POD_COLUMNS, WORKLOAD_COLUMNS, pod_row, ref_plural, workload_row
from screens.widgets.cells import Column, Row
from screens.widgets.late import LateRow, RowLike

__all__ = ["PodTab", "ServicePodTab", "ServiceWorkloadTab", "Tab", "VolumeTab", "WorkloadTab"]

Viewed = WorkloadView | PodView | VolumeView


class TabRow(LateRow):
    """One thing of a list, drawn up when it comes on screen."""

    __slots__ = ("now", "tab", "view")

    def __init__(self, tab: Tab, view: Viewed, now: float) -> None:
        """Take the list, what is shown, and the time as seconds since the epoch."""
        super().__init__(view.key)
        self.tab = tab
        self.view = view
        self.now = now

    def make(self) -> Row:
        """Draw the row up."""
        return self.tab.row(self.view, self.now)

    def sort_value(self, column: int) -> Any:
        """Return what a column is sorted by."""
        return self.tab.sort_value(self.view, column)

    @property
    def search(self) -> str:
        """Return the lower-case text that a filter looks in."""
        return self.tab.search(self.view)


class Tab:
    """One list: its columns, its rows, and which of them a change concerns."""

    NAME: ClassVar[str]
    NOUN: ClassVar[str]
    COLUMNS: ClassVar[tuple[Column, ...]]
    SORT: ClassVar[str] = "health"
    TIES: ClassVar[tuple[str, ...]] = ("namespace", "name")
    KINDS: ClassVar[tuple[str, ...] | None] = None
    """The kinds whose state is told below the list; None for those of workloads."""

    def __init__(self, console: Console) -> None:
        """Take where to look."""
        self.console = console

    def views(self) -> Mapping[str, Viewed]:
        """Return what the list shows, by key."""
        raise NotImplementedError

    def row(self, view: Viewed, now: float) -> Row:
        """Return one as a row."""
        raise NotImplementedError

    def sort_value(self, view: Viewed, column: int) -> Any:
        """Return what the column of this index is sorted by."""
        return self.row(view, 0.0).sort[column]

    def search(self, view: Viewed) -> str:
        """Return the lower-case text that a filter looks in."""
        return self.row(view, 0.0).search

    def ref(self, key: str) -> ObjectRef:
        """Return the object behind a key."""
        raise NotImplementedError

    def changed(self, done: IndexChanges) -> tuple[set[str], set[str]]:
        """Return the keys that became different, and those that went."""
        raise NotImplementedError

    def rows(self, keys: Iterable[str]) -> Sequence[RowLike]:
        """Return the rows of those of `keys` that there are."""
        views, now = self.views(), self.console.now()
        found = (views.get(key) for key in keys)
        return [TabRow(self, view, now) for view in found if view is not None]

    def count_bad(self) -> int:
        """Return how many are broken or soon will be."""
        return sum(1 for view in self.views().values() if view.health in (Health.BAD, Health.SOON))


class WorkloadTab(Tab):
    """Workloads, the worst first."""

    NAME = "workloads"
    NOUN = "workloads"
    COLUMNS = WORKLOAD_COLUMNS

    def views(self) -> Mapping[str, WorkloadView]:
        """Return the workloads."""
        return self.console.picture.index.workloads

    def row(self, view: Viewed, now: float) -> Row:
        """Return a workload as a row."""
        assert isinstance(view, WorkloadView)
        return workload_row(view, now, self.console.picture.slow_curves(view.pods))

    def sort_value(self, view: Any, column: int) -> Any:
        """Return what the column of this index is sorted by."""
        return WORKLOAD_SORT[column](view)

    def search(self, view: Any) -> str:
        """Return the lower-case text that a filter looks in."""
        return workload_search(view)

    def ref(self, key: str) -> ObjectRef:
        """Return the workload."""
        kind, namespace, name = key.split("/", 2)
        return ObjectRef(ref_plural(kind), namespace, name)

    def changed(self, done: IndexChanges) -> tuple[set[str], set[str]]:
        """Return the workloads of a change."""
        return done.workloads, done.workloads_removed


class PodTab(Tab):
    """Pods, the worst first."""

    NAME = "pods"
    NOUN = "pods"
    COLUMNS = POD_COLUMNS
    KINDS = ("pods", "podmetrics")

    def views(self) -> Mapping[str, PodView]:
        """Return the pods."""
        return self.console.picture.index.pods

    def row(self, view: Viewed, now: float) -> Row:
        """Return a pod as a row."""
        assert isinstance(view, PodView)
        return pod_row(view, now, self.console.picture.slow_curves((view.key,)))

    def sort_value(self, view: Any, column: int) -> Any:
        """Return what the column of this index is sorted by."""
        return POD_SORT[column](view)

    def search(self, view: Any) -> str:
        """Return the lower-case text that a filter looks in."""
        return pod_search(view)

    def ref(self, key: str) -> ObjectRef:
        """Return the pod."""
        namespace, _, name = key.partition("/")
        return ObjectRef("pods", namespace, name)

    def changed(self, done: IndexChanges) -> tuple[set[str], set[str]]:
        """Return the pods of a change."""
        return done.pods, done.pods_removed


class _ByService(Tab):
    """Adds the order by service: services with trouble first, their members together."""

    SORT = "service"
    TIES = ("health", "namespace", "name")
    PLAIN: ClassVar[tuple[Column, ...]]
    """The columns in the order of the list that is not gathered."""

    def __init__(self, console: Console) -> None:
        """Begin without groups."""
        super().__init__(console)
        self._groups = Groups()

    def rows(self, keys: Iterable[str]) -> Sequence[RowLike]:
        """Return the rows, with the groups as they are now."""
        self._groups.take(self.views().values())
        return super().rows(keys)

    def row(self, view: Viewed, now: float) -> Row:
        """Return one as a row that begins with its service."""
        assert isinstance(view, WorkloadView | PodView)
        return service_row(super().row(view, now), view, self._groups, self.PLAIN)

    def sort_value(self, view: Any, column: int) -> Any:
        """Return what the column of this index is sorted by."""
        if column == 1:
            return service_sort(view, self._groups)
        at = next(number for number, each in enumerate(self.PLAIN) if each.key == "service")
        return super().sort_value(view, column if not 0 < column <= at else column - 1)

    def changed(self, done: IndexChanges) -> tuple[set[str], set[str]]:
        """Return the keys of a change and of every member of a group that it moved."""
        changed, gone = super().changed(done)
        if not changed and not gone:
            return changed, gone
        moved = self._groups.take(self.views().values())
        members = {key for key, view in self.views().items() if moved and self._groups.name_of(view) in moved}
        return changed | members, gone


class ServiceWorkloadTab(_ByService, WorkloadTab):
    """Workloads gathered by service."""

    NAME = "service-workloads"
    COLUMNS = SERVICE_WORKLOAD_COLUMNS
    PLAIN = WORKLOAD_COLUMNS


class ServicePodTab(_ByService, PodTab):
    """Pods gathered by service."""

    NAME = "service-pods"
    COLUMNS = SERVICE_POD_COLUMNS
    PLAIN = POD_COLUMNS


class VolumeTab(Tab):
    """Claims of storage: how full, and mounted by whom; the worst first."""

    NAME = "volumes"
    NOUN = "volumes"
    COLUMNS = VOLUME_COLUMNS
    KINDS = ("persistentvolumeclaims", "pods")

    def __init__(self, console: Console) -> None:
        """Begin with no volume."""
        super().__init__(console)
        self._views: dict[str, VolumeView] = {}

    def take(self, views: Iterable[VolumeView]) -> tuple[set[str], set[str]]:
        """Take the volumes there are; return the keys that became different, and those that went."""
        before, self._views = self._views, {view.key: view for view in views}
        changed = {key for key, view in self._views.items() if before.get(key) != view}
        return changed, before.keys() - self._views.keys()

    def views(self) -> Mapping[str, VolumeView]:
        """Return the volumes."""
        return self._views

    def row(self, view: Viewed, now: float) -> Row:
        """Return a volume as a row."""
        assert isinstance(view, VolumeView)
        return volume_row(view, now)

    def ref(self, key: str) -> ObjectRef:
        """Return the claim."""
        namespace, _, name = key.partition("/")
        return ObjectRef("persistentvolumeclaims", namespace, name)

    def changed(self, done: IndexChanges) -> tuple[set[str], set[str]]:
        """Return nothing: a change of volumes comes by `take`."""
        return set(), set()
