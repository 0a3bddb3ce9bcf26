"""What Flux fetches and applies, as rows: sources with what hangs on them, and the facts of the selected one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from bakeryops.model.code import CodeView, Commit
from bakeryops.model.health import Health
from bakeryops.model.sync import FluxObject, Node, Revision, Source, Sync
from bakeryops.read.holds import suspension_text, write_back_text
from bakeryops.units import format_age, format_duration
from screens.lines import Line, Span, cut, line_width, wrap
from screens.rows_chain import git_age, git_reason, said_once
from screens.widgets.cells import Cell, Column, Row

__all__ = [
    "GITOPS_COLUMNS",
    "TREE_COLUMNS",
    "commit_of",
    "flux_rows",
    "gitops_lines",
    "past_lines",
    "sync_facts",
    "tree_rows",
]

GITOPS_COLUMNS = (
    Column("health", "", 1, worth=100, sort=False),
    Column("name", "source, sync", 20, worth=99, grow=True, most=38, sort=False),
    Column("state", "state", 9, worth=98, sort=False),
    Column("applied", "applied", 9, worth=96, sort=False),
    Column("what", "commit, reason", 30, worth=97, grow=True, sort=False),
    Column("last", "last", 4, worth=90, align="right", sort=False),
    Column("next", "next", 4, worth=60, align="right", sort=False),
    Column("kind", "kind", 14, worth=50, sort=False),
    Column("namespace", "namespace", 12, worth=40, sort=False),
)
"""A source, an applier or another Flux object a row, in the order of a tree."""

TREE_COLUMNS = (
    Column("health", "", 1, worth=100, sort=False),
    Column("name", "object", 30, worth=99, grow=True, most=44, sort=False),
    Column("state", "state", 16, worth=97, sort=False),
    Column("why", "", 20, worth=80, grow=True, sort=False),
    Column("kind", "kind", 16, worth=60, sort=False),
)
"""A line of an inventory a row."""

_SHA = re.compile(r"(?:\bsha1:)?\b([0-9a-f]{7})[0-9a-f]{33}\b")

_GOOD_WHEN_FALSE = ("Reconciling", "Stalled")

Viewed = Source | Sync | FluxObject


def flux_rows(tree: Sequence[tuple[int, Viewed]], code: CodeView, now: float) -> list[Row]:
    """Return rows for (depth, object) pairs, in their order."""
    return [_row(place, depth, view, code, now) for place, (depth, view) in enumerate(tree)]


def _row(place: int, depth: int, view: Viewed, code: CodeView, now: float) -> Row:
    tone = view.health.value
    indent = "  " * (depth - 1) + "└ " if depth else ""
    applied, last, upcoming = _revisions(view), _last(view, now), _next(view, now)
    name = Cell.of((indent, "dim"), (view.name, tone if view.health.rank < 4 else ""))
    cells = (
        Cell(view.health.symbol, tone),
        name,
        Cell(view.state, tone if tone != "fine" else "dim"),
        Cell(applied),
        _what(view, code, now),
        Cell(last, "dim"),
        Cell(upcoming, "dim"),
        Cell(view.kind, "dim"),
        Cell(view.namespace, "dim"),
    )
    search = f"{view.kind} {view.namespace}/{view.name} {view.state} {view.why}".lower()
    return Row(view.key, cells, (place,) * len(cells), search)


def _revisions(view: Viewed) -> str:
    found = view.revision if isinstance(view, Source) else view.applied if isinstance(view, Sync) else None
    return found.short if found is not None else ""


def _attempted(view: Viewed) -> str:
    if not isinstance(view, Sync) or view.attempted is None:
        return ""
    same = view.applied is not None and view.applied.text == view.attempted.text
    return "" if same else view.attempted.short


def _what(view: Viewed, code: CodeView, now: float) -> Cell:
    away = view.suspension
    if away is not None and away.until is not None and away.over(now):
        return Cell.of(
            (f"over since {format_age(now - away.until)}: ", "soon"), (view.why.removeprefix("suspended "), "")
        )
    if view.why and view.health.rank < 5:
        tried = _attempted(view)
        why = Cell.of((f"tried {tried}: " if tried else "", "soon"), (short_shas(view.why), ""))
        # That it is suspended stands beside it.
        return why if view.health.value == "bad" else Cell(short_shas(view.why.removeprefix("suspended ")), "dim")
    if isinstance(view, FluxObject):
        return Cell(", ".join(f"{label} {value}" for label, value in view.facts[:2]), "dim")
    found = commit_of(view.revision if isinstance(view, Source) else view.applied, code)
    if found:
        return Cell(found)
    return Cell(view.url if isinstance(view, Source) else view.path, "dim")


def commit_of(revision: Revision | None, code: CodeView) -> str:
    """Return subject and author of a revision, "" where Git does not know it.

    A commit that carries a tag says of what: its own subject has the tag only.
    """
    commit = code.find(revision.hash) if revision is not None and revision.hash else None
    return "  ".join(_said_by(commit, code)) if commit is not None else ""


def _said_by(commit: Commit, code: CodeView) -> tuple[str, str]:
    written = [each for each in code.deployments if each.commit == commit.sha]
    source = code.find(written[0].source) if len(written) == 1 and written[0].source else None
    if source is None:
        return commit.subject, commit.author
    service = written[0].service
    subject = source.subject.removeprefix(f"{service}: ")
    return f"{written[0].kind}({service}): {subject}", source.author


def short_shas(text: str) -> str:
    """Return a text with commits as short as people write them."""
    return _SHA.sub(lambda found: found[1], text)


def _last(view: Viewed, now: float) -> str:
    when = view.fetched if isinstance(view, Source) else view.last if isinstance(view, Sync) else view.since
    return format_age(now - when) if when is not None else ""


def _next(view: Viewed, now: float) -> str:
    when = None if isinstance(view, FluxObject) else view.next
    if when is None or view.suspended:
        return ""
    return format_age(when - now) if when > now else "now"


def gitops_lines(views: Sequence[Viewed], code: CodeView, width: int, now: float) -> list[Line]:
    """Return the first line: how many of what are well, and what Git says."""
    bad = sum(1 for view in views if view.health.value == "bad")
    held = sum(1 for view in views if view.suspended)
    working = sum(1 for view in views if view.health.value == "working")
    sources = sum(1 for view in views if isinstance(view, Source))
    syncs = sum(1 for view in views if isinstance(view, Sync))
    spans: list[Span] = [(f" {_counted(sources, 'source')}, {_counted(syncs, 'sync')}", "")]
    for count, word, tone in (
        (bad, "failing", "bad"),
        (working, "working", "working"),
        (held, "suspended", "held"),
    ):
        if count:
            spans.append((f"  {count} {word}", tone))
    spans.append(("   ", ""))
    head = code.find(code.head) if code.head else None
    old, tone = git_age(code, now)
    room = width - line_width(tuple(spans)) - 1
    if old:
        spans.append((cut(old, room), tone))
    elif head is not None:
        lead, age = f"git {head.short} ", f"  {format_age(now - head.committed)} ago"
        told = "  ".join(_said_by(head, code))
        spans += [(lead, "dim"), (cut(told, max(0, room - cell_len(lead + age))), ""), (age, "dim")]
    elif code.state == "waiting":
        spans.append(("reading Git …", "working"))
    elif code.state == "off":
        spans.append(
            (cut(f"git: {git_reason(code) if code.reason else 'no repository is configured'}", room), "unknown")
        )
    return [tuple(spans)]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def sync_facts(view: Viewed, code: CodeView, names: Mapping[str, str], width: int, now: float) -> list[Line]:
    """Return what is to be known of one object; `names` gives people's names for keys."""
    tone = view.health.value
    lines: list[Line] = [((f" {view.health.symbol} {view.kind} {view.namespace}/{view.name}", tone),
                          (f"  {view.state}", tone))]  # fmt: skip
    held = _held(view, now)
    if view.why and not held:
        lines += [((f"   {text}", ""),) for (text, _), *_ in wrap(short_shas(view.why), max(20, width - 4))[:3]]
    if view.message and view.health is not Health.FINE and view.message not in view.why:
        message = short_shas(view.message)
        lines += [((f"   {text}", "dim"),) for (text, _), *_ in wrap(message, max(20, width - 4))[:3]]
    facts = [*held, *_facts(view, code, names, now)]
    label = max((len(name) for name, _ in facts), default=0)
    lines += [((f"   {name:<{label}}  ", "dim"), (cut(value, width - label - 6), "")) for name, value in facts]
    return lines


def _held(view: Viewed, now: float) -> list[tuple[str, str]]:
    """Return who suspended it, and what waits to be written back to Git."""
    found = suspension_text(view.suspension, now) if view.suspension is not None else ""
    facts = [("suspended", found)] if found else []
    for back in view.write_backs if isinstance(view, Sync) else ():
        told = f"{back.service} {write_back_text(back, now)}: bakeryops rollback {back.service} --write-back"
        facts.append(("past Git", told))
    return facts


def _facts(view: Viewed, code: CodeView, names: Mapping[str, str], now: float) -> list[tuple[str, str]]:
    if isinstance(view, FluxObject):
        return list(view.facts)
    if isinstance(view, Source):
        return [
            pair
            for pair in (
                ("url", view.url), ("follows", view.wants), ("revision", _told(view.revision, code)),
                ("fetched", _ago(view.fetched, now)), ("interval", _every(view.interval)),
            )
            if pair[1]
        ]  # fmt: skip
    return [
        pair
        for pair in (
            ("applied", _told(view.applied, code)),
            ("tried", _told(view.attempted, code) if _attempted(view) else ""),
            ("source", names.get(view.source, view.source)), ("path", view.path),
            ("waits for", ", ".join(names.get(key, key) for key in view.depends_on)),
            ("blocked by", ", ".join(names.get(key, key) for key in view.blocked_by)),
            ("last", _ago(view.last, now)), ("interval", _every(view.interval)),
            ("settings", _settings(view)), ("objects", str(len(view.inventory))),
        )
        if pair[1]
    ]  # fmt: skip


def _settings(view: Sync) -> str:
    words = ["prunes" if view.prune else "never prunes", "waits for health" if view.wait else "does not wait"]
    if view.suspended:
        words.append("suspended")
    return ", ".join(words)


def _told(revision: Revision | None, code: CodeView) -> str:
    if revision is None:
        return ""
    return f"{revision.ref + '@' if revision.ref and revision.hash else ''}{revision.short}  " + commit_of(
        revision, code
    )


def _ago(when: float | None, now: float) -> str:
    return f"{format_age(now - when)} ago" if when is not None else ""


def _every(seconds: float | None) -> str:
    return f"every {format_age(seconds)}" if seconds else ""


def tree_rows(nodes: Sequence[Node], folded: frozenset[str] | set[str], depth: int = 0) -> list[Row]:
    """Return an inventory as rows, without what is folded away."""
    rows: list[Row] = []
    _grow(nodes, folded, depth, rows)
    return [row._replace(sort=(place,) * len(TREE_COLUMNS)) for place, row in enumerate(rows)]


def _reason(node: Node) -> str:
    """Return why a node is as it is, without the name and the state that stand beside it."""
    why = said_once(node.why)
    for told in (f"{node.title}: ", f"{node.title.rsplit('-', 2)[0]}: "):
        why = why.replace(told, "")
    return why.removeprefix("crash-looping: ") if node.state == "CrashLoopBackOff" else why


def _grow(nodes: Sequence[Node], folded: frozenset[str] | set[str], depth: int, rows: list[Row]) -> None:
    for node in nodes:
        tone = node.health.value
        mark = ("▸ " if node.key in folded else "▾ ") if node.children else "  "
        # The kind has a column that narrow screens leave out; without it "2 objects" says nothing.
        title = node.title if node.ref.name else f"{node.kind}  {node.title}"
        name = Cell.of(("  " * depth + mark, "dim"), (title, tone if node.health.rank < 4 else ""))
        known = node.health.value != "unknown" or node.state
        cells = (
            Cell(node.health.symbol if known else " ", tone),
            name,
            Cell(node.state, tone if tone != "fine" else "dim"),
            Cell(_reason(node), "dim"),
            Cell(node.kind, "dim"),
        )
        rows.append(Row(node.key, cells, (), f"{node.kind} {node.title} {node.state} {node.why}".lower()))
        if node.key not in folded:
            _grow(node.children, folded, depth + 1, rows)


def past_lines(view: Sync, code: CodeView, width: int, now: float, most: int) -> list[Line]:
    """Return what an applier's conditions and history tell, the newest first, at most `most` lines.

    Conditions that are as they should be say nothing that the history does not.
    """
    odd = [
        each for each in view.conditions
        if each.status != ("False" if each.type in _GOOD_WHEN_FALSE else "True") and each.message
        and each.message != view.message
    ]  # fmt: skip
    lines: list[Line] = []
    for condition in odd[: max(0, most - 1)]:
        since = format_age(now - condition.since) if condition.since is not None else "?"
        text = f"{condition.type} {condition.status} {condition.reason}: {short_shas(condition.message)}"
        lines.append(((f"   {since:>5} ", "dim"), (cut(text, width - 10), "")))
    for past in view.history[: max(0, most - len(lines))]:
        ago = format_age(now - past.last) if past.last is not None else "?"
        took = f"  {format_duration(past.seconds)}" if past.seconds is not None else ""
        status = "" if past.health is Health.FINE else f"  {past.status}"
        revision = short_shas(past.revision).rpartition("@")[2]
        commit = code.find(revision)
        tail = f"{status}{took}" + (f", {past.times} times" if past.times and past.times > 1 else "")
        told = f"{past.health.symbol} {revision}" + (
            f"  {_said_by(commit, code)[0]}" if commit is not None else ""
        )
        tone = past.health.value if past.health.rank < 4 else ""
        lines.append(
            ((f"   {ago:>5} ", "dim"), (cut(told, max(10, width - 11 - cell_len(tail))), tone), (tail, "dim"))
        )
    return lines
