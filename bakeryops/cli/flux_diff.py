"""Git compared with what runs, printed object by object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeryops.cli.flux import find_sync
from bakeryops.cli.output import say
from bakeryops.errors import BakeryopsError
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cli.options import Call

__all__ = ["print_diff"]

_SIGNS = {"changed": "~", "created": "+", "pruned": "-", "unknown": "?"}
_WORDS = {
    "changed": "would be changed", "created": "would be created", "pruned": "would be deleted",
    "unknown": "could not be read",
}  # fmt: skip
_COLOURS = {"+": "32", "-": "31"}


async def print_diff(call: Call, name: str | None, *, revision: str | None, summary: bool) -> int:
    """Print what differs; return the exit code."""
    from bakeryops.cli import shapes_delivery
    from bakeryops.cli.cluster import connected, look
    from bakeryops.drift import find_drift
    from bakeryops.git.keeper import Code
    from bakeryops.read.flux_index import KINDS, FluxIndex

    out = call.out()
    async with connected(call) as session:
        feed = await look(session, KINDS, namespace=call.namespace, needed=("kustomizations",), quiet=True)
        index = FluxIndex()
        index.load({kind: feed.store(kind) for kind in feed.kinds})
        view = find_sync(index, name, call.namespace)
        code = Code(call.load().config, session)
        known = await code.once()
        if code.repository is None or known.state in ("off", "refused", "waiting"):
            raise BakeryopsError("Git cannot be read", why=known.reason, hint=known.hint)
        if known.state == "stale":
            say(f"git: not up to date: {known.reason}")
        sha = ""
        if revision is not None:
            commit = known.find(revision)
            sha = commit.sha if commit is not None else revision
        drift = await find_drift(session, code.repository, view, revision=sha)
    if out.form != "table":
        out.document([shapes_delivery.difference(each) for each in drift.differences])
        return 3 if drift.differences else 0
    lines = []
    for each in drift.differences:
        where = f"{each.ref.namespace}/{each.ref.name}" if each.ref.namespace else each.ref.name
        lines.append(f"{_SIGNS.get(each.action, '?')} {each.kind} {where}  {_WORDS.get(each.action, each.action)}")
        if not summary:
            lines += [_line(text, out.colour) for text in each.lines if not text.startswith(("--- ", "+++ "))]
            lines.append("")
    out.lines(lines)
    differ = len(drift.differences)
    say(f"{view.kind} {view.name} at {drift.revision[:12]}: {differ} objects differ, {drift.same} are alike")
    return 3 if differ else 0


def _line(text: str, colour: bool) -> str:
    shown = f"    {clean(text)}"
    code = _COLOURS.get(text[:1])
    return f"\x1b[{code}m{shown}\x1b[0m" if colour and code else shown
