"""What the console knows of Git: at once from disk, then fetched, and honest about its age."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from bakeryops.cluster.errors import KubeError
from bakeryops.config import Config
from bakeryops.config.schema import Git
from bakeryops.git.errors import GitError
from bakeryops.git.history import History
from bakeryops.git.keeper import Code
from bakeryops.git.repository import Repository
from bakeryops.git.where import find
from bakeryops.model.code import CodeView
from tests.support.git_origin import OVERLAY, START, Origin, deploy_message, overlay, tag_of
from tests.support.waiting import until

TAGS = {"auth": "first-0000001", "tenant": "first-0000001", "gateway": "first-0000001"}


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "origin.git")
    made.commit({OVERLAY: overlay(TAGS), "services/auth/a.py": "1", "services/tenant/a.py": "1"}, "first")
    return made


def deploy(origin: Origin, service: str, run: str = "bakery-ia-ci-ab12c") -> tuple[str, str]:
    source = origin.commit({f"services/{service}/a.py": str(origin.when)}, f"fix({service}): it")
    tag = tag_of(source)
    return source, origin.commit(
        {OVERLAY: overlay(TAGS | {service: tag})}, deploy_message(service, tag, source, run)
    )


def code(origin: Origin, tmp_path: Path, **git: Any) -> Code:
    config = Config(git=Git(url=origin.url, **git))
    return Code(config, folder=tmp_path / "mirrors", clock=lambda: START + 1000.0, rng=lambda: 0.5)


async def test_all_that_git_says(origin: Origin, tmp_path: Path) -> None:
    source, deployed = deploy(origin, "auth")
    view = await code(origin, tmp_path).once()
    assert (view.state, view.reason, view.head, view.fetched) == ("live", "", deployed, START + 1000.0)
    assert view.main[:2] == (deployed, source)
    assert view.services == ("auth", "tenant", "gateway")
    assert view.touched[source] == ("auth",)
    assert view.touched[deployed] == ()
    assert [(each.service, each.line) for each in view.images] == [("auth", 6), ("tenant", 8), ("gateway", 10)]
    newest = view.deployments[0]
    assert (newest.service, newest.kind, newest.source, newest.commit) == ("auth", "deploy", source, deployed)
    assert newest.run == "bakery-ia-ci-ab12c"
    assert view.find(source[:7]) == view.commits[source]


async def test_what_is_on_disk_is_shown_at_once_and_as_old(origin: Origin, tmp_path: Path) -> None:
    await code(origin, tmp_path).once()
    again = code(origin, tmp_path)
    seen: list[CodeView] = []
    again.on_change.append(lambda: seen.append(again.view))
    await again.once()
    assert [view.state for view in seen] == ["stale", "live"]
    assert seen[0].head == origin.tip()
    assert seen[0].fetched == pytest.approx(time.time(), abs=60)
    assert "not fetched yet" in seen[0].reason


async def test_gitea_goes_away_and_comes_back(origin: Origin, tmp_path: Path) -> None:
    mine = code(origin, tmp_path)
    before = await mine.once()
    away = origin.path.rename(tmp_path / "away")
    view = await mine.once()
    assert view.state == "refused"
    assert "no such repository" in view.reason
    assert view.hint
    assert (view.main, view.fetched) == (before.main, before.fetched)
    away.rename(origin.path)
    assert (await mine.once()).state == "live"


async def test_nothing_answers_from_the_beginning(tmp_path: Path) -> None:
    config = Config(git=Git(url="http://127.0.0.1:1/o/n.git"))
    view = await Code(config, folder=tmp_path).once()
    assert (view.state, view.main) == ("waiting", ())
    assert "nothing answers there" in view.reason


async def test_no_repository_is_configured(tmp_path: Path) -> None:
    view = await Code(Config(), folder=tmp_path).once()
    assert (view.state, view.hint) == ("off", "Set git.url in the configuration.")


async def test_a_poke_brings_a_new_commit_soon(origin: Origin, tmp_path: Path) -> None:
    mine = code(origin, tmp_path)
    task = asyncio.create_task(mine.run())
    try:
        await until(lambda: mine.view.state == "live")
        pushed = origin.commit({"services/tenant/a.py": "2"}, "more")
        mine.poke()
        await until(lambda: mine.view.head == pushed)
        assert mine.view.touched[pushed] == ("tenant",)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_overlay_that_cannot_be_read_is_told_and_the_last_good_one_stays(
    origin: Origin, tmp_path: Path
) -> None:
    mine = code(origin, tmp_path)
    await mine.once()
    origin.commit({OVERLAY: "images: [\n"}, "break it")
    view = await mine.once()
    assert view.state == "live"
    assert f"{OVERLAY}:2: not YAML" in view.reason
    assert len(view.images) == 3
    origin.commit({OVERLAY: overlay(TAGS)}, "mend it")
    assert (await mine.once()).reason == ""


async def test_an_overlay_that_is_not_there(origin: Origin, tmp_path: Path) -> None:
    view = await code(origin, tmp_path, overlay="elsewhere").once()
    assert view.state == "live"
    assert "elsewhere has no kustomization.yaml" in view.reason
    assert view.images == view.deployments == ()
    assert view.main


async def test_only_what_is_added_is_read(origin: Origin, tmp_path: Path) -> None:
    repository = Repository(origin.url, folder=tmp_path / "mirrors")
    history = History(repository, OVERLAY.rpartition("/")[0], "services")
    await repository.refresh()
    assert await history.load()
    assert not await history.load()
    for service in ("auth", "tenant"):
        source, deployed = deploy(origin, service)
        await repository.refresh()
        assert await history.load()
        view = history.onto(CodeView())
        assert view.main[:2] == (deployed, source)
    again = History(repository, OVERLAY.rpartition("/")[0], "services")
    await again.load()
    assert again.onto(CodeView()) == view


async def test_a_branch_that_was_rewritten_is_read_anew(origin: Origin, tmp_path: Path) -> None:
    mine = code(origin, tmp_path)
    first = origin.tip()
    deploy(origin, "auth")
    await mine.once()
    other = origin.commit({"services/auth/a.py": "other"}, "other", parents=(first,))
    view = await mine.once()
    assert view.main == (other, first)
    assert [each.commit for each in view.deployments] == [first] * 3


async def test_what_was_read_in_part_is_not_counted_twice(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(origin.url, folder=tmp_path)
    await repository.refresh()
    history = History(repository, OVERLAY.rpartition("/")[0], "services")
    await history.load()
    before = history.onto(CodeView())
    origin.commit({OVERLAY: overlay({"auth": "later"})}, "edit auth", when=10**14)
    await repository.refresh()

    async def away(*_: Any) -> Any:
        raise GitError("it takes too long", kind="timeout")

    with monkeypatch.context() as patch:
        patch.setattr(repository, "folders", away)
        with pytest.raises(GitError):
            await history.load()
    assert await history.load()
    view = history.onto(CodeView())
    assert len(view.main) == len(set(view.main)) == len(before.main) + 1
    assert len(view.deployments) == len({(each.commit, each.service) for each in view.deployments})
    assert time.strftime("%Y", time.gmtime(view.commits[view.head].committed)) == "9999"


async def test_deployments_through_merges_count_once(origin: Origin, tmp_path: Path) -> None:
    base = origin.tip()
    tag = "20261122025800-" + "a" * 12
    origin.plan({OVERLAY: overlay(TAGS | {"auth": tag})}, "bump auth", parents=(base,), branch="topic")
    origin.write()
    side = origin.tip("topic")
    merge = origin.commit({OVERLAY: overlay(TAGS | {"auth": tag})}, "Merge topic", parents=(base, side))
    view = await code(origin, tmp_path).once()
    assert [(each.commit, each.tag) for each in view.deployments if each.tag == tag] == [(merge, tag)]
    assert view.main == (merge, base)
    assert side in view.commits


async def test_five_hundred_commits_open_quickly(origin: Origin, tmp_path: Path) -> None:
    for number in range(250):
        service = ("auth", "tenant", "gateway")[number % 3]
        tag = f"20261122{number:06d}-{number:012x}"
        TAGS_NOW = TAGS | {service: tag}
        origin.plan({f"services/{service}/a.py": str(number)}, f"fix {number}")
        origin.plan({OVERLAY: overlay(TAGS_NOW)}, deploy_message(service, tag, f"{number:040x}"))
    origin.write()
    repository = Repository(origin.url, folder=tmp_path / "mirrors")
    await repository.refresh()
    best = 9.0
    for _ in range(3):
        history = History(repository, OVERLAY.rpartition("/")[0], "services")
        runs, begun = repository.runs, time.perf_counter()
        await history.load()
        view = history.onto(CodeView())
        best = min(best, time.perf_counter() - begun)
        assert repository.runs - runs <= 5
    assert (len(view.main), len(view.deployments)) == (400, 200)
    # The budget is 0.15 s; the machine that runs tests may be busy.
    assert best < 1.0


class Cluster:
    """Answers what `find` asks a session."""

    def __init__(self, objects: dict[str, Any]) -> None:
        self.objects = objects
        self.transport = self.discovery = self

    async def path(self, kind: str, namespace: str | None) -> str:
        return kind

    async def get_bytes(self, path: str, *, query: Any = ()) -> bytes:
        if path not in self.objects:
            raise KubeError(f"{path} is not served", kind="absent")
        return json.dumps({"items": self.objects[path]}).encode()

    async def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        found = self.objects.get(f"{kind}/{namespace}/{name}")
        if found is None:
            raise KubeError(f"{name} is not there", kind="not_found")
        return found


def applier(path: str, source: str) -> dict[str, Any]:
    return {
        "metadata": {"name": source, "namespace": "flux-system"},
        "spec": {"path": path, "sourceRef": {"kind": "GitRepository", "name": source}},
    }


def flux(url: str) -> dict[str, Any]:
    return {
        "kustomizations": [applier("./infra", "other"), applier(f"./{OVERLAY.rpartition('/')[0]}", "bakery-ia")],
        "gitrepositories/flux-system/bakery-ia": {"spec": {"url": url, "ref": {"branch": "trunk"}}},
        "gitrepositories/flux-system/other": {"spec": {"url": "http://other.example.org/o/n.git"}},
    }


SERVICE_URL = "http://gitea-http.gitea.svc.cluster.local:3000/bakery-admin/bakery-ia.git"


async def test_flux_says_where_the_repository_is() -> None:
    objects = flux("http://ops:pw@gitea.example.org/o/n.git")
    place = await find(Config(), Cluster(objects))  # type: ignore[arg-type]
    assert place is not None
    assert (place.url, place.branch, place.resolve) == ("http://gitea.example.org/o/n.git", "trunk", "")


@pytest.mark.parametrize(
    ("spec", "url", "branch"),
    [
        ({"url": "ssh://git@gitea.example.org/o/n.git"}, "ssh://git@gitea.example.org/o/n.git", "master"),
        ({"url": "ssh://git:pw@gitea.example.org/o/n.git"}, "ssh://git@gitea.example.org/o/n.git", "master"),
        ({"url": "https://u@gitea.example.org/o/n.git", "ref": {}}, "https://gitea.example.org/o/n.git", "master"),
        (
            {"url": "https://h.example.org/a@b/n.git", "ref": {"tag": "v1"}},
            "https://h.example.org/a@b/n.git",
            "main",
        ),
    ],
)
async def test_the_address_keeps_the_login_of_ssh_and_nothing_secret(
    spec: dict[str, Any], url: str, branch: str
) -> None:
    objects = flux("") | {"gitrepositories/flux-system/bakery-ia": {"spec": spec}}
    place = await find(Config(), Cluster(objects))  # type: ignore[arg-type]
    assert place is not None
    assert (place.url, place.branch) == (url, branch)


async def test_a_name_of_the_cluster_is_reached_by_the_address_of_its_service() -> None:
    objects = flux(SERVICE_URL) | {"services/gitea/gitea-http": {"spec": {"clusterIP": "10.152.183.7"}}}
    place = await find(Config(), Cluster(objects))  # type: ignore[arg-type]
    assert place is not None
    assert place.resolve == "gitea-http.gitea.svc.cluster.local:3000:10.152.183.7"


async def test_a_service_without_address_is_reached_by_its_pod() -> None:
    slices = "/apis/discovery.k8s.io/v1/namespaces/gitea/endpointslices"
    endpoints = [
        {"addresses": ["10.1.0.8"], "conditions": {"ready": False}},
        {"addresses": ["10.1.0.9"], "conditions": {"ready": True}},
    ]
    objects = flux(SERVICE_URL) | {
        "services/gitea/gitea-http": {"spec": {"clusterIP": "None"}},
        slices: [{"endpoints": endpoints}],
    }
    place = await find(Config(), Cluster(objects))  # type: ignore[arg-type]
    assert place is not None
    assert place.resolve.endswith(":3000:10.1.0.9")


async def test_a_service_that_is_not_there_is_said(tmp_path: Path) -> None:
    session: Any = Cluster(flux("http://gitea-http.gitea.svc/o/n.git"))
    view = await Code(Config(), session, folder=tmp_path).once()
    assert view.state == "waiting"
    assert "is a name that only the cluster knows" in view.reason
    assert "git.url" in view.hint


@pytest.mark.parametrize("objects", [{}, {"kustomizations": []}, {"kustomizations": [{"spec": 3}, {}, "x", None]}])
async def test_a_cluster_without_flux(objects: dict[str, Any]) -> None:
    assert await find(Config(), Cluster(objects)) is None  # type: ignore[arg-type]
