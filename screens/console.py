"""What screens may ask of the application round them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bakeryops.config import Config
from bakeryops.model.overview import ObjectRef
from screens.lines import Line

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.model.plan import Plan
    from bakeryops.model.workload import PodView
    from screens.code import ConsoleCode
    from screens.job_watch import JobWatch
    from screens.pace import Pace
    from screens.picture import Picture
    from screens.proposal import Proposal
    from screens.warm import WarmPlans

__all__ = ["ALL_NAMESPACES", "Console", "Trouble", "ref_text"]

ALL_NAMESPACES = ""
"""The choice of every namespace."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no connection: what happened, why, and the mend, each one sentence."""

    kind: str
    """A word to choose the screen's text by, as `KubeError.kind` or the name of the error's class."""
    message: str
    why: str = ""
    hint: str = ""


class Console(Protocol):
    """The application, as screens see it."""

    session: Session | None
    """The connection, None until the target is known."""
    picture: Picture
    """What was read of the cluster so far."""
    code: ConsoleCode
    """What Git says."""
    config: Config
    trouble: Trouble | None
    """Why there is no session, None while there is hope."""
    namespace: str
    """The namespace chosen, `ALL_NAMESPACES` for all."""
    read_only: bool
    demo: bool
    outage_reasons: Sequence[str]
    """What this machine knows of why the cluster is away."""
    host: str
    """Where the cluster is, as far as known."""
    pace: Pace
    jobs: JobWatch
    """The jobs of this user on this machine."""
    warm: WarmPlans
    """Plans computed beforehand."""

    def now(self) -> float:
        """Return the time as seconds since the epoch."""

    def switch_view(self, view: str) -> None:
        """Show a main view."""

    def open_object(self, ref: ObjectRef, view: str = "page") -> None:
        """Show an object; `view` is page, describe, yaml or events."""

    def open_logs(self, ref: ObjectRef, *, container: str = "", previous: bool = False) -> None:
        """Show the logs of a pod, or of all pods of a workload."""

    def open_build(self, namespace: str, name: str, *, taskrun: str = "") -> None:
        """Show a build (a PipelineRun), with the task of a TaskRun selected, "" for the one that matters."""

    def open_service(self, name: str) -> None:
        """Show a service."""

    def follow(self, what: str) -> None:
        """Follow a commit, a build, an image or a service from push to ready pods."""

    def propose(self, proposal: Proposal) -> None:
        """Show the preview of a change."""

    def propose_command(self, command: str, *, job: str = "") -> None:
        """Show the preview of what a command line does; of a job of this console, of what made its plan."""

    async def start_job(self, plan: Plan, proposal: Proposal | None = None) -> str:
        """Carry out a confirmed plan in a process of its own and return the job's id; raises `BakeryopsError`."""

    async def resume_job(self, job: str) -> None:
        """Start the process of a job again; raises `BakeryopsError`."""

    def open_job(self, job: str, *, instead: bool = False) -> None:
        """Follow a job; `instead` of the screen that is shown."""

    def job_now(self) -> float:
        """Return the time by which journals of jobs go, as seconds since the epoch."""

    def who(self) -> str:
        """Return who acts, as jobs and the audit log call it."""

    async def is_held(self, service: str) -> bool:
        """Return whether builds deploy nothing of a service; raises `BakeryopsError` where that cannot be told."""

    async def open_shell(self, pod: PodView, container: str) -> None:
        """Give the terminal to a shell in a container until it ends."""

    def begin_forward(self, pod: PodView, remote: int, local: int = 0) -> None:
        """Forward a port of this machine (a free one where `local` is 0) to a pod, until it is ended."""

    def end_forward(self, pod: PodView) -> bool:
        """End the forwarding to a pod; return whether there was one."""

    def drill_lines(self, width: int) -> list[Line]:
        """Return what is said of the drill that is on, nothing where none is."""

    def choose_namespace(self) -> None:
        """Let a person choose the namespace."""

    def retry(self) -> None:
        """Try everything at once that waits to be tried again."""


def ref_text(ref: ObjectRef) -> str:
    """Return "namespace/name", or the name of an object without namespace."""
    return f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
