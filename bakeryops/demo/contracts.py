"""What the parts of the embedded cluster promise each other: time, logs, usage and exec.

Controllers are plain callbacks driven by a `Clock`: no coroutine, no thread, so that a seed and a sequence of
calls give the same cluster every time, and a test can step through minutes without waiting.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = [
    "Clock",
    "DrillProvider",
    "ExecProvider",
    "ExecRefusedError",
    "ExecStreams",
    "LogLine",
    "LogProvider",
    "LogUnavailableError",
    "Object",
]

Object = dict[str, Any]
"""A Kubernetes object as JSON; treat it as frozen once it is in the store, and copy what you change."""


class Timer(Protocol):
    """A call that was asked for and can be taken back."""

    def cancel(self) -> None:
        """Take the call back; harmless when it has been made."""


class Clock(Protocol):
    """The cluster's time, which may run faster than the wall's."""

    speed: float
    """Cluster seconds per wall second."""

    def now(self) -> float:
        """Return the cluster's time in seconds since the epoch."""

    def call_at(self, when: float, action: Callable[[], None]) -> Timer:
        """Call `action` once, at the cluster time `when`, calls of one instant in the order asked for."""

    def call_later(self, delay: float, action: Callable[[], None]) -> Timer:
        """Call `action` once, `delay` cluster seconds from now."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a container wrote."""

    time: float
    """Cluster time, seconds since the epoch."""
    data: bytes
    """The bytes as written, with the line break unless the container wrote none."""
    stream: str = "stdout"
    """`stdout` or `stderr`."""


class LogUnavailableError(Exception):
    """The kubelet has no such log; the text is the message of the API server's answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        """Take the message and the HTTP status it is answered with."""
        super().__init__(message)
        self.status = status


class LogProvider(Protocol):
    """The kubelet's container logs."""

    def read(self, pod: Object, container: str, *, previous: bool) -> list[LogLine]:
        """Return all lines kept of a container; raises `LogUnavailableError`."""

    def follow(self, pod: Object, container: str, start: int) -> AsyncIterator[LogLine]:
        """Yield the lines from index `start` of `read` on, as they are written, until the container ends."""


class ExecRefusedError(Exception):
    """The container cannot run the command (no such container, not running)."""


class ExecStreams(Protocol):
    """The two ends of a running command."""

    async def stdin(self) -> bytes | None:
        """Return the next bytes typed, or None at the end of input."""

    async def stdout(self, data: bytes) -> None:
        """Send bytes of standard output."""

    async def stderr(self, data: bytes) -> None:
        """Send bytes of standard error."""


class ExecProvider(Protocol):
    """Runs commands in containers."""

    async def run(
        self, pod: Object, container: str, command: list[str], *, tty: bool, streams: ExecStreams
    ) -> int:
        """Run a command to its end and return its exit code; raises `ExecRefusedError`, FileNotFoundError."""


class UsageProvider(Protocol):
    """What metrics-server and the kubelet's summary say, as their JSON."""

    def pod_metrics(self, namespace: str | None) -> list[Object]:
        """Return PodMetrics objects (metrics.k8s.io/v1beta1)."""

    def node_metrics(self) -> list[Object]:
        """Return NodeMetrics objects."""

    def stats_summary(self, node: str) -> Object:
        """Return the kubelet's /stats/summary: node memory and file systems, pods with their volumes."""


class DrillProvider(Protocol):
    """The drill that is on."""

    def status(self) -> Object:
        """Return what `GET /_demo/drill` answers."""

    def hint(self) -> Object:
        """Give the next hint, if there is one, and return the status."""
