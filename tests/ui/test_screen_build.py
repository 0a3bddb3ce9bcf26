from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bakeryops.cluster.logs import LogEntry
from bakeryops.model.overview import ObjectRef
from bakeryops.read.builds import build_of
from screens.app import BakeryOpsApp
from screens.build import BuildScreen
from screens.build_logs import BuildLogsScreen
from screens.object import ObjectScreen
from screens.widgets.logtail import LogTail
from screens.widgets.timeline import Timeline
from tests.support.build_steps import RUN, going, put_build, put_task, ran, step
from tests.support.build_values import GONE, app_at, failing_log, load, open_session, put_taskrun
from tests.support.builds import DATA
from tests.support.console import screen_text, until, until_gone
from tests.support.fake_session import FakeLog, FakeSession
from tests.support.reading import NOW, stamp
from tests.support.snapshot import check

FOLDER = Path(__file__).parent / "snapshots"
ERROR = "AssertionError: expected 7 periods"


async def opened(
    app: BakeryOpsApp, session: FakeSession, pilot: Any, namespace: str, name: str, **more: Any
) -> str:
    await until(pilot, lambda: app.session is not None)
    session.live()
    app.open_build(namespace, name, **more)
    await until(pilot, lambda: isinstance(app.screen, BuildScreen))
    return await until(pilot, "── ")


def fail(session: FakeSession, namespace: str, name: str, now: float) -> None:
    """Write a log for the failing step of a build."""
    run = session.store("pipelineruns").get(namespace, name)
    assert run is not None
    failure = build_of(run, session.store("taskruns").items.values(), now=now).failure
    assert failure is not None
    assert failure.pod
    session.container_logs[failure.pod, failure.container, False] = failing_log()


def timeline(app: BakeryOpsApp) -> Timeline:
    return app.screen.query_one(Timeline)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=["80", "120", "200"])
async def test_the_first_error_of_the_failing_step_is_there_before_any_key(size: tuple[int, int]) -> None:
    session, [(namespace, name, now)] = open_session("build-fails")
    fail(session, namespace, name, now)
    app = app_at(session, now)
    async with app.run_test(size=size) as pilot:
        await opened(app, session, pilot, namespace, name)
        shown = await until(pilot, ERROR)
        assert "first error at line 412" in shown
        assert "log: build web / build" in shown
        assert "✖ failed" in shown
        assert app.screen.query_one(LogTail).body >= 6
        assert timeline(app).selected[1] == "build"
        assert session.selectors[-1] == {"taskruns": f"tekton.dev/pipelineRun={name}"}
        await pilot.pause()
        check(app, f"screen-build-{size[0]}", FOLDER)


async def test_a_running_build_shows_the_step_that_runs_and_goes_on_with_it() -> None:
    session = going()
    app = app_at(session, NOW)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot, "bakery-ci", RUN)
        shown = await until(pilot, "INFO taking layers")
        assert "log: build / kaniko" in shown
        assert "following" in shown
        log = session.container_logs[f"{RUN}-build-pod", "step-kaniko", False]
        log.write(b"INFO pushing")
        await until(pilot, "INFO pushing")
        put_task(session, "build", ran("prepare", 90, 80), ran("kaniko", 80, 5), ends=("True", "Succeeded"))
        put_build(session, tasks=3)
        put_task(session, "update-tag", step("commit", running={"startedAt": stamp(3)}))
        session.container_logs[f"{RUN}-update-tag-pod", "step-commit", False] = FakeLog(
            [b"main 9f3c2a1 -> d20be44"]
        )
        await until(pilot, "main 9f3c2a1 -> d20be44")
        assert "log: update-tag / commit" in screen_text(app)


async def test_who_moves_is_left_where_they_are() -> None:
    session = going()
    session.container_logs[f"{RUN}-clone-pod", "step-fetch", False] = FakeLog(
        [b"HEAD is now at 9f3c2a1"], ends=True
    )
    app = app_at(session, NOW)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot, "bakery-ci", RUN)
        await until(pilot, "INFO taking layers")
        await pilot.press("k")
        await until(pilot, "HEAD is now at")
        put_task(session, "build", ran("prepare", 90, 80), ran("kaniko", 80, 5, 1), ends=("False", "Failed"))
        await until(pilot, "build: Step kaniko failed")
        assert "log: clone / fetch" in screen_text(app)
        await pilot.press("down", "right", "left")
        session.container_logs[f"{RUN}-build-pod", "step-prepare", False] = FakeLog([b"made a cache"], ends=True)
        await until(pilot, "log: build / prepare")


async def test_waiting_says_for_what() -> None:
    session, _ = open_session()
    put_build(session)
    put_task(session, "clone", ran("fetch", 98, 95), ends=("True", "Succeeded"), completionTime=stamp(95))
    put_task(
        session, "build", pod=False, ends=("Unknown", "ExceededResourceQuota"), startTime=None,
        message="TaskRun Pod exceeded available resources: exceeded quota: build-slots",
    )  # fmt: skip
    app = app_at(session, NOW)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot, "bakery-ci", RUN)
        await until(pilot, "It waits for a build slot")
        waiting = step(
            "kaniko", waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image kaniko:9"}
        )
        put_task(session, "build", waiting, ends=("Unknown", "PullImageFailed"))
        await until(pilot, "Back-off pulling image kaniko:9")
        await pilot.press("j")
        await until(pilot, "It waits for build")
        assert not session.logs_asked


async def test_a_log_that_is_gone_says_why() -> None:
    session, [(namespace, name, now)] = open_session("cancelled")
    for where in session.container_logs:
        session.container_logs[where] = FakeLog([GONE], ends=True)
    app = app_at(session, now)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot, namespace, name)
        await until(pilot, "The pod was deleted when the build was cancelled, and its log went with it.")
        await pilot.press("g")
        await until(pilot, "The pod was deleted after the build, as pruning does")


async def test_attempts_are_listed_and_their_logs_are_there() -> None:
    session, [(namespace, name, now)] = open_session("retry-then-success")
    first = f"{name}-flaky-pod"
    session.container_logs[first, "step-run", False] = FakeLog([b"connection refused"], ends=True)
    app = app_at(session, now)
    async with app.run_test(size=(100, 30)) as pilot:
        shown = await opened(app, session, pilot, namespace, name)
        assert "flaky #1" in shown
        assert "flaky #2" in shown
        await pilot.press("g")
        await until(pilot, "log: flaky, attempt 1 / run")
        await until(pilot, lambda: session.logs_asked[-1][0].endswith("flaky-pod"))
        await pilot.press("j")
        await until(pilot, lambda: session.logs_asked[-1][0].endswith("flaky-pod-retry1"))
        await pilot.press("l")
        await until(pilot, "all tasks  3 logs")
        await until(pilot, "flaky #1 connection refused")


async def test_skipped_tasks_say_why() -> None:
    session, [(namespace, name, now)] = open_session("nothing-changed")
    app = app_at(session, now)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot, namespace, name)
        rows = timeline(app).rows
        skipped = next(place for place, row in enumerate(rows) if row.symbol == "–")
        await pilot.press("g", *["j"] * skipped)
        await until(pilot, lambda: timeline(app).selected[0] == rows[skipped].key)
        await until(pilot, "Skipped")
        await pilot.press("i")
        shown = await until(pilot, "facts: ")
        assert "when" in shown


async def test_the_facts_are_one_key_away() -> None:
    session, [(namespace, name, now)] = open_session("build-fails")
    app = app_at(session, now)
    async with app.run_test(size=(120, 50), notifications=True) as pilot:
        await opened(app, session, pilot, namespace, name)
        await pilot.press("i")
        shown = await until(pilot, "Parameters of the task")
        assert "StepFailed" in shown
        await pilot.press("f")
        await until(pilot, "the facts are shown")
        await pilot.press("tab", "slash", *"revision", "enter", "escape", "tab", "escape")
        await until_gone(pilot, "Parameters of the task")
        assert isinstance(app.screen, BuildScreen)
        assert timeline(app).has_focus


async def test_keys_of_the_log() -> None:
    session, [(namespace, name, now)] = open_session("build-fails")
    fail(session, namespace, name, now)
    app = app_at(session, now)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, session, pilot, namespace, name)
        await until(pilot, ERROR)
        await pilot.press("f")
        await until(pilot, "at line 199")
        await pilot.press("slash", *"test_77 ", "enter")
        await until(pilot, "test_77 PASSED")
        await pilot.press("escape", "tab", "tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, BuildLogsScreen))
        shown = await until(pilot, "build web / build")
        assert "log of build" in shown
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, BuildScreen))


async def test_all_tasks_interleaved_and_those_that_begin_later_join() -> None:
    session = going()
    session.container_logs[f"{RUN}-clone-pod", "step-fetch", False] = FakeLog(
        [LogEntry("2026-11-18T09:00:01Z", b"cloned")], ends=True
    )
    app = app_at(session, NOW)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await opened(app, session, pilot, "bakery-ci", RUN)
        await pilot.press("l")
        await until(pilot, "3 logs")
        await until(pilot, "clone cloned")
        await until(pilot, "build/kaniko INFO taking layers")
        session.container_logs[f"{RUN}-update-tag-pod", "step-commit", False] = FakeLog([b"pushed main"])
        put_build(session, tasks=3)
        put_task(session, "update-tag", step("commit", running={"startedAt": stamp(3)}))
        await until(pilot, "update-tag pushed main")
        await pilot.press("p")
        await until(pilot, "a step runs once")
        await pilot.press("o")
        await until(pilot, "interleaved by time")
        await pilot.press(*"kaniko", "enter")
        await until(pilot, "build / kaniko")
        await until_gone(pilot, "pushed main")
        assert "INFO taking layers" in await until(pilot, "taking layers")


async def test_a_build_that_failed_as_a_whole_says_why_in_full() -> None:
    session, [(namespace, name, now)] = open_session("missing-param")
    app = app_at(session, now)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, session, pilot, namespace, name)
        await until(pilot, "why the build failed")
        await until(pilot, lambda: "missing parameters: [environment]" in " ".join(screen_text(app).split()))


async def test_no_rights_are_told() -> None:
    session, [(namespace, name, now)] = open_session("build-fails")
    for uid in list(session.store("taskruns").items):
        session.store("taskruns").remove(uid)
    for where in session.container_logs:
        session.container_logs[where] = FakeLog([LogEntry(notice="pods/log is forbidden")], ends=True)
    session.refuses = "get pods/log"
    app = app_at(session, now)
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        await opened(app, session, pilot, namespace, name)
        session.store("taskruns").state.enter("forbidden", "no rights to list taskruns")
        await until(pilot, "taskruns may not be read: no rights to list taskruns")
        held = json.loads((DATA / "build-fails.json").read_text("utf-8"))
        for raw in held["taskruns"]:
            put_taskrun(session, raw)
        session.store("taskruns").state.enter("live")
        await until(pilot, "pods/log is forbidden")
        await pilot.press("l")
        await until(pilot, "you may not get pods/log")


async def test_a_build_that_is_deleted_stays_readable_and_one_that_never_was_says_so() -> None:
    session, [(namespace, name, now)] = open_session("build-fails")
    app = app_at(session, now)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, session, pilot, namespace, name)
        await until(pilot, "working on it")
        session.drop("pipelineruns", namespace, name)
        shown = await until(pilot, "The build was deleted; this is what was known of it.")
        assert "build web" in shown
        await pilot.press("escape")
        app.open_build("bakery-ci", "never")
        await until(pilot, "There is no such build.")


async def test_a_taskrun_opens_its_build_at_its_task() -> None:
    session, [(namespace, name, now)] = open_session("build-fails")
    app = app_at(session, now)
    async with app.run_test(size=(100, 30)) as pilot:
        taskrun = next(iter(session.store("taskruns").items.values())).metadata.name
        await opened(app, session, pilot, namespace, name, taskrun=taskrun)
        await until(pilot, lambda: timeline(app).selected[0] != "")
        build = app.screen._build  # type: ignore[attr-defined]
        wanted = next(task for task in build.tasks if task.run == taskrun)
        assert timeline(app).selected[0] == wanted.key


async def test_no_key_and_no_size_breaks_it() -> None:
    session, [(namespace, name, now)] = open_session("build-fails")
    fail(session, namespace, name, now)
    app = app_at(session, now)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(app, session, pilot, namespace, name)
        for size in ((20, 6), (200, 50), (1, 1), (40, 10), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("j", "G", "right", "tab", "k", "i", "pagedown", "i", "tab", "x", "e", "w", "t", "g")
        await until(pilot, "build q8w3e")
        assert isinstance(app.screen, BuildScreen)


async def test_hostile_texts_are_shown_as_text() -> None:
    session, _ = open_session()
    name = "x\x1b[31m[/foo]\x1b]52;c;aGk=\x07"
    put_build(session, status="False", reason="Weird", tasks=1)
    put_task(session, "clone", ran(name, 98, 95, 1), ends=("False", "[/bold]"), message=name)
    load(session, "oom")
    app = app_at(session, NOW)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await opened(app, session, pilot, "bakery-ci", RUN)
        shown = await until(pilot, "[/foo]")
        assert "\x1b" not in shown
        assert "\x07" not in shown
        await pilot.press("i")
        await until(pilot, "facts")


async def test_objects_of_a_build_open_it() -> None:
    session, [(namespace, name, now)] = open_session("build-fails")
    app = app_at(session, now)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.session is not None)
        session.live()
        app.open_object(ObjectRef("pipelineruns", namespace, name))
        await until(pilot, lambda: isinstance(app.screen, BuildScreen))
        await pilot.press("escape")
        taskrun = next(iter(session.store("taskruns").items.values())).metadata.name
        app.open_object(ObjectRef("taskruns", namespace, taskrun))
        await until(pilot, lambda: isinstance(app.screen, BuildScreen))
        await until(pilot, lambda: timeline(app).selected[0] != "")
        await pilot.press("escape")
        app.open_object(ObjectRef("taskruns", namespace, "gone"))
        await until(pilot, lambda: isinstance(app.screen, ObjectScreen))
