"""An incident exported: gathered, written as Markdown or HTML, and saved."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bakeryops.actions.ground import Ground
from bakeryops.incident.as_html import html
from bakeryops.incident.as_markdown import markdown
from bakeryops.incident.building import document_of
from bakeryops.incident.document import sealed
from bakeryops.incident.facts import Incident
from bakeryops.incident.gathering import gathered
from bakeryops.incident.saving import file_name, is_html, refuse_existing, save

__all__ = ["export_incident", "written"]


def written(found: Incident, *, as_html: bool = False) -> str:
    """Return an incident as the text of a file."""
    document = sealed(document_of(found))
    return html(document) if as_html else markdown(document)


async def export_incident(
    ground: Ground, service: str, since: float, path: Path, *, away: str = "", force: bool = False
) -> Path:
    """Export the last `since` seconds of a service ("" for all) and return the file.

    A `path` that is a folder gets a file of its own name in it; one that ends in .html is HTML, any other
    Markdown. `away` says why the cluster is known not to answer. Raises `BakeryopsError` where there is no such
    service or the file cannot be written, `RefusedError` where it is there already.
    """
    if await asyncio.to_thread(path.is_dir):
        path = path / file_name(service, ground.now)
    if not force:
        await asyncio.to_thread(refuse_existing, path)
    found = await gathered(ground, service, since, away=away)
    text = await asyncio.to_thread(written, found, as_html=is_html(path))
    await asyncio.to_thread(save, path, text, force=force)
    return path
