"""The client layer and the command line against whatever cluster BAKERYOPS_TEST_KUBECONFIG names.

Everything happens in namespaces of the tests' own. The embedded cluster will do as well:
`bakeryops demo --serve --dir D`, then `BAKERYOPS_TEST_KUBECONFIG=D/kubeconfig make test-real`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.feed import Feed
from bakeryops.cluster.kinds import KINDS
from bakeryops.cluster.logs import LogStream
from bakeryops.cluster.session import Session
from bakeryops.cluster.writes import Writer, conflicts
from tests.support.cli_child import Done, call
from tests.support.shapes import faults

pytestmark = [pytest.mark.real, pytest.mark.slow]

PATIENCE = 180.0
"""Seconds for a real cluster to pull an image and start a pod."""


def deployment(namespace: str, image: str, *, replicas: int = 1) -> dict[str, Any]:
    labels = {"app": "hello", "app.kubernetes.io/name": "hello"}
    container = {
        "name": "hello",
        "image": image,
        "command": ["sh", "-c", "while true; do echo hello from bakeryops; sleep 1; done"],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "hello", "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "hello"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
            },
        },
    }


async def until(feed: Feed, condition: Callable[[], bool]) -> None:
    """Wait for a condition that the feed's changes bring about."""
    async with asyncio.timeout(PATIENCE):
        async for _ in feed.changes():
            if condition():
                return


def ready_pods(feed: Feed) -> list[str]:
    return [
        pod.metadata.name
        for pod in feed.store("pods").items.values()
        if any(each.type == "Ready" and each.status == "True" for each in (pod.status.conditions or ()))
    ]


async def test_every_kind_can_be_listed_or_says_why_not(session: Session) -> None:
    feed = await session.snapshot(KINDS)
    phases = {kind: feed.store(kind).state.phase for kind in KINDS}
    assert set(phases.values()) <= {"live", "absent", "forbidden"}, phases
    assert phases["pods"] == "live"
    for kind in KINDS:
        assert not feed.store(kind).unreadable, feed.store(kind).state.notes


async def test_a_workload_from_apply_to_delete_is_seen_by_the_watch(
    session: Session, writer: Writer, namespace: str, image: str
) -> None:
    feed = session.feed(["deployments", "replicasets", "pods", "events"], namespace=namespace)
    assert await feed.settled(PATIENCE)
    assert session.link.phase == "live"
    dry = await writer.apply(deployment(namespace, image), dry_run=True)
    assert dry.object["kind"] == "Deployment"
    assert not feed.store("deployments").items
    applied = await writer.apply(deployment(namespace, image))
    uid = applied.object["metadata"]["uid"]
    await until(feed, lambda: uid in feed.store("deployments").items and len(ready_pods(feed)) == 1)
    await writer.scale("deployments", "hello", namespace, 2)
    await until(feed, lambda: len(ready_pods(feed)) == 2)
    await writer.patch("deployments", "hello", namespace, {"metadata": {"labels": {"seen": "yes"}}})
    await until(feed, lambda: (feed.store("deployments").items[uid].metadata.labels or {}).get("seen") == "yes")
    with pytest.raises(KubeError) as taken:
        await writer.create(deployment(namespace, image))
    assert taken.value.kind == "exists"
    await writer.delete("deployments", "hello", namespace, uid=uid)
    await until(feed, lambda: not feed.store("deployments").items and not feed.store("pods").items)
    feed.close()


async def test_two_managers_of_one_field_conflict_until_forced(
    session: Session, writer: Writer, namespace: str
) -> None:
    def labelled(value: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "shared", "namespace": namespace},
            "data": {"key": value},
        }

    await writer.apply(labelled("ours"))
    other = Writer(session.transport, session.discovery, field_manager="bakeryops-test")
    with pytest.raises(KubeError) as refused:
        await other.apply(labelled("theirs"))
    assert refused.value.kind == "conflict"
    assert {conflict.manager for conflict in conflicts(refused.value)} == {"bakeryops"}
    await other.apply(labelled("theirs"), force=True)
    assert (await session.get("configmaps", "shared", namespace))["data"] == {"key": "theirs"}


async def test_logs_flow_and_say_how_they_end(
    session: Session, writer: Writer, namespace: str, image: str
) -> None:
    feed = session.feed(["pods"], namespace=namespace)
    applied = await writer.apply(deployment(namespace, image))
    await until(feed, lambda: len(ready_pods(feed)) == 1)
    pod = ready_pods(feed)[0]
    stream = LogStream(session.transport, namespace, pod, "hello", link=session.link)
    lines = 0
    notices: list[str] = []
    async with asyncio.timeout(PATIENCE):
        async for batch in stream:
            lines += sum(1 for entry in batch if entry.text)
            notices += [entry.notice for entry in batch if entry.notice]
            if lines >= 3 and applied is not None:
                await writer.delete("deployments", "hello", namespace)
                applied = None  # type: ignore[assignment]
    assert lines >= 3
    assert notices
    feed.close()


async def test_rights_are_known(session: Session, namespace: str) -> None:
    assert (await session.access.can("list", "", "pods", namespace)).allowed
    assert (await session.access.can("get", "", "pods", namespace, subresource="log")).allowed


async def bakeryops(kubeconfig: str, home: Path, *arguments: str) -> Done:
    return await asyncio.to_thread(call, home, "--kubeconfig", kubeconfig, *arguments)


async def test_the_command_line_shows_it(
    session: Session, writer: Writer, namespace: str, image: str, kubeconfig: str, tmp_path: Path
) -> None:
    feed = session.feed(["pods"], namespace=namespace)
    await writer.apply(deployment(namespace, image, replicas=2))
    await until(feed, lambda: len(ready_pods(feed)) == 2)
    feed.close()
    done = await bakeryops(kubeconfig, tmp_path, "workloads", "-n", namespace, "-o", "json")
    (workload,) = done.json()
    assert faults("workloads", done.json()) == []
    assert (workload["kind"], workload["name"], workload["ready"], workload["desired"]) == (
        "Deployment",
        "hello",
        2,
        2,
    )
    assert (done.code == 0) == (workload["health"] not in ("bad", "unknown"))
    done = await bakeryops(kubeconfig, tmp_path, "workloads", "-n", namespace, "--pods", "-o", "json")
    assert sorted(pod["name"] for pod in done.json()) == sorted(workload["pods"])
    status = await bakeryops(kubeconfig, tmp_path, "status", "-o", "json")
    assert status.code in (0, 3), status
    assert status.json()["nodes"]
    logs = await bakeryops(kubeconfig, tmp_path, "logs", "hello", "-n", namespace, "--tail", "2", "-o", "json")
    assert logs.code == 0, logs
    assert {json.loads(line)["container"] for line in logs.out.splitlines()} == {"hello"}
    events = await bakeryops(kubeconfig, tmp_path, "events", "-n", namespace, "-o", "json")
    assert events.code == 0
    assert {each["object"]["namespace"] for each in events.json()} <= {namespace}
    missing = await bakeryops(kubeconfig, tmp_path, "logs", "nobody", "-n", namespace)
    assert missing.code == 1
