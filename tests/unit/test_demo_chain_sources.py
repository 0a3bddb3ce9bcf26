"""Git as Flux reaches it within the cluster, and the commits of people at work."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from bakeryops.demo.bakery.pipeline import GIT_URL
from bakeryops.demo.chain import ChainSources
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.flux import GitRef, SourceFault
from bakeryops.demo.gitea.accounts import ADMIN, FLUX, PEOPLE
from bakeryops.demo.gitea.server import Gitea
from bakeryops.demo.life_commits import Commits
from bakeryops.demo.names import Names

SERVICES = ["auth", "orders"]


@pytest.fixture
def gitea(tmp_path: Path) -> Iterator[Gitea]:
    names = Names()
    made = Gitea(tmp_path, ManualClock(), seed=0, names=names)
    made.url = "http://127.0.0.1:9"
    names.add("gitea-http.gitea.svc.cluster.local:3000", made.url)
    repo = made.repo(ADMIN, "bakery-ia")
    files: dict[str, bytes | None] = {f"services/{name}/app/main.py": b"x = 1\n" for name in SERVICES}
    first = repo.commit("main", files, "Begin\n", "María", "maria@bakery-ia.local", 1_790_000_000)
    repo.update_ref("refs/tags/v1.9.0", first)
    repo.update_ref("refs/tags/v.1", first)
    repo.update_ref("refs/tags/v2\u00b2", first)
    second = repo.commit("main", {"README.md": b"# Bakery\n"}, "Say what it is\n", "María", "m@x", 1_790_000_060)
    repo.update_ref("refs/tags/v1.10.0", second)
    yield made
    repo.close()


def login(gitea: Gitea) -> tuple[str, str]:
    user = gitea.accounts.find(FLUX)
    assert user is not None
    return user.login, user.password


def test_refs_of_every_form_stand_for_commits(gitea: Gitea) -> None:
    sources, repo = ChainSources(gitea), gitea.repo(ADMIN, "bakery-ia")
    head, first = repo.head() or "", repo.head("v1.9.0") or ""
    for ref, commit, name in (
        (GitRef(branch="main"), head, "main"),
        (GitRef(tag="v1.9.0"), first, "v1.9.0"),
        (GitRef(name="refs/heads/main"), head, "refs/heads/main"),
        (GitRef(commit=first), first, ""),
        (GitRef(semver="*"), head, "v1.10.0"),
    ):
        found = sources.fetch(GIT_URL, ref, *login(gitea))
        assert (found.commit, found.ref) == (commit, name)
    assert sources.fetch(GIT_URL, GitRef(branch="main"), *login(gitea)).subject == "Say what it is"
    assert set(sources.files(first, "services/auth")) == {"services/auth/app/main.py"}


def test_files_of_a_commit_are_there_without_a_fetch(gitea: Gitea) -> None:
    head = gitea.repo(ADMIN, "bakery-ia").head() or ""
    assert "README.md" in ChainSources(gitea).files(head, "")
    with pytest.raises(SourceFault, match="not found"):
        ChainSources(gitea).files("1" * 40, "")


@pytest.mark.parametrize(
    ("url", "ref", "words"),
    [
        (GIT_URL, GitRef(branch="gone"), 'remote ref "refs/heads/gone"'),
        (GIT_URL, GitRef(tag="gone"), 'remote ref "refs/tags/gone"'),
        (GIT_URL, GitRef(commit="1" * 40), "not found"),
        (GIT_URL, GitRef(semver=">=2"), "no match found"),
        (GIT_URL, GitRef(), 'remote ref "refs/heads/master"'),
        (GIT_URL.replace("bakery-ia.git", "other.git"), GitRef(branch="main"), "repository not found"),
        ("http://nowhere.example/x.git", GitRef(branch="main"), "no such host"),
    ],
)
def test_what_cannot_be_fetched_says_why(gitea: Gitea, url: str, ref: GitRef, words: str) -> None:
    with pytest.raises(SourceFault, match=words):
        ChainSources(gitea).fetch(url, ref, *login(gitea))


def test_a_wrong_password_and_a_server_that_is_down_say_so_without_the_password(gitea: Gitea) -> None:
    sources = ChainSources(gitea)
    with pytest.raises(SourceFault, match="authentication required") as refused:
        sources.fetch(GIT_URL, GitRef(branch="main"), FLUX, "hunter2")
    assert "hunter2" not in str(refused.value)
    gitea.faults.down = "closed"
    with pytest.raises(SourceFault, match="connection refused"):
        sources.fetch(GIT_URL, GitRef(branch="main"), *login(gitea))


def test_people_push_changes_some_of_them_wrong_and_take_those_back(gitea: Gitea) -> None:
    repo, commits = gitea.repo(ADMIN, "bakery-ia"), Commits(gitea, SERVICES, seed=1)
    pushes = []
    gitea.on_push.append(pushes.append)
    marked = []
    for _ in range(24):
        commits.push()
        marked.append(any(b"demo: fail tests" in content for content in repo.files("main", "services").values()))
    assert [(push.before, push.after) for push in pushes[1:]] == [
        (push.after, after.after) for push, after in pairwise(pushes)
    ]
    assert {push.pusher for push in pushes} <= {name for name, _ in PEOPLE}
    assert len({push.pusher for push in pushes}) > 3
    # What is broken by one commit is mended by the next.
    assert any(marked)
    assert not any(first and second for first, second in pairwise(marked))
