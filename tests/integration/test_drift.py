"""What Git says of a Kustomization against what runs: compared as Flux would apply it, or refused with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bakeryops.cluster.session import Session
from bakeryops.cluster.target import find_target
from bakeryops.demo.bakery.crds import definitions
from bakeryops.demo.crds import install
from bakeryops.demo.store import ObjectStore
from bakeryops.drift import Drift, find_drift
from bakeryops.errors import BakeryopsError
from bakeryops.git.repository import Repository
from bakeryops.read.flux_index import FluxIndex
from tests.support.demo import kubeconfig, place, served, static_store
from tests.support.git_origin import Origin

WEB = """
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {LEVEL: INFO}
"""
KEYS = """
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: shop}
stringData: {password: letmein}
"""
KUSTOMIZATION = "resources: [web.yaml, keys.yaml]\n"
FILES = {"deploy/kustomization.yaml": KUSTOMIZATION, "deploy/web.yaml": WEB, "deploy/keys.yaml": KEYS}
FLUX = "kustomize.toolkit.fluxcd.io"
LABELS = {f"{FLUX}/name": "shop", f"{FLUX}/namespace": "flux-system"}

Compare = Callable[..., Any]


def config(level: str, name: str = "web", **marks: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "labels": LABELS, "annotations": marks}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"LEVEL": level}}


def flux_objects(
    origin: Origin, spec: Mapping[str, Any], source: Mapping[str, Any], revision: str, inventory: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    named = {"name": "shop", "namespace": "flux-system", "uid": "u", "generation": 1}
    return {
        "kustomizations": {
            "apiVersion": f"{FLUX}/v1", "kind": "Kustomization", "metadata": named,
            "spec": {"path": "./deploy", "prune": True, "interval": "1m",
                     "sourceRef": {"kind": "GitRepository", "name": "shop"}} | spec,
            "status": {"inventory": {"entries": [{"id": each, "v": "v1"} for each in inventory]}},
        },
        "gitrepositories": {
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": named | {"uid": "g"},
            "spec": {"url": f"http://gitea-http.gitea.svc:3000{origin.path}", "interval": "1m",
                     "ref": {"branch": "main"}} | source,
            "status": {"artifact": {"revision": revision}},
        },
    }  # fmt: skip


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "shop.git")
    made.commit(FILES, "begin")
    return made


@asynccontextmanager
async def comparing(origin: Origin, tmp_path: Path, *live: dict[str, Any]) -> AsyncIterator[Compare]:
    """Offer a cluster with these ConfigMaps to compare with."""
    store: ObjectStore = static_store("shop", "flux-system")
    install(store)
    for definition in definitions():
        if definition["metadata"]["name"].endswith(".fluxcd.io"):
            store.create("customresourcedefinitions", definition, manager="test")
    for each in live:
        place(store, "configmaps", each)
    repository = Repository(origin.url, folder=tmp_path / "mirrors")
    await repository.refresh()
    async with served(store, viewer_namespace="flux-system") as server:

        async def compare(
            spec: Mapping[str, Any] | None = None,
            source: Mapping[str, Any] | None = None,
            *,
            revision: str = "",
            artifact: str = "",
            inventory: tuple[str, ...] = (),
            user: str = "admin",
        ) -> Drift:
            for plural, each in flux_objects(origin, spec or {}, source or {}, artifact, inventory).items():
                place(store, plural, each)
            session = Session(find_target(str(kubeconfig(server, tmp_path / "kubeconfig", user))))
            await session.start()
            try:
                feed = await session.snapshot(("kustomizations",), namespace="flux-system")
                index = FluxIndex()
                index.load({"kustomizations": feed.store("kustomizations")})
                view = index.syncs["kustomizations/flux-system/shop"]
                return await find_drift(session, repository, view, revision=revision)
            finally:
                await session.close()

        yield compare


def told(found: Drift) -> list[tuple[str, str, str]]:
    return [(each.action, each.kind, each.ref.name) for each in found.differences]


async def test_what_differs_is_told_and_no_secret_with_it(origin: Origin, tmp_path: Path) -> None:
    async with comparing(origin, tmp_path, config("DEBUG"), config("INFO", "gone")) as compare:
        found = await compare(inventory=("shop_web__ConfigMap", "shop_gone__ConfigMap"))
        assert told(found) == [
            ("changed", "ConfigMap", "web"), ("created", "Secret", "keys"), ("pruned", "ConfigMap", "gone"),
        ]  # fmt: skip
        assert found.revision == origin.tip()
        assert "letmein" not in repr(found)
        assert "bGV0bWVpbg" not in repr(found)
        kept = await compare({"prune": False}, inventory=("shop_gone__ConfigMap",))
        assert ("pruned", "ConfigMap", "gone") not in told(kept)


async def test_what_flux_is_told_to_leave_alone_is_no_difference(origin: Origin, tmp_path: Path) -> None:
    frozen = config("DEBUG", **{f"{FLUX}/reconcile": "disabled"})
    kept = config("INFO", "gone", **{f"{FLUX}/prune": "disabled"})
    async with comparing(origin, tmp_path, frozen, kept) as compare:
        found = await compare(inventory=("shop_gone__ConfigMap",))
        assert told(found) == [("created", "Secret", "keys")]


@pytest.mark.parametrize(
    ("spec", "source", "why"),
    [
        ({"sourceRef": {"kind": "OCIRepository", "name": "shop"}}, {}, "no GitRepository"),
        ({}, {"url": "http://gitea-http.gitea.svc:3000/other/shop.git"}, "other/shop"),
        ({}, {"ref": {"branch": "staging"}}, "follows staging"),
        ({}, {"ref": {}}, "follows master"),
        ({}, {"include": [{"repository": {"name": "base"}}]}, "spec.include"),
        ({"postBuild": {"substitute": {"a": "b"}}}, {}, "spec.postBuild"),
        ({"decryption": {"provider": "sops"}}, {}, "spec.decryption"),
        ({"path": "./nowhere"}, {}, "no folder nowhere"),
    ],
)
async def test_what_cannot_be_compared_is_refused_and_not_guessed(
    origin: Origin, tmp_path: Path, spec: dict[str, Any], source: dict[str, Any], why: str
) -> None:
    async with comparing(origin, tmp_path, config("INFO")) as compare:
        with pytest.raises(BakeryopsError) as caught:
            await compare(spec, source)
        assert why in f"{caught.value.message} {caught.value.why}"
        assert caught.value.hint


async def test_a_source_that_is_pinned_is_compared_at_what_it_fetched(origin: Origin, tmp_path: Path) -> None:
    first = origin.tip()
    origin.commit({"deploy/web.yaml": WEB.replace("INFO", "DEBUG")}, "more")
    async with comparing(origin, tmp_path, config("INFO")) as compare:
        pinned = await compare({}, {"ref": {"tag": "v1"}}, artifact=f"v1@sha1:{first}")
        assert pinned.revision == first
        assert told(pinned) == [("created", "Secret", "keys")]
        assert ("changed", "ConfigMap", "web") in told(await compare())


async def test_the_root_of_a_repository_without_a_kustomization(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"README.md": "shop\n", "more/extra.yml": WEB.replace("web", "extra")}, "more")
    async with comparing(origin, tmp_path, config("INFO")) as compare:
        found = await compare({"path": "./", "targetNamespace": "shop"})
        assert told(found) == [("created", "ConfigMap", "extra"), ("created", "Secret", "keys")]


async def test_an_image_of_the_kustomization_itself_counts(origin: Origin, tmp_path: Path) -> None:
    job = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {containers: [{name: c, image: a:1}]}\n"
    origin.commit(
        {
            "deploy/kustomization.yaml": "resources: [p.yaml]\nimages: [{name: a, newTag: '2'}]\n",
            "deploy/p.yaml": job,
        },
        "pod",
    )
    async with comparing(origin, tmp_path) as compare:
        found = await compare({"images": [{"name": "a", "newTag": "3"}]})
        assert "+    image: a:3" in [line.replace("  - ", "    ", 1) for line in found.differences[0].lines]


async def test_a_kind_that_is_not_served_would_be_created(origin: Origin, tmp_path: Path) -> None:
    thing = "apiVersion: shop.example/v1\nkind: Oven\nmetadata: {name: big, namespace: shop}\n"
    origin.commit({"deploy/kustomization.yaml": "resources: [oven.yaml]\n", "deploy/oven.yaml": thing}, "oven")
    async with comparing(origin, tmp_path) as compare:
        assert told(await compare()) == [("created", "Oven", "big")]


async def test_what_may_not_be_read_is_unknown(origin: Origin, tmp_path: Path) -> None:
    async with comparing(origin, tmp_path, config("INFO")) as compare:
        found = await compare(user="nsviewer")
        assert told(found) == [("unknown", "ConfigMap", "web"), ("unknown", "Secret", "keys")]


@pytest.mark.parametrize("revision", ["zzz", "--help", "a..b", "0" * 40, "HEAD^{/x}", "-1", "\n"])
async def test_a_revision_that_is_none(origin: Origin, tmp_path: Path, revision: str) -> None:
    async with comparing(origin, tmp_path) as compare:
        with pytest.raises(BakeryopsError):
            await compare(revision=revision)
