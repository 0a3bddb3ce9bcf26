from __future__ import annotations

from collections.abc import Callable

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from screens.widgets.logtail import LogLine, LogTail


class LogApp(App[None]):
    def __init__(self, max_lines: int = 50_000, max_bytes: int = 16 * 2**20) -> None:
        super().__init__()
        self.tail = LogTail(max_lines=max_lines, max_bytes=max_bytes, repaint_hz=100)

    def compose(self) -> ComposeResult:
        yield self.tail


def screen(app: App[None]) -> list[str]:
    return [strip.text.rstrip(" ▐") for strip in app.screen._compositor.render_strips()]


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Let the app work until a condition holds."""
    for _ in range(500):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it never came to be so")


async def test_the_newest_line_is_followed_until_the_log_is_held() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.tail.feed([f"line {n}".encode() for n in range(100)])
        await until(pilot, lambda: "line 99" in screen(app)[8])
        await pilot.press("k")
        assert "line 98" in screen(app)[8]
        app.tail.feed([b"more", b"and more"])
        await until(pilot, lambda: app.tail.status.pending == 2)
        await pilot.pause()
        assert "line 98" in screen(app)[8]
        assert "+2 new" in screen(app)[9]
        await pilot.press("G")
        await until(pilot, lambda: "and more" in screen(app)[8])
        assert app.tail.status.following


async def test_search_counts_hits_and_moves_between_them() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.tail.feed([f"line {n}" + (" Oom killed" if n % 100 == 7 else "") for n in range(1000)])
        await until(pilot, lambda: app.tail.status.lines == 1000)
        app.tail.search("oom")
        await until(pilot, lambda: app.tail.status.hits == 10 and app.tail.status.hit == 10)
        await pilot.press("n")
        assert app.tail.status.hit == 1
        assert any("line 7 Oom" in line for line in screen(app))
        await pilot.press("N", "N")
        assert app.tail.status.hit == 9
        assert any("line 807 Oom" in line for line in screen(app))
        assert "/oom 9 of 10" in screen(app)[9]
        app.tail.search("Killed")
        await until(pilot, lambda: not app.tail.status.searching)
        assert app.tail.status.hits == 0


async def test_the_ring_drops_the_oldest_and_a_held_view_stays_on_its_lines() -> None:
    app = LogApp(max_lines=500)
    async with app.run_test(size=(60, 10)) as pilot:
        app.tail.feed([f"line {n}" for n in range(500)])
        await until(pilot, lambda: app.tail.status.lines == 500)
        await pilot.press("pageup", "pageup")
        held = screen(app)[:9]
        app.tail.feed([f"later {n}" for n in range(200)])
        await until(pilot, lambda: app.tail.status.pending == 200)
        await pilot.pause()
        assert screen(app)[:9] == held
        assert app.tail.status.dropped == 200
        app.tail.feed([f"later {n}" for n in range(2000)])
        await until(pilot, lambda: app.tail.status.dropped == 2200)
        assert len(app.tail.ring) == 500


async def test_the_first_error_is_found_and_reached() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 10)) as pilot:
        lines = [f"INFO fine {n}, 0 errors" for n in range(3000)]
        lines[411] = "E   AssertionError: expected 7 periods, got 0"
        lines[2000] = "level=error msg=boom"
        app.tail.feed(lines)
        await until(pilot, lambda: app.tail.status.errors == 2)
        assert app.tail.status.first_error == 411
        await pilot.press("e")
        assert any("AssertionError" in line for line in screen(app))
        await pilot.press("e")
        assert any("level=error" in line for line in screen(app))


async def test_skipped_lines_and_notices_stand_between_the_lines() -> None:
    app = LogApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.tail.feed(
            [LogLine(b"one", time="2026-11-22T03:12:45Z"), LogLine(skipped=312), LogLine(notice="pod is gone")]
        )
        await until(pilot, lambda: screen(app)[2] == "pod is gone")
        assert screen(app)[:2] == ["one", "… 312 lines skipped …"]
        await pilot.press("t")
        assert screen(app)[0] == "2026-11-22T03:12:45Z one"
        assert app.tail.all_text() == "2026-11-22T03:12:45Z one\n… 312 lines skipped …\npod is gone\n"


async def test_long_lines_are_wrapped_scrolled_sideways_and_cut_with_a_mark() -> None:
    app = LogApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.tail.feed([b"a" * 50 + b"END", b"x" * 1_000_000, "日本" * 30, b"last"])
        await until(pilot, lambda: "last" in screen(app)[3])
        await pilot.press("l", "l")
        assert "END" in screen(app)[0]
        assert screen(app)[1].endswith("x›")
        await pilot.press("w", "g")
        assert screen(app)[:2] == ["a" * 39, "a" * 11 + "END"]
        await pilot.press("G")
        rows = screen(app)
        assert rows[8] == "last"
        assert any("more bytes" in row for row in rows)
