"""The registry's API against a small server that asks and pages as Gitea's does."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from bakeryops.config import Config
from bakeryops.config.schema import Gitea
from bakeryops.config.schema import Registry as Section
from bakeryops.registry.client import Registry, registry_of
from bakeryops.web import WebError

SECRET = "0123456789abcdef0123456789abcdef01234567"
BASIC = f"Basic {base64.b64encode(f'ops:{SECRET}'.encode()).decode()}"
DIGEST = "sha256:" + "ab" * 32


class Server:
    """One image of 450 tags, shown to who has a token or the password."""

    def __init__(self) -> None:
        self.url = ""
        self.realm = ""
        self.tokens = True
        self.bearer = "good"
        self.asked: list[tuple[str, str, str]] = []
        self.tags = sorted(f"t-{number:04d}" for number in range(450))
        self.fault = 0

    async def token(self, request: web.Request) -> web.Response:
        self.asked.append(("token", request.query.get("scope", ""), request.headers.get("Authorization", "")))
        if not self.tokens or request.headers.get("Authorization") != BASIC:
            return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)
        return web.json_response({"token": self.bearer})

    async def handle(self, request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        self.asked.append((request.method, request.path_qs, given))
        if self.fault:
            return web.json_response({"errors": [{"code": "X", "message": "why"}]}, status=self.fault)
        if given not in ("Bearer good", BASIC):
            challenge = f'Bearer realm="{self.realm}",service="container_registry",scope="*"'
            return web.json_response(
                {"errors": [{"code": "UNAUTHORIZED", "message": ""}]},
                status=401,
                headers={"WWW-Authenticate": challenge},
            )
        if not request.path.startswith("/v2/bakery-admin/auth/"):
            return web.json_response({"errors": [{"code": "NAME_UNKNOWN", "message": ""}]}, status=404)
        if request.path.endswith("/tags/list"):
            last, size = request.query.get("last", ""), int(request.query["n"])
            page = [each for each in self.tags if each > last][:size]
            return web.json_response(
                {"name": "bakery-admin/auth", "tags": page},
                headers={"Link": '</v2/bakery-admin/auth/tags/list?last=x>; rel="next"'},
            )
        tag = request.path.rpartition("/")[2]
        status = 200 if tag in self.tags else 404
        return web.Response(status=status, headers={"Docker-Content-Digest": DIGEST} if status == 200 else {})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    app = web.Application()
    app.router.add_get("/v2/token", found.token)
    app.router.add_route("*", "/v2/{path:.*}", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    found.realm = f"{found.url}/v2/token"
    yield found
    await runner.cleanup()


@pytest.fixture
async def registry(server: Server, tmp_path: Path) -> AsyncIterator[Registry]:
    file = tmp_path / "token"
    file.write_text(SECRET)
    file.chmod(0o600)
    made = Registry(server.url, user="ops", token=file)
    yield made
    await made.close()


async def test_all_tags_though_every_page_points_on(server: Server, registry: Registry) -> None:
    assert await registry.tags("bakery-admin/auth") == server.tags
    pages = [path for method, path, _ in server.asked if method == "GET"]
    assert len(pages) == 5
    assert ("token", "repository:bakery-admin/auth:pull", BASIC) in server.asked


async def test_the_digest_behind_a_tag(server: Server, registry: Registry) -> None:
    assert await registry.has("gitea.bakery-ia.local/bakery-admin/auth", "t-0001") == DIGEST
    assert await registry.has("bakery-admin/auth", "t-9999") is None
    assert await registry.has("bakery-admin/none", "t-0001") is None
    assert await registry.tags("bakery-admin/none") == []
    assert [method for method, _, _ in server.asked if method == "token"] == ["token"] * 2


async def test_a_realm_elsewhere_never_gets_the_password(server: Server, registry: Registry) -> None:
    server.realm = "http://gitea.bakery-ia.invalid/v2/token"
    assert await registry.has("bakery-admin/auth", "t-0001") == DIGEST
    assert server.asked[-1][2] == BASIC


async def test_without_tokens_the_password_itself_is_tried(server: Server, registry: Registry) -> None:
    server.tokens = False
    assert await registry.has("bakery-admin/auth", "t-0001") == DIGEST
    server.tokens, server.bearer = True, "not taken"
    assert (
        await Registry(server.url, user="ops", token=registry._file).has("bakery-admin/auth", "t-0001") == DIGEST
    )


async def test_a_token_that_ended_is_asked_for_again(server: Server, registry: Registry) -> None:
    await registry.has("bakery-admin/auth", "t-0001")
    registry._grants["bakery-admin/auth"] = "Bearer ended"
    assert await registry.has("bakery-admin/auth", "t-0001") == DIGEST


async def test_nobody_in_particular_is_refused_with_a_hint(server: Server) -> None:
    nobody = Registry(server.url)
    with pytest.raises(WebError) as caught:
        await nobody.tags("bakery-admin/auth")
    assert (caught.value.kind, caught.value.exit_code) == ("unauthorized", 4)
    assert "registry.user" in caught.value.hint
    await nobody.close()


@pytest.mark.parametrize(("status", "kind"), [(403, "forbidden"), (429, "throttled"), (500, "server")])
async def test_other_answers(server: Server, registry: Registry, status: int, kind: str) -> None:
    server.fault = status
    with pytest.raises(WebError) as caught:
        await registry.tags("bakery-admin/auth")
    assert (caught.value.kind, caught.value.why) == (kind, "it says: why")
    assert SECRET not in "".join(caught.value.lines())


def test_the_registry_as_configured() -> None:
    assert registry_of(Config()) is None
    found = registry_of(Config(gitea=Gitea(url="http://g")))
    assert found is not None
    assert found.url == "http://g"
    found = registry_of(Config(gitea=Gitea(url="http://g"), registry=Section(url="http://r", user="ops")))
    assert found is not None
    assert found.url == "http://r"
