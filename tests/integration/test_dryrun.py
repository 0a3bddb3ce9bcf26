"""What an apply would change, asked of the embedded cluster, and compared by fields: both say the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.dryrun import FLUX_MANAGER, dry_run
from bakeryops.cluster.login import Login
from bakeryops.cluster.target import Target
from bakeryops.cluster.transport import Transport
from bakeryops.cluster.writes import Writer
from bakeryops.demo.bakery.repository import make_history
from bakeryops.demo.git import BareRepo
from bakeryops.kustomize import build
from bakeryops.read.compare import compare, compare_applied, key_of
from tests.support.demo import served, static_store
from tests.support.overlays import files_of

FILES = {
    "deploy/kustomization.yaml": b"resources: [web.yaml]\nnamespace: bakery\nimages: [{name: web, newTag: '2'}]\n",
    "deploy/web.yaml": b"""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  minReadySeconds: 5
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web:1
        ports: [{containerPort: 80}]
        resources: {limits: {cpu: 1000m, memory: 0.5Gi}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {password: letmein}
""",
}


@asynccontextmanager
async def cluster(*users: str) -> AsyncIterator[tuple[Transport, ...]]:
    async with served(static_store("bakery", "bakery-ia", "prod")) as server:
        transports = []
        for user in users:
            token = server.tokens.get(user, user)
            target = Target(server.url, namespace="bakery", source="test", login=Login(token=token))
            transports.append(Transport(target))
            await transports[-1].start()
        try:
            yield tuple(transports)
        finally:
            for transport in transports:
                await transport.close()


async def live(transport: Transport, discovery: Discovery, obj: dict[str, Any]) -> dict[str, Any]:
    resource = await discovery.of_object(obj["apiVersion"], obj["kind"])
    return msgspec.json.decode(
        await transport.get_bytes(resource.path("bakery", obj["metadata"]["name"])), type=dict[str, Any]
    )


async def test_what_was_applied_differs_in_nothing_and_a_change_in_what_was_changed() -> None:
    wanted = build(FILES, "deploy")
    async with cluster("admin") as (transport,):
        discovery = Discovery(transport)
        before = await dry_run(transport, discovery, wanted)
        assert {compare_applied(None, each.object or {}).action for each in before} == {"created"}
        writer = Writer(transport, discovery, field_manager=FLUX_MANAGER)
        for each in wanted:
            await writer.apply(each)
        held = {key_of(each): await live(transport, discovery, each) for each in wanted}
        assert {each.action for each in compare(wanted, held)} == {"same"}
        after = await dry_run(transport, discovery, wanted)
        assert [compare_applied(held[key_of(each)], run.object or {}).action for each, run in zip(wanted, after, strict=True)] == [
            "same", "same", "same"]  # fmt: skip

        changed = dict(FILES)
        changed["deploy/web.yaml"] = (
            FILES["deploy/web.yaml"].replace(b"  minReadySeconds: 5\n", b"").replace(b"letmein", b"swordfish")
        )
        changed["deploy/kustomization.yaml"] = FILES["deploy/kustomization.yaml"].replace(b"'2'", b"'3'")
        newer = build(changed, "deploy")
        found = {each.kind: each for each in compare(newer, held)}
        assert {kind: each.action for kind, each in found.items()} == {
            "Deployment": "changed", "Secret": "changed", "Service": "same"}  # fmt: skip
        assert {each.path for each in found["Deployment"].changes} == {
            "spec.minReadySeconds", "spec.template.spec.containers[web].image"}  # fmt: skip
        assert "swordfish" not in repr(found)
        assert "letmein" not in repr(found)
        exact = [
            compare_applied(held[key_of(each)], run.object or {})
            for each, run in zip(newer, await dry_run(transport, discovery, newer), strict=True)
        ]
        assert {each.kind: each.action for each in exact} == {kind: each.action for kind, each in found.items()}
        # Nothing of this was more than a question.
        assert {key_of(each): await live(transport, discovery, each) for each in wanted} == held


async def test_who_may_only_read_is_told_and_can_still_compare() -> None:
    wanted = build(FILES, "deploy")
    async with cluster("admin", "viewer") as (admin, viewer):
        writer = Writer(admin, Discovery(admin), field_manager=FLUX_MANAGER)
        for each in wanted:
            await writer.apply(each)
        runs = await dry_run(viewer, Discovery(viewer), wanted)
        assert {each.error.kind for each in runs if each.error is not None} == {"forbidden"}
        assert all(each.object is None for each in runs)


async def test_what_the_server_would_refuse_says_so() -> None:
    broken = {**FILES, "deploy/web.yaml": FILES["deploy/web.yaml"].replace(b"replicas: 2", b"replicas: -3")}
    async with cluster("admin") as (transport,):
        runs = await dry_run(transport, Discovery(transport), build(broken, "deploy"))
        (refused,) = [each.error for each in runs if each.error is not None]
        assert refused.kind == "invalid"
        assert "spec.replicas" in refused.message


def small_overlay(folder: Path) -> list[dict[str, Any]]:
    return [each for each in build(files_of("namespace"), "over") if each["kind"] != "Oven"]


def overlay_of_the_demo(folder: Path) -> list[dict[str, Any]]:
    repository = BareRepo.create(folder / "bakery-ia.git")
    make_history(repository, now=1_790_000_000.0, seed=1)
    head = repository.head()
    assert head is not None
    return build(repository.files(head, "infrastructure"), "infrastructure/kubernetes/overlays/prod")


@pytest.mark.parametrize("overlay", [small_overlay, overlay_of_the_demo])
async def test_a_whole_overlay_applied_differs_in_nothing(
    overlay: Callable[[Path], list[dict[str, Any]]], tmp_path: Path
) -> None:
    wanted = overlay(tmp_path)
    async with cluster("admin") as (transport,):
        discovery = Discovery(transport)
        writer = Writer(transport, discovery, field_manager=FLUX_MANAGER)
        for each in wanted:
            await writer.apply(each)
        held = {}
        for each in wanted:
            resource = await discovery.of_object(each["apiVersion"], each["kind"])
            path = resource.path(each["metadata"].get("namespace"), each["metadata"]["name"])
            held[key_of(each)] = msgspec.json.decode(await transport.get_bytes(path), type=dict[str, Any])
        different = [each for each in compare(wanted, held) if each.action != "same"]
        assert [(each.kind, each.changes) for each in different] == []
