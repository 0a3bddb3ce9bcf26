"""Jobs on whatever cluster BAKERYOPS_TEST_KUBECONFIG names: locks, rollouts, pods, Flux objects.

Everything happens in namespaces of the tests' own, locks included. Flux objects point at a host that does not exist:
what is looked at is that Flux was asked, answered, and is told of truthfully.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeryops.cluster.session import Session
from bakeryops.cluster.writes import Writer
from bakeryops.errors import RefusedError, UsageError
from bakeryops.jobs.lease import LIFE, Locks, break_lock, locks
from tests.support.cli_child import Done, call

pytestmark = [pytest.mark.real, pytest.mark.slow]

PATIENCE = 180.0
"""Seconds for a real cluster to pull an image and start a pod."""
NAME = "hello"


class Operator:
    """A person at a machine of their own, who acts by the command line in one namespace."""

    def __init__(self, home: Path, kubeconfig: str, namespace: str) -> None:
        self.home = home
        self.config = home / "config.yaml"
        home.mkdir(parents=True, exist_ok=True)
        settings = {
            "kubeconfig": kubeconfig,
            "namespaces": {"app": [namespace]},
            "person": {"name": home.name, "email": f"{home.name}@example.org"},
        }
        self.config.write_text(yaml.safe_dump(settings), "utf-8")
        self.namespace = namespace

    async def act(self, *arguments: str) -> Done:
        return await asyncio.to_thread(
            call, self.home, "--config", str(self.config), *arguments, "-n", self.namespace, "--yes"
        )

    async def call(self, *arguments: str) -> Done:
        return await asyncio.to_thread(call, self.home, "--config", str(self.config), *arguments)


@pytest.fixture
def me(tmp_path: Path, kubeconfig: str, namespace: str) -> Operator:
    return Operator(tmp_path / "dev-one", kubeconfig, namespace)


@pytest.fixture
async def running(session: Session, writer: Writer, namespace: str, image: str) -> str:
    """A Deployment with one ready pod; its name."""
    labels = {"app": NAME, "app.kubernetes.io/name": NAME}
    container = {
        "name": NAME, "image": image, "command": ["sh", "-c", "while true; do echo hello; sleep 1; done"],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }  # fmt: skip
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    await writer.create({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": namespace, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": NAME}},
                 "template": {"metadata": {"labels": labels}, "spec": pod}},
    })  # fmt: skip
    await pods_until(session, namespace, lambda found: len(found) == 1)
    return NAME


async def pods_until(session: Session, namespace: str, good: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    """Wait until the ready pods (name to uid), and nothing beside them, are as wanted."""
    feed = session.feed(["pods"], namespace=namespace)
    found: dict[str, str] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            async for _ in feed.changes():
                items = feed.store("pods").items.values()
                found = {
                    each.metadata.name: each.metadata.uid
                    for each in items
                    if each.metadata.deletionTimestamp is None
                    and any(one.type == "Ready" and one.status == "True" for one in each.status.conditions or ())
                }
                if len(found) == len(items) and good(found):
                    return found
    finally:
        feed.close()
    raise AssertionError(f"the pods were never as wanted: {found}")


async def deployment(session: Session, namespace: str) -> dict[str, Any]:
    return await session.get("deployments", NAME, namespace)


def lock_of(session: Session, writer: Writer, namespace: str, job: str, **more: Any) -> Locks:
    scope = f"workload/{namespace}/deployment/{NAME}"
    return Locks(session, writer, namespace, [scope], job=job, holder=f"{job}@there", title="Mine", **more)


async def test_a_lock_is_taken_refused_and_given_back(session: Session, writer: Writer, namespace: str) -> None:
    first, second = (lock_of(session, writer, namespace, job) for job in ("one", "two"))
    assert await first.acquire() is None
    stands = await second.acquire()
    assert stands is not None
    assert stands.holder == "one@there"
    assert not second.held
    assert await first.renew() is None
    await first.release()
    assert await locks(session, namespace) == []
    assert await second.acquire() is None
    await second.release()


async def test_of_many_at_once_one_gets_the_lock(session: Session, writer: Writer, namespace: str) -> None:
    rivals = [lock_of(session, writer, namespace, f"job-{number}") for number in range(6)]
    found = await asyncio.gather(*(each.acquire() for each in rivals))
    assert sum(each is None for each in found) == 1


async def test_an_abandoned_lock_is_taken_over_and_its_holder_hears_of_it(
    session: Session, writer: Writer, namespace: str
) -> None:
    early = time.time() - LIFE - 10
    dead = lock_of(session, writer, namespace, "dead", clock=lambda: early)
    assert await dead.acquire() is None
    heir = lock_of(session, writer, namespace, "heir")
    assert await heir.acquire() is None
    lost = await dead.renew()
    assert lost is not None
    assert lost.holder == "heir@there"
    await heir.release()


async def test_a_lock_that_is_broken_is_somebody_elses(session: Session, writer: Writer, namespace: str) -> None:
    mine = lock_of(session, writer, namespace, "mine")
    assert await mine.acquire() is None
    [stands] = await locks(session, namespace)
    broken = await broken_lock(session, writer, namespace, stands.scope)
    assert broken == "mine@there"
    thief = lock_of(session, writer, namespace, "thief")
    assert await thief.acquire() is None
    lost = await mine.renew()
    assert lost is not None
    assert lost.holder == "thief@there"
    await thief.release()
    with pytest.raises(UsageError, match="nothing called"):
        await break_lock(session, writer, namespace, stands.scope)


async def broken_lock(session: Session, writer: Writer, namespace: str, scope: str) -> str:
    """Break a lock; one that is renewed at the very moment is tried again."""
    for _ in range(5):
        try:
            return (await break_lock(session, writer, namespace, scope)).holder
        except RefusedError:
            continue
    raise AssertionError("the lock was renewed again and again")


async def test_a_restart_is_refused_while_another_holds_the_lock_and_then_rolls_out(
    session: Session, writer: Writer, namespace: str, running: str, me: Operator
) -> None:
    before = await pods_until(session, namespace, lambda found: len(found) == 1)
    other = lock_of(session, writer, namespace, "other")
    assert await other.acquire() is None
    refused = await me.act("workloads", "restart", running)
    assert refused.code == 5, refused
    assert "other@there" in refused.err + refused.out
    assert await pods_until(session, namespace, lambda found: True) == before
    await other.release()
    done = await me.act("workloads", "restart", running)
    assert done.code == 0, done
    after = await pods_until(session, namespace, lambda found: len(found) == 1)
    assert not set(after.values()) & set(before.values())
    template = (await deployment(session, namespace))["spec"]["template"]["metadata"]["annotations"]
    assert template["kubectl.kubernetes.io/restartedAt"]
    assert await locks(session, namespace) == []
    listed = (await me.call("jobs", "-o", "json")).json()
    assert [each["state"] for each in listed] == ["done", "refused"]
    assert (await me.call("history", "verify")).code == 0


async def test_scaling_up_and_back(session: Session, namespace: str, running: str, me: Operator) -> None:
    done = await me.act("workloads", "scale", running, "3")
    assert done.code == 0, done
    assert len(await pods_until(session, namespace, lambda found: len(found) == 3)) == 3
    same = await me.act("workloads", "scale", running, "3")
    assert same.code == 0, same
    back = await me.act("workloads", "scale", running, "1")
    assert back.code == 0, back
    assert len(await pods_until(session, namespace, lambda found: len(found) == 1)) == 1


async def test_a_deleted_pod_has_a_successor(session: Session, namespace: str, running: str, me: Operator) -> None:
    [(name, uid)] = (await pods_until(session, namespace, lambda found: len(found) == 1)).items()
    done = await me.act("workloads", "delete-pod", name)
    assert done.code == 0, done
    after = await pods_until(session, namespace, lambda found: len(found) == 1)
    assert uid not in after.values()


async def test_read_only_and_a_dry_run_change_nothing(
    session: Session, namespace: str, running: str, me: Operator
) -> None:
    before = (await deployment(session, namespace))["metadata"]["generation"]
    planned = await me.call("workloads", "scale", running, "2", "-n", namespace, "--dry-run")
    assert planned.code == 0, planned
    refused = await me.act("--read-only", "workloads", "restart", running)
    assert refused.code == 5, refused
    assert (await deployment(session, namespace))["metadata"]["generation"] == before


async def test_an_incident_tells_of_a_job(namespace: str, running: str, me: Operator) -> None:
    assert (await me.act("workloads", "restart", running)).code == 0
    file = me.home / "incident.md"
    done = await me.call("incident", "-f", str(file))
    assert done.code == 0, done
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text("utf-8")
    assert "dev-one" in text
    assert running in text[text.index("## Jobs") :]


@pytest.fixture
async def source(session: Session, writer: Writer, namespace: str) -> str:
    """A GitRepository that cannot be fetched; skips where the cluster has no Flux."""
    if not await session.discovery.serves("gitrepositories"):
        pytest.skip("the cluster serves no GitRepositories")
    await writer.create({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": "nowhere", "namespace": namespace},
        "spec": {"interval": "10m0s", "url": "http://git.invalid/nobody/nothing.git", "ref": {"branch": "main"},
                 "timeout": "20s"},
    })  # fmt: skip
    feed = session.feed(["gitrepositories"], namespace=namespace)
    async with asyncio.timeout(PATIENCE):
        async for _ in feed.changes():
            if any(
                each.status is not None and each.status.conditions
                for each in feed.store("gitrepositories").items.values()
            ):
                break
    feed.close()
    return "GitRepository/nowhere"


async def test_a_reconcile_asks_flux_and_tells_why_it_failed(
    session: Session, namespace: str, source: str, me: Operator
) -> None:
    done = await me.act("flux", "reconcile", source)
    assert done.code == 1, done
    assert "git.invalid" in done.out + done.err
    asked = (await session.get("gitrepositories", "nowhere", namespace))["metadata"]["annotations"]
    assert asked["reconcile.fluxcd.io/requestedAt"]


async def test_suspend_holds_until_resume(session: Session, namespace: str, source: str, me: Operator) -> None:
    done = await me.act("flux", "suspend", source, "--reason", "a test")
    assert done.code == 0, done
    found = await session.get("gitrepositories", "nowhere", namespace)
    assert found["spec"]["suspend"] is True
    assert "a test" in str(found["metadata"]["annotations"])
    refused = await me.act("flux", "reconcile", source)
    assert refused.code == 5, refused
    # It is taken up again, and then Flux cannot fetch: the one is done, the other is told.
    await me.act("flux", "resume", source)
    found = await session.get("gitrepositories", "nowhere", namespace)
    assert not found["spec"].get("suspend")
