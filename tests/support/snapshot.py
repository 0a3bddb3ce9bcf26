"""Pictures of screens, compared with those kept in the repository.

`BAKERYOPS_UPDATE_SNAPSHOTS=1 pytest …` writes them anew. What differs is left in a temporary folder for a look,
and the differing lines of text are in the failure.
"""

from __future__ import annotations

import difflib
import html
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App

UPDATE = "BAKERYOPS_UPDATE_SNAPSHOTS"
_CLASS = re.compile(r"terminal-(\d+)-")
_TEXT = re.compile(r"<text[^>]*>(.*?)</text>", re.DOTALL)


def picture(app: App[Any]) -> str:
    """Return the screen as SVG in which nothing depends on the run."""
    svg = app.export_screenshot(title="bakeryops")
    # Rich names the styles after a hash of the whole picture.
    return _CLASS.sub("terminal-", svg)


def text_of(svg: str) -> list[str]:
    """Return the text of a picture, one piece a line."""
    return [html.unescape(piece).replace("\xa0", " ").rstrip() for piece in _TEXT.findall(svg)]


def check(app: App[Any], name: str, folder: Path) -> None:
    """Compare the screen with the picture `name` in `folder`, or write it when asked to."""
    svg = picture(app)
    kept = folder / f"{name}.svg"
    fresh = Path(tempfile.gettempdir()) / "bakeryops-snapshots" / f"{name}.svg"
    if os.environ.get(UPDATE) == "1":
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(svg, encoding="utf-8")
        return
    before = kept.read_text(encoding="utf-8") if kept.exists() else ""
    if before == svg:
        return
    fresh.parent.mkdir(parents=True, exist_ok=True)
    fresh.write_text(svg, encoding="utf-8")
    lines = difflib.unified_diff(text_of(before), text_of(svg), "kept", "now", lineterm="", n=1)
    difference = "\n".join(lines) or "the text is the same, colours or places differ"
    raise AssertionError(f"{kept.name} differs; look at {fresh}, take it with {UPDATE}=1\n{difference}")
