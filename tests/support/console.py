"""Looking at the console in tests: what is on screen, and waiting until it is."""

from __future__ import annotations

from collections.abc import Callable

from textual.pilot import Pilot

from screens.app import BakeryOpsApp


def screen_text(app: BakeryOpsApp) -> str:
    """Return what is on screen as text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def until(pilot: Pilot[None], text: str | Callable[[], bool], *, tries: int = 200) -> str:
    """Wait until a text is on screen, or something holds; return what is on screen."""
    app = pilot.app
    assert isinstance(app, BakeryOpsApp)
    for _ in range(tries):
        shown = screen_text(app)
        if text in shown if isinstance(text, str) else text():
            return shown
        await pilot.pause(0.02)
    raise AssertionError(f"{text!r} did not come:\n{screen_text(app)}")


async def until_gone(pilot: Pilot[None], text: str, *, tries: int = 200) -> str:
    """Wait until a text is no longer on screen."""
    return await until(pilot, lambda: text not in screen_text(pilot.app), tries=tries)  # type: ignore[arg-type]
