"""The words of a rollback: commit messages, and images as people call them."""

from __future__ import annotations

from collections.abc import Sequence

from bakeryops.git.entries import Entry
from bakeryops.jobs.person import Operator
from bakeryops.text import clean

__all__ = ["SKIP", "commit_message", "shown"]

SKIP = "[skip ci]"
"""What keeps the webhook's filter from building a commit."""
_LONGEST = 400


def shown(entry: Entry | None) -> str:
    """Return an image's tag, or its digest, as it is called in a subject."""
    if entry is None:
        return "nothing"
    return entry.tag or entry.digest[:19] or "untagged"


def commit_message(
    subject: str,
    *,
    reason: str,
    services: Sequence[str],
    reverts: Sequence[str],
    who: Operator,
    more: Sequence[tuple[str, str]] = (),
) -> str:
    """Return a whole commit message: subject, reason, and the trailers that others look for."""
    body = [clean(reason)[:_LONGEST]] if reason else []
    trailers = [
        *(("Bakery-Service", service) for service in services),
        *(("Reverts", sha) for sha in reverts),
        *more,
        ("Bakery-Operator", who.label),
    ]
    parts = [clean(subject), *body, SKIP, "\n".join(f"{key}: {clean(value)}" for key, value in trailers)]
    return "\n\n".join(parts) + "\n"
