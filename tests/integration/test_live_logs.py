"""Log streams over real sockets: cuts, restarts, refusals, floods, strange bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from bakeryops.cluster.logs import LogEntry, LogStream
from bakeryops.cluster.session import Session
from bakeryops.cluster.timing import Timing
from tests.support.faulty_api import FaultyApi, faulty_api, status
from tests.support.recordings import exchanges, needs_recordings
from tests.support.waiting import until

QUICK = Timing(trusted=5.0, backoff_first=0.01, backoff_cap=0.05, heartbeat=0.1, wake_jitter=0.01,
               heartbeat_retry_cap=0.05, heartbeat_timeout=1.0)  # fmt: skip
START = "2026-11-22T19:46:"


class Container:
    """One container's log and state behind the fake server: what is written shows to whoever follows."""

    def __init__(self, api: FaultyApi) -> None:
        self.lines: list[bytes] = []
        self.state: dict[str, Any] = {"running": {"startedAt": START + "00Z"}}
        self.restarts = 0
        self.policy = "Always"
        self.deleted = False
        self.refusal: tuple[int, str] | None = None
        self.stamps = True
        self.asked: list[dict[str, str]] = []
        self.news = asyncio.Event()
        self.end = False
        api.logs = self.log
        api.pods_get = self.get

    def write(self, *texts: bytes) -> None:
        for text in texts:
            number = len(self.lines)
            stamp = f"{START}{number // 1000:02d}.{number % 1000:03d}000000Z ".encode() if self.stamps else b""
            self.lines.append(stamp + text)
        self.poke()

    def poke(self) -> None:
        self.news.set()
        self.news = asyncio.Event()

    def stop(self, *, code: int = 0, waiting: str = "") -> None:
        ended = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
        self.state = {"waiting": {"reason": waiting}} if waiting else ended
        self.last = ended
        self.end = True
        self.poke()

    def start(self) -> None:
        self.restarts += 1
        self.state = {"running": {}}
        self.end = False
        self.poke()

    async def get(self, _: web.Request) -> web.Response:
        if self.deleted:
            return web.json_response(json.loads(status(404, "NotFound", 'pods "web" not found', details={"name": "web"})), status=404)  # fmt: skip
        each = {"name": "main", "restartCount": self.restarts, "state": self.state}
        if hasattr(self, "last"):
            each["lastState"] = self.last
        return web.json_response(
            {
                "metadata": {"name": "web"},
                "spec": {"restartPolicy": self.policy},
                "status": {"containerStatuses": [each]},
            }
        )

    async def log(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        if self.refusal is not None:
            code, body = self.refusal
            return web.Response(status=code, body=body.encode(), content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        since = request.query.get("sinceTime", "")[:19]
        tail = int(request.query.get("tailLines", "0")) if "tailLines" in request.query else len(self.lines)
        first = 0 if since else max(0, len(self.lines) - tail)
        sent = next((n for n, line in enumerate(self.lines) if line[:19].decode() >= since), len(self.lines)) if since else first  # fmt: skip
        while True:
            news = self.news
            if self.lines[sent:]:
                await response.write(b"\n".join(self.lines[sent:]) + b"\n")
                sent = len(self.lines)
            if self.end or "follow" not in request.query:
                return response
            await news.wait()


@pytest.fixture
async def api() -> AsyncIterator[FaultyApi]:
    async with faulty_api() as made:
        yield made


@pytest.fixture
def container(api: FaultyApi) -> Container:
    return Container(api)


@pytest.fixture
async def live(api: FaultyApi) -> AsyncIterator[Session]:
    made = Session(api.target(), timing=QUICK)
    await made.start()
    made.feed(["pods"])
    await until(lambda: made.link.live)
    try:
        yield made
    finally:
        await made.close()


class Reader:
    """Collects what a stream gives."""

    def __init__(self, stream: LogStream) -> None:
        self.entries: list[LogEntry] = []
        self.stream = stream
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for batch in self.stream:
            self.entries += batch

    @property
    def texts(self) -> list[bytes]:
        return [entry.text for entry in self.entries if not entry.notice and not entry.skipped]

    @property
    def notices(self) -> list[str]:
        return [entry.notice for entry in self.entries if entry.notice]

    async def done(self) -> None:
        await asyncio.wait_for(self.task, 30)


@pytest.fixture
async def follow(live: Session) -> AsyncIterator[Callable[..., Reader]]:
    readers: list[Reader] = []

    def make(**options: Any) -> Reader:
        readers.append(Reader(live.logs("shop", "web", "main", **options)))
        return readers[-1]

    yield make
    for reader in readers:
        reader.task.cancel()
    await asyncio.gather(*(reader.task for reader in readers), return_exceptions=True)


Follow = Callable[..., Reader]


async def test_a_log_is_read_once_and_ends_without_a_word(container: Container, follow: Follow) -> None:
    container.write(*(b"line %d" % n for n in range(50)))
    reader = follow(follow=False, tail=10)
    await reader.done()
    assert reader.texts == [b"line %d" % n for n in range(40, 50)]
    assert reader.notices == []
    assert reader.entries[0].time == START + "00.040000000Z"
    assert container.asked == [{"timestamps": "true", "container": "main", "tailLines": "10"}]


async def test_stamps_are_left_out_where_they_are_not_wanted(container: Container, follow: Follow) -> None:
    container.write(b"one")
    reader = follow(follow=False, timestamps=False, tail=None, since_seconds=90)
    await reader.done()
    assert [(entry.time, entry.text) for entry in reader.entries] == [("", b"one")]
    assert container.asked[0]["sinceSeconds"] == "90"
    assert "tailLines" not in container.asked[0]


async def test_following_shows_new_lines(container: Container, follow: Follow, live: Session) -> None:
    container.write(b"old")
    reader = follow()
    await until(lambda: reader.texts == [b"old"])
    assert live.cost.open_logs == 1
    container.write(b"\x1b[31mnew\x1b[0m \xff\xfe")
    await until(lambda: reader.texts == [b"old", b"\x1b[31mnew\x1b[0m \xff\xfe"])
    await reader.stream.close()
    await reader.done()
    assert live.cost.open_logs == 0


async def test_a_cut_loses_and_repeats_nothing(api: FaultyApi, container: Container, follow: Follow) -> None:
    expected: list[bytes] = []
    reader = follow()
    for number in range(4):
        container.write(b"line %d" % number)
        expected.append(b"line %d" % number)
        await until(lambda: reader.texts == expected)
        await api.cut_streams()
        await until(lambda: len(container.asked) > number + 1)  # noqa: B023
    assert container.asked[-1]["sinceTime"].startswith(START)
    assert "tailLines" not in container.asked[-1]
    assert reader.notices.count("connected again") == len(reader.notices) // 2


async def test_an_outage_is_said_and_survived(api: FaultyApi, container: Container, follow: Follow) -> None:
    container.write(b"before")
    reader = follow()
    await until(lambda: reader.texts == [b"before"])
    await api.kill()
    await until(lambda: any("goes on when it is back" in notice for notice in reader.notices))
    container.write(b"during")
    await api.start()
    await until(lambda: reader.texts == [b"before", b"during"])
    assert reader.notices[-1] == "connected again"


async def test_what_comes_into_an_empty_log_during_an_outage_is_not_lost(
    api: FaultyApi, container: Container, follow: Follow
) -> None:
    reader = follow(tail=0)
    await until(lambda: len(container.asked) == 1 and reader.stream._opened_at is not None)
    await api.kill()
    container.write(b"during", b"as well")
    await api.start()
    await until(lambda: reader.texts == [b"during", b"as well"])
    assert container.asked[0]["tailLines"] == "0"
    assert "tailLines" not in container.asked[-1]
    assert int(container.asked[-1]["sinceSeconds"]) >= 1


async def test_a_fault_of_ours_in_a_log_is_not_the_end_of_the_log(
    container: Container, live: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = live.logs("shop", "web", "main")

    async def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stream._buffer, "put", fail)
    container.write(b"a line")
    with pytest.raises(ZeroDivisionError):
        async for _ in stream:
            pass


async def test_a_stream_that_died_without_a_word_is_opened_again(
    api: FaultyApi, container: Container, follow: Follow, live: Session
) -> None:
    container.write(b"before")
    reader = follow()
    await until(lambda: reader.texts == [b"before"])
    container.log = None  # type: ignore[assignment, method-assign]
    api.freeze()
    await until(lambda: live.link.phase == "stale")
    api.thaw_but_forget()
    await until(lambda: live.link.live and len(container.asked) >= 2)
    container.write(b"after")
    await until(lambda: reader.texts == [b"before", b"after"])


async def test_the_end_of_a_finished_container_is_the_end(container: Container, follow: Follow) -> None:
    container.policy = "Never"
    reader = follow()
    container.write(b"done")
    await until(lambda: reader.texts == [b"done"])
    container.stop(code=3)
    await reader.done()
    assert reader.notices == ["the container ended with exit code 3"]


async def test_a_restart_is_waited_for_and_followed(container: Container, follow: Follow) -> None:
    reader = follow()
    container.write(b"first life")
    await until(lambda: reader.texts == [b"first life"])
    container.stop(code=1, waiting="CrashLoopBackOff")
    await until(lambda: reader.notices)
    asked = len(container.asked)
    await until(lambda: len(container.asked) > asked + 2)
    assert reader.notices == ["the container ended with exit code 1; waiting for it to start"]
    container.write(b"second life")
    container.start()
    await until(lambda: reader.texts == [b"first life", b"second life"])


async def test_a_deleted_pod_ends_the_log_with_a_reason(container: Container, follow: Follow) -> None:
    reader = follow()
    container.write(b"last words")
    await until(lambda: reader.texts)
    container.deleted = True
    container.stop()
    await reader.done()
    assert "was deleted" in reader.notices[-1]


async def test_a_waiting_container_is_waited_for(container: Container, follow: Follow) -> None:
    waiting = 'container "main" in pod "web" is waiting to start: ContainerCreating'
    container.refusal = 400, status(400, "BadRequest", waiting)
    reader = follow()
    await until(lambda: len(container.asked) >= 3)
    assert reader.notices == [waiting]
    container.refusal = None
    container.write(b"here I am")
    await until(lambda: reader.texts == [b"here I am"])


@pytest.mark.parametrize(
    ("code", "reason", "message", "said"),
    [
        (400, "BadRequest", "container nope is not valid for pod web", "not valid"),
        (400, "BadRequest", 'previous terminated container "main" in pod "web" not found', "previous terminated"),
        (403, "Forbidden", 'pods "web" is forbidden: cannot get resource "pods/log"', "pods/log"),
        (404, "NotFound", 'pods "web" not found', "not found"),
    ],
)
async def test_refusals_are_the_last_word(
    container: Container, follow: Follow, code: int, reason: str, message: str, said: str
) -> None:
    container.refusal = code, status(code, reason, message, details={"name": "web", "kind": "pods"})
    reader = follow()
    await reader.done()
    assert len(reader.notices) == 1
    assert said in reader.notices[0]
    assert len(container.asked) == 1


async def test_previous_is_asked_for_and_not_followed(container: Container, follow: Follow) -> None:
    container.stamps = False
    container.write(b"unable to retrieve container logs for containerd://2a92")
    reader = follow(previous=True)
    await reader.done()
    assert container.asked[0]["previous"] == "true"
    assert "follow" not in container.asked[0]
    assert reader.notices == ["unable to retrieve container logs for containerd://2a92"]
    assert reader.texts == []


async def test_a_flood_is_bounded_and_says_what_was_dropped(live: Session, container: Container) -> None:
    container.write(*(b"%d" % n for n in range(30_000)))
    stream = live.logs("shop", "web", "main", tail=None, max_lines=1000)
    batches = aiter(stream)
    first = await anext(batches)
    await until(lambda: stream._buffer._skipped > 0)
    await until(lambda: stream._cutter.last.endswith("29.999000000Z"))
    second = await anext(batches)
    assert len(first) + len(second) <= 2 * 1000 + 2
    skipped = sum(entry.skipped for entry in first + second)
    shown = [entry.text for entry in first + second if not entry.skipped]
    assert shown[-1] == b"29999"
    assert skipped + len(shown) == 30_000
    assert any(entry.skipped for entry in second)
    await stream.close()


async def test_reading_a_whole_log_loses_nothing(container: Container, live: Session) -> None:
    container.write(*(b"%d" % n for n in range(30_000)))
    count = 0
    async for batch in live.logs("shop", "web", "main", follow=False, tail=None, max_lines=500):
        count += len(batch)
        await asyncio.sleep(0)
    assert count == 30_000


async def test_a_megabyte_line_arrives_cut(container: Container, follow: Follow) -> None:
    container.write(b"x" * (1 << 20), b"after")
    reader = follow(follow=False)
    await reader.done()
    assert [len(text) for text in reader.texts] == [64 << 10, 5]
    assert "was cut" in reader.notices[0]


async def test_closing_the_session_ends_its_logs(api: FaultyApi, container: Container) -> None:
    live = Session(api.target(), timing=QUICK)
    await live.start()
    container.write(b"one")
    reader = Reader(live.logs("shop", "web", "main"))
    await until(lambda: reader.texts == [b"one"])
    await live.close()
    await reader.done()
    assert reader.texts == [b"one"]


async def test_a_server_that_is_gone_is_said_when_not_following(api: FaultyApi, live: Session) -> None:
    await api.kill()
    reader = Reader(live.logs("shop", "web", "main", follow=False))
    await reader.done()
    assert len(reader.notices) == 1


@needs_recordings
@pytest.mark.parametrize(
    "name",
    ["400-log-previous-none", "404-log-pod-gone", "403-log-nsviewer", "400-log-container-missing",
     "400-log-ambiguous-container"],
)  # fmt: skip
async def test_recorded_refusals_are_told_in_the_servers_words(
    container: Container, follow: Follow, name: str
) -> None:
    response = json.loads(exchanges()[name].read_text())["response"]
    container.refusal = response["status"], json.dumps(response["body"])
    reader = follow()
    await reader.done()
    assert response["body"]["message"][:60] in reader.notices[0]


@needs_recordings
async def test_the_recorded_wait_is_a_wait(container: Container, follow: Follow) -> None:
    response = json.loads(exchanges()["400-log-container-waiting-follow"].read_text())["response"]
    container.refusal = response["status"], json.dumps(response["body"])
    reader = follow()
    await until(lambda: len(container.asked) > 2)
    assert reader.notices == [response["body"]["message"]]
