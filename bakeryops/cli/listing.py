"""Lists of one kind of view, printed once or change by change, in every form."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from bakeryops.cli.output import Cell, Column, Out, Table, cut, say

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.link import Link
    from bakeryops.cluster.session import Session

__all__ = ["LinkTeller", "Listing", "is_called", "print_list", "watch_list"]


class Listing(Protocol):
    """What a list verb shows, kept current from a feed."""

    columns: Sequence[Column]
    noun: str
    """What an entry is called in a document of changes."""

    def update(self, feed: Feed, changes: Changes) -> None:
        """Take changes in."""

    def views(self) -> Iterable[tuple[str, Any]]:
        """Return what is to be shown, each with a key of its own, in order."""

    def cells(self, view: Any, now: float) -> Sequence[Cell]:
        """Return a view as the cells of a row."""

    def document(self, view: Any) -> dict[str, Any]:
        """Return a view as a document."""


def is_called(wanted: str, *names: str) -> bool:
    """Return whether a name that a person gave is one of these; `auth` also means `auth-service`."""
    return wanted in names or f"{wanted}-service" in names


def _table(listing: Listing) -> Table:
    table = Table(listing.columns)
    now = time.time()
    for _, view in listing.views():
        table.add(*listing.cells(view, now))
    return table


def print_list(out: Out, listing: Listing) -> None:
    """Print the list as it is."""
    if out.form == "table":
        table = _table(listing)
        out.table(table)
        if not table.rows:
            say("nothing to show")
    else:
        out.document([listing.document(view) for _, view in listing.views()])


async def watch_list(
    out: Out, listing: Listing, session: Session, feed: Feed, pace: AsyncIterator[Changes]
) -> None:
    """Print the list, and then each change of it, until interrupted.

    On a terminal the table is drawn again in place; in a pipe each changed row is a line, and what only time and
    usage change is no change. As JSON or YAML each change is a document of its own.
    """
    printer: _Redraw | _Rows | _Documents
    if out.form != "table":
        printer = _Documents(out)
    else:
        printer = _Redraw(out, session.link) if out.terminal else _Rows(out)
    link = LinkTeller(session)
    async for changes in pace:
        listing.update(feed, changes)
        printer.show(listing)
        if not isinstance(printer, _Redraw):
            link.tell()


class LinkTeller:
    """Says on standard error when the cluster is lost, so that what was printed is known to be old, and back."""

    def __init__(self, session: Session) -> None:
        """Take the session whose link matters."""
        self._session = session
        self._phase = "live"

    def tell(self) -> None:
        """Say what has changed since the last call."""
        link = self._session.link
        if link.phase != self._phase:
            self._phase = link.phase
            say(f"{self._session.target.server}: {link.phase}" + (f": {link.reason}" if link.reason else ""))


class _Redraw:
    """Draws the whole table over the last one, with a line above it while the cluster is lost."""

    def __init__(self, out: Out, link: Link) -> None:
        self.out = out
        self.link = link

    def show(self, listing: Listing) -> None:
        lines = _table(listing).lines(width=self.out.width, colour=self.out.colour)
        if self.link.phase != "live":
            lines.insert(0, cut(f"{self.link.phase}: {self.link.reason}", self.out.width or 80))
        self.out.redraw(lines)


class _Rows:
    """Prints a line for each row that became different."""

    def __init__(self, out: Out) -> None:
        self.out = out
        self.known: dict[str, tuple[str, ...]] = {}
        self.widths: list[int] | None = None

    def show(self, listing: Listing) -> None:
        now = time.time()
        table = Table(listing.columns)
        seen: dict[str, tuple[str, ...]] = {}
        for key, view in listing.views():
            cells = listing.cells(view, now)
            steady = tuple(
                str(cell) for cell, column in zip(cells, listing.columns, strict=True) if not column.drifts
            )
            seen[key] = steady
            if self.known.get(key) != steady:
                table.add(*cells)
        for key in self.known.keys() - seen.keys():
            table.add(*(_gone(column, key) for column in listing.columns))
        first, self.known = self.widths is None, seen
        if table.rows or first:
            self.widths = table.widths(at_least=self.widths)
            lines = table.lines(widths=self.widths)
            self.out.lines(lines if first else lines[1:])


def _gone(column: Column, key: str) -> str:
    return {"NAME": key.rpartition("/")[2], "STATUS": "gone", "": "-"}.get(column.title, "-")


class _Documents:
    """Prints a document for each entry that became different, and for each that went."""

    def __init__(self, out: Out) -> None:
        self.out = out
        self.known: dict[str, dict[str, Any]] = {}

    def show(self, listing: Listing) -> None:
        seen = {key: listing.document(view) for key, view in listing.views()}
        for key, document in seen.items():
            before = self.known.get(key)
            if before != document:
                self.out.change({"change": "added" if before is None else "changed", listing.noun: document})
        for key in self.known.keys() - seen.keys():
            self.out.change({"change": "removed", listing.noun: self.known[key]})
        self.known = seen
