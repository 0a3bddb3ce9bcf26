"""Readiness, startup and liveness probes. Probes that succeed cost nothing: only what changes is played."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bakeryops.demo.controllers.container import Container

if TYPE_CHECKING:
    from bakeryops.demo.controllers.podworker import PodWorker

__all__ = ["begin"]

Guard = Callable[[Callable[[], None]], Callable[[], None]]


def begin(worker: PodWorker, container: Container, still: Guard) -> None:
    """Begin the probes of a container that has just started; `still` holds a call back once it has ended."""
    behaviour = container.behaviour
    if container.init and not container.sidecar:
        return
    if "startupProbe" in container.spec:
        _await(worker, container, still, "startupProbe", behaviour.ready_after)
    elif "readinessProbe" in container.spec:
        _await(worker, container, still, "readinessProbe", behaviour.ready_after)
    else:
        container.ready = container.started
    if "livenessProbe" in container.spec and behaviour.alive_for is not None:
        period = float(container.spec["livenessProbe"].get("periodSeconds", 10))
        first = max(_initial(container, "livenessProbe"), behaviour.alive_for) + 0.85 * period
        worker.later(first, still(lambda: _not_alive(worker, container, still)))


def _initial(container: Container, probe: str) -> float:
    return float(container.spec[probe].get("initialDelaySeconds", 0))


def _await(worker: PodWorker, container: Container, still: Guard, probe: str, ready_after: float | None) -> None:
    """Try a readiness or startup probe until it succeeds."""
    period = float(container.spec[probe].get("periodSeconds", 10))
    word = probe.removesuffix("Probe").capitalize()
    begun = worker.now()
    threshold = int(container.spec[probe].get("failureThreshold", 3))

    def attempt() -> None:
        if ready_after is not None and worker.now() - begun >= ready_after:
            container.failed_probes = 0
            if probe == "startupProbe":
                container.started = True
                if "readinessProbe" in container.spec:
                    worker.publish()
                    _await(worker, container, still, "readinessProbe", 0.0)
                    return
            container.ready = True
            if not worker.is_ending:
                worker.publish()
            return
        if worker.is_ending:
            return
        container.failed_probes += 1
        worker.event(
            "Warning", "Unhealthy", f"{word} probe failed: {container.behaviour.probe_message}", container
        )
        if probe == "startupProbe" and container.failed_probes >= threshold:
            _kill(worker, container, still, "startup")
            return
        worker.later(period, still(attempt))

    worker.later(_initial(container, probe) + 0.07, still(attempt))


def _not_alive(worker: PodWorker, container: Container, still: Guard) -> None:
    if worker.is_ending:
        return
    container.failed_probes += 1
    worker.event("Warning", "Unhealthy", f"Liveness probe failed: {container.behaviour.probe_message}", container)
    if container.failed_probes >= int(container.spec["livenessProbe"].get("failureThreshold", 3)):
        _kill(worker, container, still, "liveness")
        return
    period = float(container.spec["livenessProbe"].get("periodSeconds", 10))
    worker.later(period, still(lambda: _not_alive(worker, container, still)))


def _kill(worker: PodWorker, container: Container, still: Guard, probe: str) -> None:
    text = f"Container {container.name} failed {probe} probe, will be restarted"
    worker.event("Normal", "Killing", text, container)
    grace = float(worker.pod["spec"].get("terminationGracePeriodSeconds", 30))
    obeys = container.behaviour.stops_after
    worker.later(
        obeys if obeys is not None and obeys <= grace else grace + 0.05,
        still(lambda: worker.restart_killed(container)),
    )
