"""The session's link as the frame shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.rows_link import LinkView

if TYPE_CHECKING:
    from bakeryops.cluster.link import Link

__all__ = ["link_view"]


def link_view(link: Link | None, now: float) -> LinkView:
    """Return the link at `now` (seconds since the epoch); without a session it is connecting."""
    if link is None:
        return LinkView("connecting")
    return LinkView(
        phase=link.phase,
        reason=link.reason,
        hint=link.hint,
        kind=link.kind,
        since=max(0.0, now - link.since),
        next_try=max(0.0, link.next_try - now) if link.next_try is not None else None,
        data_age=max(0.0, now - link.last_data) if link.last_data is not None else None,
        version=link.server_version,
    )
