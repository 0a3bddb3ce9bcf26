"""Failures as they are saved: the line that says what went wrong, what to read, and how a good run differs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from bakeryops.cluster.wire.core import Event
from bakeryops.masking import mask_text
from bakeryops.model.blackbox import Comparison, Differing, Saved, SavedEvent, SavedLog, Timing
from bakeryops.model.build import Named, Step
from bakeryops.model.line import Line
from bakeryops.read.events import group
from bakeryops.read.secrets import mask
from bakeryops.severity import first_error
from bakeryops.text import clean, clean_log, decode, strip_sgr
from bakeryops.units import format_duration

__all__ = [
    "LINES_MOST",
    "about",
    "compare",
    "comparison_lines",
    "events_about",
    "images_of",
    "kept_lines",
    "masked",
    "report",
    "timings_of",
    "told_error",
]

LINES_MOST: Final = 2000
"""Lines of a log that are kept."""
BYTES_MOST: Final = 256 << 10
"""Bytes of them."""
_LINE_MOST = 2000
_EVENTS_MOST = 60
_AROUND = 3
_SHOWN = 20
_VARYING = re.compile(r"\b[0-9a-f]{7,64}\b|\d+(?:[.:,/-]\d+)*(?:Z|[a-zµ]{1,2})?\b|0x[0-9a-f]+", re.IGNORECASE)


def kept_lines(raw: Iterable[bytes]) -> tuple[tuple[str, ...], bool]:
    """Return the end of a log as it is kept (no more than fits), and whether something before it was left out."""
    cleaned = (strip_sgr(clean_log(decode(each[: 4 * _LINE_MOST])))[:_LINE_MOST] for each in raw)
    # Together, for a private key takes several lines.
    lines = mask_text("\n".join(cleaned)).split("\n")
    if lines == [""]:
        return (), False
    taken, size = 0, 0
    for line in reversed(lines):
        size += len(line.encode("utf-8", "replace")) + 1
        if size > BYTES_MOST or taken >= LINES_MOST:
            break
        taken += 1
    return tuple(lines[len(lines) - taken :]), taken < len(lines)


def told_error(log: SavedLog | None, *, ended: bool = True) -> tuple[str, int | None]:
    """Return the line of a log that says what went wrong, and its place: the first bad one.

    Where none sounds bad, it is the last one of a log that `ended` with what failed.
    """
    if log is None or not log.lines:
        return "", None
    at = first_error(log.lines)
    if at is None and ended:
        at = next((at for at in range(len(log.lines) - 1, -1, -1) if log.lines[at].strip()), None)
    return (log.lines[at].strip()[:500], at) if at is not None else ("", None)


def events_about(events: Iterable[Event], namespace: str, names: Iterable[str]) -> tuple[SavedEvent, ...]:
    """Return the events about objects of these names, oldest first; repetitions are one with a count."""
    wanted = set(names) - {""}
    about = [
        each
        for each in events
        if each.involvedObject is not None
        and each.involvedObject.name in wanted
        and (each.involvedObject.namespace or each.metadata.namespace) == namespace
    ]
    found = [
        SavedEvent(
            warning=each.warning,
            reason=each.reason,
            message=mask_text(each.message),
            object=f"{each.kind}/{each.name}",
            count=each.count,
            last=each.last,
        )
        for each in group(about)
    ]
    return tuple(found[:_EVENTS_MOST][::-1])


def masked(found: dict[str, Any]) -> dict[str, Any]:
    """Return an object as it is saved: without the managed fields, with secrets hidden."""
    meta = found.get("metadata")
    if isinstance(meta, dict):
        found = {**found, "metadata": {key: value for key, value in meta.items() if key != "managedFields"}}
    copy = mask(found)
    return copy if isinstance(copy, dict) else {}


def images_of(found: dict[str, Any]) -> tuple[Named, ...]:
    """Return the images of a TaskRun's steps or a pod's containers, as far as the object names them."""
    status, spec = _dict(found.get("status")), _dict(found.get("spec"))
    task = _dict(status.get("taskSpec"))
    images: dict[str, str] = {}
    for each in (*_dicts(task.get("steps")), *_dicts(spec.get("initContainers")), *_dicts(spec.get("containers"))):
        images[_word(each.get("name"))] = _word(each.get("image"))
    for each in (*_dicts(status.get("steps")), *_dicts(status.get("containerStatuses"))):
        if each.get("imageID"):
            images[_word(each.get("name"))] = _word(each.get("imageID"))
    return tuple(Named(name, image) for name, image in images.items() if name and image)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _word(value: Any) -> str:
    return clean(value) if isinstance(value, str) else ""


def timings_of(steps: Sequence[Step], started: float | None, began: float | None) -> tuple[Timing, ...]:
    """Return how long each step took, before them the pod's own start."""
    found = [Timing("pod", max(0.0, began - started) if started is not None and began is not None else None)]
    for step in steps:
        known = step.started is not None and step.ended is not None
        found.append(Timing(step.name, max(0.0, step.ended - step.started) if known else None))  # type: ignore[operator]
    return tuple(found)


# What people read.


def about(saved: Saved) -> list[Line]:
    """Return what failed, and why, as a text."""
    tone = "held" if saved.verdict == "cancelled" else "bad"
    code = "" if saved.exit_code is None else f" (exit code {saved.exit_code})"
    lines = [Line(saved.title, head=True)]
    lines += [
        Line(text, label, tone=mark)
        for label, text, mark in (
            ("What", f"{saved.kind} {saved.namespace}/{saved.name}", ""),
            ("Failed", f"{saved.reason}{code}", tone),
            ("Why", saved.why, ""),
            ("Error", saved.error, tone),
            ("Step", saved.step, ""),
            ("Pod", saved.pod, ""),
            ("Container", saved.container if saved.container != f"step-{saved.step}" else "", ""),
            ("Restarts", str(saved.restarts) if saved.restarts else "", ""),
            ("Commit", saved.commit, ""),
            ("Service", saved.service, ""),
        )
        if text
    ]
    return lines


def report(saved: Saved, *, logs: bool = True) -> list[Line]:
    """Return everything that was saved as a text."""
    lines = about(saved)
    log = saved.log()
    if log is not None and saved.error_at is not None and logs:
        lines += [Line(), Line("Around the error", head=True)]
        first = max(0, saved.error_at - _AROUND)
        for number, text in enumerate(islice(log.lines, first, saved.error_at + _AROUND + 1), start=first):
            lines.append(Line(text, level=1, tone="bad" if number == saved.error_at else ""))
    lines += _section("Events", (_event(each) for each in saved.events))
    lines += _section(
        "Times", (Line(_duration(each.seconds), each.name, level=1) for each in saved.timings if saved.timings)
    )
    lines += _section("Parameters", (Line(each.value, each.name, level=1) for each in saved.params))
    lines += _section("Images", (Line(each.value, each.name, level=1) for each in saved.images))
    for each in sorted(saved.logs, key=lambda each: each.container != saved.container) if logs else ():
        again = " (before the restart)" if each.previous else ""
        lines += [Line(), Line(f"Log of {each.step or each.container}{again}", head=True)]
        if each.missing:
            lines.append(Line(each.missing, level=1, tone="dim"))
        if each.cut:
            lines.append(Line("… there was more before this", level=1, tone="dim"))
        lines += [Line(text, level=1) for text in each.lines]
    return lines


def _section(title: str, lines: Iterable[Line]) -> list[Line]:
    found = list(lines)
    return [Line(), Line(title, head=True), *found] if found else []


def _event(each: SavedEvent) -> Line:
    times = f" ×{each.count}" if each.count > 1 else ""
    return Line(
        f"{each.reason}{times} {each.object}: {each.message}", level=1, tone="soon" if each.warning else ""
    )


def _duration(seconds: float | None) -> str:
    return "-" if seconds is None else format_duration(seconds)


# A good run beside it.


def compare(failed: Saved, green: Saved) -> Comparison:
    """Return what is not the same in a failed run and in the last good one of the same task."""
    took = {each.name: each.seconds for each in green.timings}
    names = [each.name for each in failed.timings]
    own = {each.name: each.seconds for each in failed.timings}
    names += [name for name in took if name not in own]
    log = failed.log()
    other = next((each for each in green.logs if log is not None and each.container == log.container), None)
    mine, theirs = (log.lines if log is not None else ()), (other.lines if other is not None else ())
    same = _alike(mine, theirs)
    return Comparison(
        failed=failed,
        green=green,
        timings=tuple((name, own.get(name), took.get(name)) for name in names),
        differing=(
            *_differing("parameter", failed.params, green.params),
            *_differing("image", failed.images, green.images),
        ),
        step=failed.step,
        same=same,
        failed_lines=tuple(mine[same : same + _SHOWN]),
        green_lines=tuple(theirs[same : same + _SHOWN]),
    )


def _alike(mine: Sequence[str], theirs: Sequence[str]) -> int:
    """Return how many lines from the beginning say the same, numbers, times and hashes apart."""
    for at, (one, other) in enumerate(zip(mine, theirs, strict=False)):
        if one != other and _shape(one) != _shape(other):
            return at
    return min(len(mine), len(theirs))


def _shape(line: str) -> str:
    return _VARYING.sub("#", line).strip()


def _differing(what: str, failed: Iterable[Named], green: Iterable[Named]) -> list[Differing]:
    one, other = {each.name: each.value for each in failed}, {each.name: each.value for each in green}
    return [
        Differing(what, name, one.get(name, ""), other.get(name, ""))
        for name in dict.fromkeys((*one, *other))
        if one.get(name, "") != other.get(name, "")
    ]


def comparison_lines(found: Comparison) -> list[Line]:
    """Return a comparison as a text."""
    failed, green = found.failed, found.green
    lines = [
        Line(f"{failed.task or failed.title}: {failed.build} beside {green.build}", head=True),
        Line(failed.commit[:12] or "?", "Failed at", tone="bad"),
        Line(green.commit[:12] or "?", "Good at", tone="fine"),
        Line(),
        Line("Times (failed, good)", head=True),
    ]
    for name, one, other in found.timings:
        slower = one is not None and other is not None and one > 2 * other + 5
        text = f"{_duration(one):>8} {_duration(other):>8}"
        lines.append(Line(text, name, level=1, tone="soon" if slower else ""))
    if found.differing:
        lines += [Line(), Line("Not the same", head=True)]
        for each in found.differing:
            lines += [
                Line(each.failed or "(none)", f"{each.what} {each.name}", level=1, tone="bad"),
                Line(each.green or "(none)", "good", level=1, tone="fine"),
            ]
    lines += [
        Line(),
        Line(f"Log of {found.step or failed.container}: {found.same} lines are alike, then", head=True),
    ]
    if not found.failed_lines and not found.green_lines:
        lines.append(Line("no difference in what is kept", level=1, tone="dim"))
    lines += [Line(f"- {text}", level=1, tone="fine") for text in found.green_lines]
    lines += [Line(f"+ {text}", level=1, tone="bad") for text in found.failed_lines]
    return lines
