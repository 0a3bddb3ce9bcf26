"""Steps for trying the engine of jobs: they write lines to a file, fail, wait, or take their time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeryops.cluster.errors import KubeError
from bakeryops.errors import RefusedError, UnreachableError
from bakeryops.jobs.step import At, Check, Step, StepFailedError, registered
from bakeryops.model.plan import Plan, PlanStep


@registered
class Write(Step):
    """Adds a line to a file, once."""

    kind = "probe.write"

    async def check(self, at: At) -> Check:
        lines = _lines(Path(str(at.args["file"])))
        return Check(str(at.args["line"]) in lines, "the line is there", {"line": at.args["line"]})

    async def apply(self, at: At) -> Mapping[str, Any]:
        _add(Path(str(at.args["file"])), str(at.args["line"]))
        return {"line": at.args["line"]}

    async def verify(self, at: At) -> str:
        return "the line was written"


@registered
class Fail(Step):
    """Fails as it is told."""

    kind = "probe.fail"

    async def apply(self, at: At) -> None:
        how = at.args.get("how")
        if how == "refused":
            raise RefusedError("it may not be")
        if how == "fault":
            raise ValueError("a fault at https://me:hunter2@host.example/x")
        raise StepFailedError("it went wrong", why="as it was told", hint="Tell it otherwise.")


@registered
class Half(Step):
    """Adds a line to a file, and then cannot look whether it is there, or waits for ever."""

    kind = "probe.half"

    async def apply(self, at: At) -> None:
        _add(Path(str(at.args["file"])), "half")
        if at.args["how"] == "timeout":
            raise KubeError("PATCH it: no answer in time", kind="timeout")

    async def verify(self, at: At) -> str:
        if at.args["how"] == "away":
            raise UnreachableError("nothing answers")
        if at.args["how"] == "gone":
            raise StepFailedError("it does not stay", why="somebody has set it back")
        while True:
            await at.sleep(0.05)


@registered
class Look(Step):
    """Reads a ConfigMap that is not there."""

    kind = "probe.look"

    async def check(self, at: At) -> Check:
        session = await at.session()
        try:
            await session.get("configmaps", "probe", "bakery-ia")
        except KubeError as error:
            if error.kind != "not_found":
                raise
        return Check(True, "looked")

    async def apply(self, at: At) -> None:
        """Nothing is to be done."""


@registered
class Wait(Step):
    """Waits until a file is there, or for ever."""

    kind = "probe.wait"

    async def apply(self, at: At) -> None:
        path = Path(str(at.args["file"]))
        count = 0
        while not _there(path):
            count += 1
            at.tell(f"waits for {path.name}")
            at.progress(count, 1000, "looks")
            await at.sleep(0.05)

    async def verify(self, at: At) -> str:
        return f"{at.args['file']} is there"


@registered
class Remember(Step):
    """Notes a value the first time and gives it again."""

    kind = "probe.remember"

    async def apply(self, at: At) -> Mapping[str, Any]:
        value = at.memo("value")
        if value is None:
            value = at.now()
            at.note("value", value)
        return {"value": value, "before": at.output("a", "line")}


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _add(path: Path, line: str) -> None:
    with path.open("a") as stream:
        stream.write(f"{line}\n")


def _there(path: Path) -> bool:
    return path.exists()


def plan_of(*steps: PlanStep, **more: Any) -> Plan:
    """Return a plan of steps."""
    named: dict[str, Any] = {"action": "probe", "title": "Probe it", "button": "Probe", "subject": "it"}
    return Plan(created=time.time(), steps=steps, **{**named, **more})


def write(line: str, file: Path, **more: Any) -> PlanStep:
    """Return a step that writes a line; its id is the line."""
    return PlanStep(line, "probe.write", f"Write {line}", {"file": str(file), "line": line}, **more)
