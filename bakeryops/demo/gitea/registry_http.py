"""The registry over HTTP (`/v2`): how clients log in, list tags, and look at manifests."""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from bakeryops.demo.gitea.accounts import Login, secret_of
from bakeryops.demo.gitea.payloads import ROOT_URL
from bakeryops.demo.gitea.registry import MANIFEST_TYPE
from bakeryops.demo.gitea.rest import whole_number

if TYPE_CHECKING:
    from bakeryops.demo.gitea.server import Gitea

__all__ = ["add_registry_routes"]

_VALID = 24 * 3600.0
"""Seconds that a token of the registry is good for; it does not say so itself."""
_API_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
_MOST = 100
"""Repositories on a page of the catalog."""


def _error(status: int, code: str, message: str = "", headers: dict[str, str] | None = None) -> web.Response:
    body = {"errors": [{"code": code, "message": message}]}
    return web.json_response(body, status=status, headers=_API_VERSION | (headers or {}))


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _Front:
    """Answers for a registry."""

    def __init__(self, gitea: Gitea) -> None:
        self._gitea = gitea
        self._key = secret_of(gitea.seed, "registry-jwt").encode()

    # Who asks

    def _sign(self, text: str) -> str:
        return _b64(hmac.new(self._key, text.encode(), "sha256").digest())

    def _issue(self, login: Login) -> str:
        claims = {
            "exp": int(self._gitea.clock.now() + _VALID),
            "UserID": login.user.id,
            "Login": login.user.login,
            "Scope": ",".join(login.token.scopes) if login.token else "all",
        }
        text = f"{_b64(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{_b64(json.dumps(claims).encode())}"
        return f"{text}.{self._sign(text)}"

    def _holder(self, token: str) -> Login | None:
        text, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._sign(text).encode(), signature.encode("utf-8", "replace")):
            return None
        try:
            claims = json.loads(base64.urlsafe_b64decode(text.partition(".")[2] + "=="))
        except ValueError:
            return None
        user = self._gitea.accounts.find(str(claims.get("Login", "")))
        if user is None or claims.get("exp", 0) < self._gitea.clock.now():
            return None
        return Login(user)

    def _login(self, request: web.Request) -> Login | None:
        """Return who asks, when it may see packages: a token without their scope is nobody."""
        header = request.headers.get("Authorization", "")
        login = self._gitea.accounts.authenticate(header) if header else None
        if login is None and header.lower().startswith("bearer "):
            login = self._holder(header[7:].strip())
        level = "read" if request.method in ("GET", "HEAD") else "write"
        if login is None or not login.has(level, "package") or not login.user.may("read"):
            return None
        return login

    def _challenge(self, request: web.Request) -> web.Response:
        root = ROOT_URL.rstrip("/")
        if self._gitea.release >= (1, 26) or request.headers.get("X-Forwarded-Proto"):
            root = f"{request.headers.get('X-Forwarded-Proto', request.scheme)}://{request.host}"
        realm = f'Bearer realm="{root}/v2/token",service="container_registry",scope="*"'
        return _error(401, "UNAUTHORIZED", headers={"WWW-Authenticate": realm})

    async def token(self, request: web.Request) -> web.Response:
        """Answer `GET /v2/token`."""
        header = request.headers.get("Authorization", "")
        login = self._gitea.accounts.authenticate(header) if header else None
        if login is None or not login.has("read", "package"):
            return self._challenge(request)
        return web.json_response({"token": self._issue(login)}, headers=_API_VERSION)

    # What there is

    async def ping(self, request: web.Request) -> web.Response:
        """Answer `GET /v2/`."""
        if self._login(request) is None:
            return self._challenge(request)
        return web.Response(status=200, headers=_API_VERSION)

    async def tags(self, request: web.Request) -> web.Response:
        """Answer `tags/list`: by name, with a link to a next page even on the last one."""
        if self._login(request) is None:
            return self._challenge(request)
        name = request.match_info["name"]
        found = self._gitea.registry.tags(name)
        if not found:
            return _error(404, "NAME_UNKNOWN")
        last = request.query.get("last", "")
        count = whole_number(request.query.get("n", ""))
        page = [tag for tag in found if tag > last]
        query = {}
        if count:
            page = page[:count]
            query["n"] = str(count)
        headers = dict(_API_VERSION)
        if page:
            query["last"] = page[-1]
            headers["Link"] = f'</v2/{name}/tags/list?{urlencode(sorted(query.items()))}>; rel="next"'
        return web.json_response({"name": name, "tags": page}, headers=headers)

    async def catalog(self, request: web.Request) -> web.Response:
        """Answer `_catalog`."""
        if self._login(request) is None:
            return self._challenge(request)
        most = min(whole_number(request.query.get("n", "")) or _MOST, _MOST)
        last = request.query.get("last", "")
        page = [name for name in self._gitea.registry.repositories() if name > last][:most]
        headers = dict(_API_VERSION)
        if len(page) == most:
            headers["Link"] = f'</v2/_catalog?{urlencode({"last": page[-1], "n": most})}>; rel="next"'
        return web.json_response({"repositories": page}, headers=headers)

    async def manifest(self, request: web.Request) -> web.Response:
        """Answer GET, HEAD and DELETE of a manifest by tag or digest."""
        login = self._login(request)
        if login is None:
            return self._challenge(request)
        registry, name = self._gitea.registry, request.match_info["name"]
        found = registry.find(name, request.match_info["reference"])
        if found is None:
            return _error(404, "MANIFEST_UNKNOWN")
        if request.method == "DELETE":
            if not login.user.may("write"):
                return _error(403, "DENIED")
            registry.delete(name, request.match_info["reference"])
            return web.Response(status=202, headers=_API_VERSION)
        body = registry.manifest(found)
        headers = _API_VERSION | {
            "Docker-Content-Digest": found.digest,
            "ETag": f'"{found.digest}"',
            "Content-Type": MANIFEST_TYPE,
        }
        return web.Response(body=body, headers=headers)

    async def unknown(self, request: web.Request) -> web.Response:
        """Answer what is not kept here: blobs and uploads."""
        if self._login(request) is None:
            return self._challenge(request)
        return _error(404, "BLOB_UNKNOWN" if "/blobs/" in request.path else "UNSUPPORTED")


def add_registry_routes(app: web.Application, gitea: Gitea) -> None:
    """Answer everything below `/v2`."""
    front = _Front(gitea)
    for path in ("/v2", "/v2/"):
        app.router.add_get(path, front.ping)
    app.router.add_get("/v2/token", front.token)
    app.router.add_get("/v2/_catalog", front.catalog)
    app.router.add_get("/v2/{name:.+}/tags/list", front.tags)
    app.router.add_get("/v2/{name:.+}/manifests/{reference}", front.manifest)
    app.router.add_delete("/v2/{name:.+}/manifests/{reference}", front.manifest)
    app.router.add_route("*", "/v2/{rest:.*}", front.unknown)
