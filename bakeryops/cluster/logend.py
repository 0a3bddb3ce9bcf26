"""Why a log ended: asked of the pod, because the stream itself does not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

import msgspec

from bakeryops.cluster.decode import UNREADABLE
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.transport import Deadline, Transport
from bakeryops.cluster.wire.core import ContainerStatus, PodSpec
from bakeryops.cluster.wire.meta import Meta
from bakeryops.text import clean

__all__ = ["Ending", "why_ended"]

_DEADLINE = Deadline(total=10.0)


class _Statuses(msgspec.Struct):
    containerStatuses: list[ContainerStatus] | None = None
    initContainerStatuses: list[ContainerStatus] | None = None
    ephemeralContainerStatuses: list[ContainerStatus] | None = None


class _Pod(msgspec.Struct):
    metadata: Meta | None = None
    spec: PodSpec | None = None
    status: _Statuses | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a container whose log ended."""

    kind: Literal["gone", "ended", "between", "running", "unknown"]
    """between: it ended and will be started again; running: the stream was cut, or it runs again."""
    text: str = ""
    """For people."""
    restarts: int = 0


async def why_ended(transport: Transport, namespace: str, pod: str, container: str) -> Ending:
    """Ask the pod what became of a container; raises `KubeError` where the cluster cannot be asked."""
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}"
    try:
        data = await transport.get_bytes(path, timeout=_DEADLINE)
    except KubeError as error:
        if error.kind in ("not_found", "absent"):
            return Ending("gone", f"the pod {clean(pod)} was deleted; its log is gone with it")
        if error.kind == "forbidden":
            return Ending("unknown", "the log ended (why is not known: the pod itself may not be read)")
        raise
    try:
        found = msgspec.json.decode(data, type=_Pod)
    except UNREADABLE:
        return Ending("unknown", "the log ended (the pod could not be read)")
    return _judge(found, container)


def _judge(pod: _Pod, container: str) -> Ending:
    """Return what a pod's status says of one of its containers."""
    statuses = pod.status or _Statuses()
    inits = statuses.initContainerStatuses or []
    everything = [*(statuses.containerStatuses or []), *inits, *(statuses.ephemeralContainerStatuses or [])]
    if container:
        status = next((each for each in everything if each.name == container), None)
    else:
        status = everything[0] if everything else None
    if status is None or status.state is None:
        return Ending("unknown", "the log ended")
    restarts = status.restartCount
    state = status.state
    if state.running is not None:
        return Ending("running", restarts=restarts)
    leaving = pod.metadata is not None and pod.metadata.deletionTimestamp is not None
    ended = state.terminated
    if ended is None and status.lastState is not None:
        ended = status.lastState.terminated
    said = ""
    if ended is not None:
        said = f"the container ended with exit code {ended.exitCode}"
        if ended.reason and ended.reason not in ("Completed", "Error"):
            said += f" ({clean(ended.reason)})"
    if leaving:
        return Ending("ended", f"{said or 'the container ended'}; the pod is being deleted", restarts)
    if state.waiting is not None:
        why = clean(state.waiting.reason or "")
        return Ending("between", said or f"the container waits to start{f': {why}' if why else ''}", restarts)
    if ended is None:
        return Ending("between", "the container waits to start", restarts)
    failed = ended.exitCode != 0
    policy = pod.spec.restartPolicy if pod.spec is not None else None
    once = any(each.name == status.name for each in inits) and not failed
    again = not once and (policy in (None, "Always") or (policy == "OnFailure" and failed))
    return Ending("between" if again else "ended", said, restarts)
