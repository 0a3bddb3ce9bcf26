"""REST: packages, which here are container images, one row for each tag."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bakeryops.demo.controllers.objects import timestamp
from bakeryops.demo.gitea.accounts import ADMIN, User
from bakeryops.demo.gitea.payloads import ROOT_URL, user_json
from bakeryops.demo.gitea.registry import Tagged
from bakeryops.demo.gitea.rest import ApiError, Call, Route, not_found

__all__ = ["ROUTES"]


def _owner(call: Call, level: str = "read") -> User:
    owner = call.gitea.accounts.find(call.arg("owner"))
    if owner is None or call.user is None or not call.user.may("read"):
        raise not_found()
    if not call.user.may(level):
        raise ApiError(403, "user should have specific permission or be a site admin")
    return owner


def _json(call: Call, owner: User, tagged: Tagged) -> dict[str, Any]:
    name = tagged.repository.partition("/")[2]
    return {
        "id": call.gitea.registry.id_of(tagged),
        "owner": user_json(owner),
        "repository": None,
        "creator": user_json(call.gitea.accounts.find(ADMIN)),
        "type": "container",
        "name": name,
        "version": tagged.tag,
        "html_url": f"{ROOT_URL}{owner.login}/-/packages/container/{name}/{tagged.tag}",
        "created_at": timestamp(tagged.when),
    }


def packages(call: Call) -> web.Response:
    """GET /packages/{owner}: all versions, newest first; `q` is a part of the name."""
    owner = _owner(call)
    found = call.gitea.registry.versions(owner.login)
    if call.query("type") not in ("", "container"):
        found = []
    wanted = call.query("q").lower()
    found = [each for each in found if wanted in each.repository.partition("/")[2]]
    return call.paged([_json(call, owner, each) for each in call.cut(found)], len(found))


def _named(call: Call, owner: User) -> list[Tagged]:
    kind = call.arg("type")
    found = call.gitea.registry.versions(owner.login, call.arg("name")) if kind == "container" else []
    if not found:
        raise not_found("package does not exist")
    return found


def versions(call: Call) -> web.Response:
    """GET /packages/{owner}/container/{name}."""
    owner = _owner(call)
    found = _named(call, owner)
    return call.paged([_json(call, owner, each) for each in call.cut(found)], len(found))


def latest(call: Call) -> web.Response:
    """GET /packages/{owner}/container/{name}/-/latest."""
    owner = _owner(call)
    return web.json_response(_json(call, owner, _named(call, owner)[0]))


def _version(call: Call, owner: User) -> Tagged:
    for each in _named(call, owner):
        if each.tag == call.arg("version"):
            return each
    raise not_found("package does not exist")


def version(call: Call) -> web.Response:
    """GET /packages/{owner}/container/{name}/{version}."""
    owner = _owner(call)
    return web.json_response(_json(call, owner, _version(call, owner)))


def files(call: Call) -> web.Response:
    """GET /packages/{owner}/container/{name}/{version}/files."""
    tagged = _version(call, _owner(call))
    size = "size" if call.gitea.release >= (1, 24) else "Size"
    sha = tagged.digest.removeprefix("sha256:")
    manifest = len(call.gitea.registry.manifest(tagged))
    number = call.gitea.registry.id_of(tagged)
    entry = {
        "id": number,
        size: manifest,
        "name": "manifest.json",
        "md5": "",
        "sha1": "",
        "sha256": sha,
        "sha512": "",
    }
    return web.json_response([entry])


def remove(call: Call) -> web.Response:
    """DELETE /packages/{owner}/container/{name}/{version}."""
    tagged = _version(call, _owner(call, "write"))
    call.gitea.registry.delete(tagged.repository, tagged.tag)
    return web.Response(status=204)


def remove_all(call: Call) -> web.Response:
    """DELETE /packages/{owner}/container/{name}."""
    for tagged in _named(call, _owner(call, "write")):
        call.gitea.registry.delete(tagged.repository, tagged.tag)
    return web.Response(status=204)


_PATH = "/packages/{owner}/{type}/{name}"
ROUTES = (
    Route("GET", "/packages/{owner}", packages, "package"),
    Route("GET", _PATH, versions, "package", (1, 24)),
    Route("DELETE", _PATH, remove_all, "package", (1, 26)),
    Route("GET", _PATH + "/-/latest", latest, "package", (1, 24)),
    Route("GET", _PATH + "/{version}", version, "package"),
    Route("DELETE", _PATH + "/{version}", remove, "package"),
    Route("GET", _PATH + "/{version}/files", files, "package"),
)
