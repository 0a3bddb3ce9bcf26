"""One container read: what it does, whether that is well, and why not, in a sentence.

A crash loop is judged by restarts and times: the word CrashLoopBackOff stands in the status only for moments,
and a container that runs again for its usual few seconds before the next crash is not well.
"""

from __future__ import annotations

from bakeryops.cluster.wire.core import Container, ContainerStatus, Resources, Running, Terminated, Waiting
from bakeryops.masking import mask_text
from bakeryops.model.health import Health
from bakeryops.model.workload import NOTHING, Amounts, ContainerView
from bakeryops.read.images import cannot_pull, split_image
from bakeryops.text import clean
from bakeryops.units import format_bytes, parse_quantity, parse_time

__all__ = ["FORGIVEN_AFTER", "container", "restarts_text"]

FORGIVEN_AFTER = 600.0
"""Seconds of running after which the kubelet forgets earlier crashes, and so do we."""

_PROVEN_LEAST = 60.0
"""A looping container has to run this many seconds at least, and three times its last run, to count as up."""

_WARM_UP = 120.0
"""Seconds a container may take to become ready before that is called bad."""

_STARTUP_WARM_UP = 300.0
"""The same where a startup probe says that starting takes long."""

_UNREADY_GRACE = 60.0
"""Seconds a container that was ready may be unready before that is called bad."""

_IMAGE_REASONS = frozenset(
    {
        "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
        "RegistryUnavailable", "SignatureValidationFailed",
    }
)  # fmt: skip
_STARTING_REASONS = frozenset({"", "ContainerCreating", "PodInitializing"})
_EXIT_MEANS = {
    126: "cannot be executed", 127: "command not found", 134: "aborted", 137: "killed",
    139: "segmentation fault", 143: "terminated",
}  # fmt: skip
_MESSAGE_MOST = 240


def restarts_text(count: int) -> str:
    """Return "1 restart" or "N restarts"."""
    return "1 restart" if count == 1 else f"{count} restarts"


def _ended_text(end: Terminated, spec: Container | None) -> str:
    """Return how a container ended: "exit 3", "out of memory at its limit of 24M", with its last words."""
    reason = end.reason or ""
    if reason == "OOMKilled":
        limit = parse_quantity((spec.resources.limits or {}).get("memory")) if spec and spec.resources else None
        return f"out of memory at its limit of {format_bytes(limit)}" if limit else "out of memory"
    code = end.exitCode
    text = f"exit {code}" if code or not end.signal else f"signal {end.signal}"
    means = _EXIT_MEANS.get(code, "")
    if code in (137, 143) and spec is not None and spec.livenessProbe is not None:
        means = f"{means}, perhaps by its liveness probe"
    if means:
        text = f"{text} ({means})"
    if reason not in ("", "Error", "Completed"):
        text = f"{clean(reason)}, {text}"
    if end.message:
        words = clean(mask_text(end.message[: 4 * _MESSAGE_MOST])).strip()
        if words:
            text = f"{text}: {words[:_MESSAGE_MOST]}"
    return text


def _amounts(resources: Resources | None) -> Amounts:
    if resources is None or not (resources.requests or resources.limits):
        return NOTHING
    requests, limits = resources.requests or {}, resources.limits or {}
    return Amounts(
        cpu_request=parse_quantity(requests.get("cpu")),
        cpu_limit=parse_quantity(limits.get("cpu")),
        memory_request=parse_quantity(requests.get("memory")),
        memory_limit=parse_quantity(limits.get("memory")),
    )


def container(
    spec: Container | None,
    status: ContainerStatus | None,
    *,
    role: str,
    policy: str,
    unready_since: float | None,
    now: float,
) -> ContainerView:
    """Return one container read.

    `role` is "main", "init" or "sidecar", `policy` the pod's restartPolicy, `unready_since` when the pod's Ready
    condition became False (None while it is True).
    """
    image = (spec.image if spec else None) or ""
    name = spec.name if spec else (status.name if status else "")
    amounts = _amounts(spec.resources) if spec else NOTHING
    taken = split_image(image)
    if status is None:
        return ContainerView(
            clean(name),
            role,
            clean(image),
            taken.tag,
            "waiting",
            Health.WORKING,
            "not started yet",
            amounts=amounts,
        )
    state, restarts = status.state, status.restartCount
    last = status.lastState.terminated if status.lastState else None
    since: float | None = None
    recheck: float | None = None
    if state is not None and state.running is not None:
        kind = "running"
        since = parse_time(state.running.startedAt)
        health, word, reason, recheck = _running(state.running, last, spec, status, role, unready_since, now)
    elif state is not None and state.terminated is not None:
        kind = "terminated"
        last = state.terminated
        since = parse_time(last.finishedAt)
        health, word, reason = _terminated(last, spec, restarts, role, policy)
    else:
        kind = "waiting"
        health, word, reason = _waiting(state.waiting if state else None, last, spec, restarts, image)
        since = parse_time(last.finishedAt) if last else None
    return ContainerView(
        name=clean(name),
        role=role,
        image=clean(image),
        tag=taken.tag,
        state=kind,
        health=health,
        reason=reason,
        word=word,
        ready=status.ready,
        restarts=restarts,
        since=since,
        last_reason=clean(last.reason or "") if last else "",
        last_exit=last.exitCode if last else None,
        last_ended=parse_time(last.finishedAt) if last else None,
        oom=last is not None and last.reason == "OOMKilled",
        image_id=clean(status.imageID or ""),
        amounts=amounts,
        recheck=recheck,
    )


def _looping(last: Terminated | None, spec: Container | None, restarts: int) -> str:
    """Return the sentence of a crash loop."""
    how = _ended_text(last, spec) if last else "ends again and again"
    if last is not None and last.reason == "OOMKilled":
        return f"killed again and again: {how}, {restarts_text(restarts)}"
    return f"crash-looping: {how}, {restarts_text(restarts)}"


def _terminated(
    end: Terminated, spec: Container | None, restarts: int, role: str, policy: str
) -> tuple[Health, str, str]:
    good = end.exitCode == 0 and end.reason != "OOMKilled" and not end.signal
    comes_back = role == "sidecar" or policy == "Always" or (policy == "OnFailure" and not good)
    word = clean(end.reason or "") or (f"ExitCode:{end.exitCode}" if not end.signal else f"Signal:{end.signal}")
    if good and (role == "init" or not comes_back):
        return Health.FINE, word, ""
    if not comes_back or (role == "init" and policy == "Never"):
        return Health.BAD, word, f"failed: {_ended_text(end, spec)}"
    if restarts and _lasted(end) < FORGIVEN_AFTER:
        return Health.BAD, word if end.reason == "OOMKilled" else "CrashLoopBackOff", _looping(end, spec, restarts)
    return Health.BAD, word, f"ended, will be started again: {_ended_text(end, spec)}"


def _waiting(
    waiting: Waiting | None, last: Terminated | None, spec: Container | None, restarts: int, image: str
) -> tuple[Health, str, str]:
    reason = (waiting.reason if waiting else None) or ""
    message = (waiting.message if waiting else None) or ""
    if reason == "CrashLoopBackOff" or (reason in _STARTING_REASONS and restarts and last is not None):
        word = "OOMKilled" if last is not None and last.reason == "OOMKilled" else "CrashLoopBackOff"
        return Health.BAD, word, _looping(last, spec, restarts)
    if reason in _STARTING_REASONS:
        return Health.WORKING, reason, "not started yet"
    if reason in _IMAGE_REASONS:
        return Health.BAD, reason, cannot_pull(reason, message, image)
    said = clean(message).strip()[:_MESSAGE_MOST]
    if reason == "CreateContainerConfigError":
        return Health.BAD, reason, f"waits for configuration: {said}" if said else "waits for configuration"
    return Health.BAD, clean(reason), f"cannot start: {said or clean(reason)}"


def _running(
    running: Running,
    last: Terminated | None,
    spec: Container | None,
    status: ContainerStatus,
    role: str,
    unready_since: float | None,
    now: float,
) -> tuple[Health, str, str, float | None]:
    """Return health, word, sentence and when to look again."""
    started = parse_time(running.startedAt)
    restarts = status.restartCount
    up = now - started if started is not None else 0.0
    if restarts and up < FORGIVEN_AFTER:
        ran = _lasted(last)
        proven = min(FORGIVEN_AFTER, max(_PROVEN_LEAST, 3 * ran))
        begun = started if started is not None else now
        if restarts >= 2 and ran < FORGIVEN_AFTER and up < proven:
            word = "OOMKilled" if last is not None and last.reason == "OOMKilled" else "CrashLoopBackOff"
            return Health.BAD, word, _looping(last, spec, restarts), begun + proven
        how = f": {_ended_text(last, spec)}" if last else ""
        if status.ready or role == "init":
            text = "was restarted" if restarts == 1 else f"was restarted {restarts} times"
            return Health.SOON, "Running", f"{text}{how}", begun + FORGIVEN_AFTER
    if role == "init":
        return Health.WORKING, "", f"init container {clean(status.name)} runs", None
    if status.ready:
        return Health.FINE, "Running", "", None
    return _unready(spec, status, started, unready_since, now)


def _lasted(end: Terminated | None) -> float:
    """Return how many seconds a run took; 0 where unknown."""
    if end is None:
        return 0.0
    begun, finished = parse_time(end.startedAt), parse_time(end.finishedAt)
    return max(0.0, finished - begun) if begun is not None and finished is not None else 0.0


def _unready(
    spec: Container | None,
    status: ContainerStatus,
    started: float | None,
    unready_since: float | None,
    now: float,
) -> tuple[Health, str, str, float | None]:
    begun = started if started is not None else now
    if status.started is False and spec is not None and spec.startupProbe is not None:
        if now - begun < _STARTUP_WARM_UP:
            return (
                Health.WORKING,
                "NotReady",
                "starts up: its startup probe does not pass yet",
                begun + _STARTUP_WARM_UP,
            )
        return Health.BAD, "NotReady", "does not come up: its startup probe keeps failing", None
    probe = spec is not None and spec.readinessProbe is not None
    why = "its readiness probe fails" if probe else "the kubelet does not call it ready"
    if unready_since is not None and unready_since > begun + 1:
        until = unready_since + _UNREADY_GRACE
        if now < until:
            return Health.SOON, "NotReady", f"no longer ready: {why}", until
        return Health.BAD, "NotReady", f"no longer ready: {why}", None
    if now - begun < _WARM_UP:
        return Health.WORKING, "NotReady", "runs, not ready yet", begun + _WARM_UP
    return Health.BAD, "NotReady", f"runs but does not become ready: {why}", None
