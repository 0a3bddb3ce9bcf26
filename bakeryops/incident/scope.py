"""What an incident is about: the names by which builds, pods, events and jobs are told to belong to it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bakeryops.model.blackbox import Saved
from bakeryops.model.chain import ServiceView
from bakeryops.model.event import EventGroup
from bakeryops.model.history import Entry
from bakeryops.model.job import JobView
from bakeryops.model.workload import PodView, WorkloadView

__all__ = ["Scope", "scope_of"]

_OF_BUILDS = frozenset({"TaskRun", "PipelineRun"})


class Scope(msgspec.Struct, frozen=True):
    """One service with what hangs on it, or, with `service` "", everything."""

    service: str = ""
    names: frozenset[str] = frozenset()
    """The service without "-service" behind it, its workloads, its database, its builds, what applies it."""
    workloads: frozenset[str] = frozenset()
    """Keys of its workloads and its database."""
    objects: tuple[tuple[str, str], ...] = ()
    """Namespace and name of its workloads: their ReplicaSets and pods begin with the name."""
    builds: tuple[tuple[str, str], ...] = ()
    """The same of its builds, with whose names TaskRuns and their pods begin."""

    @property
    def short(self) -> str:
        """The service without "-service" behind it."""
        return self.service.removesuffix("-service")

    def has_pod(self, pod: PodView) -> bool:
        """Return whether a pod belongs to it; those of builds are told of with their builds."""
        return pod.owner_kind not in _OF_BUILDS and (not self.service or pod.workload in self.workloads)

    def has_workload(self, view: WorkloadView) -> bool:
        """Return whether a workload belongs to it."""
        return view.kind not in _OF_BUILDS and (not self.service or view.key in self.workloads)

    def has_saved(self, saved: Saved) -> bool:
        """Return whether a saved failure belongs to it."""
        if (
            not self.service
            or saved.build in self.names
            or (saved.kind == "PipelineRun" and saved.name in self.names)
        ):
            return True
        services = saved.service.replace(",", " ").split()
        mine = self.short in (each.removesuffix("-service") for each in services)
        return mine or _begins(self.objects, saved.namespace, saved.pod or saved.name)

    def has_entry(self, entry: Entry, jobs: Iterable[JobView]) -> bool:
        """Return whether an entry of the history belongs to it; `jobs` are those that do."""
        if not self.service:
            return True
        words = (entry.service.removesuffix("-service"), entry.subject.rpartition("/")[2].removesuffix("-service"))
        if not self.names.isdisjoint(words):
            return True
        return bool(entry.job) and any(each.id == entry.job for each in jobs)

    def has_job(self, view: JobView) -> bool:
        """Return whether a job works on it."""
        if not self.service:
            return True
        ends = (each.rpartition("/")[2] for each in (*view.plan.scope, view.plan.subject))
        return not self.names.isdisjoint(each.removesuffix("-service") for each in ends)

    def has_event(self, event: EventGroup) -> bool:
        """Return whether an event is to be told: of its builds and of the whole bakery only warnings are."""
        if not self.service:
            return event.warning
        if event.warning and _begins(self.builds, event.namespace, event.name):
            return True
        applied = event.name in self.names and event.kind not in _OF_BUILDS
        return applied or _begins(self.objects, event.namespace, event.name)


def _begins(objects: Iterable[tuple[str, str]], namespace: str, name: str) -> bool:
    return any(namespace == space and (name == own or name.startswith(f"{own}-")) for space, own in objects)


def scope_of(view: ServiceView, apply: str = "") -> Scope:
    """Return what belongs to a service; `apply` is the name of what applies its overlay."""
    loads: list[WorkloadView] = [each for each in (view.workload, view.database) if each is not None]
    names = {view.name.removesuffix("-service"), view.name, apply, *(each.name for each in view.builds)}
    for each in loads:
        names |= {each.name, each.name.removesuffix("-service")}
    return Scope(
        service=view.name,
        names=frozenset(names - {""}),
        workloads=frozenset(each.key for each in loads),
        objects=tuple((each.namespace, each.name) for each in loads),
        builds=tuple((each.namespace, each.name) for each in view.builds),
    )
