"""REST: statuses of commits."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bakeryops.demo.controllers.objects import digest, timestamp
from bakeryops.demo.gitea.payloads import ROOT_URL, repository_json, user_json
from bakeryops.demo.gitea.repositories import CommitStatus, Repository
from bakeryops.demo.gitea.rest import ApiError, Call, Route, not_found

__all__ = ["ROUTES"]

_WORST_FIRST = ("error", "failure", "warning", "pending", "success", "skipped")


def _json(call: Call, repository: Repository, status: CommitStatus) -> dict[str, Any]:
    return {
        "id": status.id,
        "status": status.state,
        "target_url": status.target_url,
        "description": status.description,
        "url": f"{ROOT_URL}api/v1/repos/{repository.full_name}/statuses/{status.sha}",
        "context": status.context,
        "creator": user_json(call.gitea.accounts.find(status.creator), status.creator),
        "created_at": timestamp(status.when),
        "updated_at": timestamp(status.when),
    }


def make(call: Call) -> web.Response:
    """POST /repos/{owner}/{repo}/statuses/{sha}: a sha that is not there is a 500."""
    repository, body = call.repository("write"), call.body()
    state = str(body.get("state"))
    known = _WORST_FIRST if call.gitea.release >= (1, 25) else _WORST_FIRST[:-1]
    if state not in known:
        raise ApiError(422, f"invalid status: {state}")
    sha = call.arg("sha")
    if len(sha) != 40 or repository.git.head(sha) is None:
        raise ApiError(
            500, "" if not call.signed_in().user.is_admin else f"GetCommit: object does not exist [{sha}]"
        )
    context = str(body.get("context") or "default")
    made = call.gitea.set_status(
        repository.owner, repository.name, sha, state, context, str(body.get("description") or ""),
        str(body.get("target_url") or ""), call.signed_in().user.login,
    )  # fmt: skip
    return web.json_response(_json(call, repository, made), status=201)


def _of(call: Call, name: str) -> tuple[Repository, str]:
    repository = call.repository()
    sha = repository.git.head(name)
    if sha is None and len(name) != 40:
        raise not_found()
    return repository, sha or name


def _list(call: Call, name: str) -> web.Response:
    repository, sha = _of(call, name)
    found = [each for each in repository.statuses if each.sha == sha]
    state = call.query("state")
    found = [each for each in found if not state or each.state == state]
    if call.query("sort") not in ("oldest", "leastupdate", "leastindex"):
        found.reverse()
    return call.paged([_json(call, repository, each) for each in call.cut(found)], len(found))


def of_sha(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/statuses/{sha}."""
    return _list(call, call.arg("sha"))


def of_ref(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/commits/{ref}/statuses."""
    return _list(call, call.arg("ref"))


def combined(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/commits/{ref}/status: the newest of each context, and the worst of them."""
    repository, sha = _of(call, call.arg("ref"))
    newest = {each.context: each for each in repository.statuses if each.sha == sha}
    found = sorted(newest.values(), key=lambda each: digest(each.context))
    states = {each.state for each in found}
    link = f"{ROOT_URL}api/v1/repos/{repository.full_name}"
    body = {
        "state": next((state for state in _WORST_FIRST if state in states), ""),
        "sha": sha,
        "total_count": len(found),
        "statuses": [_json(call, repository, each) for each in call.cut(found)] if found else None,
        "repository": repository_json(repository, call.gitea.accounts, call.user, call.gitea.clock.now()),
        "commit_url": f"{link}/commits/{sha}",
        "url": f"{link}/commits/{sha}/status",
    }
    return call.paged(body, len(found))


ROUTES = (
    Route("POST", "/repos/{owner}/{repo}/statuses/{sha}", make),
    Route("GET", "/repos/{owner}/{repo}/statuses/{sha}", of_sha),
    Route("GET", "/repos/{owner}/{repo}/commits/{ref:.+}/statuses", of_ref),
    Route("GET", "/repos/{owner}/{repo}/commits/{ref:.+}/status", combined),
)
