"""REST: the server itself, users, their tokens, and owners of repositories."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bakeryops.demo.controllers.objects import timestamp
from bakeryops.demo.gitea.accounts import SCOPES, Token, User
from bakeryops.demo.gitea.payloads import user_json
from bakeryops.demo.gitea.rest import DEFAULT_PAGE, LARGEST_PAGE, ApiError, Call, Route, not_found

__all__ = ["ROUTES"]


def version(call: Call) -> web.Response:
    """GET /version."""
    return web.json_response({"version": call.gitea.version})


def limits(_call: Call) -> web.Response:
    """GET /settings/api."""
    return web.json_response(
        {
            "max_response_items": LARGEST_PAGE,
            "default_paging_num": DEFAULT_PAGE,
            "default_git_trees_per_page": 1000,
            "default_max_blob_size": 10_485_760,
            "default_max_response_size": 104_857_600,
        }
    )


def me(call: Call) -> web.Response:
    """GET /user."""
    return web.json_response(user_json(call.signed_in().user))


def someone(call: Call) -> web.Response:
    """GET /users/{user}."""
    user = call.gitea.accounts.find(call.arg("user"))
    if user is None:
        raise ApiError(404, f"user redirect does not exist [name: {call.arg('user')}]")
    return web.json_response(user_json(user))


def _owner(call: Call) -> User:
    """Return whose tokens are asked for; only a password, one's own or an admin's, opens them."""
    if call.login is None or call.login.token is not None:
        raise ApiError(401, "auth required")
    user = call.gitea.accounts.find(call.arg("user"))
    if user is None:
        raise not_found()
    if call.login.user is not user and not call.login.user.is_admin:
        raise ApiError(403, "doer should be the site admin or be same as the contextUser")
    return user


def _token_json(call: Call, token: Token, secret: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": token.id,
        "name": token.name,
        "sha1": secret,
        "token_last_eight": token.secret[-8:],
        "scopes": list(token.scopes),
    }
    if call.gitea.release >= (1, 24):
        found |= {"created_at": timestamp(token.created), "last_used_at": timestamp(token.created)}
    return found


def tokens(call: Call) -> web.Response:
    """GET /users/{user}/tokens."""
    found = [_token_json(call, token) for token in _owner(call).tokens]
    return call.paged(call.cut(found), len(found))


def make_token(call: Call) -> web.Response:
    """POST /users/{user}/tokens: the only time that the secret is shown."""
    user, body = _owner(call), call.body()
    name, scopes = body.get("name"), body.get("scopes") or []
    if not isinstance(name, str) or not name:
        raise ApiError(422, "[Name]: Required")
    if any(token.name == name for token in user.tokens):
        raise ApiError(400, "access token name has been used already")
    if not isinstance(scopes, list) or any(scope not in SCOPES for scope in scopes):
        wrong = next((each for each in scopes if each not in SCOPES), "")
        raise ApiError(400, f"invalid access token scope provided: invalid scope: {wrong}")
    if not scopes and call.gitea.release >= (1, 23):
        raise ApiError(400, "access token must have a scope")
    token = call.gitea.accounts.issue(user.login, name, tuple(scopes), created=call.gitea.clock.now())
    return web.json_response(_token_json(call, token, token.secret), status=201)


def remove_token(call: Call) -> web.Response:
    """DELETE /users/{user}/tokens/{token}, by id or name."""
    user, wanted = _owner(call), call.arg("token")
    found = [each for each in user.tokens if wanted in (str(each.id), each.name)]
    if not found:
        raise not_found()
    if len(found) > 1:
        raise ApiError(422, f"multiple matches for token name '{wanted}'")
    user.tokens.remove(found[0])
    return web.Response(status=204)


def _org_json(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.login,
        "full_name": user.full_name,
        "email": "",
        "avatar_url": "",
        "description": "",
        "website": "",
        "location": "",
        "visibility": "private",
        "repo_admin_change_team_access": True,
        "username": user.login,
    }


def organization(call: Call) -> web.Response:
    """GET /orgs/{org}."""
    user = call.gitea.accounts.find(call.arg("org"))
    if user is None or user.kind != "Organization" or call.user is None:
        raise not_found()
    return web.json_response(_org_json(user))


def make_organization(call: Call) -> web.Response:
    """POST /orgs."""
    doer, body = call.signed_in().user, call.body()
    name = body.get("username")
    if not isinstance(name, str) or not name:
        raise ApiError(422, "[UserName]: Required")
    if not doer.may("admin"):
        raise ApiError(403, "user not allowed to create organization")
    if call.gitea.accounts.find(name) is not None:
        raise ApiError(422, f"user already exists [name: {name}]")
    made = call.gitea.accounts.add(name, str(body.get("full_name") or ""), "", kind="Organization")
    return web.json_response(_org_json(made), status=201)


ROUTES = (
    Route("GET", "/version", version, ""),
    Route("GET", "/settings/api", limits, ""),
    Route("GET", "/user", me, "user"),
    Route("GET", "/users/{user}", someone, "user"),
    Route("GET", "/users/{user}/tokens", tokens, ""),
    Route("POST", "/users/{user}/tokens", make_token, ""),
    Route("DELETE", "/users/{user}/tokens/{token}", remove_token, ""),
    Route("GET", "/orgs/{org}", organization, "organization"),
    Route("POST", "/orgs", make_organization, "organization"),
)
