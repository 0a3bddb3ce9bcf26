"""A document as Markdown (GitHub's and Gitea's): texts stay texts, whatever they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bakeryops.incident.document import Block, Document, Grid, Heading, Items, Text, Verbatim

__all__ = ["markdown", "plain"]

_MARKS = re.compile(r"([\\`*_\[\]|~$])")
_AT_BEGIN = re.compile(r"^(\s*)(?:([-+#=:])|(\d{1,9})([.)]))")
_TICKS = re.compile(r"`+")


def markdown(document: Document) -> str:
    """Return a sealed document as Markdown, with a line break at its end."""
    parts = [f"# {plain(document.title)}\n", *("\n".join(_lines(block)) + "\n" for block in document.blocks)]
    return "\n".join(parts)


def plain(text: str) -> str:
    """Return one line as Markdown that shows exactly it: no mark, link, tag or entity of it means anything."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKS.sub(r"\\\1", text)
    # Addresses are not to become links: what a log names is nothing to press on.
    text = text.replace("://", ":\\//").replace("www.", "www\\.")
    return _AT_BEGIN.sub(lambda found: f"\\{found[2]}" if found[2] else f"{found[3]}\\{found[4]}", text.lstrip())


def _lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield f"{'#' * (level + 1)} {plain(text)}"
        case Text(text):
            yield plain(text)
        case Items(items):
            yield from (f"- {plain(each)}" for each in items)
        case Grid(titles, rows):
            yield _row(titles)
            yield "|" + "---|" * len(titles)
            yield from map(_row, rows)
        case Verbatim(lines, diff, marked):
            fence = "`" * max(3, 1 + max((len(run) for each in lines for run in _TICKS.findall(each)), default=0))
            yield f"{fence}{'diff' if diff else ''}"
            if marked is None:
                yield from lines
            else:
                yield from (f"{'>' if at == marked else ' '} {each}" for at, each in enumerate(lines))
            yield fence


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(plain, cells))} |"
