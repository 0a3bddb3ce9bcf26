"""How the containers of a pod behave, read from an annotation of the pod, their image or their commands.

The annotation `demo.bakeryops/behaviour` holds JSON: `{"kind": "crash", "code": 1, "after": 5}` for all containers
of the pod, or `{"<container>": {"kind": …}}`. Kinds and their fields (seconds are cluster seconds):

    healthy
    crash            after, code, lines (what it prints before it ends)
    oom              after, needs (memory; a container that may have so much is well)
    job              after, code, lines
    never-ready      message
    slow-start       after
    liveness-fail    after, message
    ignores-term
    writes-too-much  after, message
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.program import Program, read_program
from bakeryops.units import parse_quantity

__all__ = ["ANNOTATION", "STEP_ENTRYPOINT", "Behaviour", "annotated", "behaviour_of"]

ANNOTATION = "demo.bakeryops/behaviour"
STEP_ENTRYPOINT = "/tekton/bin/entrypoint"
"""The command of every step container of a Tekton pod."""
_EVICTION_ROUND = 5.5
"""Seconds the kubelet takes to notice that a volume is over its limit."""
_NONE: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What becomes of a container once it runs."""

    ends_after: float | None = None
    """Seconds until it ends by itself, None for never."""
    exit_code: int = 0
    out_of_memory: bool = False
    ready_after: float | None = 0.0
    """Seconds until its readiness and startup probes succeed, None for never."""
    alive_for: float | None = None
    """Seconds until its liveness probe begins to fail, None for never."""
    probe_message: str = ""
    """What the failing probe prints."""
    stops_after: float | None = 0.4
    """Seconds from TERM to its end, None when it waits for KILL."""
    stop_code: int = 0
    """What it exits with after TERM."""
    evicted_after: float | None = None
    eviction_message: str = ""
    lines: tuple[str, ...] = ()
    """What it prints just before it ends."""
    program: Program | None = None
    """The script it runs, where its command is understood."""


def annotated(pod: Object) -> bool:
    """Tell whether a pod says itself how it behaves."""
    return ANNOTATION in (pod["metadata"].get("annotations") or {})


def behaviour_of(
    pod: Object, container: Object, *, init: bool = False, by_image: Mapping[str, Mapping[str, Any]] = _NONE
) -> Behaviour:
    """Return how a container behaves; by default it starts well and runs for ever.

    `by_image` holds entries as the annotation does, for images that behave so in whatever pod they run; what the
    annotation says comes first.
    """
    if (container.get("command") or [""])[0] == STEP_ENTRYPOINT:
        return _STEP
    text = (pod["metadata"].get("annotations") or {}).get(ANNOTATION, "")
    program = read_program(container.get("command"), container.get("args"), _environment(container))
    found = _from_program(pod, container, program, init) if program else _by_role(pod, container, init)
    found = _probed(container, found)
    entry = _entry(text, container["name"]) if text else {}
    return _from_annotation(entry or by_image.get(container.get("image", ""), _NONE), found, container)


_STEP = Behaviour(stop_code=143)
"""A step of a build waits at its entrypoint until whoever runs the build ends it."""


@lru_cache(maxsize=512)
def _parsed(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _entry(text: str, container: str) -> Mapping[str, Any]:
    value = _parsed(text)
    entry = value if "kind" in value else value.get(container)
    return entry if isinstance(entry, dict) else {}


def _from_annotation(entry: Mapping[str, Any], found: Behaviour, container: Object) -> Behaviour:
    after = float(entry.get("after", 0.0))
    message = str(entry.get("message", ""))
    lines = tuple(str(line) for line in entry.get("lines", ()))
    match entry.get("kind"):
        case "crash":
            return replace(found, ends_after=after or 2.0, exit_code=int(entry.get("code", 1)), lines=lines)
        case "job":
            return replace(found, ends_after=after or 5.0, exit_code=int(entry.get("code", 0)), lines=lines)
        case "oom":
            if _may_have(container, entry.get("needs")):
                return found
            return replace(found, ends_after=after or 60.0, exit_code=137, out_of_memory=True, lines=lines)
        case "never-ready":
            return replace(
                found, ready_after=None, probe_message=message or "HTTP probe failed with statuscode: 503"
            )
        case "slow-start":
            return replace(found, ready_after=after or 30.0, probe_message=message or "connection refused")
        case "liveness-fail":
            return replace(
                found, alive_for=after, probe_message=message or "HTTP probe failed with statuscode: 500"
            )
        case "ignores-term":
            return replace(found, stops_after=None)
        case "writes-too-much":
            text = message or "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "
            return replace(found, evicted_after=after or 10.0, eviction_message=text)
        case _:
            return found


def _may_have(container: Object, needs: object) -> bool:
    """Tell whether a container's memory limit, if any, leaves room for an amount."""
    wanted = parse_quantity(str(needs)) if needs else None
    if wanted is None:
        return False
    limit = parse_quantity(((container.get("resources") or {}).get("limits") or {}).get("memory"))
    return limit is None or limit >= wanted


def _environment(container: Object) -> dict[str, str]:
    return {each["name"]: str(each["value"]) for each in container.get("env") or () if "value" in each}


def _by_role(pod: Object, container: Object, init: bool) -> Behaviour:
    if init and container.get("restartPolicy") != "Always":
        return Behaviour(ends_after=0.8)
    if not init and pod["spec"].get("restartPolicy", "Always") != "Always":
        return Behaviour(ends_after=5.0)
    return Behaviour()


def _from_program(pod: Object, container: Object, program: Program, init: bool) -> Behaviour:
    if not program.known:
        return replace(_by_role(pod, container, init), program=program)
    found = Behaviour(
        ends_after=program.duration,
        exit_code=program.exit_code,
        out_of_memory=program.out_of_memory,
        stops_after=program.on_term,
        program=program,
    )
    for offset, path, size in program.written:
        over = _over_limit(pod, container, path, size)
        if over and (program.duration is None or offset + _EVICTION_ROUND < program.duration):
            return replace(found, evicted_after=offset + _EVICTION_ROUND, eviction_message=over)
    return found


def _over_limit(pod: Object, container: Object, path: str, size: int) -> str:
    for mount in container.get("volumeMounts") or ():
        if not path.startswith(mount["mountPath"].rstrip("/") + "/"):
            continue
        for volume in pod["spec"].get("volumes") or ():
            limit = (volume.get("emptyDir") or {}).get("sizeLimit") if volume["name"] == mount["name"] else None
            allowed = parse_quantity(str(limit)) if limit else None
            if allowed is not None and size > allowed:
                return f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{limit}". '
    return ""


def _probed(container: Object, found: Behaviour) -> Behaviour:
    """Let probes that run a command succeed or fail as that command would."""
    for probe, field in (
        ("livenessProbe", "alive_for"),
        ("readinessProbe", "ready_after"),
        ("startupProbe", "ready_after"),
    ):
        command = ((container.get(probe) or {}).get("exec") or {}).get("command")
        program = read_program(command, None) if command else None
        if program is None or not program.known or program.exit_code == 0:
            continue
        printed = b"".join(output.data for output in program.outputs()).decode(errors="replace")
        failing: dict[str, Any] = {field: 0.0 if field == "alive_for" else None}
        found = replace(found, probe_message=printed, **failing)
    return found
