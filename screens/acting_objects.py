"""What a screen lets a person do with workloads and pods."""

from __future__ import annotations

from typing import ClassVar

from textual import work

from bakeryops.commands import commands_of
from bakeryops.model.workload import PodView, WorkloadView
from screens.ask import AskScreen
from screens.asking import ports, replicas
from screens.choose import Choice, ChooseScreen
from screens.commanding import CommandingScreen

__all__ = ["ObjectActions"]


class ObjectActions(CommandingScreen):
    """Restart, scale, delete, shell and port-forward, of the object that `acting_object` says."""

    _own: ClassVar[dict[str, frozenset[str]]] = {}

    @property
    def commands(self) -> frozenset[str]:
        """The ids of the commands of this screen."""
        found = self._own.get(self.NAME)
        if found is None:
            found = self._own[self.NAME] = frozenset(command.id for command in commands_of(self.NAME))
        return found

    def acting_refusals(self) -> dict[str, str]:
        """Return by command id why something cannot be changed at this moment."""
        if "workload.scale" not in self.commands:
            return {}
        view = self.acting_workload()
        if view is not None and view.kind == "DaemonSet":
            return {"workload.scale": "a DaemonSet has a pod on every node"}
        return {}

    def acting_workload(self) -> WorkloadView | None:
        """Return what is known of the selected workload."""
        ref = self.selected()
        return self.workload_of(ref) if ref is not None else None

    def do_workload_restart(self) -> None:
        """Show the plan of restarting the selected workload."""
        from screens.plans import restart

        ref = self.selected()
        if ref is not None:
            self.console.propose(restart(self.console, ref))

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def do_workload_scale(self) -> None:
        """Ask how many pods, and show the plan."""
        from screens.plans import scale

        ref, view = self.selected(), self.acting_workload()
        if ref is None:
            return
        title = f"How many pods of {ref.name}?" + (f"  ({view.desired} now)" if view is not None else "")
        now = view.desired if view is not None else None
        answers = await self.app.push_screen_wait(AskScreen(title, replicas(now)))
        if answers is not None:
            self.console.propose(scale(self.console, ref, int(answers[0])))

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def do_pod_delete(self) -> None:
        """Ask how, and show the plan of deleting the selected pod."""
        from screens.plans import delete_pod

        ref = self.selected()
        if ref is None:
            return
        ways = (
            Choice("delete", "delete", "it ends within its grace period"),
            Choice("evict", "evict", "refused where a disruption budget does not allow it"),
        )
        way = await self.app.push_screen_wait(ChooseScreen(f"Delete the pod {ref.name}", ways))
        if way is not None:
            self.console.propose(delete_pod(self.console, ref, evict=way == "evict"))

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def do_pod_shell(self) -> None:
        """Open a shell in the selected pod, or in one of the workload's."""
        pod = await self._chosen_pod("Shell in which pod?")
        if pod is None:
            return
        running = [each.name for each in pod.containers if each.state == "running" and each.role != "init"]
        container = running[0] if running else ""
        if len(running) > 1:
            choices = [Choice(name, name) for name in running]
            chosen = await self.app.push_screen_wait(ChooseScreen(f"Shell in {pod.name}", choices))
            if chosen is None:
                return
            container = chosen
        if not container:
            self.say(f"{pod.name}: no container runs: {pod.status}", severity="error")
            return
        await self.console.open_shell(pod, container)

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def do_pod_forward(self) -> None:
        """Forward a port to the selected pod, or in one of the workload's; or end that."""
        pod = await self._chosen_pod("Forward to which pod?")
        if pod is None:
            return
        if self.console.end_forward(pod):
            return
        answers = await self.app.push_screen_wait(AskScreen(f"Forward a port to {pod.name}", ports(None)))
        if answers is not None:
            local, mark, remote = answers[0].rpartition(":")
            self.console.begin_forward(pod, int(remote), int(local) if mark and local else 0)

    async def _chosen_pod(self, title: str) -> PodView | None:
        """Return the selected pod, or one of the selected workload; None where there is none, which is said."""
        ref, index = self.selected(), self.console.picture.index
        if ref is None:
            return None
        if ref.plural == "pods":
            pod = index.pods.get(f"{ref.namespace}/{ref.name}")
            if pod is None:
                self.say(f"{ref.name} is not there (any more)", severity="error")
            return pod
        view = self.acting_workload()
        pods = [pod for pod in (index.pods_of(view.key) if view is not None else ()) if pod.status == "Running"]
        if not pods:
            self.say(f"{ref.name} has no pod that runs", severity="error")
        if len(pods) <= 1:
            return pods[0] if pods else None
        choices = [Choice(pod.key, pod.name, pod.status) for pod in pods]
        chosen = await self.app.push_screen_wait(ChooseScreen(title, choices))
        return index.pods.get(chosen) if chosen else None
