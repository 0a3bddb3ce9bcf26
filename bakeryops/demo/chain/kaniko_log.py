"""What the build of an image prints: the lines of its Dockerfile, as kaniko goes through them."""

from __future__ import annotations

import random

from bakeryops.demo.chain.changes import folder_of
from bakeryops.demo.controllers.objects import digest
from bakeryops.demo.git import BareRepo

__all__ = ["build_log", "build_seconds", "failing_lines"]

_CYAN, _RED, _OFF = "\x1b[36m", "\x1b[31m", "\x1b[0m"
_INSTRUCTIONS = ("RUN", "COPY", "ADD", "WORKDIR", "ENV", "EXPOSE", "USER", "CMD", "ENTRYPOINT")


def build_seconds(service: str, seed: random.Random) -> float:
    """Return how long the image of a service takes: each has its own measure, give or take a tenth."""
    return (26.0 + int(digest("build", service)[:4], 16) % 50) * (0.9 + 0.2 * seed.random())


def _info(when: float, text: str) -> tuple[float, str]:
    return when, f"{_CYAN}INFO{_OFF}[{int(when):04d}] {text}"


def build_log(
    repo: BareRepo, revision: str, service: str, destination: str, seconds: float, *, complete: bool
) -> tuple[tuple[float, str], ...]:
    """Return what a build prints; one that is not `complete` stops in the middle of its Dockerfile."""
    raw = repo.read(revision, f"{folder_of(service)}/Dockerfile") or b"FROM scratch\n"
    instructions = _instructions(raw.decode("utf-8", "replace"))
    bases = [
        line.split()[1] for line in instructions if line.upper().startswith("FROM ") and len(line.split()) > 1
    ]
    lines = [_info(0.3, f"Retrieving image manifest {base}") for base in bases]
    lines.append(_info(1.2, "Built cross stage deps: map[]"))
    lines.append(_info(2.0, "Unpacking rootfs as cmd RUN requires it."))
    acts = [line for line in instructions if line.split(None, 1)[0].upper() in _INSTRUCTIONS]
    if not complete:
        acts = acts[: max(1, len(acts) * 2 // 3)]
    # A RUN takes far longer than the rest.
    weights = [8.0 if act.upper().startswith("RUN") else 1.0 for act in acts]
    begin, span, passed = 3.0, max(1.0, (seconds - 5.0) * (0.8 if complete else 0.9)), 0.0
    for act, weight in zip(acts, weights, strict=True):
        when = begin + span * passed / max(1.0, sum(weights))
        lines.append(_info(when, act))
        if act.upper().startswith("RUN"):
            lines.append(_info(when + 0.2, "Cmd: /bin/sh"))
            lines.append(_info(when + 0.3, f"Running: [/bin/sh -c {act[4:].strip()}]"))
            lines.append(
                _info(when + span * weight / max(1.0, sum(weights)) * 0.9, "Taking snapshot of full filesystem...")
            )
        passed += weight
    if complete:
        lines.append(_info(seconds - 2.0, f"Pushing image to {destination}"))
    return tuple((min(when, seconds), text) for when, text in lines)


def failing_lines(service: str, path: str) -> tuple[str, ...]:
    """Return how a build ends whose mark asks for it."""
    return (
        f"{_RED}ERROR: Could not find a version that satisfies the requirement bakery-{service}-extras==9.9.9 "
        f"(from versions: 1.0.0, 1.1.0){_OFF}",
        f"{_RED}ERROR: No matching distribution found for bakery-{service}-extras==9.9.9 ({path}){_OFF}",
        "error building image: error building stage: failed to execute command: waiting for process to exit: "
        "exit status 1",
    )


def _instructions(text: str) -> list[str]:
    """Return the instructions of a Dockerfile, continued lines joined."""
    found: list[str] = []
    open_line = ""
    for line in text.splitlines():
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        open_line = f"{open_line} {plain}".strip()
        if open_line.endswith("\\"):
            open_line = open_line[:-1].rstrip()
            continue
        found.append(open_line)
        open_line = ""
    return found
