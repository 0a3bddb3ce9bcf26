"""The overview as lines and rows: what needs a person, the parts against their budgets, the node."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from bakeryops.model.health import Health
from bakeryops.model.node import NodeView
from bakeryops.model.overview import NeedsYou, Overview, Part, Share
from bakeryops.read.holds import standing
from bakeryops.units import format_age, format_bytes, format_cpu
from screens.lines import Line, Span, cut, fit, line_width, section, wrap
from screens.widgets.cells import Cell, Column, Row
from screens.widgets.chart import bar, sparkline

__all__ = [
    "NEEDS_COLUMNS",
    "counts_line",
    "detail_lines",
    "held_lines",
    "needs_key",
    "needs_rows",
    "node_lines",
    "part_lines",
    "share_lines",
]

NEEDS_COLUMNS = (
    Column("health", "", 1, worth=100),
    Column("name", "needs you", 20, worth=99, grow=True, most=30, keep=6),
    Column("what", "what is wrong", 40, worth=98, grow=True),
    Column("age", "for", 4, worth=95, align="right"),
    Column("press", "", 8, worth=96, sort=False),
    Column("namespace", "namespace", 12, worth=60),
)
"""One thing that wants a person a row."""

FEW = 4
"""Sentences on what could not be looked at that are shown one by one."""

_COMING = ("are not read yet", "are still being read")
"""Ends of sentences on kinds whose first list is under way: the table's notice names them."""

_HELD = 10
"""Cells that the names of what is held need at least."""

WARN_SHARE = 0.9
"""Share of a budget or of the node from which a bar is coloured."""


def counts_line(overview: Overview, width: int, *, reading: bool = False, namespace: str = "") -> Line:
    """Return the first line: is it all right, and the counts; `reading` while the first lists are coming.

    With a `namespace` chosen, parts of the installation elsewhere are not missed.
    """
    if reading and not overview.needs:
        return ((" ◐ reading the cluster …", "working"),)
    bad = sum(1 for need in overview.needs if need.health is Health.BAD)
    soon = len(overview.needs) - bad
    if bad:
        head: Span = (f" ✖ {bad} broken" + (f", {soon} to watch" if soon else ""), "bad")
    elif soon:
        head = (f" ▲ {soon} to watch", "soon")
    elif namespace and overview.workloads_ready == overview.workloads_total > 0 and not overview.unknowns:
        head = (f" ✔ all is well in {namespace}", "fine")
    elif overview.health is Health.FINE:
        head = (" ✔ all is well", "fine")
    else:
        head = (f" {overview.health.symbol} {_WORDS[overview.health]}", overview.health.value)
    if blind(overview):
        return (head, ("  workloads, databases and pods cannot be read", "unknown"))
    ready_tone = "" if overview.workloads_ready >= overview.workloads_total else "soon"
    base_tone = "" if overview.databases_ready >= overview.databases_total else "bad"
    restarts = f"{overview.restarts_hour}{'+' if overview.restarts_at_least else ''}"
    spans: list[Span] = [
        head,
        ("  workloads ", "dim"), (f"{overview.workloads_ready}/{overview.workloads_total}", ready_tone),
        ("  databases ", "dim"), (f"{overview.databases_ready}/{overview.databases_total}", base_tone),
        ("  restarts 1 h ", "dim"), (restarts, "soon" if overview.restarts_hour else ""),
    ]  # fmt: skip
    if width >= 90:
        spans += [("  pods ", "dim"), (str(overview.pods_total), "")]
        if overview.builds_running is not None:
            spans += [("  builds ", "dim"), (str(overview.builds_running), "")]
    return tuple(spans)


def held_lines(overview: Overview, width: int, now: float) -> list[Line]:
    """Return what people hold back, in one line; nothing where that is nothing."""
    spans: list[Span] = []
    for word, names in standing(overview.holds, overview.suspensions, overview.write_backs, now):
        health = Health.BAD if word == "past Git" else Health.HELD
        lead = f" {health.symbol} {word}: " if not spans or health is Health.BAD else f" · {word}: "
        room = width - line_width(tuple(spans)) - cell_len(lead) - 1
        if room > _HELD:
            spans += [(lead, health.value), (fitting(names, room), "bad" if health is Health.BAD else "")]
    return [tuple(spans)] if spans else []


def fitting(names: Sequence[str], room: int) -> str:
    """Return names side by side, as many as fit into `room` cells, and how many more there are."""
    for count in range(len(names), 0, -1):
        more = f" and {len(names) - count} more" if count < len(names) else ""
        text = ", ".join(names[:count]) + more
        if cell_len(text) <= room:
            return text
    return cut(names[0], room) if len(names) == 1 else cut(f"{len(names)} of them", room)


def blind(overview: Overview) -> bool:
    """Return whether no workload is seen because none may be read: nothing seen is then not nothing there."""
    return not overview.workloads_total and not overview.pods_total and bool(overview.unknowns)


_WORDS = {
    Health.BAD: "something is broken", Health.SOON: "something to watch", Health.UNKNOWN: "not known yet",
    Health.WORKING: "working on it", Health.HELD: "something is held", Health.FINE: "all is well",
}  # fmt: skip


_NOT_STARTED = frozenset({
    "ContainerCreating", "CreateContainerConfigError", "CreateContainerError", "ErrImageNeverPull", "ErrImagePull",
    "ImageInspectError", "ImagePullBackOff", "InvalidImageName", "Pending", "PodInitializing", "Unschedulable",
})  # fmt: skip
"""States before the first line of a log: the events say more."""


def told_once(name: str, text: str) -> str:
    """Return a reason without the name of what it is about, which stands beside it."""
    return text.replace(f"{name}: ", "")


def wrong(need: NeedsYou, why: str) -> Cell:
    """Return the state and the reason; a state that says only that it runs gives way to the reason."""
    if not why or why == need.what:
        return Cell(need.what, need.health.value)
    if need.what in ("Running", "Ready", "Bound", "Scheduled", ""):
        return Cell(why)
    return Cell.of((need.what, need.health.value), ("  ", ""), (why, ""))


def press(need: NeedsYou) -> Cell:
    """Return the key that shows most of why: logs of what ran, events of what never started, else the object."""
    key, title = ("↵", "open")
    if need.service and need.health is Health.SOON:
        key, title = ("H", "lift")
    elif need.pod:
        key, title = ("e", "events") if need.what in _NOT_STARTED else ("l", "logs")
    return Cell.of((key, "accent"), (f" {title}", "dim"))


def needs_key(place: int, need: NeedsYou) -> str:
    """Return the key of a row; it stays the same while the thing does."""
    ref = need.ref
    return f"{ref.plural}/{ref.namespace}/{ref.name}/{need.container or need.service}" if ref.name else str(place)


def needs_rows(overview: Overview, now: float, *, stale: bool = False) -> list[Row]:
    """Return what needs a person, worst first, then what could not be looked at.

    While the link is lost (`stale`) nothing could, and the banner says so.
    """
    rows = []
    for place, need in enumerate(overview.needs):
        tone = need.health.value
        age = format_age(now - need.since) if need.since is not None else ""
        name, why = need.name, told_once(need.name, need.why)
        if need.what == "CrashLoopBackOff":
            why = why.removeprefix("crash-looping: ")
        cells = (
            Cell(need.health.symbol, tone), Cell(name, tone), wrong(need, why),
            Cell(age, "dim"),
            press(need),
            Cell(need.namespace, "dim"),
        )  # fmt: skip
        sort = (place, name, (need.what, why), -(need.since or now), "", need.namespace)
        rows.append(Row(needs_key(place, need), cells, sort,
                        f"{need.namespace}/{name} {need.what} {need.why}".lower()))  # fmt: skip
    for number, unknown in enumerate(() if stale else gathered_unknowns(overview)):
        place = len(overview.needs) + number
        cells = (
            Cell("○", "unknown"),
            Cell("unknown", "unknown"),
            Cell(unknown, "dim"),
            Cell(""),
            Cell(""),
            Cell(""),
        )
        rows.append(Row(f"unknown/{unknown}", cells, (place, "", "", 0.0, "", ""), unknown.lower()))
    return rows


def gathered_unknowns(overview: Overview) -> list[str]:
    """Return what could not be looked at; when that is nearly everything, as one sentence with the way out."""
    unknowns = [unknown for unknown in overview.unknowns if not unknown.endswith(_COMING)]
    kinds = [unknown.split(" ", 1)[0] for unknown in unknowns if "may not be read" in unknown]
    if len(kinds) <= FEW:
        return unknowns
    rest = [unknown for unknown in unknowns if "may not be read" not in unknown]
    return [f"{len(kinds)} kinds may not be read here ({', '.join(kinds[:4])} …): n chooses a namespace", *rest]


def detail_lines(need: NeedsYou | None, width: int, key: str = "") -> list[Line]:
    """Return the whole reason of the selected row, where the table cuts it; two lines at most."""
    if need is None and key.startswith("unknown/"):
        return [((" ", ""), *line) for line in wrap(key.removeprefix("unknown/"), width - 2, "dim")][:2]
    if need is None or len(need.why) < 24:
        return []
    where = f"{need.namespace}/{need.name}" if need.namespace else need.name
    return [((" ", ""), *line) for line in wrap(f"{where}: {told_once(need.name, need.why)}", width - 2, "dim")][
        :2
    ]


def part_lines(overview: Overview, width: int, *, namespace: str = "") -> list[Line]:
    """Return the parts of the installation against their memory budgets."""
    lines = [section("Parts", "ready   memory / budget             cpu", width)]
    lines += [_part(part, width) for part in overview.parts if part.present or part.health is not Health.UNKNOWN]
    missing = [part.name for part in overview.parts if not part.present and part.health is Health.UNKNOWN]
    if overview.cicd_memory is not None:
        share = overview.cicd_memory / overview.cicd_budget if overview.cicd_budget else 0.0
        lines.append((*_name(" ", "", "CI/CD total", "", width - 38, "dim"), *_memory(overview.cicd_memory,
                      overview.cicd_budget, "bad" if share > 1 else "")))  # fmt: skip
    if missing:
        word = "not known" if blind(overview) else f"not in {namespace}" if namespace else "not found"
        lines.append(((f" ○ {word}: {', '.join(missing)}", "unknown"),))
    return lines


def _part(part: Part, width: int) -> Line:
    tone = part.health.value
    over = part.memory is not None and part.budget is not None and part.memory > part.budget
    ready = f"{part.ready}/{part.total}"
    ready_tone = "dim" if part.ready >= part.total else tone
    worst = part.reason.partition(": ")[0]
    why = f"{worst}: {told_once(worst, part.reason)}" if part.reason.startswith(f"{worst}: ") else part.reason
    version = why if part.health.rank < 3 and part.reason else part.version
    return (
        *_name(
            part.health.symbol, tone, part.name, version, width - 45, "dim" if version == part.version else tone
        ),
        (f"{ready:>6} ", ready_tone),
        *_memory(part.memory, part.budget, "bad" if over else ""),
        (f"{format_cpu(part.cpu) if part.cpu is not None else '':>6} ", "dim"),
    )


def _name(symbol: str, tone: str, name: str, note: str, width: int, note_tone: str) -> Line:
    room = max(0, width - 15)
    return ((f" {symbol} ", tone), (fit(name, 12 if room else max(0, width - 3)), tone if tone == "bad" else ""),
            (f" {fit(note, room - 1)}" if room > 1 else "", note_tone))  # fmt: skip


def _memory(used: float | None, budget: float | None, tone: str) -> Line:
    left = f"{format_bytes(used) if used is not None else '?':>6} / "
    if budget is None:
        return ((left, tone), (f"{'-':>5} {'':14}", "dim"))
    shown = bar(used, budget, 12) if used is not None else " " * 12
    share = used / budget if used is not None and budget else 0.0
    return ((left, tone), (f"{format_bytes(budget):>5} ", "dim"),
            (shown, tone or ("soon" if share >= WARN_SHARE else "dim")), ("  ", ""))  # fmt: skip


def share_lines(shares: Sequence[Share], width: int, most: int) -> list[Line]:
    """Return what each namespace uses, the hungriest first, at most `most` of them."""
    if not shares or most < 2:
        return []
    ordered = sorted(shares, key=lambda share: -(share.memory or share.memory_request))
    lines = [section("Namespaces", "pods   memory   asked     cpu   asked ", width)]
    lines += [
        (
            (f" {fit(share.namespace, max(8, width - 40))}", ""),
            (f"{share.pods:>6} ", "dim"),
            (f"{_bytes(share.memory):>8} ", ""), (f"{format_bytes(share.memory_request):>7} ", "dim"),
            (f"{format_cpu(share.cpu) if share.cpu is not None else '?':>7} ", ""),
            (f"{format_cpu(share.cpu_request):>7} ", "dim"),
        )
        for share in ordered[: most - 1]
    ]  # fmt: skip
    left = len(ordered) - (most - 1)
    if left > 0:
        lines[-1] = ((f" and {left + 1} more namespaces", "dim"),)
    return lines


def node_lines(node: NodeView, width: int, cpu: Sequence[float], memory: Sequence[float], disk: Sequence[float],
               *, note: str = "") -> list[Line]:  # fmt: skip
    """Return the node: its state, and a line each for processor, memory and disk with bar and curve."""
    tone = node.health.value
    heading: Line = (
        (" Node ", "title"), (node.name, ""), (f"  {node.health.symbol} {node.status}", tone),
        (f"  {node.reason}" if node.reason else "", tone),
        (f"  pods {node.pods}" + (f"/{node.pods_allowed}" if node.pods_allowed else ""), "dim"),
        (f"  {note}" if note else "", "unknown"),
    )  # fmt: skip
    evicts = f"kubelet evicts at {node.disk_evicts_at:.0%}"
    return [
        heading,
        _gauge("cpu", node.cpu_used, node.cpu_allocatable or node.cpu_total, cpu, width, WARN_SHARE,
               f"{format_cpu(node.cpu_used)}"
               f" of {format_cpu(node.cpu_total)}, asked {format_cpu(node.cpu_requested)}"),
        _gauge("mem", node.memory_used, node.memory_total, memory, width, WARN_SHARE,
               f"{format_bytes(node.memory_used)} of {format_bytes(node.memory_total)},"
               f" asked {format_bytes(node.memory_requested)}"),
        _gauge("disk", node.disk_used, node.disk_total, disk, width, node.disk_evicts_at - 0.1,
               f"{format_bytes(node.disk_used)} of {format_bytes(node.disk_total)}, {evicts}"),
    ]  # fmt: skip


def _gauge(name: str, used: float | None, total: float | None, curve: Sequence[float], width: int, warn: float,
           text: str) -> Line:  # fmt: skip
    if used is None or not total:
        return ((f"   {name:<5}", ""), ("  ? ", "unknown"), (f" not measured  {text if total else ''}", "dim"))
    share = used / total
    tone = "bad" if share >= 1 else "soon" if share >= warn else ""
    cells = max(4, min(20, width - 66))
    drawn = sparkline(curve, cells) if curve else " " * cells
    return (
        (f"   {name:<5}", ""), (f"{share:>4.0%} ", tone), (f" {bar(used, total, 10)}  ", tone or "dim"),
        (drawn, "dim"), (f"  {cut(text, max(10, width - cells - 28))}", "dim"),
    )  # fmt: skip


def _bytes(count: float | None) -> str:
    return format_bytes(count) if count is not None else "?"
