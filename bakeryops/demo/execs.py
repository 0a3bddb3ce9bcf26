"""`exec` in the pretended containers."""

from __future__ import annotations

from bakeryops.demo.contracts import Clock, ExecRefusedError, ExecStreams, Object
from bakeryops.demo.shell import SHELLS, Shell

__all__ = ["Execs"]


class Execs:
    """Runs commands in running containers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(
        self, pod: Object, container: str, command: list[str], *, tty: bool, streams: ExecStreams
    ) -> int:
        """Run a command to its end and return its exit code; raises `ExecRefusedError`, FileNotFoundError."""
        statuses = (pod.get("status") or {}).get("containerStatuses") or ()
        inits = (pod.get("status") or {}).get("initContainerStatuses") or ()
        status = next((each for each in (*statuses, *inits) if each["name"] == container), None)
        if status is None or "running" not in (status.get("state") or {}):
            raise ExecRefusedError(f'container not found ("{container}")')
        session = Shell(self._clock, pod, container, streams, tty=tty)
        if command and command[0] in SHELLS:
            if len(command) > 2 and command[1].startswith("-") and command[1].endswith("c"):
                return await session.script(command[2])
            return await session.interactive()
        return await session.run(command)
