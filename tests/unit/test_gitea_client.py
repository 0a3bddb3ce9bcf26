"""Gitea's REST API against small servers that answer as it does, and as it should not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bakeryops.config import Config
from bakeryops.config.schema import Gitea as Section
from bakeryops.errors import CredentialError
from bakeryops.gitea.answers import Version
from bakeryops.gitea.client import Gitea, gitea_of
from bakeryops.web import WebError

SECRET = "0123456789abcdef0123456789abcdef01234567"
Reply = Callable[[web.Request], web.StreamResponse]


class Server:
    """Answers by path; remembers what it was asked."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.asked: list[tuple[str, dict[str, str], str]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/api/v1")
        self.asked.append((path, dict(request.query), request.headers.get("Authorization", "")))
        reply = self.replies.get(path)
        return reply(request) if reply else web.json_response({"message": "Not Found", "errors": None}, status=404)

    def say(self, path: str, body: Any, status: int = 200, **headers: str) -> None:
        self.replies[path] = lambda _: web.json_response(body, status=status, headers=headers)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    return file


def write(file: Path, text: str, mode: int = 0o600) -> None:
    file.write_text(text)
    file.chmod(mode)


@pytest.fixture
async def gitea(server: Server, token: Path) -> AsyncIterator[Gitea]:
    made = Gitea(server.url, token=token, seconds=5.0)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("1.26.3", (1, 26, 3)), ("1.27.0+dev-12-gabc", (1, 27, 0)), ("v1.19", (1, 19, 0)), ("nonsense", (0, 0, 0))],
)
def test_versions(text: str, numbers: tuple[int, int, int]) -> None:
    assert Version.read(text) == Version(text, numbers)


async def test_the_version_is_asked_once(server: Server, gitea: Gitea) -> None:
    server.say("/version", {"version": "1.25.2"})
    assert (await gitea.version()).numbers == (await gitea.version()).numbers == (1, 25, 2)
    assert server.asked == [("/version", {}, f"token {SECRET}")]


async def test_something_else_than_gitea_answers(server: Server, gitea: Gitea) -> None:
    server.say("/version", ["nginx"])
    with pytest.raises(WebError, match="is not Gitea") as caught:
        await gitea.version()
    assert caught.value.hint == "Correct gitea.url."


async def test_pages_are_turned_by_number_until_all_is_there(server: Server, gitea: Gitea) -> None:
    def page(request: web.Request) -> web.Response:
        number, size = int(request.query["page"]), int(request.query["limit"])
        entries = [{"id": i, "active": True, "config": {"url": f"http://h/{i}"}} for i in range(120)]
        # The address in Link is not one that we can reach.
        link = '<http://elsewhere.invalid/next>; rel="next"'
        body = entries[(number - 1) * size : number * size]
        return web.json_response(body, headers={"X-Total-Count": "120", "Link": link})

    server.replies["/repos/o/n/hooks"] = page
    found = await gitea.hooks("o", "n")
    assert found is not None
    assert [each.id for each in found] == list(range(120))
    assert [query["page"] for _, query, _ in server.asked] == ["1", "2", "3"]


async def test_pages_end_though_the_server_goes_on_for_ever(server: Server, gitea: Gitea) -> None:
    server.say("/repos/o/n/statuses", [])
    server.say("/repos/o/n/commits/abc/statuses", [{"context": "ci", "status": "success"}])
    found = await gitea.statuses("o", "n", "abc", limit=1000)
    assert len(found) == len(server.asked) == 40


async def test_hooks_are_for_administrators(server: Server, gitea: Gitea) -> None:
    server.say("/repos/o/n/hooks", {"message": "user should be an owner or a collaborator with admin write"}, 403)
    assert await gitea.hooks("o", "n") is None


async def test_states_of_a_commit(server: Server, gitea: Gitea) -> None:
    item = {"context": "ci\x1b[2J", "status": "failure", "description": "d", "creator": {"login": "bot"},
            "created_at": "2026-11-22T03:00:00Z", "target_url": "http://x"}  # fmt: skip
    server.say("/repos/o/n/commits/main/status", {"state": "failure", "sha": "f" * 40, "statuses": [item]})
    found = await gitea.combined_status("o", "n", "main")
    assert (found.state, found.items[0].context, found.items[0].state) == ("failure", "ci", "failure")
    assert (found.items[0].creator, found.items[0].created) == ("bot", 1795316400.0)


async def test_commits_of_a_path_that_nothing_touched_and_of_an_empty_repository(
    server: Server, gitea: Gitea
) -> None:
    assert await gitea.commits("o", "n", path="x") == []
    server.say("/repos/o/n/commits", {"message": "Git Repository is empty."}, 409)
    assert await gitea.commits("o", "n") == []
    entry = {"sha": "a" * 40, "commit": {"message": "one\n\ntwo", "author": {"name": "A"},
             "committer": {"date": "2026-11-22T03:00:00Z"}}, "parents": [{"sha": "b" * 40}]}  # fmt: skip
    server.say("/repos/o/n/commits", [entry], **{"X-Total-Count": "1"})
    (found,) = await gitea.commits("o", "n", sha="main", limit=10)
    assert (found.message, found.author, found.parents) == ("one", "A", ("b" * 40,))
    assert server.asked[-1][1]["stat"] == "false"


async def test_commits_can_be_compared_since_1_22(server: Server, gitea: Gitea, token: Path) -> None:
    server.say("/version", {"version": "1.21.11"})
    assert await gitea.compare("o", "n", "a", "b") is None
    server.say("/version", {"version": "1.22.0"})
    server.say("/repos/o/n/compare/a...b", {"total_commits": 7, "commits": []})
    other = Gitea(server.url, token=token)
    found = await other.compare("o", "n", "a", "b")
    await other.close()
    assert found is not None
    assert found.total == 7


async def test_packages(server: Server, gitea: Gitea) -> None:
    entries = [{"name": "auth", "version": "t-1", "created_at": "x"}, {"name": "auth", "version": "sha256:00"}, 3]
    server.say("/packages/bakery-admin", entries, **{"X-Total-Count": "2"})
    found = await gitea.packages("bakery-admin", containing="auth")
    assert [(each.name, each.version) for each in found] == [("auth", "t-1"), ("auth", "sha256:00")]
    assert server.asked[0][1]["type"] == "container"


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [
        (400, "invalid", 1),
        (401, "unauthorized", 4),
        (403, "forbidden", 5),
        (404, "not_found", 1),
        (409, "conflict", 1),
        (422, "invalid", 1),
        (423, "locked", 1),
        (429, "throttled", 1),
        (500, "server", 4),
        (502, "server", 4),
        (302, "protocol", 1),
    ],
)
async def test_what_a_status_means(server: Server, gitea: Gitea, status: int, kind: str, exit_code: int) -> None:
    server.say("/repos/o/n", {"message": "because \x1b[2Jof"}, status, Location="http://elsewhere/")
    with pytest.raises(WebError) as caught:
        await gitea.repository("o", "n")
    assert (caught.value.kind, caught.value.status, caught.value.exit_code) == (kind, status, exit_code)
    assert SECRET not in "".join(caught.value.lines())
    assert "\x1b" not in "".join(caught.value.lines())


async def test_a_token_that_was_replaced_is_read_again(server: Server, gitea: Gitea, token: Path) -> None:
    fresh = "f" * 40

    def check(request: web.Request) -> web.Response:
        good = request.headers["Authorization"] == f"token {fresh}"
        return web.json_response({"full_name": "o/n"} if good else {"message": "no"}, status=200 if good else 401)

    server.replies["/repos/o/n"] = check
    with pytest.raises(WebError):
        await gitea.repository("o", "n")
    write(token, fresh)
    assert (await gitea.repository("o", "n")).full_name == "o/n"


async def test_a_token_that_others_can_read_is_not_sent(server: Server, gitea: Gitea, token: Path) -> None:
    write(token, SECRET, 0o640)
    with pytest.raises(CredentialError, match="open to others"):
        await gitea.version()
    assert server.asked == []


async def test_the_token_is_in_no_log_and_no_repr(
    server: Server, gitea: Gitea, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.say("/version", {"version": "1.25.2"})
    await gitea.version()
    assert caplog.records
    assert SECRET not in caplog.text
    assert SECRET not in repr(gitea)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1, 2", b"\xff", b'{"a": 1' + b"0" * 100, b"[" * 100_000])
async def test_nonsense_for_an_answer(server: Server, gitea: Gitea, body: bytes) -> None:
    server.replies["/repos/o/n"] = lambda _: web.Response(body=body)
    with pytest.raises(WebError):
        await gitea.repository("o", "n")


async def test_fields_of_any_kind_are_read(server: Server, gitea: Gitea) -> None:
    for body in ([], {}, {"permissions": 3, "full_name": ["x"], "empty": "yes"}, None, 7):
        server.say("/repos/o/n", body)
        assert not (await gitea.repository("o", "n")).push
        server.say("/repos/o/n/commits/a/status", body)
        assert (await gitea.combined_status("o", "n", "a")).items == ()
        server.say("/repos/o/n/hooks", body)
        assert await gitea.hooks("o", "n") == []


async def test_an_answer_without_end_is_cut_off(server: Server, gitea: Gitea) -> None:
    server.replies["/repos/o/n"] = lambda _: web.Response(body=b" " * (9 << 20))
    with pytest.raises(WebError, match="more than 8 MiB"):
        await gitea.repository("o", "n")


async def test_nobody_answers() -> None:
    gitea = Gitea("http://127.0.0.1:1")
    with pytest.raises(WebError, match="nothing answers as Gitea") as caught:
        await gitea.version()
    assert (caught.value.kind, caught.value.exit_code) == ("refused", 4)
    await gitea.close()


async def test_an_answer_that_does_not_come() -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    gitea = Gitea(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", seconds=0.05)
    with pytest.raises(WebError, match="did not answer") as caught:
        await gitea.version()
    assert caught.value.kind == "timeout"
    await gitea.close()
    listener.close()


def test_gitea_as_configured(token: Path) -> None:
    assert gitea_of(Config()) is None
    found = gitea_of(Config(gitea=Section(url="http://h:3000", token=str(token))))
    assert found is not None
    assert found.url == "http://h:3000"
