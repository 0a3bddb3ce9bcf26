"""What a verb knows of Git: looked up once, and missing with a word on standard error, never with a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeryops.cli.output import say

if TYPE_CHECKING:
    from bakeryops.cli.options import Call
    from bakeryops.cluster.session import Session
    from bakeryops.model.code import CodeView

__all__ = ["code_view"]


async def code_view(call: Call, session: Session, *, quiet: bool = False) -> CodeView:
    """Return what Git says, as new as can be had; one that cannot be had says why in its state.

    `quiet` leaves out the word on standard error, for a verb in which Git only adds names to what it shows.
    """
    from bakeryops.git.keeper import Code

    view = await Code(call.load().config, session).once()
    if view.state not in ("live", "off") and not quiet:
        say(f"git: {view.state}: {view.reason}" + (f". {view.hint}" if view.hint else ""))
    return view
