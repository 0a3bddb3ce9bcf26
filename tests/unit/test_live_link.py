"""The heartbeat: when it asks, when it calls the server lost, and when back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.link import Link
from bakeryops.cluster.timing import Timing
from tests.support.waiting import until

QUICK = Timing(
    heartbeat=0.02,
    heartbeat_unwatched=30.0,
    heartbeat_timeout=0.05,
    heartbeat_patience=0.2,
    backoff_first=0.01,
    heartbeat_retry_cap=0.02,
    unauthorized_retry=0.03,
)
REFUSED = KubeError("nothing listens there", kind="unreachable", hint="start it")


class Server:
    """Answers, or raises, or hangs."""

    def __init__(self) -> None:
        self.error: KubeError | None = None
        self.body = b'{"gitVersion":"v1.36.2"}'
        self.hang = False
        self.asked = 0

    async def probe(self, timeout: float) -> bytes:
        self.asked += 1
        if self.hang:
            await asyncio.sleep(timeout)
            raise KubeError("no answer in time", kind="timeout")
        if self.error is not None:
            raise self.error
        return self.body


@asynccontextmanager
async def running(server: Server, timing: Timing = QUICK) -> AsyncIterator[Link]:
    link = Link(server.probe, timing)
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_first_answer_makes_it_live_and_tells_the_version() -> None:
    server = Server()
    async with running(server) as link:
        assert link.phase == "connecting"
        await until(lambda: link.live)
        await until(lambda: link.server_version == "v1.36.2")
        assert link.last_data is not None


async def test_what_never_was_live_stays_connecting_and_says_why() -> None:
    server = Server()
    server.error = REFUSED
    async with running(server) as link:
        await until(lambda: bool(link.reason) and link.next_try is not None)
        assert link.phase == "connecting"
        assert (link.reason, link.hint) == ("nothing listens there", "start it")


async def test_loss_and_return_are_told_once_each() -> None:
    server = Server()
    told: list[str] = []
    async with running(server) as link:
        link.on_lost.append(lambda: told.append("lost"))
        link.on_back.append(lambda: told.append("back"))
        await until(lambda: link.live)
        server.error = REFUSED
        await until(lambda: link.phase == "stale")
        asked = server.asked
        await until(lambda: server.asked > asked + 3)
        server.error = None
        await until(lambda: link.live)
        assert link.reason == ""
        assert link.next_try is None
    assert told == ["back", "lost", "back"]


async def test_silence_is_loss() -> None:
    server = Server()
    async with running(server) as link:
        await until(lambda: link.live)
        server.hang = True
        await until(lambda: link.phase == "stale")
        server.hang = False
        await until(lambda: link.live)


async def test_a_hanging_heartbeat_does_not_hold_up_the_next() -> None:
    server = Server()
    timing = Timing(heartbeat=0.01, heartbeat_timeout=0.02, heartbeat_patience=3600.0, backoff_first=0.01,
                    heartbeat_retry_cap=0.02)  # fmt: skip
    async with running(server, timing) as link:
        await until(lambda: link.live)
        server.hang = True
        await until(lambda: link.phase == "stale")
        asked = server.asked
        await until(lambda: server.asked > asked + 2)
        server.hang = False
        await until(lambda: link.live)


async def test_traffic_spares_the_heartbeat() -> None:
    server = Server()
    timing = Timing(heartbeat=3600.0)
    async with running(server, timing) as link:
        await until(lambda: link.live)
        asked = server.asked
        for _ in range(50):
            link.heard()
            await asyncio.sleep(0)
        assert server.asked == asked


async def test_a_suspicion_asks_at_once_but_fifteen_are_one() -> None:
    server = Server()
    async with running(server, Timing(heartbeat=3600.0, heartbeat_timeout=5.0)) as link:
        await until(lambda: link.live)
        asked = server.asked
        link._asked_at = -1e9
        server.error = REFUSED
        for _ in range(15):
            link.suspect()
        await until(lambda: link.phase == "stale")
        assert server.asked <= asked + 2


async def test_bytes_that_came_after_the_question_outweigh_its_failure() -> None:
    link: Link

    async def probe(timeout: float) -> bytes:
        link.heard()
        raise KubeError("no answer in time", kind="timeout")

    link = Link(probe, QUICK)
    link.heard()
    assert link.live
    await link._ask(1.0)
    assert link.live


@pytest.mark.parametrize("kind", ["forbidden", "not_found", "absent", "throttled"])
async def test_a_refusal_is_an_answer(kind: str) -> None:
    server = Server()
    server.error = KubeError("no", kind=kind, status=403)  # type: ignore[arg-type]
    async with running(server) as link:
        await until(lambda: link.live)


@pytest.mark.parametrize("kind", ["server", "unavailable", "protocol"])
async def test_a_broken_answer_is_loss(kind: str) -> None:
    server = Server()
    async with running(server) as link:
        await until(lambda: link.live)
        server.error = KubeError("bad gateway", kind=kind, status=502)  # type: ignore[arg-type]
        await until(lambda: link.phase == "stale")


async def test_html_with_status_200_is_no_api_server() -> None:
    server = Server()
    server.body = b"<html>log in</html>"
    async with running(server) as link:
        await until(lambda: "not that of a Kubernetes API server" in link.reason)
        assert link.phase == "connecting"


@pytest.mark.parametrize("body", [b'{"gitVersion":"\xff"}', b'{"more":' + b"[" * 20_000])
async def test_hostile_bytes_do_not_end_the_heartbeat(body: bytes) -> None:
    server = Server()
    async with running(server) as link:
        await until(lambda: link.live)
        server.body = body
        link.wake()
        await until(lambda: link.phase == "stale")
        server.body = b'{"gitVersion":"v1.36.2"}'
        await until(lambda: link.live)


async def test_unauthorized_is_a_phase_of_its_own_and_recovers() -> None:
    server = Server()
    async with running(server) as link:
        await until(lambda: link.live)
        server.error = KubeError("Unauthorized", kind="unauthorized", status=401, hint="aws sso login")
        await until(lambda: link.phase == "unauthorized")
        assert link.hint == "aws sso login"
        server.error = None
        await until(lambda: link.live)


async def test_a_kind_refused_while_the_version_is_not_asks_slowly() -> None:
    server = Server()
    timing = Timing(heartbeat=0.01, unauthorized_retry=3600.0)
    async with running(server, timing) as link:
        await until(lambda: link.live)
        link.refused(KubeError("Unauthorized", kind="unauthorized", status=401))
        asked = server.asked
        for _ in range(20):
            link.heard()
            await asyncio.sleep(0)
        assert link.phase == "unauthorized"
        assert server.asked <= asked + 1
        link.wake()
        await until(lambda: link.live)


async def test_nothing_watched_is_asked_rarely() -> None:
    server = Server()
    link = Link(server.probe, QUICK)
    link.watched = lambda: False
    task = asyncio.create_task(link.run())
    await until(lambda: link.live)
    asked = server.asked
    for _ in range(50):
        await asyncio.sleep(0.002)
    assert server.asked == asked
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_outage_that_answers_late_is_no_slow_link() -> None:
    """A stopped server answers all that waited when it goes on; the next outage must be noticed as soon."""
    gate = asyncio.Event()
    gate.set()
    asked = 0

    async def probe(timeout: float) -> bytes:
        nonlocal asked
        asked += 1
        try:
            async with asyncio.timeout(timeout):
                await gate.wait()
        except TimeoutError:
            raise KubeError("no answer in time", kind="timeout") from None
        return b'{"gitVersion":"v1.36.2"}'

    timing = Timing(
        heartbeat=0.02, heartbeat_timeout=0.05, heartbeat_patience=60.0, backoff_first=0.1, heartbeat_retry_cap=0.1
    )
    link = Link(probe, timing)
    task = asyncio.create_task(link.run())
    try:
        await until(lambda: link.live)
        gate.clear()
        await until(lambda: link.phase == "stale")
        began, before = asyncio.get_running_loop().time(), asked
        await until(lambda: asked > before + 4)
        lasted = asyncio.get_running_loop().time() - began
        gate.set()
        await until(lambda: link.live)
        await until(lambda: not link._probes)
        assert link._patience() < lasted
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_failures_while_the_server_is_lost_ask_no_more_often() -> None:
    server = Server()
    timing = Timing(heartbeat=0.02, backoff_first=30.0, heartbeat_retry_cap=30.0)
    async with running(server, timing) as link:
        await until(lambda: link.live)
        server.error = REFUSED
        await until(lambda: link.phase == "stale" and link.next_try is not None and not link._probes)
        asked = server.asked
        link._asked_at = -1e9
        for _ in range(20):
            link.suspect()
            await asyncio.sleep(0)
        assert server.asked == asked


async def test_the_kind_of_what_went_wrong_is_kept_until_it_is_well() -> None:
    server = Server()
    server.error = KubeError("the certificate is of another authority", kind="tls")
    async with running(server) as link:
        await until(lambda: link.kind == "tls")
        server.error = None
        await until(lambda: link.live)
        assert link.kind == ""
