from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from bakeryops.cluster.logs import LogEntry
from screens.app import BakeryOpsApp
from screens.copying import OSC52_MOST
from screens.log_source import Gatherer, LogChoice, Source
from screens.logs import LogsScreen
from tests.support.console import until, until_gone
from tests.support.fake_session import FakeLog, FakeSession
from tests.support.small_bakery import pod
from tests.ui.test_screen_lists import start

Make = Callable[..., BakeryOpsApp]
POD = "auth-6d5f8c7b9-x2x4z"


def write(
    session: FakeSession, *lines: bytes | LogEntry, name: str = POD, container: str = "auth", **options: bool
) -> FakeLog:
    previous = options.pop("previous", False)
    log = FakeLog(lines, **options)
    session.container_logs[name, container, previous] = log
    return log


def found(folder: Path, pattern: str) -> list[Path]:
    return list(folder.rglob(pattern))


async def test_logs_follow_and_hold(session: FakeSession, make_app: Make) -> None:
    log = write(session, b"\x1b[32mINFO\x1b[0m started", b"[/foo] \x1b]52;c;aGk=\x07evil", b"ERROR no JWT_TTL")
    app = make_app(session)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await start(app, session, pilot)
        await pilot.press("l")
        shown = await until(pilot, "ERROR no JWT_TTL")
        assert isinstance(app.screen, LogsScreen)
        assert "[/foo]" in shown
        assert "\x1b" not in shown
        assert session.logs_asked[-1][:2] == (POD, "auth")
        log.write(b"one more")
        await until(pilot, "one more")
        await pilot.press("f")
        await until(pilot, "held")
        log.write(*(b"line %d" % number for number in range(50)))
        await until(pilot, "+50 new")
        await pilot.press("f")
        await until(pilot, "line 49")


async def test_previous_run_since_and_container(session: FakeSession, make_app: Make) -> None:
    write(session, b"now")
    write(session, b"it died of this", previous=True, ends=True)
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await pilot.press("l")
        await until(pilot, "now")
        await pilot.press("p")
        shown = await until(pilot, "it died of this")
        assert "of the run before" in shown
        await pilot.press("p", "i")
        await until(pilot, "15 minutes")
        await pilot.press(*"15", "enter")
        await until(pilot, "since 15 minutes")
        assert session.logs_asked[-1][2]["since_seconds"] == 900
        await pilot.press("o")
        await until(pilot, "interleaved by time")
        await pilot.press("down", "enter")
        await until(pilot, "  auth")


async def test_search_and_first_error(session: FakeSession, make_app: Make) -> None:
    write(
        session, *(b"line %d" % number for number in range(100)), b"ERROR bad", *(b"x%d" % n for n in range(100))
    )
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await pilot.press("l")
        await until(pilot, "first error at line 101")
        await pilot.press("e")
        await until(pilot, "ERROR bad")
        await pilot.press("slash", *"line 42", "enter")
        await until(pilot, "1 of 1")
        await pilot.press("escape")
        await until_gone(pilot, "1 of 1")
        assert isinstance(app.screen, LogsScreen)


async def test_a_workload_shows_all_its_pods_by_time(session: FakeSession, make_app: Make) -> None:
    second = pod("auth-6d5f8c7b9-bbbbb", "auth")
    session.put("pods", second)
    session.container_logs[POD, "auth", False] = FakeLog(
        [LogEntry("2026-11-18T09:00:01Z", b"first"), LogEntry("2026-11-18T09:00:03Z", b"third")]
    )
    session.container_logs["auth-6d5f8c7b9-bbbbb", "auth", False] = FakeLog(
        [LogEntry("2026-11-18T09:00:02Z", b"second")]
    )
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await pilot.press("l")
        shown = await until(pilot, "third")
        places = [shown.index(word) for word in ("first", "second", "third")]
        assert places == sorted(places)
        assert "bbbbb" in shown
        assert "2 logs" in shown
        third = pod("auth-6d5f8c7b9-ccccc", "auth")
        write(session, b"from a new pod", name="auth-6d5f8c7b9-ccccc")
        session.put("pods", third)
        await until(pilot, "from a new pod")


async def test_a_log_that_is_gone_says_why(session: FakeSession, make_app: Make) -> None:
    from bakeryops.model.overview import ObjectRef

    why = LogEntry(notice='pods "old" not found; the log of a deleted pod is gone with it')
    session.container_logs["old", "", False] = FakeLog([why], ends=True)
    app = make_app(session)
    async with app.run_test(size=(100, 24)) as pilot:
        await start(app, session, pilot)
        app.open_logs(ObjectRef("pods", "bakery-ia", "old"))
        await until(pilot, "is gone with it")


async def test_save_takes_the_whole_log_from_the_cluster(
    session: FakeSession, make_app: Make, tmp_path: Path
) -> None:
    write(session, *(b"\x1b[31mline %d\x1b[0m \x1b]0;t\x07" % number for number in range(3000)))
    app = make_app(session)
    async with app.run_test(size=(160, 24), notifications=True) as pilot:
        await start(app, session, pilot)
        await pilot.press("l")
        await until(pilot, "line 2999")
        await pilot.press("s")
        await until(pilot, "3,000 lines saved")
        assert session.logs_asked[-1][2]["tail"] is None
    saved = found(tmp_path, "*.log")
    assert len(saved) == 1
    assert saved[0].read_text("utf-8").splitlines() == [f"line {number} " for number in range(3000)]
    assert stat.S_IMODE(saved[0].stat().st_mode) == 0o600
    assert not found(tmp_path, "*.part")


async def test_a_log_that_cannot_be_read_is_not_called_saved(
    session: FakeSession, make_app: Make, tmp_path: Path
) -> None:
    write(session, LogEntry(notice="previous terminated container not found"))
    app = make_app(session)
    async with app.run_test(size=(160, 24), notifications=True) as pilot:
        await start(app, session, pilot)
        await pilot.press("l")
        await until(pilot, "previous terminated container not found")
        await pilot.press("s")
        await until(pilot, "nothing was saved: previous terminated container not found")
    assert not found(tmp_path, "*.log")
    assert not found(tmp_path, "*.part")


async def test_a_log_that_is_cut_off_is_saved_as_not_whole(
    session: FakeSession, make_app: Make, tmp_path: Path
) -> None:
    write(session, b"one", b"two", LogEntry(notice="the connection broke"))
    app = make_app(session)
    async with app.run_test(size=(160, 24), notifications=True) as pilot:
        await start(app, session, pilot)
        await pilot.press("l")
        await until(pilot, "two")
        await pilot.press("s")
        shown = await until(pilot, "NOT WHOLE: 2 lines saved")
        assert " ".join(shown.replace("▌", " ").split()).count("the connection broke") == 2
    assert len(found(tmp_path, "*.log")) == 1


async def test_copy_goes_to_a_file_when_too_long(session: FakeSession, make_app: Make, tmp_path: Path) -> None:
    from screens.copying import copy_text

    app = make_app(session)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await start(app, session, pilot)
        screen = app.screen
        copy_text(screen, "short\n")  # type: ignore[arg-type]
        assert app.clipboard == "short\n"
        copy_text(screen, "x" * OSC52_MOST)  # type: ignore[arg-type]
        await until(pilot, "too long for the clipboard")
        assert app.clipboard == "short\n"
    copied = found(tmp_path, "copy-*.txt")
    assert len(copied) == 1
    assert copied[0].stat().st_size == OSC52_MOST
    assert copied[0].parent.name == "saved"


async def test_gatherer_keeps_lines_without_time_behind_their_neighbours(session: FakeSession) -> None:
    session.container_logs["a", "c", False] = FakeLog(
        [LogEntry("2026-01-01T00:00:02Z", b"a2"), LogEntry(notice="a restarted")], ends=True
    )
    session.container_logs["b", "c", False] = FakeLog([LogEntry("2026-01-01T00:00:01Z", b"b1")], ends=True)
    gatherer = Gatherer(lambda: None)
    for name in ("a", "b"):
        await gatherer.follow(session, Source("n", name, "c", name), LogChoice())  # type: ignore[arg-type]
    lines = gatherer.take()
    assert [line.text or line.notice for line in lines] == [b"b1", b"a2", "a restarted"]


async def test_the_run_before_is_offered_only_where_there_was_one(session: FakeSession, make_app: Make) -> None:
    write(session, b"crash")
    write(session, b"fine", name="tenant-6d5f8c7b9-x2x4z", container="tenant")
    app = make_app(session)
    async with app.run_test(size=(120, 24), notifications=True) as pilot:
        await start(app, session, pilot)
        await pilot.press("l")
        shown = await until(pilot, "crash")
        assert "p previous" in shown.split("\n")[-1]
        await pilot.press("escape", "4", "slash", *"tenant", "enter", "l")
        await until(pilot, "fine")
        await until_gone(pilot, "p previous")
        await pilot.press("p")
        await until(pilot, "there was no run before")
