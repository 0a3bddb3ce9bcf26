"""REST: repositories and their branches."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bakeryops.demo.controllers.objects import timestamp
from bakeryops.demo.gitea.payloads import ROOT_URL, repository_json
from bakeryops.demo.gitea.repositories import Repository
from bakeryops.demo.gitea.rest import ApiError, Call, Route, not_found

__all__ = ["ROUTES"]

_HEADS = "refs/heads/"


def _json(call: Call, repository: Repository) -> dict[str, Any]:
    return repository_json(repository, call.gitea.accounts, call.user, call.gitea.clock.now())


def show(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}."""
    return web.json_response(_json(call, call.repository()))


def mine(call: Call) -> web.Response:
    """GET /user/repos."""
    user = call.signed_in().user
    found = [each for each in call.gitea.repositories() if user.may("read") or not each.private]
    return call.paged([_json(call, each) for each in call.cut(found)], len(found))


def _make(call: Call, owner: str) -> web.Response:
    doer, body = call.signed_in().user, call.body()
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise ApiError(422, "[Name]: Required")
    if any(not (letter.isalnum() or letter in "-_.") for letter in name) or name in (".", ".."):
        raise ApiError(422, f"The repository name [{name}] is not valid")
    branch = str(body.get("default_branch") or "main")
    if not all(letter.isalnum() or letter in "-_/" for letter in branch):
        raise ApiError(422, f"The branch name [{branch}] is not valid")
    try:
        made = call.gitea.create_repo(
            owner, name, private=body.get("private") is True, description=str(body.get("description") or ""),
            branch=branch,
        )  # fmt: skip
    except ValueError:
        raise ApiError(409, "The repository with the same name already exists.") from None
    if body.get("auto_init"):
        text = f"# {name}\n\n{made.description}\n".encode()
        when = call.gitea.clock.now()
        made.git.commit(
            made.default_branch, {"README.md": text}, "Initial commit\n", doer.full_name, doer.email, when
        )
    return web.json_response(_json(call, made), status=201)


def make_mine(call: Call) -> web.Response:
    """POST /user/repos."""
    return _make(call, call.signed_in().user.login)


def make_of_organization(call: Call) -> web.Response:
    """POST /orgs/{org}/repos."""
    owner = call.gitea.accounts.find(call.arg("org"))
    doer = call.signed_in().user
    if owner is None or owner.kind != "Organization":
        raise not_found()
    if not doer.may("admin"):
        raise ApiError(403, "Given user is not allowed to create repository in organization.")
    return _make(call, owner.login)


def edit(call: Call) -> web.Response:
    """PATCH /repos/{owner}/{repo}."""
    repository, body = call.repository("admin"), call.body()
    if isinstance(body.get("description"), str):
        repository.description = body["description"]
    if isinstance(body.get("private"), bool):
        repository.private = body["private"]
    if (branch := body.get("default_branch")) is not None:
        if repository.git.head(f"{_HEADS}{branch}") is None:
            raise not_found(f"branch does not exist [name: {branch}]")
        repository.default_branch = str(branch)
    return web.json_response(_json(call, repository))


def _branch_json(call: Call, repository: Repository, name: str, sha: str) -> dict[str, Any]:
    commit = repository.git.commit_object(sha)
    assert commit is not None
    accounts = call.gitea.accounts

    def person(name: str, email: str) -> dict[str, str]:
        user = accounts.named(name, email)
        return {"name": name, "email": email, "username": user.login if user else ""}

    return {
        "name": name,
        "commit": {
            "id": commit.sha,
            "message": commit.message,
            "url": f"{ROOT_URL}{repository.full_name}/commit/{commit.sha}",
            "author": person(commit.author, commit.author_email),
            "committer": person(commit.committer, commit.committer_email),
            "verification": None,
            "timestamp": timestamp(commit.committed),
            "added": None,
            "removed": None,
            "modified": None,
        },
        "protected": False,
        "required_approvals": 0,
        "enable_status_check": False,
        "status_check_contexts": [],
        "user_can_push": call.user is not None and call.user.may("write"),
        "user_can_merge": call.user is not None and call.user.may("write"),
        "effective_branch_protection_name": "",
    }


def branches(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/branches."""
    repository = call.repository()
    found = [(name.removeprefix(_HEADS), sha) for name, sha in repository.git.refs().items() if _HEADS in name]
    wanted = call.query("q") if call.gitea.release >= (1, 27) else ""
    found = [each for each in found if wanted.lower() in each[0].lower()]
    return call.paged([_branch_json(call, repository, *each) for each in call.cut(found)], len(found))


def branch(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/branches/{branch}."""
    repository, name = call.repository(), call.arg("branch")
    sha = repository.git.head(f"{_HEADS}{name}")
    if sha is None:
        raise not_found(f"branch does not exist [name: {name}]")
    return web.json_response(_branch_json(call, repository, name, sha))


ROUTES = (
    Route("GET", "/repos/{owner}/{repo}", show),
    Route("PATCH", "/repos/{owner}/{repo}", edit),
    Route("GET", "/user/repos", mine, "user"),
    Route("POST", "/user/repos", make_mine),
    Route("POST", "/orgs/{org}/repos", make_of_organization),
    Route("GET", "/repos/{owner}/{repo}/branches", branches),
    Route("GET", "/repos/{owner}/{repo}/branches/{branch:.+}", branch),
)
