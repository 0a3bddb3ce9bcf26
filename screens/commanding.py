"""A screen that does the commands of the registry, as far as state and access rules allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from bakeryops.cluster.kinds import KINDS
from bakeryops.commands import COMMANDS, Command, Need, State, availability, commands_of
from bakeryops.model.overview import ObjectRef
from screens.following import FollowingScreen

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.model.workload import WorkloadView

__all__ = ["CommandingScreen", "bindings"]

_LASTING = ("Deployment", "StatefulSet", "DaemonSet")
"""Kinds of workloads that are a service by their own name where they carry no label of one."""

_BY_ID = {command.id: command for command in COMMANDS}


def bindings(screen: str) -> list[BindingType]:
    """Return the key bindings of a screen, made from the registry."""
    return [
        Binding(",".join(command.keys), f"command('{command.id}')", command.title, id=command.id, show=False)
        for command in commands_of(screen)
    ]


class CommandingScreen(FollowingScreen):
    """Knows which commands work now, and why others do not; each is a method `do_GROUP_VERB`."""

    NAME: ClassVar[str] = ""
    """The screen's name in the registry of commands."""

    def __init__(self) -> None:
        """Begin knowing nothing of the access rules."""
        super().__init__()
        self._refusals: dict[str, str] = {}
        self._asked_about: tuple[str, str | None] | None = None

    def selected(self) -> ObjectRef | None:
        """Return the object that keys act upon."""
        return None

    def refusals(self) -> dict[str, str]:
        """Return by command id why it does not work at this moment, beside what the access rules say."""
        return {}

    def state(self) -> State:
        """Return what decides which commands work now."""
        ref = self.selected()
        return State(
            screen=self.NAME,
            selected_kind=ref.plural if ref is not None else None,
            connected=self.session is not None,
            read_only=self.console.read_only,
            refusals=self._refusals | self.acting_refusals() | self.refusals(),
        )

    def acting_refusals(self) -> dict[str, str]:
        """Return by command id why something cannot be changed at this moment."""
        return {}

    def action_command(self, command_id: str) -> None:
        """Do a command, or say why it cannot be done."""
        command = _BY_ID[command_id]
        verdict = availability(command, self.state())
        if not verdict.ok:
            self.say(f"{command.title}: {verdict.reason}")
            return
        name = "do_" + command_id.replace(".", "_")
        method = getattr(self, name, None) or getattr(self.app, name)
        method()

    def draw_footer(self) -> None:
        """Show the keys that work now."""

    def forget_access(self) -> None:
        """Ask the access rules anew."""
        self._refusals.clear()
        self._asked_about = None

    def check_access(self) -> None:
        """Ask, once for each selected kind and namespace, what the access rules allow."""
        ref, session = self.selected(), self.session
        about = (ref.plural, ref.namespace) if ref is not None else None
        if session is None or ref is None or about == self._asked_about:
            return
        self._asked_about = about
        self._ask_access(
            session, ref, [command for command in commands_of(self.NAME) if command.needs is not None]
        )

    @work(group="access", exclusive=True, exit_on_error=False)
    async def _ask_access(self, session: Session, ref: ObjectRef, commands: list[Command]) -> None:
        refusals: dict[str, str] = {}
        for command in commands:
            need = cast("Need", command.needs)
            verdict = await _verdict(session, need, ref, self._place_of(need))
            if verdict:
                refusals[command.id] = verdict
        self.post_message(self.AccessKnown(refusals))

    def _place_of(self, need: Need) -> str:
        """Return the namespace that a need is about where that is not the selected object's own."""
        picture, names = self.console.picture, self.console.config.namespaces
        if need.place == "flux":
            return next((sync.namespace for sync in picture.delivery.flux.syncs.values()), names.flux[0])
        if need.place == "builds":
            return next((build.namespace for build in picture.builds.builds[:1]), names.builds[0])
        return ""

    class AccessKnown(Message):
        """What the access rules refuse, as reasons by command id."""

        def __init__(self, refusals: dict[str, str]) -> None:
            """Take the reasons."""
            super().__init__()
            self.refusals = refusals

    @on(AccessKnown)
    def _access_known(self, event: AccessKnown) -> None:
        self._refusals = event.refusals
        self.draw_footer()

    def do_view_overview(self) -> None:
        """Show the overview."""
        self.console.switch_view("overview")

    def do_view_builds(self) -> None:
        """Show the builds."""
        self.console.switch_view("builds")

    def do_view_gitops(self) -> None:
        """Show what Flux fetches and applies."""
        self.console.switch_view("gitops")

    def do_view_workloads(self) -> None:
        """Show the workloads."""
        self.console.switch_view("workloads")

    def do_view_history(self) -> None:
        """Show deployments and actions."""
        self.console.switch_view("history")

    def do_view_events(self) -> None:
        """Show the events."""
        self.console.switch_view("events")

    def service_of(self, ref: ObjectRef | None) -> str:
        """Return the service that an object belongs to, "" where it belongs to none."""
        index = self.console.picture.index
        if ref is None:
            return ""
        name = ""
        if ref.plural == "pods":
            pod = index.pods.get(f"{ref.namespace}/{ref.name}")
            name = pod.service if pod is not None else ""
        else:
            view = self.workload_of(ref)
            name = view.service or (view.name if view.kind in _LASTING else "") if view is not None else ""
        return self.console.picture.delivery.service_named(name, self.console.code.view, index) if name else ""

    def workload_of(self, ref: ObjectRef) -> WorkloadView | None:
        """Return what is known of a workload."""
        kind = KINDS.get(ref.plural)
        key = f"{kind.kind}/{ref.namespace}/{ref.name}" if kind is not None else ""
        return self.console.picture.index.workloads.get(key)

    def do_delivery_service(self) -> None:
        """Show the service of the selection."""
        name = self.service_of(self.selected())
        if name:
            self.console.open_service(name)
        else:
            self.say("nothing selected belongs to a service")

    def do_delivery_follow(self) -> None:
        """Follow the newest commit of the selected service, or of all."""
        self.console.follow(self.service_of(self.selected()) or "HEAD")

    def do_console_back(self) -> None:
        """Go back where we came from."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def do_console_retry(self) -> None:
        """Try at once what waits to be tried."""
        self.console.retry()
        if self.feed is None:
            self.start_feed()


async def _verdict(session: Session, need: Need, ref: ObjectRef, place: str) -> str:
    """Return why the access rules refuse what a command needs of an object, "" when they allow it."""
    resource, _, subresource = need.resource.partition("/")
    group = need.group
    if resource == "*":
        kind = KINDS.get(ref.plural)
        if kind is None:
            return ""
        group, resource = kind.group, kind.resource
    verdict = await session.access.can(
        need.verb, group, resource, namespace=place or ref.namespace or None, subresource=subresource or None
    )
    return "" if verdict.allowed else verdict.reason or f"you may not {need.verb} {need.resource}"
