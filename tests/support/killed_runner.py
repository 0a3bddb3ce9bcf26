"""A process that carries out jobs in children of its own, each killed with SIGKILL at one of its events.

Run as `python -m tests.support.killed_runner ROOT`: it reads one JSON object a line ({"job", "at", "match"}) and
answers each with one ({"code", "event", "count"}). An event is a line of the journal (half written, then whole), a
request to the API (before it is sent, after its answer), a git (before it starts, started, ended), and a record of
the audit log (before, after). `match` is a regular expression that an event's name must match to be counted; the
child dies at the `at`-th of them, and lives to its end where there are fewer.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp  # noqa: F401  loaded once, for all children
import httpx  # noqa: F401
import kubernetes.aio  # noqa: F401
import msgspec

import bakeryops.git.process as git
from bakeryops.actions.steps import load_steps
from bakeryops.cluster.transport import Transport
from bakeryops.jobs.audit import AuditLog
from bakeryops.jobs.journal import Entry, Journal
from bakeryops.jobs.runner import run_job
from bakeryops.jobs.store import JobStore


class _Death:
    """Counts events, and dies at one of them."""

    def __init__(self, at: int, match: str, tell: int) -> None:
        self.at = at
        self.count = 0
        self.last = ""
        self._match = re.compile(match)
        self._tell = tell

    def due(self, name: str) -> bool:
        """Count an event; return whether it is the one to die at."""
        if not self._match.search(name):
            return False
        self.count += 1
        self.last = name
        return self.count == self.at

    def die(self, name: str) -> None:
        """End this process as a power cut would."""
        self.say({"code": -9, "event": name, "count": self.count})
        os.kill(os.getpid(), signal.SIGKILL)

    def at_event(self, name: str) -> None:
        """Die where it is time."""
        if self.due(name):
            self.die(name)

    def say(self, found: dict[str, Any]) -> None:
        os.write(self._tell, json.dumps(found).encode())


def _haunted(death: _Death) -> None:
    """Let all that has an effect pass by the one who counts."""
    append, send, start, add = Journal.append, Transport._send, git._started, AuditLog.append
    talk, verbs = git._talk, dict[int, str]()

    def line(self: Journal, entry: Entry, *, sync: bool = True) -> None:
        name = " ".join(("line", entry.event, entry.step, entry.state)).strip()
        if death.due(f"half {name}"):
            data = msgspec.json.encode(entry)
            os.write(self._descriptor, data[: len(data) // 2])
            death.die(f"half {name}")
        append(self, entry, sync=sync)
        death.at_event(name)

    async def sent(self: Transport, method: str, path: str, *rest: Any) -> Any:
        death.at_event(f"before {method} {path}")
        answer = await send(self, method, path, *rest)
        death.at_event(f"after {method} {path}")
        return answer

    async def started(command: Sequence[str], environment: Any) -> Any:
        verb = _verb(command)
        death.at_event(f"before git {verb}")
        child = await start(command, environment)
        verbs[child.pid] = verb
        # Its own session: it goes on without us, as the one of a runner that is killed does.
        death.at_event(f"amid git {verb}")
        return child

    async def talked(child: Any, stdin: bytes, most: int) -> Any:
        output = await talk(child, stdin, most)
        death.at_event(f"after git {verbs.pop(child.pid, '')}")
        return output

    def audited(self: AuditLog, event: str, **fields: Any) -> Any:
        death.at_event(f"before audit {event}")
        record = add(self, event, **fields)
        death.at_event(f"after audit {event}")
        return record

    Journal.append = line  # type: ignore[method-assign]
    Transport._send = sent  # type: ignore[method-assign, assignment]
    git._started = started
    git._talk = talked
    AuditLog.append = audited  # type: ignore[method-assign]


def _verb(command: Sequence[str]) -> str:
    words = iter(command[1:])
    for word in words:
        if word in ("-c", "--git-dir", "-C"):
            next(words, "")
        elif not word.startswith("-"):
            return word
    return ""


def _child(store: JobStore, order: dict[str, Any], tell: int) -> None:
    """Carry out a job in this process, which never returns."""
    code = 70
    death = _Death(int(order.get("at", 0)), str(order.get("match", "")), tell)
    try:
        log = os.open(store.folder(order["job"]) / "runner.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 2)
        _haunted(death)
        code = asyncio.run(run_job(store, order["job"]))
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        raise
    finally:
        death.say({"code": code, "event": death.last, "count": death.count})
        os._exit(code)


def main() -> None:
    """Serve orders until the input ends."""
    load_steps()
    store = JobStore(Path(sys.argv[1]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for text in sys.stdin:
        order = json.loads(text)
        ears, mouth = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ears)
            os.setsid()
            _child(store, order, mouth)
        os.close(mouth)
        said = b""
        while piece := os.read(ears, 65536):
            said += piece
        os.close(ears)
        os.waitpid(pid, 0)
        sys.stdout.write((said or b"{}").decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
