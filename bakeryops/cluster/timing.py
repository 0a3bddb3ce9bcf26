"""Every waiting time of the live client layer, in one place, so that tests can shorten them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds unless said otherwise; the defaults are those of the product."""

    page_limit: int = 250
    """Objects a page of a list."""
    work_slice: float = 0.008
    """Longest decoding without giving the event loop a turn."""
    watch_timeout: tuple[float, float] = (300.0, 600.0)
    """Bounds of the random timeoutSeconds asked of the server."""
    watch_idle: float = 90.0
    """A watch without a byte (bookmarks come about once a minute) is opened again after this."""
    answer: float = 10.0
    """The headers of a watch must have come by then."""
    trusted: float = 5.0
    """A watch that lived longer is a success, even without an event."""
    rewatch_jitter: float = 0.2
    """Spread of the reconnects after a regular end of a watch."""
    wake_jitter: float = 0.5
    """Spread of the reconnects when the server is back."""
    backoff_first: float = 0.5
    backoff_cap: float = 8.0
    forbidden_retry: float = 60.0
    unauthorized_retry: float = 15.0
    poll_without_watch: float = 15.0
    """Interval of lists of a kind that may be listed and not watched."""
    absent_retry: float = 30.0
    """Interval of discovery for a kind that is not served, where CustomResourceDefinitions cannot be watched."""
    absent_first: float = 1.0
    """First pause after a CRD appeared whose kind is not served yet."""
    linger: float = 10.0
    """A watch nobody uses is kept this long, so that moving between screens lists nothing again."""
    start_concurrency: int = 3
    """Kinds that list at the same time, those of the first feed apart."""
    heartbeat: float = 1.2
    """Longest silence of the server while something is watched, before it is asked for its version."""
    heartbeat_unwatched: float = 15.0
    """The same while nothing is watched."""
    heartbeat_timeout: float = 1.5
    """An answer later than this means that the server is lost: 1.2 + 1.5 s stay below the promised 3 s."""
    heartbeat_patience: float = 5.0
    """Longest timeout of a heartbeat on a link that has shown itself slow."""
    heartbeat_retry_cap: float = 2.0
    """Longest pause between heartbeats while the server is lost."""
    close: float = 1.0
    """A session that is closed waits no longer than this for its tasks."""
