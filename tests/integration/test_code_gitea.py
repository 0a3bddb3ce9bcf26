"""Git, Gitea's API and the registry against the embedded Gitea, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bakeryops.config import Config
from bakeryops.config.schema import Git
from bakeryops.config.schema import Gitea as GiteaSection
from bakeryops.config.schema import Registry as RegistrySection
from bakeryops.demo.bakery.repository import make_history
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.gitea.server import Gitea as Server
from bakeryops.demo.names import Names
from bakeryops.git.keeper import Code
from bakeryops.gitea.client import gitea_of
from bakeryops.registry.client import registry_of
from bakeryops.web import WebError

OWNER, NAME = "bakery-admin", "bakery-ia"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(tmp_path / "gitea", ManualClock(1_795_000_000.0), seed=4, names=Names())
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def config(server: Server, tmp_path: Path) -> Config:
    for name, text in (("git-credentials", server.credentials()), ("token", server.token())):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return Config(
        git=Git(url=f"{server.url}/{OWNER}/{NAME}.git", credentials=str(tmp_path / "git-credentials")),
        gitea=GiteaSection(url=server.url, token=str(tmp_path / "token")),
        registry=RegistrySection(user="operator"),
    )


async def test_the_history_of_the_bakery_is_read(server: Server, config: Config, tmp_path: Path) -> None:
    repo = server.repo(OWNER, NAME)
    releases = make_history(repo, now=1_795_000_000.0, seed=4)
    view = await Code(config, folder=tmp_path / "mirrors").once()
    assert (view.state, view.reason, view.head) == ("live", "", repo.head())
    deployed = {(each.service, each.tag) for each in view.deployments if each.kind == "deploy"}
    newest = [each for each in releases if each.deploy_commits][-5:]
    for release in newest:
        for service, commit in release.deploy_commits.items():
            assert (service, release.tag) in deployed
            found = next(each for each in view.deployments if each.commit == commit)
            assert (found.service, found.run, found.source) == (service, release.run, release.after)
            assert found.source in view.commits
    for release in newest:
        assert set(view.touched[release.after]) <= {*release.services, "*"} or "*" in view.touched[release.after]
    assert {"auth", "gateway", "frontend"} <= set(view.services)


async def test_a_push_is_seen_and_an_outage_survived(server: Server, config: Config, tmp_path: Path) -> None:
    repo = server.repo(OWNER, NAME)
    who = {"author": "maria", "email": "m@example.org", "when": 1_795_000_000.0}
    first = repo.commit("main", {"services/auth/a.py": b"1\n"}, "first", **who)
    code = Code(config, folder=tmp_path / "mirrors")
    assert (await code.once()).head == first
    second = repo.commit("main", {"services/auth/a.py": b"2\n"}, "second", **who)
    assert (await code.once()).head == second
    server.faults.down = "closed"
    view = await code.once()
    assert (view.state, view.head) == ("stale", second)
    assert view.reason
    server.faults.down = "502"
    view = await code.once()
    assert (view.state, view.head) == ("stale", second)
    server.faults.down = ""
    assert (await code.once()).state == "live"


async def test_wrong_credentials_for_git(server: Server, config: Config, tmp_path: Path) -> None:
    server.repo(OWNER, NAME).commit("main", {"a": b"1"}, "first", "m", "m@example.org", 1_795_000_000.0)
    (tmp_path / "git-credentials").write_text(f"http://operator:wrong@{server.url.removeprefix('http://')}\n")
    view = await Code(config, folder=tmp_path / "mirrors").once()
    assert view.state == "refused"
    assert "git.credentials" in view.hint


async def test_gitea_is_asked(server: Server, config: Config) -> None:
    gitea = gitea_of(config)
    assert gitea is not None
    assert (await gitea.version()).numbers == (1, 25, 2)
    assert await gitea.commits(OWNER, NAME) == []
    repo = server.repo(OWNER, NAME)
    when = 1_795_000_000.0
    shas = [
        repo.commit("main", {"a": b"%d" % n}, f"commit {n}", "m", "m@example.org", when + n) for n in range(70)
    ]
    info = await gitea.repository(OWNER, NAME)
    assert (info.full_name.lower(), info.default_branch, info.pull) == (f"{OWNER}/{NAME}", "main", True)
    found = await gitea.commits(OWNER, NAME, sha="main", limit=60)
    assert [each.sha for each in found] == shas[:-61:-1]
    assert await gitea.commits(OWNER, NAME, path="none") == []
    server.set_status(OWNER, NAME, shas[-1], "success", "tekton", "built", "", "bakery-ci-bot")
    assert (await gitea.combined_status(OWNER, NAME, shas[-1])).state == "success"
    assert [each.state for each in await gitea.statuses(OWNER, NAME, shas[-1])] == ["success"]
    compared = await gitea.compare(OWNER, NAME, shas[0], shas[-1])
    assert compared is not None
    assert compared.total == 69
    server.add_hook(OWNER, NAME, "http://el-bakery-gitea.bakery-ci.svc.cluster.local:8080", secret="s")
    assert [each.url for each in await gitea.hooks(OWNER, NAME) or ()] == [
        "http://el-bakery-gitea.bakery-ci.svc.cluster.local:8080"
    ]
    with pytest.raises(WebError) as caught:
        await gitea.repository(OWNER, "none")
    assert caught.value.kind == "not_found"
    await gitea.close()


async def test_the_registry_is_asked(server: Server, config: Config) -> None:
    digests = {f"t-{n:03d}": server.registry.put(f"{OWNER}/auth", f"t-{n:03d}") for n in range(7)}
    registry, gitea = registry_of(config), gitea_of(config)
    assert registry is not None
    assert gitea is not None
    assert await registry.tags(f"{OWNER}/auth") == sorted(digests)
    assert await registry.has(f"gitea.bakery-ia.local/{OWNER}/auth", "t-003") == digests["t-003"]
    assert await registry.has(f"{OWNER}/auth", "none") is None
    assert await registry.tags(f"{OWNER}/none") == []
    packages = await gitea.packages(OWNER, containing="auth")
    assert {each.version for each in packages} >= set(digests)
    await registry.close()
    await gitea.close()
