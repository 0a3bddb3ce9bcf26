"""Why the API server is away, as far as the node it runs on can tell [V12]."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bakeryops.cluster.target import Target
from bakeryops.text import clean, decode
from bakeryops.units import format_bytes

__all__ = ["Node", "explain"]

_SECONDS = 2.0
_KUBELITE = "snap.microk8s.daemon-kubelite"
_DQLITE = "snap.microk8s.daemon-k8s-dqlite"
_CONTAINERD = "snap.microk8s.daemon-containerd"
_BUSY = 40.0
"""Per cent of the last ten seconds in which work stood still (Linux pressure stall information)."""
_FULL = 0.03
"""A file system with a smaller part left free is full for our purposes."""
_DQLITE_WORDS = re.compile(
    r"database is locked|no leader|not leader|failed to (?:create|open) dqlite|disk I/O error"
)
_OUTPUT = 1 << 16


@dataclass(frozen=True, slots=True)
class Node:
    """The machine we run on; tests look at another one."""

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    seconds: float = _SECONDS
    """Longest a program may take."""

    def path(self, name: str) -> Path:
        """Return the path of a file given from the root."""
        return self.root / name

    async def run(self, *argv: str) -> str | None:
        """Return what a program wrote, or None where it is not installed or did not end in time."""
        try:
            child = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**self.environ, "LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"},
                start_new_session=True,
            )
        except OSError:
            return None
        try:
            async with asyncio.timeout(self.seconds):
                kept = bytearray()
                while child.stdout is not None and (chunk := await child.stdout.read(_OUTPUT)):
                    kept += chunk[: _OUTPUT - len(kept)]
                await child.wait()
        except TimeoutError:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            if child.returncode is None:
                await child.wait()
        return decode(bytes(kept))


async def explain(target: Target, *, node: Node | None = None) -> list[str]:
    """Return what the node says about an API server that does not answer, the likeliest first, one sentence each.

    Empty where the server runs on another machine or nothing is amiss here. Never raises, changes nothing, needs
    no rights: what may not be looked at is left out. Takes two seconds at most, and a little more on a busy node.
    """
    node = node or Node()
    if not await _here(target):
        return []
    checks = (
        _stopped(node),
        _snap(node),
        _services(node),
        _disk(node),
        _dqlite(node),
        _pressure(node),
        _memory(node),
    )
    found = await asyncio.gather(*checks, return_exceptions=True)
    return [sentence for each in found if isinstance(each, list) for sentence in each]


async def _here(target: Target) -> bool:
    if target.local:
        return True
    try:
        async with asyncio.timeout(_SECONDS):
            known = await asyncio.get_running_loop().getaddrinfo(target.host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    for family, kind, protocol, _, address in known:
        # Only an address of this machine can be bound to.
        with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as probe:
            probe.bind((address[0], 0))
            return True
    return False


async def _stopped(node: Node) -> list[str]:
    lock = node.path("var/snap/microk8s/current/var/lock/stopped.lock")
    with contextlib.suppress(OSError):
        if lock.exists():
            return ["MicroK8s was stopped by hand; start it: microk8s start"]
    return []


async def _snap(node: Node) -> list[str]:
    output = await node.run("snap", "changes", "microk8s")
    told = []
    for line in (output or "").splitlines():
        # Columns are two spaces apart, times such as "today at 02:00 UTC" have single ones.
        parts = re.split(r"\s{2,}", line.strip(), maxsplit=4)
        if len(parts) == 5 and parts[0].isdigit() and parts[1] in ("Do", "Doing", "Undo", "Undoing", "Wait"):
            told.append(f"snap is changing MicroK8s ({clean(parts[4])}); see: snap change {parts[0]}")
    return told


async def _services(node: Node) -> list[str]:
    told: list[str] = []
    shown = await asyncio.gather(
        *(_service(node, unit) for unit in (_KUBELITE, _DQLITE, _CONTAINERD)), return_exceptions=True
    )
    for unit, state in zip((_KUBELITE, _DQLITE, _CONTAINERD), shown, strict=True):
        if not isinstance(state, dict) or state.get("LoadState") != "loaded":
            continue
        name, restarts = unit.rpartition("daemon-")[2], state.get("NRestarts", "0")
        active, sub = state.get("ActiveState", ""), state.get("SubState", "")
        again = f", {restarts} times so far" if restarts.isdigit() and int(restarts) > 0 else ""
        see = f"see: journalctl -u {unit} -n 50"
        if sub == "auto-restart" or active == "activating":
            told.append(f"{name} is restarting{again}; {see}")
        elif active == "failed":
            told.append(f"{name} has failed ({clean(state.get('Result', '?'))}); {see}")
        elif active in ("inactive", "deactivating"):
            told.append(f"{name} is stopped; start it: microk8s start")
    return told


async def _service(node: Node, unit: str) -> dict[str, str]:
    output = await node.run(
        "systemctl", "show", unit, "--property=LoadState,ActiveState,SubState,NRestarts,Result", "--no-pager"
    )
    pairs = (line.partition("=") for line in (output or "").splitlines())
    return {key: value for key, _, value in pairs}


async def _disk(node: Node) -> list[str]:
    places = ("var/snap/microk8s/common", "var/snap/microk8s/current", "var/lib", "")
    # A thread each: a file system that hangs would take the console with it.
    told: dict[int, str] = {}
    for place in places:
        with contextlib.suppress(OSError):
            async with asyncio.timeout(node.seconds):
                device, sentence = await asyncio.to_thread(_full, node.path(place))
            if sentence:
                told.setdefault(device, sentence)
    return list(told.values())


def _full(path: Path) -> tuple[int, str]:
    device, usage = path.stat().st_dev, os.statvfs(path)
    left = usage.f_bavail * usage.f_frsize
    if usage.f_blocks and usage.f_bavail / usage.f_blocks < _FULL:
        return device, f"the disk under {path} is full ({format_bytes(left)} left); see: sudo du -xh -d2 {path}"
    if usage.f_files and usage.f_favail / usage.f_files < _FULL:
        return device, f"the disk under {path} has no inodes left"
    return device, ""


async def _dqlite(node: Node) -> list[str]:
    output = await node.run(
        "journalctl", "-u", _KUBELITE, "-u", _DQLITE, "-n", "200", "--since=-3min", "-o", "cat"
    )
    found = _DQLITE_WORDS.findall(output or "")
    if found:
        return [f"dqlite, the cluster's database, is in trouble: {clean(found[-1])} (written {len(found)} times)"]
    return []


async def _pressure(node: Node) -> list[str]:
    told = []
    for name, what in (
        ("io", "the disk is so busy"),
        ("memory", "memory is so short"),
        ("cpu", "the CPUs are so busy"),
    ):
        try:
            text = node.path(f"proc/pressure/{name}").read_text("ascii")
        except (OSError, ValueError):
            continue
        found = re.search(r"^some avg10=([0-9.]+)", text, re.MULTILINE)
        if found and float(found.group(1)) >= _BUSY:
            told.append(f"{what} that work stood still {float(found.group(1)):.0f} % of the last 10 s")
    return told


async def _memory(node: Node) -> list[str]:
    try:
        text = node.path("proc/meminfo").read_text("ascii")
    except (OSError, ValueError):
        return []
    sizes = {key: int(size) for key, size in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    total, left = sizes.get("MemTotal", 0), sizes.get("MemAvailable", 0)
    if total and left / total < 0.04:
        return [f"memory is used up: {format_bytes(left * 1024)} of {format_bytes(total * 1024)} left"]
    return []
