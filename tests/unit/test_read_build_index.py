"""Builds kept read: only what changed is read again, and word is given of what became different."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.model.health import Health
from bakeryops.read import build_index
from bakeryops.read.build_index import BuildIndex, Slots, slots
from bakeryops.read.builds import PATIENCE
from tests.support.builds import condition, raw_run, raw_taskrun, run_of, taskrun_of
from tests.support.reading import NOW, Held, Uids, stamp

GOING = condition("Unknown", "Running")
WELL = condition("True", "Succeeded")


def stores(*runs: Any, taskruns: Any = None) -> dict[str, Held]:
    made = {"pipelineruns": Held({each["metadata"]["uid"]: run_of(each) for each in runs})}
    if taskruns is not None:
        made["taskruns"] = Held({each["metadata"]["uid"]: taskrun_of(each) for each in taskruns})
    return made


def aged(name: str, ago: float, **more: Any) -> dict[str, Any]:
    return raw_run(name, meta={"creationTimestamp": stamp(ago)}, **more)


@pytest.fixture
def index() -> BuildIndex:
    return BuildIndex(clock=lambda: NOW)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the runs that were read, as they are."""
    names: list[str] = []
    real = build_index.build_of

    def counted(run: Any, *rest: Any, **more: Any) -> Any:
        names.append(run.metadata.name)
        return real(run, *rest, **more)

    monkeypatch.setattr(build_index, "build_of", counted)
    return names


def test_newest_first(index: BuildIndex) -> None:
    held = stores(
        aged("b", 50, conditions=GOING), aged("c", 500, conditions=WELL), aged("a", 50, conditions=GOING)
    )
    changes = index.load(held)
    assert [each.name for each in index.builds] == ["a", "b", "c"]
    assert changes.builds == {"bakery-ci/a", "bakery-ci/b", "bakery-ci/c"}
    assert index.get("bakery-ci/c") is index.builds[2]
    assert index.get("bakery-ci/d") is None


def test_only_what_changed_is_read_and_only_differences_are_told(index: BuildIndex, reads: list[str]) -> None:
    held = stores(aged("a", 50, conditions=GOING), aged("b", 60, conditions=GOING))
    index.load(held)
    reads.clear()
    assert not index.load(held)
    assert reads == []
    held["pipelineruns"].items["uid-b"] = run_of(aged("b", 60, conditions=WELL))
    changes = index.update(held, {"pipelineruns": Uids({"uid-b"})})
    assert (changes.builds, changes.removed, reads) == ({"bakery-ci/b"}, set(), ["b"])
    # Read again, and the same: nothing to tell.
    held["pipelineruns"].items["uid-a"] = run_of(aged("a", 50, conditions=GOING))
    assert not index.update(held, {"pipelineruns": Uids({"uid-a"})})
    assert index.update(held, {"pods": Uids({"x"})}).builds == set()


def test_what_goes_goes(index: BuildIndex) -> None:
    held = stores(aged("a", 50, conditions=GOING), aged("b", 60, conditions=GOING))
    index.load(held)
    del held["pipelineruns"].items["uid-a"]
    changes = index.update(held, {"pipelineruns": Uids(removed={"uid-a"})})
    assert (changes.builds, changes.removed) == (set(), {"bakery-ci/a"})
    assert [each.name for each in index.builds] == ["b"]
    held["pipelineruns"].items.clear()
    assert index.load(held).removed == {"bakery-ci/b"}


def test_a_run_of_the_same_name_takes_the_place_of_the_one_before(index: BuildIndex) -> None:
    held = stores(aged("a", 500, conditions=WELL))
    index.load(held)
    again = raw_run("a", meta={"uid": "uid-2"}, conditions=GOING)
    held["pipelineruns"].items["uid-2"] = run_of(again)
    changes = index.update(held, {"pipelineruns": Uids({"uid-2"})})
    assert changes.builds == {"bakery-ci/a"}
    assert [(each.uid, each.state) for each in index.builds] == [("uid-2", "running")]
    # Word of the deletion that comes late takes nothing away.
    del held["pipelineruns"].items["uid-a"]
    assert not index.update(held, {"pipelineruns": Uids(removed={"uid-a"})})
    assert [each.uid for each in index.builds] == ["uid-2"]


def test_taskruns_reach_their_run_by_owner_and_by_label(index: BuildIndex, reads: list[str]) -> None:
    runs = (aged("a", 50, conditions=GOING), aged("b", 60, conditions=GOING))
    held = stores(*runs)
    index.load(held)
    assert index.builds[0].tasks == ()
    owned = raw_taskrun("a-clone", "clone", run="a", conditions=WELL)
    labelled = raw_taskrun("b-clone", "clone", run="b", conditions=GOING, meta={"ownerReferences": None})
    held |= stores(taskruns=[owned, labelled])
    held["pipelineruns"] = stores(*runs)["pipelineruns"]
    index.load(held)
    assert [[task.run for task in each.tasks] for each in index.builds] == [["a-clone"], ["b-clone"]]
    reads.clear()
    labelled["status"]["conditions"] = WELL
    held["taskruns"].items["uid-b-clone"] = taskrun_of(labelled)
    assert index.update(held, {"taskruns": Uids({"uid-b-clone"})}).builds == {"bakery-ci/b"}
    assert reads == ["b"]
    del held["taskruns"].items["uid-a-clone"]
    assert index.update(held, {"taskruns": Uids(removed={"uid-a-clone"})}).builds == {"bakery-ci/a"}
    assert index.builds[0].tasks == ()


def test_builds_become_rows_again_where_taskruns_are_read_no_more(index: BuildIndex) -> None:
    run = aged("a", 50, conditions=GOING)
    runs = stores(run)
    both = stores(run, taskruns=[raw_taskrun("a-clone", "clone", run="a", conditions=GOING)])
    index.load(both)
    assert len(index.builds[0].tasks) == 1
    assert index.load(runs).builds == {"bakery-ci/a"}
    assert index.builds[0].tasks == ()
    assert index.load(both).builds == {"bakery-ci/a"}
    assert len(index.builds[0].tasks) == 1


def test_a_taskrun_seen_before_its_run_is_there_when_the_run_comes(index: BuildIndex) -> None:
    held = stores(taskruns=[raw_taskrun("a-clone", "clone", run="a", conditions=GOING)])
    index.load(held)
    held |= {"pipelineruns": stores(aged("a", 5, conditions=GOING))["pipelineruns"]}
    index.load(held)
    assert [task.run for task in index.builds[0].tasks] == ["a-clone"]


def test_time_alone_makes_a_queued_build_worth_a_look() -> None:
    now = [NOW]
    index = BuildIndex(clock=lambda: now[0])
    index.load(stores(aged("a", 1), aged("b", 1, conditions=GOING)))
    assert index.builds[0].health is Health.WORKING
    assert not index.tick()
    now[0] += PATIENCE + 1
    assert index.tick().builds == {"bakery-ci/a"}
    assert index.builds[0].health is Health.SOON


def test_slots(index: BuildIndex) -> None:
    quota = condition("Unknown", "ExceededResourceQuota", "exceeded quota")
    index.load(
        stores(
            aged("a", 50, conditions=GOING),
            aged("b", 40),
            aged("c", 30, spec={"status": "PipelineRunPending"}),
            aged("d", 20, conditions=WELL),
            taskruns=[
                raw_taskrun("a-1", "build", run="a", conditions=GOING),
                raw_taskrun("a-2", "build", run="a", conditions=quota),
                raw_taskrun("a-3", "clone", run="a", conditions=WELL),
                raw_taskrun("d-1", "clone", run="d", conditions=WELL),
            ],
        )
    )
    assert slots(index.builds) == Slots(builds_running=1, builds_waiting=2, tasks_running=1, tasks_waiting=1)
    assert slots([]) == Slots(0, 0, 0, 0)
    rows = BuildIndex(clock=lambda: NOW)
    rows.load(stores(aged("a", 50, conditions=GOING)))
    assert slots(rows.builds) == Slots(1, 0, None, None)
