"""A document as one HTML file: no script, nothing fetched from anywhere, every text escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from bakeryops.incident.document import Block, Document, Grid, Heading, Items, Text, Verbatim

__all__ = ["html"]

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;"
    "background:#fff}h1,h2,h3{line-height:1.25}table{border-collapse:collapse;margin:.5rem 0}"
    "td,th{border:1px solid #ccc;padding:.2rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "pre{background:#f4f4f4;padding:.6rem;overflow-x:auto;font:13px/1.4 ui-monospace,monospace}"
    ".add{color:#116329}.cut{color:#a40e26}mark{background:#ffd9d9}"
    "@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}pre{background:#242424}"
    "td,th{border-color:#444}.add{color:#7ee787}.cut{color:#ff9a9a}mark{background:#6b2020;color:#fff}}"
)
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html(document: Document) -> str:
    """Return a sealed document as HTML, with a line break at its end."""
    title = escape(document.title)
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )
    return head + "".join(part for block in document.blocks for part in _parts(block)) + "</body>\n</html>\n"


def _parts(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield f"<h{level + 1}>{escape(text)}</h{level + 1}>\n"
        case Text(text):
            yield f"<p>{escape(text)}</p>\n"
        case Items(items):
            yield "<ul>\n"
            yield from (f"<li>{escape(each)}</li>\n" for each in items)
            yield "</ul>\n"
        case Grid(titles, rows):
            yield "<table>\n"
            if any(titles):
                yield f"<tr>{''.join(f'<th>{escape(each)}</th>' for each in titles)}</tr>\n"
            yield from (f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>\n" for row in rows)
            yield "</table>\n"
        case Verbatim(lines, diff, marked):
            yield "<pre>"
            for at, each in enumerate(lines):
                text = escape(each)
                if at == marked:
                    text = f"<mark>{text}</mark>"
                elif diff and each[:1] in ("+", "-"):
                    text = f'<span class="{"add" if each[0] == "+" else "cut"}">{text}</span>'
                yield f"{text}\n"
            yield "</pre>\n"
