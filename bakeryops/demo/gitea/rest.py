"""The REST API's frame: who asks, what it may ask, pages, and errors in Gitea's form."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from aiohttp import web

from bakeryops.demo.gitea.accounts import Login, User
from bakeryops.demo.gitea.payloads import ROOT_URL
from bakeryops.demo.gitea.repositories import Repository

if TYPE_CHECKING:
    from bakeryops.demo.gitea.server import Gitea

__all__ = ["DEFAULT_PAGE", "LARGEST_PAGE", "ApiError", "Call", "Route", "add_routes", "not_found", "whole_number"]

DEFAULT_PAGE = 30
LARGEST_PAGE = 50

_LEVELS = {"GET": "read", "HEAD": "read"}


class ApiError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str, errors: Sequence[str] | None = None) -> None:
        """Take status and message; `errors` are the details of a 404."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors

    def response(self) -> web.Response:
        """Return the answer."""
        body: dict[str, Any] = {"message": self.message, "url": f"{ROOT_URL}api/swagger"}
        if self.status == 404:
            body = {"errors": list(self.errors) if self.errors else None, **body}
        return web.json_response(body, status=self.status)


def whole_number(text: str) -> int:
    """Return the number that a parameter says, 0 for what is none or does not fit into 32 bits."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
    return number if number < 2**31 else 0


def not_found(*errors: str) -> ApiError:
    """Return Gitea's 404."""
    return ApiError(404, "The target couldn't be found.", errors)


@dataclass
class Call:
    """One request to the API."""

    gitea: Gitea
    request: web.Request
    login: Login | None
    raw: bytes = b""

    @property
    def user(self) -> User | None:
        """Who asks, None for nobody."""
        return self.login.user if self.login else None

    def signed_in(self) -> Login:
        """Return who asks; 401 for nobody."""
        if self.login is None:
            raise ApiError(401, "token is required")
        return self.login

    def arg(self, name: str) -> str:
        """Return a part of the path."""
        return self.request.match_info[name]

    def query(self, name: str, default: str = "") -> str:
        """Return a parameter of the query."""
        return self.request.query.get(name, default)

    def flag(self, name: str, default: bool = True) -> bool:
        """Return a yes-or-no parameter of the query."""
        value = self.query(name)
        return default if not value else value.lower() in ("1", "true", "t")

    def body(self) -> dict[str, Any]:
        """Return the JSON object that was sent; 422 where it is none."""
        try:
            found = json.loads(self.raw or b"{}")
        except ValueError as error:
            raise ApiError(422, f"invalid JSON: {error}") from None
        if not isinstance(found, dict):
            raise ApiError(422, "invalid JSON: an object is expected")
        return found

    def repository(self, level: str = "read") -> Repository:
        """Return the repository of the path; 404 where the user may not see it, 403 where it may not do more."""
        found = self.gitea.find(self.arg("owner"), self.arg("repo"))
        if found is None or (found.private and (self.user is None or not self.user.may("read"))):
            raise not_found()
        if level == "read":
            return found
        user = self.signed_in().user
        if not user.may(level):
            if level == "admin":
                text = "user should be an owner or a collaborator with admin write of a repository"
                raise ApiError(403, text)
            raise ApiError(403, "user should have a permission to write to a repo")
        return found

    # Pages

    def page(self) -> tuple[int, int]:
        """Return (page, limit): counted from 1, 30 by default and 50 at most."""
        page, limit = whole_number(self.query("page")), whole_number(self.query("limit"))
        return page or 1, min(limit or DEFAULT_PAGE, LARGEST_PAGE)

    def paged(
        self, body: object, total: int, headers: dict[str, str] | None = None, *, limit: int = 0
    ) -> web.Response:
        """Return an answer that says how many there are and where the other pages are.

        `limit` is the size of pages where it is another than what was asked for.
        """
        page, asked = self.page()
        limit = limit or asked
        last = max(1, -(-total // limit))
        links = []
        for name, number in (("next", page + 1), ("last", last), ("first", 1), ("prev", page - 1)):
            shown = page < last if name in ("next", "last") else page > 1
            if shown:
                query = dict(self.request.query) | {"page": str(number)}
                links.append(f'<{ROOT_URL}{self.request.path.lstrip("/")}?{urlencode(query)}>; rel="{name}"')
        found = {"X-Total-Count": str(total), "Access-Control-Expose-Headers": "X-Total-Count, Link"}
        if links:
            found["Link"] = ",".join(links)
        return web.json_response(body, headers=found | (headers or {}))

    def cut(self, items: Sequence[Any]) -> list[Any]:
        """Return the items of the page that is asked for."""
        page, limit = self.page()
        return list(items[(page - 1) * limit : page * limit])


@dataclass(frozen=True)
class Route:
    """One entry of the API. `area` is the scope a token needs, "" for none; `since` the version it came with."""

    method: str
    path: str
    handler: Callable[[Call], web.Response]
    area: str = "repository"
    since: tuple[int, int] = (1, 19)


def _check_scope(login: Login, method: str, area: str) -> None:
    level = _LEVELS.get(method, "write")
    if area and login.token is not None and not login.has(level, area):
        held = ",".join(login.token.scopes)
        raise ApiError(
            403,
            "token does not have at least one of required scope(s), "
            f"required=[{level}:{area}], token scope={held}",
        )


def _answering(gitea: Gitea, route: Route) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        if gitea.release < route.since:
            return _nothing()
        header = request.headers.get("Authorization", "")
        login = gitea.accounts.authenticate(header) if header else None
        try:
            if header and login is None:
                raise ApiError(401, "invalid username, password or token")
            if login is not None:
                _check_scope(login, request.method, route.area)
            raw = await request.read() if request.can_read_body else b""
            return route.handler(Call(gitea, request, login, raw))
        except ApiError as error:
            return error.response()

    return answer


def _nothing() -> web.Response:
    return web.Response(status=404, text="404 page not found\n")


def add_routes(app: web.Application, gitea: Gitea, routes: Sequence[Route]) -> None:
    """Serve entries below `/api/v1`, and 404 for everything else there."""
    for route in routes:
        app.router.add_route(route.method, f"/api/v1{route.path}", _answering(gitea, route))

    async def nothing(_request: web.Request) -> web.Response:
        return _nothing()

    app.router.add_route("*", "/api/{rest:.*}", nothing)
