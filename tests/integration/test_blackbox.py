"""History and black box on the command line, against the embedded cluster: what is kept when the cluster forgets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bakeryops.blackbox.recorder import Recorder
from bakeryops.cluster.session import Session
from bakeryops.cluster.target import find_target
from bakeryops.cluster.writes import Writer
from bakeryops.jobs.audit import AuditLog
from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.model.blackbox import Saved
from tests.support.cli_child import Serving, call, end, lines_until, serving
from tests.support.shapes import faults
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("home"), "--seed", "1") as running:
        yield running


@contextlib.asynccontextmanager
async def connected(demo: Serving) -> AsyncIterator[tuple[Session, Writer]]:
    session = Session(find_target(str(demo.folder / "kubeconfig")))
    await session.start()
    try:
        yield session, Writer(session.transport, session.discovery, field_manager="test")
    finally:
        await session.close()


async def gone(session: Session, kind: str, name: str) -> None:
    feed = session.feed((kind,))
    try:
        assert await feed.settled(30)
        await until(lambda: name not in {each.metadata.name for each in feed.store(kind).items.values()}, 60)
    finally:
        feed.close()


async def test_a_failed_build_stays_readable_when_it_is_deleted(demo: Serving) -> None:
    builds = demo.bakeryops("builds", "--limit", "200", "-o", "json").json()
    failed = next(each for each in builds if each["state"] == "failed")
    name, namespace = failed["name"], failed["namespace"]
    log = demo.bakeryops("builds", "show", name, "-o", "json").json()["failure"]
    child = demo.start("blackbox", "record")
    lines_until(
        child, lambda lines: all(any(word in line for line in lines) for word in (name, "ImagePullBackOff"))
    )
    assert end(child, signal.SIGTERM).code == 0
    assert demo.bakeryops("blackbox", "show", name).code == 0
    # No good run was saved yet: the cluster still has one.
    compared = demo.bakeryops("blackbox", "compare", name)
    assert compared.code == 0, compared
    assert "lines are alike" in compared.out

    async with connected(demo) as (session, writer):
        await writer.delete("pipelineruns", name, namespace)
        await gone(session, "pipelineruns", name)
    assert demo.bakeryops("builds", "show", name).code == 1

    shown = demo.bakeryops("blackbox", "show", name, "-o", "json")
    document = shown.json()
    assert faults("blackbox show", document) == []
    assert (document["build"], document["step"], document["exit_code"]) == (name, log["step"], log["exit_code"])
    assert document["commit"] == failed["revision"]
    assert "Error" in document["error"]
    text = demo.bakeryops("blackbox", "show", name)
    assert document["error"] in text.out
    whole = demo.bakeryops("blackbox", "show", name, "--log")
    assert len(whole.out.splitlines()) > 5
    assert document["error"] in whole.out
    assert document["object"]["kind"] == "TaskRun"
    assert "managedFields" not in document["object"]["metadata"]

    listed = demo.bakeryops("blackbox", "-o", "json").json()
    assert faults("blackbox", listed) == []
    assert len({(each["name"], each["pod"], each["container"]) for each in listed}) == len(listed)
    assert {"Pod", "TaskRun"} <= {each["kind"] for each in listed}
    assert any(each["reason"] == "ImagePullBackOff" for each in listed)
    # It is not saved again by the next recorder, and what is not saved says so.
    count = len(listed)
    child = demo.start("blackbox", "record")
    assert child.stderr is not None
    assert "recording failures" in child.stderr.readline()
    assert end(child, signal.SIGTERM).code == 0
    again = demo.bakeryops("blackbox", "-o", "json").json()
    assert len({each["id"] for each in again}) == len(again) >= count
    assert demo.bakeryops("blackbox", "show", "nosuch").code == 1
    mode = (demo.home / "state/bakeryops/blackbox.sqlite").stat().st_mode
    assert mode & 0o777 == 0o600


def test_the_history_outlives_flux_and_is_there_without_the_cluster(tmp_path: Path) -> None:
    with serving(tmp_path, "--seed", "1") as demo:
        done = demo.bakeryops("history", "--limit", "500", "-o", "json")
        assert done.code == 0, done
        first = done.json()
        assert faults("history", first) == []
        assert [each["time"] for each in first] == sorted((each["time"] for each in first), reverse=True)
        deploys = [each for each in first if each["kind"] == "deploy"]
        assert len(deploys) > 20
        service = deploys[0]["service"]
        running = demo.bakeryops("service", service, "-o", "json").json()
        assert deploys[0]["tag"] == running["tag"]
        assert deploys[0]["result"] == "applied"
        only = demo.bakeryops("history", "-s", service, "--kind", "deploy", "-o", "json").json()
        assert {each["service"] for each in only} == {service}
        table = demo.bakeryops("history", "--limit", "5")
        assert len(table.out.splitlines()) == 6
        verdict = demo.bakeryops("history", "verify", "-o", "json")
        assert (verdict.code, faults("history verify", verdict.json())) == (0, [])
        kubeconfig = (demo.folder / "kubeconfig").read_text()
    # The cluster and its repository are gone; what was kept is not.
    (tmp_path / "kubeconfig").write_text(kubeconfig)
    done = call(tmp_path, "--kubeconfig", str(tmp_path / "kubeconfig"), "history", "--limit", "500", "-o", "json")
    assert done.code == 0, done
    kept = {(each["commit"], each["service"]): each for each in done.json()}
    assert {(each["commit"], each["service"]) for each in deploys} <= kept.keys()
    assert kept[deploys[0]["commit"], service]["result"] == "applied"
    assert "this is what was kept" in done.err


def test_a_tampered_audit_log_is_told_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "bakeryops"
    log = AuditLog(folder)
    for number in range(3):
        log.append("noted", who="dev-one", text=f"entry {number}")
    assert call(tmp_path, "history", "verify").code == 0
    log.path.write_text(log.path.read_text().replace("entry 1", "entry 9"))
    done = call(tmp_path, "history", "verify")
    assert done.code == 3, done
    assert "line 2:" in done.out


# Builds that fail, and that are cancelled, while it is looked.


def git(home: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *arguments], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def push(demo: Serving, home: Path, text: str, subject: str) -> str:
    work = home / "clone"
    if not work.exists():
        address = next(line.partition(" ")[2] for line in demo.said if line.startswith("git "))
        helper = f"store --file={demo.folder / 'git-credentials'}"
        git(home, "-c", f"credential.helper={helper}", "clone", "-q", address, str(work))
        for key, value in (("user.name", "Op"), ("user.email", "op@x.example"), ("credential.helper", helper)):
            git(home, "-C", str(work), "config", key, value)
    git(home, "-C", str(work), "pull", "-q", "--rebase")
    (work / "services/auth/app/main.py").open("a").write(text)
    git(home, "-C", str(work), "commit", "-qam", subject)
    git(home, "-C", str(work), "push", "-q")
    return git(home, "-C", str(work), "rev-parse", "HEAD").strip()


async def test_a_cancelled_build_keeps_the_log_that_its_pod_takes_along(tmp_path: Path) -> None:
    with serving(tmp_path, "--seed", "2", "--speed", "3") as demo:
        async with connected(demo) as (session, writer):
            flags = {"data": {"keep-pod-on-cancel": "false"}}
            await writer.patch("configmaps", "feature-flags", "tekton-pipelines", flags)
            store, saved = BlackBoxStore(tmp_path / "box"), []
            recorder = Recorder(session, store, on_saved=saved.append)
            work = asyncio.create_task(recorder.run())
            feed = session.feed(("pipelineruns", "taskruns"))
            assert await feed.settled(30)
            sha = push(demo, tmp_path, "# a change\n", "auth: change a line")

            def running() -> Any:
                for each in feed.store("taskruns").items.values():
                    steps = (each.status.steps if each.status is not None else None) or []
                    title = (each.metadata.labels or {}).get("tekton.dev/pipelineTask")
                    if title == "test" and any(step.running is not None for step in steps):
                        return each
                return None

            await until(running, 90)
            task = running()
            name = task.metadata.labels["tekton.dev/pipelineRun"]
            pod, namespace = task.status.podName, task.metadata.namespace
            # It has run for a moment, so that there is something in its log.
            step = next(each.container for each in task.status.steps if each.running is not None)
            async for batch in session.logs(namespace, pod, step):
                if any(entry.text for entry in batch):
                    break
            await writer.patch("pipelineruns", name, namespace, {"spec": {"status": "CancelledRunFinally"}})
            await until(lambda: any(each.pod == pod for each in saved), 60)
            await gone(session, "pods", pod)
            await recorder.settled()
            found = store.find(recorder.cluster, pod=pod)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        assert [each.verdict for each in found] == ["cancelled"]
        assert found[0].commit == sha
        log = next(each for each in found[0].logs if each.container == found[0].container)
        assert log.lines, log


async def test_a_good_run_is_kept_to_compare_a_failed_one_with(tmp_path: Path) -> None:
    with serving(tmp_path, "--seed", "2", "--speed", "20") as demo:
        async with connected(demo) as (session, _):
            store, saved = BlackBoxStore(demo.home / "state" / "bakeryops"), []
            recorder = Recorder(session, store, on_saved=saved.append)
            work = asyncio.create_task(recorder.run())

            def of(sha: str) -> list[Saved]:
                return [each for each in saved if each.commit == sha and each.kind == "TaskRun"]

            like = Saved(
                "failed", "TaskRun", "bakery-ci", "", "", "", 0.0, 0.0, pipeline="bakery-ia-ci", task="test auth"
            )
            push(demo, tmp_path, "# good\n", "auth: a good change")
            await until(lambda: store.green(recorder.cluster, like), 120)
            sha = push(demo, tmp_path, "# demo: fail tests\n", "auth: fail the tests")
            await until(lambda: of(sha), 120)
            await recorder.settled()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            store.close()
        failed = of(sha)[0]
        done = demo.bakeryops("blackbox", "compare", str(failed.id), "-o", "json")
        assert done.code == 0, done
        document = json.loads(done.out)
        assert faults("blackbox compare", document) == []
        assert document["failed"]["commit"] == sha != document["good"]["commit"]
        assert document["failed_lines"]
        assert demo.bakeryops("blackbox", "compare", str(failed.id)).out
