"""REST: webhooks, with the traps that the API of Gitea has."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from bakeryops.demo.controllers.objects import timestamp
from bakeryops.demo.gitea.payloads import hook_bodies
from bakeryops.demo.gitea.push import Push
from bakeryops.demo.gitea.rest import ApiError, Call, Route, not_found, whole_number
from bakeryops.demo.gitea.webhooks import Hook

__all__ = ["ROUTES"]


def _json(call: Call, hook: Hook) -> dict[str, Any]:
    found = {
        "id": hook.id,
        "type": "gitea",
        "branch_filter": hook.branch_filter,
        "config": {"content_type": hook.content_type, "url": hook.url},
        "events": list(hook.events),
        "authorization_header": hook.authorization,
        "active": hook.active,
        "updated_at": timestamp(hook.updated),
        "created_at": timestamp(hook.created),
    }
    if call.gitea.release >= (1, 26):
        found["name"] = ""
    return found


def _hook(call: Call) -> Hook:
    repository, number = call.repository("admin"), whole_number(call.arg("id"))
    hook = repository.hook(number) if number else None
    if hook is None:
        raise not_found()
    return hook


def _events(body: dict[str, Any]) -> tuple[str, ...]:
    events = body.get("events")
    if not isinstance(events, list) or not events:
        return ("push",)
    return tuple(str(each) for each in events)


def _url(config: dict[str, Any]) -> str:
    url = str(config["url"])
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ApiError(422, "Invalid url")
    return url


def hooks(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/hooks."""
    found = call.repository("admin").hooks
    return call.paged([_json(call, each) for each in call.cut(found)], len(found))


def show(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/hooks/{id}: the secret is never in it."""
    return web.json_response(_json(call, _hook(call)))


def make(call: Call) -> web.Response:
    """POST /repos/{owner}/{repo}/hooks: off, unless `active` says otherwise."""
    repository, body = call.repository("admin"), call.body()
    config = body.get("config")
    if body.get("type") not in ("gitea", "gogs"):
        raise ApiError(422, f"Invalid hook type: {body.get('type') or ''}")
    for option in ("url", "content_type"):
        if not isinstance(config, dict) or not config.get(option):
            raise ApiError(422, f"Missing config option: {option}")
    assert isinstance(config, dict)
    if config["content_type"] not in ("json", "form"):
        raise ApiError(422, "Invalid content type")
    hook = call.gitea.add_hook(
        repository.owner, repository.name, _url(config), secret=str(config.get("secret") or ""),
        events=_events(body), branch_filter=str(body.get("branch_filter") or ""),
        active=body.get("active") is True,
    )  # fmt: skip
    hook.content_type = config["content_type"]
    hook.authorization = str(body.get("authorization_header") or "")
    return web.json_response(_json(call, hook), status=201)


def edit(call: Call) -> web.Response:
    """PATCH /repos/{owner}/{repo}/hooks/{id}: what is left out is reset, and a secret is left as it was."""
    hook, body = _hook(call), call.body()
    config = body.get("config")
    if isinstance(config, dict):
        if config.get("url"):
            hook.url = _url(config)
        if config.get("content_type") in ("json", "form"):
            hook.content_type = config["content_type"]
    hook.events = _events(body)
    hook.branch_filter = str(body.get("branch_filter") or "")
    hook.authorization = str(body.get("authorization_header") or "")
    if isinstance(body.get("active"), bool):
        hook.active = body["active"]
    hook.updated = call.gitea.clock.now()
    return web.json_response(_json(call, hook))


def remove(call: Call) -> web.Response:
    """DELETE /repos/{owner}/{repo}/hooks/{id}."""
    call.repository("admin").hooks.remove(_hook(call))
    return web.Response(status=204)


def test(call: Call) -> web.Response:
    """POST /repos/{owner}/{repo}/hooks/{id}/tests: queued is all that the answer says."""
    repository, hook = call.repository("admin"), _hook(call)
    ref = call.query("ref") or f"refs/heads/{repository.default_branch}"
    ref = ref if ref.startswith("refs/") else f"refs/heads/{ref}"
    sha = repository.git.head(ref)
    if sha is not None:
        login, now = call.signed_in().user.login, call.gitea.clock.now()
        push = Push(repository.owner, repository.name, ref, sha, sha, login, now)
        event, body = hook_bodies(push, repository, call.gitea.accounts, now)[0]
        call.gitea.webhooks.send(hook, event, body, call.gitea.release)
    return web.Response(status=204)


_PATH = "/repos/{owner}/{repo}/hooks"
ROUTES = (
    Route("GET", _PATH, hooks),
    Route("POST", _PATH, make),
    Route("GET", _PATH + "/{id}", show),
    Route("PATCH", _PATH + "/{id}", edit),
    Route("DELETE", _PATH + "/{id}", remove),
    Route("POST", _PATH + "/{id}/tests", test),
)
