"""Gitea's container registry as Flux' controllers reach it within the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakeryops.demo.bakery.inventory import REGISTRY
from bakeryops.demo.chain.registries import ChainRegistry
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.flux import SourceFault
from bakeryops.demo.gitea.server import HOST, Gitea
from bakeryops.demo.names import Names
from bakeryops.demo.world import build_world

IMAGE = f"{REGISTRY}/bakery-admin/auth"
FLUX = "flux-system"


@pytest.fixture
def gitea(tmp_path: Path) -> Iterator[Gitea]:
    names = Names()
    made = Gitea(tmp_path, ManualClock(), seed=0, names=names)
    made.url = "http://127.0.0.1:9"
    names.add(HOST, made.url)
    made.registry.put("bakery-admin/auth", "1", "sha256:" + "a" * 64)
    yield made
    made.repo("bakery-admin", "bakery-ia").close()


def test_tags_and_digests_are_those_of_gitea(gitea: Gitea) -> None:
    registry = ChainRegistry(gitea)
    assert registry.tags(IMAGE) == ["1"]
    assert registry.digest(IMAGE, "1") == "sha256:" + "a" * 64
    assert registry.digest(IMAGE, "2") is None


@pytest.mark.parametrize(
    ("image", "down", "words"),
    [
        (f"{REGISTRY}/bakery-admin/none", "", "not known to registry"),
        ("elsewhere.example/a/b", "", "lookup elsewhere.example: no such host"),
        (IMAGE, "closed", "connection refused"),
        (IMAGE, "502", "502 Bad Gateway"),
    ],
)
def test_what_cannot_be_read_says_why(gitea: Gitea, image: str, down: Any, words: str) -> None:
    gitea.faults.down = down
    with pytest.raises(SourceFault, match=words):
        ChainRegistry(gitea).tags(image)


def test_no_charts_are_kept_anywhere(gitea: Gitea) -> None:
    for url, words in ((f"http://{HOST}/api/packages/x/helm", "404"), ("https://charts.example", "no such host")):
        with pytest.raises(SourceFault, match=words):
            ChainRegistry(gitea).charts(url)


def test_an_image_policy_of_the_whole_cluster_follows_what_is_pushed() -> None:
    clock = ManualClock()
    world = build_world(clock, life=False)
    try:
        world.gitea.names.add(HOST, world.gitea.url)
        world.store.create(
            "imagerepositories", {"metadata": {"name": "auth"}, "spec": {"interval": "1m", "image": IMAGE}},
            manager="test", namespace=FLUX,
        )  # fmt: skip
        policy = {"imageRepositoryRef": {"name": "auth"}, "policy": {"alphabetical": {"order": "asc"}}}
        world.store.create(
            "imagepolicies", {"metadata": {"name": "auth"}, "spec": policy}, manager="test", namespace=FLUX
        )

        def chosen() -> str:
            found = world.store.get("imagepolicies", FLUX, "auth") or {}
            return str(((found.get("status") or {}).get("latestRef") or {}).get("tag", ""))

        assert clock.run_until(lambda: chosen() == world.gitea.registry.tags(IMAGE)[-1], 300)
        world.gitea.registry.put(IMAGE, "99991231235959-abcdefabcdef")
        assert clock.run_until(lambda: chosen() == "99991231235959-abcdefabcdef", 300)
    finally:
        world.clean_up()
