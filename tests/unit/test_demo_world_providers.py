"""What answers for the kubelet and metrics-server: logs, usage, exec."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

from bakeryops.demo.bakery.inventory import APP
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.contracts import ExecRefusedError, LogLine, LogUnavailableError
from bakeryops.demo.execs import Execs
from bakeryops.demo.logs import KEPT_LINES, Logs
from bakeryops.demo.logtext import PERIODS, line
from bakeryops.demo.usage import Usage
from bakeryops.demo.world import World, build_world
from bakeryops.units import parse_quantity
from tests.support.demo_world import SHOP, SmallCluster, container, pod


@pytest.fixture
def world() -> World:
    return build_world(ManualClock(), life=False)


def pod_of(world: World, name: str, namespace: str = APP) -> dict:
    found = [each for each in world.store.list("pods", namespace) if each["metadata"]["name"].startswith(name)]
    assert found, name
    return found[0]


# ---- logs -----------------------------------------------------------------------------------------------------------


def test_a_log_is_in_order_bounded_and_the_same_twice(world: World) -> None:
    gateway = pod_of(world, "gateway")
    lines = world.logs.read(gateway, "gateway", previous=False)
    assert 1000 < len(lines) <= KEPT_LINES
    assert all(before.time <= after.time for before, after in itertools.pairwise(lines))
    assert lines[-1].time <= world.clock.now()
    assert lines == world.logs.read(gateway, "gateway", previous=False)
    assert any(b"\x1b[" in each.data for each in lines)


def test_the_crash_looping_service_says_why(world: World) -> None:
    text = b"".join(
        each.data for each in world.logs.read(pod_of(world, "pos-service"), "pos-service", previous=True)
    )
    assert text.endswith(b"KeyError: 'POS_TERMINAL_KEY'\n")
    assert b"Traceback" in text


def test_a_log_that_is_not_there_is_refused_in_the_words_of_the_kubelet(world: World) -> None:
    stuck = next(
        each
        for each in world.store.list("pods", APP)
        if each["status"]["phase"] == "Pending" and each["spec"].get("nodeName")
    )
    name = stuck["metadata"]["name"]
    with pytest.raises(LogUnavailableError, match="is waiting to start: trying and failing to pull image"):
        world.logs.read(stuck, "distribution-service", previous=False)
    gateway = pod_of(world, "gateway")
    with pytest.raises(LogUnavailableError, match='previous terminated container "gateway" in pod'):
        world.logs.read(gateway, "gateway", previous=True)
    with pytest.raises(LogUnavailableError, match=f"container nobody is not valid for pod {name}"):
        world.logs.read(stuck, "nobody", previous=False)


def small(script: str, **spec) -> tuple[SmallCluster, Logs]:
    shop = SmallCluster()
    shop.create("pods", pod("talker", container(script=script), **spec))
    shop.clock.advance(10)
    return shop, Logs(shop.store, shop.clock)


def test_a_script_prints_what_it_says() -> None:
    shop, logs = small('echo hello; echo oops >&2; sleep 1; echo "bye"; exit 3', restartPolicy="Never")
    lines = logs.read(shop.get("pods", "talker"), "main", previous=False)
    assert [(each.data, each.stream) for each in lines] == [
        (b"hello\n", "stdout"), (b"oops\n", "stderr"), (b"bye\n", "stdout")]  # fmt: skip


async def follow(shop: SmallCluster, logs: Logs, seconds: float) -> tuple[list[LogLine], bool]:
    """Follow a log from its beginning while `seconds` pass; tells whether it ended."""
    found: list[LogLine] = []

    async def take() -> None:
        async for each in logs.follow(shop.get("pods", "talker"), "main", 0):
            found.append(each)  # noqa: PERF401 - what was found counts when this is cancelled

    task = asyncio.create_task(take())
    for _ in range(int(seconds * 4)):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        shop.clock.advance(0.25)
    for _ in range(5):
        await asyncio.sleep(0)
    ended = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return found, ended


async def test_following_yields_lines_in_cluster_time_without_gap_or_repetition() -> None:
    shop, logs = small('i=0; while true; do i=$((i+1)); echo "order $i"; sleep 1; done')
    found, ended = await follow(shop, logs, 20)
    assert not ended
    assert [each.data for each in found] == [f"order {number + 1}\n".encode() for number in range(len(found))]
    assert 28 <= len(found) <= 31


async def test_following_ends_with_the_container() -> None:
    shop, logs = small("echo begin; sleep 15; echo end", restartPolicy="Never")
    found, ended = await follow(shop, logs, 20)
    assert ended
    assert [each.data for each in found] == [b"begin\n", b"end\n"]


async def test_following_ends_when_the_pod_is_gone() -> None:
    shop, logs = small("while true; do echo x; sleep 1; done")
    shop.store.delete("pods", SHOP, "talker", grace=1)
    _, ended = await follow(shop, logs, 10)
    assert ended


@pytest.mark.parametrize("voice", sorted(PERIODS))
def test_every_voice_prints_whole_lines_that_depend_on_the_seed(voice: str) -> None:
    texts = [line(voice, 0, "key", index, 1_790_000_000.5 + index) for index in range(600)]
    assert all(
        text.endswith(b"\n") and text.count(b"\n") == 1 and stream in ("stdout", "stderr")
        for text, stream in texts
    )
    assert texts == [line(voice, 0, "key", index, 1_790_000_000.5 + index) for index in range(600)]


# ---- usage ----------------------------------------------------------------------------------------------------------


def test_metrics_cover_running_pods_and_change_every_fifteen_seconds(world: World) -> None:
    metrics = world.usage.pod_metrics(None)
    running = [each for each in world.store.list("pods") if each["status"]["phase"] == "Running"]
    assert len(metrics) == len(running) - 1, "the crash-looping container does not run"
    assert world.clock.now() % 15 < 14
    clock = world.clock
    assert isinstance(clock, ManualClock)
    clock.advance(0.5)
    assert world.usage.pod_metrics(None) == metrics
    clock.advance(15.0)
    assert world.usage.pod_metrics(None) != metrics
    assert {each["metadata"]["namespace"] for each in world.usage.pod_metrics("gitea")} == {"gitea"}


def memory_of(world: World, namespace: str) -> float:
    return sum(
        parse_quantity(container["usage"]["memory"]) or 0.0
        for each in world.usage.pod_metrics(namespace)
        for container in each["containers"]
    )


def test_memory_stays_within_the_budgets_of_the_plan(world: World) -> None:
    mib = 2.0**20
    tekton = memory_of(world, "tekton-pipelines") + memory_of(world, "tekton-pipelines-resolvers")
    assert 250 * mib < tekton < 650 * mib
    assert 100 * mib < memory_of(world, "flux-system") < 230 * mib
    assert 200 * mib < memory_of(world, "gitea") < 768 * mib


def test_the_leaking_service_grows_toward_its_limit(world: World) -> None:
    found = pod_of(world, "forecasting-service")
    before = world.usage.memory_of(found, "forecasting-service")
    clock = world.clock
    assert isinstance(clock, ManualClock)
    clock.advance(1800)
    after = world.usage.memory_of(found, "forecasting-service")
    assert before is not None
    assert after is not None
    assert after - before > 30 * 2**20


def test_the_summary_names_disk_and_volumes(world: World) -> None:
    summary = world.usage.stats_summary("bakery-vps")
    disk = summary["node"]["fs"]
    assert 0 < disk["usedBytes"] < disk["capacityBytes"]
    assert disk["availableBytes"] + disk["usedBytes"] == pytest.approx(disk["capacityBytes"], abs=2)
    volumes = [volume for each in summary["pods"] for volume in each.get("volume", ())]
    assert len(volumes) >= 25
    assert all(volume["pvcRef"]["name"] and volume["usedBytes"] > 0 for volume in volumes)
    json.dumps(summary)


def test_node_use_is_more_than_the_pods_use(world: World) -> None:
    node = world.usage.node_metrics()[0]["usage"]
    total = sum(
        parse_quantity(each["usage"]["memory"]) or 0.0
        for pod in world.usage.pod_metrics(None)
        for each in pod["containers"]
    )
    assert total < (parse_quantity(node["memory"]) or 0.0) < 16 * 2**30
    assert 0.1 < (parse_quantity(node["cpu"]) or 0.0) < 8


def test_pods_that_nobody_knows_use_what_they_ask_for() -> None:
    shop = SmallCluster()
    shop.create("pods", pod("guest", container(resources={"requests": {"cpu": "100m", "memory": "100Mi"}})))
    shop.clock.advance(600)
    [found] = Usage(shop.store, shop.clock).pod_metrics(SHOP)
    assert 30 * 2**20 < (parse_quantity(found["containers"][0]["usage"]["memory"]) or 0.0) < 100 * 2**20


# ---- exec -----------------------------------------------------------------------------------------------------------


class Streams:
    def __init__(self, *typed: bytes) -> None:
        self.typed = list(typed)
        self.out = b""
        self.err = b""

    async def stdin(self) -> bytes | None:
        return self.typed.pop(0) if self.typed else None

    async def stdout(self, data: bytes) -> None:
        self.out += data

    async def stderr(self, data: bytes) -> None:
        self.err += data


async def run(
    world: World, *command: str, typed: tuple[bytes, ...] = (), tty: bool = False
) -> tuple[int, bytes, bytes]:
    streams = Streams(*typed)
    code = await world.execs.run(pod_of(world, "redis"), "redis", list(command), tty=tty, streams=streams)
    return code, streams.out, streams.err


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("echo", "a", "b"), (0, b"a b\n", b"")),
        (("sh", "-c", "echo one; echo two >&2; exit 7"), (7, b"one\n", b"two\n")),
        (("sh", "-c", "false && echo no || echo yes"), (0, b"yes\n", b"")),
        (("sh", "-c", "echo $HOSTNAME"), (0, b"redis-0\n", b"")),
        (("sh", "-c", "unknown-thing"), (127, b"", b"sh: unknown-thing: not found\n")),
        (("sh", "-c", "echo 'a;b'"), (0, b"a;b\n", b"")),
        (("sh", "-c", "echo 'open"), (2, b"", b"sh: syntax error: unterminated quoted string\n")),
        (("cat", "/etc/hostname"), (0, b"redis-0\n", b"")),
        (("cat", "/nothing"), (1, b"", b"cat: can't open '/nothing': No such file or directory\n")),
        (("printf", "%s-%s\\n", "a", "b"), (0, b"a-b\n", b"")),
        (("ls", "/nowhere"), (1, b"", b"ls: /nowhere: No such file or directory\n")),
        (("/bin/true",), (0, b"", b"")),
    ],
)
async def test_commands(world: World, command: tuple[str, ...], expected: tuple[int, bytes, bytes]) -> None:
    assert await run(world, *command) == expected


async def test_input_is_read_by_cat_and_by_the_shell(world: World) -> None:
    assert await run(world, "cat", typed=(b"abc", b"def")) == (0, b"abcdef", b"")
    assert await run(world, "sh", typed=(b"echo one\necho t", b"wo\nexit 4\n")) == (4, b"one\ntwo\n", b"")


async def test_a_terminal_echoes_and_prompts(world: World) -> None:
    code, out, _ = await run(world, "sh", typed=(b"echo hi\r", b"\x04"), tty=True)
    assert code == 0
    assert out == b"/ # echo hi\r\nhi\r\n/ # "


async def test_what_cannot_be_run_is_refused(world: World) -> None:
    with pytest.raises(FileNotFoundError):
        await run(world, "nope")
    with pytest.raises(ExecRefusedError):
        await world.execs.run(pod_of(world, "redis"), "nobody", ["true"], tty=False, streams=Streams())
    with pytest.raises(ExecRefusedError):
        await world.execs.run(pod_of(world, "pos-service"), "pos-service", ["true"], tty=False, streams=Streams())


async def test_sleep_takes_cluster_time() -> None:
    shop = SmallCluster()
    shop.create("pods", pod("p"))
    shop.clock.advance(5)
    task = asyncio.create_task(
        Execs(shop.clock).run(shop.get("pods", "p"), "main", ["sleep", "30"], tty=False, streams=Streams())
    )
    await asyncio.sleep(0)
    shop.clock.advance(29)
    await asyncio.sleep(0)
    assert not task.done()
    shop.clock.advance(2)
    assert await task == 0
