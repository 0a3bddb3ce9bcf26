"""The embedded Gitea, by the tools that people use: git over HTTP, and webhooks that follow a push."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from bakeryops.demo.git import ZERO, BareRepo
from bakeryops.demo.gitea import GitRefusedError
from tests.support.gitea import OWNER, REPO, client, run_git, served_gitea, target, url_for

LISTENER = "http://el-bakery-gitea.bakery-ci.svc.cluster.local:8080"
CLONE = "http://gitea.bakery-ia.local/bakery-admin/bakery-ia.git"


async def test_clone_push_and_fetch(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, pushes):
        code, said = await run_git("clone", "-q", url_for(gitea), "work", cwd=tmp_path)
        assert (code, said) == (0, "")
        work = tmp_path / "work"
        (work / "large.bin").write_bytes(os.urandom(2_000_000))
        (work / "ñ.txt").write_text("x")
        await run_git("add", ".", cwd=work)
        await run_git("commit", "-qm", "Zwei", cwd=work)
        before = gitea.repo(OWNER, REPO).head()
        code, said = await run_git("push", "-q", "origin", "main", cwd=work)
        assert code == 0, said
        after = gitea.repo(OWNER, REPO).head()
        assert [(each.ref, each.before, each.after, each.pusher) for each in pushes] == [
            ("refs/heads/main", before, after, "operator")
        ]
        assert gitea.repo(OWNER, REPO).read("main", "ñ.txt") == b"x"
        code, _ = await run_git("clone", "-q", "--depth", "1", url_for(gitea, "flux"), "other", cwd=tmp_path)
        assert code == 0
        assert (tmp_path / "other" / "large.bin").stat().st_size == 2_000_000
        gitea.repo(OWNER, REPO).commit("main", {"z": b"1"}, "Bot", "b", "b@x", gitea.clock.now())
        code, _ = await run_git("pull", "-q", "--ff-only", cwd=work)
        assert code == 0
        assert (work / "z").read_text() == "1"


async def test_partial_clones_are_served(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, _):
        arguments = ("clone", "-q", "--bare", "--filter=blob:none", url_for(gitea), "lean")
        assert (await run_git(*arguments, cwd=tmp_path)) == (0, "")
        code, said = await run_git("cat-file", "-p", "main:README.md", cwd=tmp_path / "lean")
        assert (code, said) == (0, "# Bakery\n")


async def test_a_long_negotiation_is_compressed_and_understood(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, _):
        await run_git("clone", "-q", url_for(gitea), "work", cwd=tmp_path)
        work = tmp_path / "work"
        mine = BareRepo(work / ".git")
        with mine.importer() as importer:
            tip = mine.head("origin/main")
            for number in range(200):
                tip = importer.commit("mine", {"n": b"%d" % number}, "m", "n", "e@x", 1.79e9, parents=[tip or ""])
        mine.close()
        gitea.repo(OWNER, REPO).commit("main", {"z": b"1"}, "Later", "b", "b@x", gitea.clock.now())
        code, said = await run_git("fetch", "-q", "origin", cwd=work)
        assert code == 0, said
        code, said = await run_git("show", "origin/main:z", cwd=work)
        assert (code, said) == (0, "1")


async def test_every_ref_of_a_push_is_told_and_refused_ones_are_not(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, pushes):
        await run_git("clone", "-q", url_for(gitea), "work", cwd=tmp_path)
        work, first = tmp_path / "work", gitea.repo(OWNER, REPO).head()
        await run_git("push", "-q", "origin", "main:one", "main:two", "HEAD:refs/tags/v1", cwd=work)
        assert {(each.ref, each.before, each.after) for each in pushes} == {
            ("refs/heads/one", ZERO, first), ("refs/heads/two", ZERO, first), ("refs/tags/v1", ZERO, first),
        }  # fmt: skip
        assert all(each.created and not each.deleted for each in pushes)
        pushes.clear()
        await run_git("commit", "-q", "--amend", "-m", "Other", cwd=work)
        code, said = await run_git("push", "-q", "origin", "main", cwd=work)
        assert code == 1
        assert "rejected" in said
        assert pushes == []
        assert (await run_git("push", "-qf", "origin", "main", ":one", cwd=work))[0] == 0
        assert {(each.ref, each.before) for each in pushes} == {
            ("refs/heads/main", first),
            ("refs/heads/one", first),
        }
        assert next(each for each in pushes if each.branch == "one").deleted
        pushes.clear()
        assert (await run_git("push", "-q", "origin", "main", cwd=work))[0] == 0
        assert pushes == []


async def test_a_hook_of_the_server_can_refuse_a_push(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, pushes):
        await run_git("clone", "-q", url_for(gitea), "work", cwd=tmp_path)
        gitea.faults.push_refused = "branch main is protected; it's closed"
        code, said = await run_git("push", "origin", "main:new", cwd=tmp_path / "work")
        assert code == 1
        assert "remote: branch main is protected; its closed" in said
        assert "pre-receive hook declined" in said
        assert pushes == []
        gitea.faults.push_refused = ""
        assert (await run_git("push", "-q", "origin", "main:new", cwd=tmp_path / "work"))[0] == 0


@pytest.mark.parametrize(
    ("login", "secret", "said"),
    [
        ("operator", "wrong", "Authentication failed"),
        ("nobody", "x", "Authentication failed"),
        ("flux", None, "requested URL returned error: 403"),
    ],
)
async def test_who_may_not_push_is_told(tmp_path: Path, login: str, secret: str | None, said: str) -> None:
    async with served_gitea(tmp_path) as (gitea, pushes):
        await run_git("clone", "-q", url_for(gitea), "work", cwd=tmp_path)
        code, text = await run_git("push", url_for(gitea, login, secret), "main:x", cwd=tmp_path / "work")
        assert code != 0
        assert said in text
        assert pushes == []


async def test_who_may_only_read_is_stopped_by_a_hook(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, pushes):
        url = url_for(gitea, "flux", _password(gitea, "flux"))
        await run_git("clone", "-q", url, "work", cwd=tmp_path)
        code, text = await run_git("push", url, "main:x", cwd=tmp_path / "work")
        assert code == 1
        assert "remote: error: User permission denied for writing." in text
        assert "pre-receive hook declined" in text
        assert pushes == []


async def test_strangers_and_unknown_repositories(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, _):
        code, said = await run_git("ls-remote", f"{gitea.url}/{OWNER}/{REPO}.git", cwd=tmp_path)
        assert code != 0
        assert "terminal prompts disabled" in said
        code, said = await run_git("ls-remote", url_for(gitea, path="bakery-admin/nothing.git"), cwd=tmp_path)
        assert code != 0
        assert "not found" in said
        await run_git("clone", "-q", url_for(gitea), "work", cwd=tmp_path)
        code, said = await run_git("push", url_for(gitea, path="a/nothing.git"), "main", cwd=tmp_path / "work")
        assert code != 0
        assert "403" in said
        password = gitea.accounts.find("flux")
        assert password is not None
        code, _ = await run_git("ls-remote", url_for(gitea, "flux", password.password), cwd=tmp_path)
        assert code == 0


async def test_a_credentials_file_logs_git_in(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, _):
        store = tmp_path / "credentials"
        store.write_text(gitea.credentials())
        helper = f"credential.helper=store --file={store}"
        code, said = await run_git("-c", helper, "ls-remote", f"{gitea.url}/{OWNER}/{REPO}.git", cwd=tmp_path)
        assert code == 0
        assert "refs/heads/main" in said


async def test_a_push_reaches_the_listener_signed(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, _), target() as listener:
        gitea.names.add("el-bakery-gitea.bakery-ci.svc.cluster.local:8080", listener.url)
        hook = gitea.add_hook(OWNER, REPO, LISTENER, secret="flour")
        await run_git("clone", "-q", url_for(gitea, "maria", _password(gitea, "maria")), "work", cwd=tmp_path)
        for number in range(7):
            await run_git("commit", "-q", "--allow-empty", "-m", f"Nr. {number}", cwd=tmp_path / "work")
        before = gitea.repo(OWNER, REPO).head()
        await run_git("push", "-q", "origin", "main", cwd=tmp_path / "work")
        await gitea.webhooks.settled()
        ((headers, raw),) = listener.received
        body = json.loads(raw)
        expected = hmac.new(b"flour", raw, hashlib.sha256).hexdigest()
        assert headers["X-Hub-Signature-256"] == f"sha256={expected}"
        assert headers["X-Gitea-Signature"] == expected
        assert headers["X-GitHub-Event"] == headers["X-Gitea-Event"] == "push"
        assert headers["Host"] == "el-bakery-gitea.bakery-ci.svc.cluster.local:8080"
        assert headers["X-Gitea-Hook-Installation-Target-Type"] == "repository"
        assert (body["ref"], body["before"]) == ("refs/heads/main", before)
        assert body["after"] == gitea.repo(OWNER, REPO).head() == body["head_commit"]["id"]
        assert body["total_commits"] == 7
        assert [each["message"] for each in body["commits"]] == [f"Nr. {number}\n" for number in (6, 5, 4, 3, 2)]
        assert body["pusher"]["login"] == "maria"
        assert body["repository"]["full_name"] == f"{OWNER}/{REPO}"
        (delivery,) = hook.deliveries
        assert (delivery.succeeded, delivery.status) == (True, 202)
        assert delivery.uuid == headers["X-Gitea-Delivery"]


def _password(gitea: object, login: str) -> str:
    return gitea.accounts.find(login).password  # type: ignore[attr-defined, no-any-return]


async def test_branches_and_tags_that_come_and_go_send_their_own_events(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, _), target() as listener:
        gitea.names.add("el-bakery-gitea.bakery-ci.svc.cluster.local:8080", listener.url)
        gitea.add_hook(OWNER, REPO, LISTENER, events=("push", "create", "delete"))
        await run_git("clone", "-q", url_for(gitea), "work", cwd=tmp_path)
        await run_git("push", "-q", "origin", "main:side", cwd=tmp_path / "work")
        await run_git("push", "-q", "origin", "HEAD:refs/tags/v1", cwd=tmp_path / "work")
        await gitea.webhooks.settled()
        events = {(head["X-Gitea-Event"], json.loads(raw)["ref"]) for head, raw in listener.received}
        assert events == {
            ("push", "refs/heads/side"),
            ("create", "side"),
            ("push", "refs/tags/v1"),
            ("create", "v1"),
        }
        assert all(head["X-Gitea-Signature"] == "" for head, _ in listener.received)
        assert all(head["X-Hub-Signature-256"] == "sha256=" for head, _ in listener.received)
        listener.received.clear()
        await run_git("push", "-q", "origin", ":side", ":v1", cwd=tmp_path / "work")
        await gitea.webhooks.settled()
        bodies = {
            (head["X-Gitea-Event"], json.loads(raw)["ref"]): json.loads(raw) for head, raw in listener.received
        }
        assert set(bodies) == {("delete", "side"), ("push", "refs/tags/v1"), ("delete", "v1")}
        gone = bodies["push", "refs/tags/v1"]
        assert (gone["after"], gone["head_commit"]) == (ZERO, None)


async def test_a_hook_may_send_forms(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, _), target() as listener:
        gitea.names.add("el-bakery-gitea.bakery-ci.svc.cluster.local:8080", listener.url)
        gitea.add_hook(OWNER, REPO, LISTENER, secret="flour").content_type = "form"
        gitea.pushed(OWNER, REPO, "refs/heads/x", ZERO, gitea.repo(OWNER, REPO).head() or "", "tom")
        await gitea.webhooks.settled()
        headers, raw = listener.received[0]
        payload = parse_qs(raw.decode())["payload"][0]
        assert json.loads(payload)["ref"] == "refs/heads/x"
        signature = hmac.new(b"flour", payload.encode(), hashlib.sha256).hexdigest()
        assert headers["X-Gitea-Signature"] == signature
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_a_delivery_that_fails_is_tried_once_and_kept(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, _), target() as listener:
        refused = gitea.add_hook(OWNER, REPO, "http://el-x.tekton-pipelines.svc.cluster.local:8080")
        gitea.names.add("el-x.tekton-pipelines.svc.cluster.local:8080", listener.url, "10.152.183.77")
        unknown = gitea.add_hook(OWNER, REPO, "http://el-none.bakery-ci.svc.cluster.local:8080")
        wrong = gitea.add_hook(OWNER, REPO, LISTENER)
        gitea.names.add("el-bakery-gitea.bakery-ci.svc.cluster.local:8080", listener.url)
        listener.status = 503
        gitea.repo(OWNER, REPO).commit("main", {"a": b"1"}, "A", "t", "t@x", 1.0)
        head = gitea.repo(OWNER, REPO).head() or ""
        gitea.pushed(OWNER, REPO, "refs/heads/main", ZERO, head, "tom")
        await gitea.webhooks.settled()
        assert refused.deliveries[0].response == (
            'Delivery: Post "http://el-x.tekton-pipelines.svc.cluster.local:8080": dial tcp 10.152.183.77:8080: webhook '
            "can only call allowed HTTP servers (check your webhook.ALLOWED_HOST_LIST setting), deny "
            "'el-x.tekton-pipelines.svc.cluster.local(10.152.183.77:8080)'"
        )
        assert unknown.deliveries[0].response.endswith("no such host")
        assert (wrong.deliveries[0].status, wrong.deliveries[0].succeeded) == (503, False)
        assert len(listener.received) == 1


async def test_down_and_slow(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, _):
        gitea.faults.down = "closed"
        code, said = await run_git("ls-remote", url_for(gitea), cwd=tmp_path)
        assert code != 0
        assert "Empty reply" in said or "Recv failure" in said
        with pytest.raises(GitRefusedError, match="connection refused"):
            gitea.resolve(CLONE, "flux", _password(gitea, "flux"))
        gitea.faults.down = "502"
        async with client(gitea) as http:
            answer = await http.get("/api/v1/version")
            assert (answer.status_code, "502 Bad Gateway" in answer.text) == (502, True)
            with pytest.raises(GitRefusedError) as caught:
                gitea.resolve(CLONE, "", "")
            assert caught.value.status == 502
            gitea.faults.down = ""
            gitea.faults.delay = 0.05
            assert (await http.get("/api/v1/version")).elapsed.total_seconds() >= 0.05


async def test_what_a_git_client_in_the_cluster_gets(tmp_path: Path) -> None:
    async with served_gitea(tmp_path) as (gitea, _):
        secret = _password(gitea, "flux")
        repo = gitea.repo(OWNER, REPO)
        assert gitea.resolve(CLONE, "flux", secret) is repo
        assert gitea.resolve("http://gitea-http.gitea.svc:3000/Bakery-Admin/bakery-ia", "flux", secret) is repo
        for url, name, password, status, text in (
            ("http://gitea.example/x/y", "", "", 0, "no such host"),
            ("http://gitea-http.gitea.svc:3001/bakery-admin/bakery-ia", "flux", secret, 0, "connection refused"),
            (CLONE, "", "", 401, "authentication required"),
            (CLONE, "flux", "wrong", 401, "authentication required"),
            (CLONE.replace("bakery-ia.git", "other.git"), "flux", secret, 404, "not found"),
        ):
            with pytest.raises(GitRefusedError, match=text) as caught:
                gitea.resolve(url, name, password)
            assert caught.value.status == status
