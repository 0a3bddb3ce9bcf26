"""The real console in a real terminal while its cluster is away: says so, stays usable, comes back."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bakeryops.demo.contracts import Object
from bakeryops.demo.faults import Fault
from bakeryops.demo.store import ObjectStore
from tests.support.demo import static_store
from tests.support.hostile import ServedInThread, put_raw, served_in_thread
from tests.support.pty import Terminal

pytestmark = pytest.mark.slow

GENEROUS = 20.0
"""Seconds on a busy machine for what takes three to five on an idle one."""


def _fill(store: ObjectStore) -> None:
    put_raw(store, "namespaces", {"metadata": {"name": "bakery-ia"}, "status": {"phase": "Active"}})
    ready = {"type": "Ready", "status": "True"}
    put_raw(store, "nodes", {"metadata": {"name": "bakery-vps"}, "status": {"conditions": [ready]}})
    for name in ("auth-service", "orders-service", "ghost-service"):
        _add(store, name)


def _add(store: ObjectStore, name: str) -> None:
    meta: Object = {"name": name, "namespace": "bakery-ia", "labels": {"app": name}}
    counts = {
        "replicas": 1,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "updatedReplicas": 1,
        "observedGeneration": 1,
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": "x:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    put_raw(
        store,
        "deployments",
        {"metadata": {**meta, "uid": f"d-{name}", "generation": 1}, "spec": spec, "status": counts},
    )
    owner = {"kind": "Deployment", "name": name, "uid": f"d-{name}", "controller": True}
    running = {"name": "main", "ready": True, "restartCount": 0, "state": {"running": {}}, "image": "x:1"}
    put_raw(
        store,
        "pods",
        {
            "metadata": {**meta, "name": f"{name}-1", "uid": f"p-{name}", "ownerReferences": [owner]},
            "spec": {"nodeName": "bakery-vps", "containers": [{"name": "main", "image": "x:1"}]},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [running],
            },
        },
    )


def _remove(store: ObjectStore, name: str) -> None:
    for plural, gone in (("deployments", name), ("pods", f"{name}-1")):
        resource = store.registry.storage(plural)
        obj = store.get(plural, "bakery-ia", gone)
        assert obj is not None
        store._drop(resource, f"bakery-ia/{gone}", obj)


@dataclass
class Watched:
    """A console, its server, and a stop-watch."""

    served: ServedInThread
    terminal: Terminal

    def until(self, sign: str | Callable[[list[str]], bool], seconds: float = GENEROUS) -> float:
        """Wait for a sign on screen; return the seconds it took."""
        began = time.monotonic()
        self.terminal.wait_for(sign, seconds)
        return time.monotonic() - began

    def cpu(self) -> float:
        """Return the processor seconds that the console has used."""
        fields = Path(f"/proc/{self.terminal.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def watch(self, seconds: float) -> dict[str, int]:
        """Let time pass while the terminal is read; return the requests the server took in meanwhile, by kind."""
        before = self.served.asked()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.terminal.read(0.1)
        return {key: count - before.get(key, 0) for key, count in self.served.asked().items()}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("outage")
    store = static_store()
    _fill(store)
    with served_in_thread(store) as served:
        command = [
            sys.executable,
            "-m",
            "bakeryops",
            "--kubeconfig",
            str(served.kubeconfig(folder / "kubeconfig")),
        ]
        environ = {"XDG_STATE_HOME": str(folder), "HOME": str(folder)}
        with Terminal(command, columns=120, lines=32, environ=environ) as terminal:
            terminal.wait_for("● live")
            terminal.send("4")
            terminal.wait_for("ghost-service")
            yield Watched(served, terminal)
            terminal.send("q")
            assert terminal.wait() == 0


@contextmanager
def _killed(served: ServedInThread) -> Iterator[None]:
    served.kill()
    try:
        yield
    finally:
        served.start()


@contextmanager
def _paused(served: ServedInThread) -> Iterator[None]:
    """Accept connections, answer nothing, and leave open streams silent: a stopped process, a half-open link."""
    served.call(served.server.faults.pause)
    try:
        yield
    finally:
        served.call(served.server.faults.resume)


@contextmanager
def _black_hole(served: ServedInThread) -> Iterator[None]:
    """Let nothing through, not even a refusal: a listener whose queue of connections is full."""
    served.kill()
    with ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.1", served.port))
        hole.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", served.port))
        yield
    served.start()


def _fault(**fault: object) -> Callable[[ServedInThread], object]:
    @contextmanager
    def spoiled(served: ServedInThread) -> Iterator[None]:
        served.call(lambda: served.server.faults.add(Fault(**fault)))  # type: ignore[arg-type]
        served.call(served.server.drop_connections)
        try:
            yield
        finally:
            served.call(served.server.faults.clear)

    return spoiled


OUTAGES = {
    "killed": (_killed, "▲ Cluster lost"),
    "paused": (_paused, "▲ Cluster lost"),
    "black hole": (_black_hole, "▲ Cluster lost"),
    "500": (_fault(action="status", status=500), "▲ Cluster lost"),
    "503": (_fault(action="status", status=503), "▲ Cluster lost"),
    "HTML of a proxy": (_fault(action="html", status=502), "▲ Cluster lost"),
    "a page that says 200": (_fault(action="html", status=200), "▲ Cluster lost"),
    "every connection cut": (_fault(action="drop"), "▲ Cluster lost"),
    "401": (_fault(action="status", status=401), "✖ Cluster refused"),
}


def _too_many(asked: dict[str, int]) -> dict[str, int]:
    """Return what was asked more than ten times in ten seconds.

    The heartbeat may count double: aiohttp sends a GET again, once, when its connection is cut.
    """
    return {key: count for key, count in asked.items() if count > (20 if key.endswith("/version") else 10)}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_is_told_survived_and_over_at_once(
    watched: Watched, outage: str, record_property: Callable[[str, object], None]
) -> None:
    make, banner = OUTAGES[outage]
    terminal, served = watched.terminal, watched.served
    watched.until("● live")
    served.call(lambda: _add(served.store, "doomed-service"))
    watched.until("doomed-service")
    with make(served):  # type: ignore[attr-defined]
        told = watched.until(banner)
        text = "\n".join(watched.terminal.text())
        assert "auth-service" in text, "what was known stays readable"
        assert "what you see is" in text
        if outage != "401":
            assert "next try in" in text
        # Keys are answered.
        terminal.send("7")
        watched.until("groups")
        terminal.send("4")
        watched.until("orders-service")
        if outage != "killed":
            before = watched.cpu()
            asked = watched.watch(10)
            record_property("cpu_percent_while_down", round(10 * (watched.cpu() - before), 1))
            assert _too_many(asked) == {}
        served.call(lambda: _remove(served.store, "doomed-service"))
        served.call(lambda: _add(served.store, "newborn-service"))
    back = watched.until("● live")
    watched.until("newborn-service")
    watched.until(lambda lines: not any("doomed-service" in line for line in lines))
    assert not any(banner in line for line in terminal.text())
    served.call(lambda: _remove(served.store, "newborn-service"))
    watched.until(lambda lines: not any("newborn-service" in line for line in lines))
    record_property("seconds_until_told", told)
    record_property("seconds_until_back", back)


def test_a_throttled_console_stays_live_and_asks_seldom(watched: Watched) -> None:
    watched.until("● live")
    with _fault(action="status", status=429, retry_after=2)(watched.served):  # type: ignore[attr-defined]
        asked = watched.watch(10)
        assert _too_many(asked) == {}
        watched.terminal.send("7")
        watched.until("groups")
        watched.terminal.send("4")
        watched.until("auth-service")
    watched.served.call(lambda: _add(watched.served.store, "late-service"))
    watched.until("late-service")
    watched.until("● live")
