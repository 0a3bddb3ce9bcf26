"""The embedded Gitea's REST API: answers, refusals, pages, versions, and what it writes."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bakeryops.demo.gitea import Gitea, Push
from tests.support.gitea import OWNER, REPO, client, served_gitea, target

HERE = f"/api/v1/repos/{OWNER}/{REPO}"


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[tuple[Gitea, httpx.AsyncClient, list[Push]]]:
    async with served_gitea(tmp_path) as (gitea, pushes), client(gitea) as http:
        yield gitea, http, pushes


Lab = tuple[Gitea, httpx.AsyncClient, list[Push]]


def _basic(gitea: Gitea, login: str) -> httpx.BasicAuth:
    user = gitea.accounts.find(login)
    assert user is not None
    return httpx.BasicAuth(login, user.password)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def _message(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["message"])


async def test_version_health_and_limits_need_no_login(lab: Lab) -> None:
    gitea, _, _ = lab
    async with client(gitea, None) as nobody:
        assert (await nobody.get("/api/v1/version")).json() == {"version": "1.25.2"}
        assert (await nobody.get("/api/healthz")).json()["status"] == "pass"
        assert (await nobody.get("/api/v1/settings/api")).json()["max_response_items"] == 50


async def test_who_asks(lab: Lab) -> None:
    gitea, http, _ = lab
    assert (await http.get("/api/v1/user")).json()["login"] == "operator"
    async with client(gitea, None) as nobody:
        assert await _message(await nobody.get("/api/v1/user"), 401) == "token is required"
        assert (await nobody.get(HERE)).status_code == 404
        assert (await nobody.get(HERE, auth=_basic(gitea, "flux"))).json()["permissions"]["push"] is False
        bad = {"Authorization": "token nonsense"}
        assert await _message(await nobody.get(HERE, headers=bad), 401) == "invalid username, password or token"
        good = {"Authorization": f"Bearer {gitea.token()}"}
        assert (await nobody.get(HERE, headers=good)).json()["full_name"] == f"{OWNER}/{REPO}"


async def test_a_scope_that_is_missing_is_named(lab: Lab) -> None:
    gitea, _, _ = lab
    async with client(gitea, "flux") as flux:
        assert (await flux.get(HERE)).status_code == 200
        said = await _message(await flux.post(f"{HERE}/statuses/main", json={"state": "success"}), 403)
        assert said == (
            "token does not have at least one of required scope(s), required=[write:repository], "
            "token scope=read:repository"
        )
    async with httpx.AsyncClient(base_url=gitea.url, auth=_basic(gitea, "flux"), trust_env=False) as flux:
        said = await _message(await flux.post(f"{HERE}/contents/x", json={"content": _text(b"x")}), 403)
        assert said == "user should have a permission to write to a repo"
        assert "admin write" in await _message(await flux.get(f"{HERE}/hooks"), 403)


async def test_tokens_are_made_with_a_password_and_shown_once(lab: Lab) -> None:
    gitea, http, _ = lab
    path = "/api/v1/users/maria/tokens"
    assert await _message(await http.get(path), 401) == "auth required"
    async with httpx.AsyncClient(base_url=gitea.url, auth=_basic(gitea, "maria"), trust_env=False) as maria:
        body: dict[str, Any] = {"name": "laptop", "scopes": ["read:repository"]}
        made = await maria.post(path, json=body)
        assert made.status_code == 201
        secret = made.json()["sha1"]
        assert "used already" in await _message(await maria.post(path, json=body), 400)
        wrong = {"name": "b", "scopes": ["write:everything"]}
        assert "invalid access token scope" in await _message(await maria.post(path, json=wrong), 400)
        assert "must have a scope" in await _message(await maria.post(path, json={"name": "c"}), 400)
        (listed,) = (await maria.get(path)).json()
        assert listed["sha1"] == ""
        assert "created_at" in listed
        headers = {"Authorization": f"token {secret}"}
        async with client(gitea, None) as nobody:
            assert (await nobody.get(HERE, headers=headers)).status_code == 200
            assert (await maria.delete(f"{path}/laptop")).status_code == 204
            assert (await nobody.get(HERE, headers=headers)).status_code == 401
        assert (await maria.delete(f"{path}/laptop")).status_code == 404
        assert (await maria.get("/api/v1/users/tom/tokens")).status_code == 403


async def test_commits_come_in_pages(lab: Lab) -> None:
    gitea, http, _ = lab
    repo = gitea.repo(OWNER, REPO)
    for number in range(6):
        repo.commit("main", {f"services/auth/{number}": b"a\nb\n"}, f"Nr. {number}", "Tom", "t@x", 1.8e9 + number)
    answer = await http.get(f"{HERE}/commits", params={"limit": 3, "page": 2})
    assert [each["commit"]["message"] for each in answer.json()] == ["Nr. 2", "Nr. 1", "Nr. 0"]
    wanted = {"x-total": "7", "x-page": "2", "x-perpage": "3", "x-pagecount": "3", "x-hasmore": "true"}
    assert {key: answer.headers[key] for key in wanted} == wanted
    assert answer.headers["x-total-count"] == "7"
    assert 'page=3>; rel="next"' in answer.headers["link"]
    assert answer.headers["link"].startswith("<http://gitea.bakery-ia.local/api/v1/")
    first = answer.json()[0]
    assert first["files"] == [{"filename": "services/auth/2", "status": "added"}]
    assert first["stats"] == {"total": 2, "additions": 2, "deletions": 0}
    lean = (await http.get(f"{HERE}/commits", params={"stat": "false", "files": "false"})).json()
    assert not {"files", "stats"} & set(lean[0])


async def test_commits_of_a_path_ignore_the_limit_and_none_is_not_found(lab: Lab) -> None:
    gitea, http, _ = lab
    for number in range(3):
        gitea.repo(OWNER, REPO).commit("main", {"a": b"%d" % number}, "m", "Tom", "t@x", 1.8e9)
    answer = await http.get(f"{HERE}/commits", params={"path": "a", "limit": 1})
    assert len(answer.json()) == 3
    assert answer.headers["x-perpage"] == "50"
    assert (await http.get(f"{HERE}/commits", params={"path": "none"})).status_code == 404
    assert (await http.get(f"{HERE}/commits", params={"sha": "nobranch"})).status_code == 404


async def test_commits_can_be_cut_by_time_since_1_25(lab: Lab) -> None:
    gitea, http, _ = lab
    gitea.repo(OWNER, REPO).commit("main", {"a": b"1"}, "Late", "Tom", "t@x", 1_795_000_000)
    params = {"since": "2026-11-01T00:00:00Z"}
    assert len((await http.get(f"{HERE}/commits", params=params)).json()) == 1
    gitea.version = "1.24.7"
    assert len((await http.get(f"{HERE}/commits", params=params)).json()) == 2


async def test_an_empty_repository(lab: Lab) -> None:
    _, http, _ = lab
    made = await http.post("/api/v1/user/repos", json={"name": "fresh", "private": True})
    assert (made.status_code, made.json()["empty"]) == (201, True)
    answer = await http.get("/api/v1/repos/operator/fresh/commits")
    assert await _message(answer, 409) == "Git Repository is empty."
    assert (await http.post("/api/v1/user/repos", json={"name": "fresh"})).status_code == 409
    full = await http.post(
        "/api/v1/user/repos", json={"name": "full", "auto_init": True, "default_branch": "trunk"}
    )
    assert (full.json()["empty"], full.json()["default_branch"]) == (False, "trunk")
    assert [each["name"] for each in (await http.get("/api/v1/repos/operator/full/branches")).json()] == ["trunk"]


async def test_one_commit_its_diff_and_a_comparison(lab: Lab) -> None:
    gitea, http, _ = lab
    repo = gitea.repo(OWNER, REPO)
    base = repo.head()
    sha = repo.commit("main", {"README.md": b"# Bread\n"}, "Words", "Tom", "t@x", 1.8e9)
    found = (await http.get(f"{HERE}/git/commits/{sha[:10]}")).json()
    assert (found["sha"], found["parents"][0]["sha"]) == (sha, base)
    diff = await http.get(f"{HERE}/git/commits/{sha}.diff")
    assert diff.headers["content-type"].startswith("text/plain")
    assert "-# Bakery\n+# Bread\n" in diff.text
    patch = (await http.get(f"{HERE}/git/commits/{sha}.patch")).text
    assert "Subject: [PATCH] Words" in patch
    assert (await http.get(f"{HERE}/git/commits/{'a' * 40}")).status_code == 404
    assert (await http.get(f"{HERE}/git/commits/a..b")).status_code == 422
    compared = (await http.get(f"{HERE}/compare/{base}...main")).json()
    assert (compared["total_commits"], compared["commits"][0]["sha"]) == (1, sha)
    assert (await http.get(f"{HERE}/compare/main...nothing")).status_code == 404
    gitea.version = "1.21.11"
    assert (await http.get(f"{HERE}/compare/{base}...main")).status_code == 404


async def test_statuses(lab: Lab) -> None:
    gitea, http, _ = lab
    sha = gitea.repo(OWNER, REPO).head()
    path = f"{HERE}/statuses/{sha}"
    none = (await http.get(f"{HERE}/commits/main/status")).json()
    assert (none["state"], none["total_count"], none["statuses"]) == ("", 0, None)
    for state, context in (("pending", "ci"), ("failure", "ci"), ("success", "lint")):
        made = await http.post(
            path, json={"state": state, "context": context, "description": "d", "target_url": "u"}
        )
        assert (made.status_code, made.json()["status"]) == (201, state)
    listed = (await http.get(path)).json()
    assert [(each["context"], each["status"]) for each in listed] == [
        ("lint", "success"), ("ci", "failure"), ("ci", "pending"),
    ]  # fmt: skip
    assert [each["id"] for each in listed] == [3, 2, 1]
    assert len((await http.get(f"{HERE}/commits/main/statuses", params={"state": "pending"})).json()) == 1
    combined = (await http.get(f"{HERE}/commits/main/status")).json()
    assert (combined["state"], combined["total_count"], combined["sha"]) == ("failure", 2, sha)
    unknown = await http.post(f"{HERE}/statuses/{'b' * 40}", json={"state": "success"})
    assert unknown.status_code == 500
    assert (await http.post(path, json={"state": "skipped"})).status_code == 201
    gitea.version = "1.24.0"
    assert (await http.post(path, json={"state": "skipped"})).status_code == 422
    assert (await http.get(f"{HERE}/commits/nothing/status")).status_code == 404


async def test_hooks_have_the_traps_of_the_real_ones(lab: Lab) -> None:
    gitea, http, _ = lab
    path = f"{HERE}/hooks"
    config = {"url": "http://el-bakery-gitea.bakery-ci.svc:8080", "content_type": "json", "secret": "flour"}
    assert await _message(await http.post(path, json={"type": "gitea"}), 422) == "Missing config option: url"
    bad = {"type": "gitea", "config": config | {"url": "el:8080"}}
    assert await _message(await http.post(path, json=bad), 422) == "Invalid url"
    body = {"type": "gitea", "config": config, "events": ["push", "create"], "branch_filter": "main"}
    made = (await http.post(path, json=body)).json()
    assert made["active"] is False
    assert "flour" not in json.dumps((await http.get(path)).json())
    one = f"{path}/{made['id']}"
    changed = {"active": True, "config": {"secret": "other", "url": "http://el-x.bakery-ci.svc:8080"}}
    edited = (await http.patch(one, json=changed)).json()
    assert (edited["active"], edited["events"], edited["branch_filter"]) == (True, ["push"], "")
    hook = gitea.find(OWNER, REPO).hooks[0]  # type: ignore[union-attr]
    assert (hook.secret, hook.url) == ("flour", "http://el-x.bakery-ci.svc:8080")
    assert (await http.delete(one)).status_code == 204
    assert (await http.get(one)).status_code == 404


async def test_a_test_delivery_moves_nothing(lab: Lab) -> None:
    gitea, http, pushes = lab
    async with target() as listener:
        gitea.names.add("el-bakery-gitea.bakery-ci.svc.cluster.local:8080", listener.url)
        hook = gitea.add_hook(OWNER, REPO, "http://el-bakery-gitea.bakery-ci.svc.cluster.local:8080")
        assert (await http.post(f"{HERE}/hooks/{hook.id}/tests")).status_code == 204
        await gitea.webhooks.settled()
        body = json.loads(listener.received[0][1])
        assert body["before"] == body["after"] == gitea.repo(OWNER, REPO).head()
        assert pushes == []


async def test_a_slow_target_is_given_up(lab: Lab) -> None:
    gitea, _, _ = lab
    async with target() as listener:
        listener.hold = asyncio.Event()
        gitea.webhooks.timeout = 0.05
        gitea.names.add("el-a.bakery-ci.svc.cluster.local:8080", listener.url)
        hook = gitea.add_hook(OWNER, REPO, "http://el-a.bakery-ci.svc.cluster.local:8080")
        head = gitea.repo(OWNER, REPO).head() or ""
        gitea.pushed(OWNER, REPO, "refs/heads/x", "0" * 40, head, "tom")
        await gitea.webhooks.settled()
        assert "context deadline exceeded" in hook.deliveries[0].response
        assert (hook.deliveries[0].done, hook.deliveries[0].succeeded) == (True, False)


async def test_files_are_read(lab: Lab) -> None:
    _, http, _ = lab
    found = (await http.get(f"{HERE}/contents/README.md", params={"ref": "main"})).json()
    assert base64.b64decode(found["content"]) == b"# Bakery\n"
    assert (found["type"], found["size"], found["encoding"]) == ("file", 9, "base64")
    entries = (await http.get(f"{HERE}/contents/services/pos")).json()
    assert [(each["path"], each["type"], each["content"]) for each in entries] == [
        ("services/pos/app", "dir", None)
    ]
    assert {each["name"] for each in (await http.get(f"{HERE}/contents")).json()} == {"README.md", "services"}
    assert (await http.get(f"{HERE}/contents/none")).status_code == 404
    assert (await http.get(f"{HERE}/contents/README.md", params={"ref": "none"})).status_code == 404


async def test_writing_a_file_is_a_commit_with_a_lock(lab: Lab) -> None:
    gitea, http, pushes = lab
    repo, path = gitea.repo(OWNER, REPO), f"{HERE}/contents/README.md"
    before = repo.head()
    sha = (await http.get(path)).json()["sha"]
    said = await _message(await http.put(path, json={"content": _text(b"x"), "sha": "0" * 40}), 422)
    assert said == f"sha does not match [given: {'0' * 40}, expected: {sha}]"
    assert (await http.put(path, json={"content": _text(b"x")})).status_code == 422
    assert (await http.post(path, json={"content": _text(b"x")})).status_code == 422
    assert (await http.put(path, json={"content": "%%%", "sha": sha})).status_code == 422
    assert repo.head() == before
    body = {"content": _text(b"# Bread\n"), "sha": sha, "message": "Say bread", "signoff": True}
    done = await http.put(path, json=body)
    assert done.status_code == 200
    assert repo.read("main", "README.md") == b"# Bread\n"
    info = repo.commit_info("main")
    assert info.author == "Operator"
    assert info.message.startswith("Say bread\n\nSigned-off-by: Operator")
    assert done.json()["commit"]["sha"] == repo.head()
    assert [(each.before, each.after) for each in pushes] == [(before, repo.head())]
    assert (await http.put(f"{HERE}/contents/none", json={"content": _text(b"x"), "sha": sha})).status_code == 404
    outside = f"{HERE}/contents/a%2F..%2F..%2Fb"
    assert (await http.post(outside, json={"content": _text(b"x")})).status_code == 422


async def test_creating_and_deleting_on_branches(lab: Lab) -> None:
    gitea, http, pushes = lab
    repo = gitea.repo(OWNER, REPO)
    made = await http.post(f"{HERE}/contents/a/ñ.txt", json={"content": _text(b"x"), "new_branch": "side"})
    assert made.status_code == 201
    assert repo.read("side", "a/ñ.txt") == b"x"
    assert repo.read("main", "a/ñ.txt") is None
    assert pushes[0].created
    injected = {"content": _text(b"x"), "new_branch": "x\nreset refs/heads/main"}
    assert (await http.post(f"{HERE}/contents/b", json=injected)).status_code == 422
    missing = {"content": _text(b"x"), "branch": "none"}
    assert (await http.post(f"{HERE}/contents/b", json=missing)).status_code == 404
    sha = made.json()["content"]["sha"]
    gone = await http.request("DELETE", f"{HERE}/contents/a/ñ.txt", json={"sha": sha, "branch": "side"})
    assert (gone.status_code, gone.json()["content"]) == (200, None)
    assert repo.read("side", "a/ñ.txt") is None


async def test_many_files_make_one_commit(lab: Lab) -> None:
    gitea, http, pushes = lab
    repo = gitea.repo(OWNER, REPO)
    sha = (await http.get(f"{HERE}/contents/README.md")).json()["sha"]
    files = [
        {"operation": "create", "path": "one", "content": _text(b"1")},
        {"operation": "delete", "path": "README.md", "sha": sha},
    ]
    answer = await http.post(f"{HERE}/contents", json={"files": files, "message": "Both"})
    assert answer.status_code == 201
    assert repo.changed(pushes[0].before, pushes[0].after) == ["README.md", "one"]
    assert len(pushes) == 1
    gitea.version = "1.19.4"
    assert (await http.post(f"{HERE}/contents", json={"files": files})).status_code == 404


async def test_organizations_and_their_repositories(lab: Lab) -> None:
    _, http, _ = lab
    refused = await http.post("/api/v1/orgs", json={"username": "bakers"})
    assert "write:organization" in await _message(refused, 403)
    gitea = lab[0]
    async with client(gitea, "bakery-admin") as admin:
        assert (await admin.post("/api/v1/orgs", json={"username": "bakers"})).status_code == 201
        assert (await admin.post("/api/v1/orgs", json={"username": "bakers"})).status_code == 422
        made = await admin.post("/api/v1/orgs/bakers/repos", json={"name": "tools"})
        assert made.json()["clone_url"] == "http://gitea.bakery-ia.local/bakers/tools.git"
        assert (await admin.post("/api/v1/orgs/nobody/repos", json={"name": "tools"})).status_code == 404
        edited = await admin.patch("/api/v1/repos/bakers/tools", json={"description": "ovens", "private": True})
        assert (edited.json()["description"], edited.json()["private"]) == ("ovens", True)


async def test_what_is_not_there_is_not_found(lab: Lab) -> None:
    _, http, _ = lab
    for path in ("/api/v1/nothing", f"{HERE}/keys", f"{HERE}/collaborators", "/api/v1/token"):
        assert (await http.get(path)).status_code == 404
    body = (await http.get("/api/v1/repos/a/b")).json()
    assert body["message"] == "The target couldn't be found."
    assert "errors" in body
    assert body["url"].endswith("/api/swagger")


@pytest.mark.parametrize(
    "query",
    [
        "limit=\u00b2",
        "page=\u0663",
        "path=a%00b",
        "path=%00",
        "since=%00",
        f"page={'9' * 30}",
        "limit=-1",
        "sha=--all",
    ],
)
async def test_odd_parameters_are_no_fault_of_the_server(lab: Lab, query: str) -> None:
    _, http, _ = lab
    assert (await http.get(f"{HERE}/commits?{query}")).status_code in (200, 404)
    assert (await http.get("/v2/_catalog?n=\u00b2")).status_code < 500
    assert (await http.get(f"/v2/{OWNER}/auth/tags/list?n=\u00b2")).status_code < 500


@pytest.mark.parametrize("path", ["README.md/x", "README.md/x/y", "a%00b", "../x", ".GIT/config"])
async def test_a_path_that_git_cannot_hold_is_refused(lab: Lab, path: str) -> None:
    gitea, http, pushes = lab
    answer = await http.post(f"{HERE}/contents", json={"files": [
        {"operation": "create", "path": path.replace("%00", "\0"), "content": _text(b"x")}
    ]})  # fmt: skip
    assert answer.status_code == 422
    assert gitea.repo(OWNER, REPO).read("main", "README.md")
    assert not pushes


async def test_a_branch_that_looks_like_an_option_is_refused(lab: Lab) -> None:
    gitea, http, _ = lab
    answer = await http.post(f"{HERE}/contents/b", json={"content": _text(b"x"), "new_branch": "-x"})
    assert answer.status_code == 422
    assert "refs/heads/-x" not in gitea.repo(OWNER, REPO).refs()
