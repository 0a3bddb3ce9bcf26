"""Shells in pods and forwarded ports: what is no job, since a person is there while it lasts."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from bakeryops.errors import BakeryopsError
from bakeryops.text import clean
from screens.app_acting import ActingApp

if TYPE_CHECKING:
    from bakeryops.cluster.portforward import Forward
    from bakeryops.cluster.session import Session
    from bakeryops.model.workload import PodView

__all__ = ["PodsApp"]


class PodsApp(ActingApp):
    """Gives the terminal away and takes it back; keeps the ports that are forwarded."""

    async def open_shell(self, pod: PodView, container: str) -> None:
        """Give the terminal to a shell in a container until it ends."""
        from bakeryops.actions.shell import find_shell

        session = self.session
        if session is None:
            return
        try:
            program = await find_shell(session, pod.namespace, pod.name, container)
        except BakeryopsError as error:
            self._told(error)
            return
        line = ["bakeryops", "workloads", "shell", pod.name, "-n", pod.namespace, "-c", container]
        await self._audit(session, pod, "begun", f"Shell in {pod.name}", line)
        said = await self._away(session, pod, container, program)
        await self._audit(session, pod, "ended", f"Shell in {pod.name}", line, *said)
        self.notify(clean(said[1]), severity="error" if said[0] == "failed" else "information", markup=False)

    async def _away(self, session: Session, pod: PodView, container: str, program: str) -> tuple[str, str]:
        """Run a shell on the terminal; return how it went and what to say of it."""
        from bakeryops.actions.shell import shell

        outcome, text = "failed", ""
        try:
            with self.suspend():
                # Whatever happens in here is caught in here: the console has no keys until the block has ended.
                try:
                    told = f"{clean(pod.name)} / {clean(container)}: exit or ctrl+d comes back to bakeryops\n"
                    sys.stdout.write(told)
                    sys.stdout.flush()
                    code = await shell(session, pod.namespace, pod.name, container, [program])
                    outcome, text = "done", f"shell in {pod.name}: exit code {code}"
                except BakeryopsError as error:
                    text = " ".join(error.lines())
                except Exception as error:
                    text = f"{type(error).__name__}: {error}"
        except SuspendNotSupported:
            text = "this terminal cannot be handed to a shell: use bakeryops workloads shell"
        self.refresh(layout=True)
        return outcome, text

    # Ports.

    def begin_forward(self, pod: PodView, remote: int, local: int = 0) -> None:
        """Forward a port of this machine (a free one where `local` is 0) to a pod, until it is ended."""
        if self.session is not None:
            self.run_worker(
                self._forward(self.session, pod, remote, local), group=f"port {pod.key}", exit_on_error=False
            )

    def end_forward(self, pod: PodView) -> bool:
        """End the forwarding to a pod; return whether there was one."""
        return bool(self.workers.cancel_group(self, f"port {pod.key}"))

    async def _forward(self, session: Session, pod: PodView, remote: int, local: int) -> None:
        from bakeryops.cluster.portforward import forwarding

        title = f"Port {remote} of {pod.name}"
        line = ["bakeryops", "workloads", "port-forward", pod.name, f"{local or ''}:{remote}", "-n", pod.namespace]
        forward: Forward | None = None
        try:
            async with forwarding(
                session.transport, pod.namespace, pod.name, remote, local=local, say=self._say_port
            ) as forward:
                await self._audit(session, pod, "begun", title, line)
                self.notify(
                    f"127.0.0.1:{forward.local} leads to port {remote} of {clean(pod.name)}; p ends it",
                    markup=False, timeout=15,
                )  # fmt: skip
                await asyncio.Event().wait()
        except BakeryopsError as error:
            self._told(error)
        finally:
            if forward is not None:
                text = f"{forward.opened} connections"
                self.notify(f"port {remote} of {clean(pod.name)} is forwarded no more: {text}", markup=False)
                await asyncio.shield(self._audit(session, pod, "ended", title, line, "done", text))

    def _say_port(self, text: str) -> None:
        self.notify(clean(text), severity="warning", markup=False)

    def _told(self, error: BakeryopsError) -> None:
        self.notify(clean(" ".join(error.lines())), severity="error", markup=False)

    async def _audit(
        self, session: Session, pod: PodView, event: str, title: str, line: Sequence[str], outcome: str = "",
        text: str = "",
    ) -> None:  # fmt: skip
        """Write an audit record; a log that cannot be written is told and stops nothing."""
        from bakeryops.jobs.audit import AuditLog
        from bakeryops.jobs.person import operator
        from screens.planning import acting_config

        who = operator(acting_config(self._console))

        def write() -> None:
            AuditLog().append(
                event,
                action=f"pod.{'shell' if title.startswith('Shell') else 'forward'}",
                subject=pod.service or pod.name,
                title=title,
                who=who.name,
                host=who.host,
                cluster=session.target.server,
                context=session.target.context,
                scope=[f"workload/{pod.namespace}/{pod.owner_kind.lower()}/{pod.owner_name}"],
                command=shlex.join(line),
                outcome=outcome,
                text=text,
            )

        try:
            await asyncio.to_thread(write)
        except (OSError, BakeryopsError) as error:
            self.notify(clean(f"not in the audit log: {error}"), severity="warning", markup=False)
