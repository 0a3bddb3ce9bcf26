"""Readers and commands on real Tekton and Flux objects, where the cluster has their CRDs.

Runs are created in a namespace of the test's own; Flux objects point at a host that does not exist, so that nothing
of anybody's is fetched or applied.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from bakeryops.cluster.session import Session
from bakeryops.cluster.writes import Writer
from bakeryops.model.build import Build
from bakeryops.model.health import Health
from bakeryops.read.build_index import BuildIndex
from bakeryops.read.flux_index import KINDS as FLUX_KINDS
from bakeryops.read.flux_index import FluxIndex
from tests.support.cli_child import Done, call
from tests.support.shapes import faults

pytestmark = [pytest.mark.real, pytest.mark.slow]

PATIENCE = 180.0
"""Seconds for a real cluster to pull an image and run two pods."""


@pytest.fixture
async def tekton(session: Session) -> None:
    """Skip where the cluster has no Tekton."""
    if not await session.discovery.serves("pipelineruns"):
        pytest.skip("the cluster serves no PipelineRuns")


@pytest.fixture
async def flux(session: Session) -> None:
    """Skip where the cluster has no Flux."""
    if not (
        await session.discovery.serves("gitrepositories") and await session.discovery.serves("kustomizations")
    ):
        pytest.skip("the cluster serves no GitRepositories and Kustomizations")


def task(name: str, image: str, script: str, **more: Any) -> dict[str, Any]:
    step = {"name": "say", "image": image, "script": f"#!/bin/sh\n{script}\n"}
    return {"name": name, "taskSpec": {"steps": [step]}, **more}


def run(namespace: str, name: str, tasks: list[dict[str, Any]], final: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"pipelineSpec": {"tasks": tasks, "finally": final}, "timeouts": {"pipeline": "3m0s"}},
    }


async def finished(session: Session, namespace: str, name: str) -> Build:
    """Follow a run to its end; at every moment it must be readable, and green only when it ended well."""
    feed = session.feed(
        ["pipelineruns", "taskruns"], namespace=namespace, selectors={"taskruns": f"tekton.dev/pipelineRun={name}"}
    )
    index = BuildIndex()
    stores = {kind: feed.store(kind) for kind in feed.kinds}
    async with asyncio.timeout(PATIENCE):
        async for _ in feed.changes():
            index.load(stores)
            view = index.get(f"{namespace}/{name}")
            if view is None:
                continue
            assert (view.health is Health.FINE) <= (view.state == "succeeded")
            if view.finished and all(each.ended for each in view.tasks if each.run):
                feed.close()
                return view
    raise AssertionError("the run did not end")


async def test_a_run_that_succeeds(
    session: Session, writer: Writer, namespace: str, image: str, tekton: None
) -> None:
    tasks = [task("first", image, "echo one"), task("second", image, "echo two", runAfter=["first"])]
    await writer.create(run(namespace, "good", tasks, [task("last", image, "echo three")]))
    view = await finished(session, namespace, "good")
    assert (view.state, view.health, view.failure) == ("succeeded", Health.FINE, None)
    assert [(each.task, each.state, each.finally_) for each in view.tasks] == [
        ("first", "succeeded", False), ("second", "succeeded", False), ("last", "succeeded", True),
    ]  # fmt: skip
    assert view.tasks[1].after == ("first",)
    assert all(each.pod and each.started and each.ended for each in view.tasks)


async def test_a_run_whose_second_task_fails(
    session: Session, writer: Writer, namespace: str, image: str, tekton: None, kubeconfig: str, tmp_path: Path
) -> None:
    tasks = [
        task("first", image, "echo one"),
        task("second", image, "echo about to fail\necho 'Error: no flour' >&2\nexit 7", runAfter=["first"]),
        task("third", image, "echo three", runAfter=["second"]),
    ]
    await writer.create(run(namespace, "bad", tasks, [task("last", image, "echo last")]))
    view = await finished(session, namespace, "bad")
    assert (view.state, view.health) == ("failed", Health.BAD)
    states = {each.task: each.state for each in view.tasks}
    assert states["first"] == "succeeded"
    assert states["second"] == "failed"
    assert states["third"] in ("skipped", "not started")
    assert states["last"] == "succeeded"
    assert view.failure is not None
    assert (view.failure.title, view.failure.step, view.failure.exit_code) == ("second", "say", 7)
    shown = await bakeryops(kubeconfig, tmp_path, "builds", "show", "bad", "-n", namespace)
    assert shown.code == 3, shown.err
    assert "Error: no flour" in shown.out
    logs = await bakeryops(kubeconfig, tmp_path, "builds", "logs", "bad", "-n", namespace)
    assert "about to fail" in logs.out
    listed = await bakeryops(kubeconfig, tmp_path, "builds", "-n", namespace, "-o", "json")
    assert listed.code == 3
    assert [each["name"] for each in listed.json()] == ["bad"]
    assert faults("builds", listed.json()) == []


async def test_a_source_that_cannot_be_fetched_and_what_hangs_on_it(
    session: Session, writer: Writer, namespace: str, flux: None
) -> None:
    await writer.create({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": "nowhere", "namespace": namespace},
        "spec": {"interval": "1m0s", "url": "http://git.invalid/nobody/nothing.git", "ref": {"branch": "main"},
                 "timeout": "20s"},
    })  # fmt: skip
    await writer.create({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "nothing", "namespace": namespace},
        "spec": {"interval": "1m0s", "path": "./", "prune": False,
                 "sourceRef": {"kind": "GitRepository", "name": "nowhere"}},
    })  # fmt: skip
    feed = session.feed(["gitrepositories", "kustomizations"], namespace=namespace)
    index = FluxIndex()
    stores = {kind: feed.store(kind) for kind in feed.kinds}
    async with asyncio.timeout(PATIENCE):
        async for _ in feed.changes():
            index.load(stores)
            views = [*index.sources.values(), *index.syncs.values()]
            assert all(each.health is not Health.FINE for each in views)
            if len(views) == 2 and all(each.reason for each in views) and views[0].health is Health.BAD:
                break
    feed.close()
    source = next(iter(index.sources.values()))
    assert source.reason
    assert source.why
    assert source.revision is None


async def test_whatever_there_is_can_be_read(session: Session, kubeconfig: str, tmp_path: Path) -> None:
    feed = await session.snapshot(("pipelineruns", *FLUX_KINDS))
    builds, objects = BuildIndex(), FluxIndex()
    stores = {kind: feed.store(kind) for kind in feed.kinds}
    builds.load(stores)
    objects.load(stores)
    now = time.time()
    assert len(builds.builds) == len(stores["pipelineruns"].items)
    assert all(view.seconds(now) is None or view.seconds(now) >= 0 for view in builds.builds)
    assert len(objects.tree()) == sum(len(stores[kind].items) for kind in FLUX_KINDS)
    for verb in ("builds", "flux"):
        if stores["pipelineruns" if verb == "builds" else "kustomizations"].state.phase != "live":
            continue
        done = await bakeryops(kubeconfig, tmp_path, verb, "-o", "json")
        assert done.code in (0, 3), done.err
        assert isinstance(done.json(), list)


async def bakeryops(kubeconfig: str, home: Path, *arguments: str) -> Done:
    return await asyncio.to_thread(call, home, "--kubeconfig", kubeconfig, *arguments)
