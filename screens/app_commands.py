"""Commands that mean the same on every screen and need the application to do them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from textual import work

from bakeryops.cluster.target import Target, find_target, list_contexts
from bakeryops.config import Config
from bakeryops.errors import BakeryopsError
from bakeryops.model.overview import ObjectRef
from bakeryops.text import clean
from screens.base import ConsoleScreen
from screens.choose import Choice, ChooseScreen
from screens.console import ALL_NAMESPACES
from screens.help import HelpScreen
from screens.keys import KeysInOrder
from screens.palette import PaletteScreen
from screens.rows_palette import Hit, command_hits
from screens.themes import THEMES
from screens.widgets.painting import TightPaint

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

__all__ = ["AppCommands"]


class AppCommands(KeysInOrder, TightPaint):
    """Help, palette, and the choices of namespace, cluster and colours."""

    config: Config
    session: Session | None
    demo: bool
    namespace: str

    def do_console_help(self) -> None:
        """Explain the screen's keys."""
        if isinstance(self.screen, ConsoleScreen):
            self.push_screen(HelpScreen(self.screen.state()))

    def do_console_quit(self) -> None:
        """Leave."""
        self.exit()

    def do_console_cost(self) -> None:
        """Show what the console costs."""
        from screens.cost import CostScreen

        self.push_screen(CostScreen())

    def do_view_machine(self) -> None:
        """Show the node."""
        from screens.machine import MachineScreen

        self.push_screen(MachineScreen())

    @work(group="choice", exclusive=True, exit_on_error=False)
    async def do_console_palette(self) -> None:
        """Find anything, and go there."""
        screen = self.screen
        if not isinstance(screen, ConsoleScreen):
            return
        fixed = [*command_hits(screen.state()), *self._namespace_hits(), *self._context_hits(), *_theme_hits()]
        hit = await self.push_screen_wait(PaletteScreen(self.session, fixed))
        if hit is None:
            return
        if hit.what == "command":
            screen.action_command(hit.value)
        elif hit.what == "namespace":
            self.take_namespace(hit.value)
        elif hit.what == "context":
            self.take_context(hit.value)
        elif hit.what == "theme":
            self.theme = THEMES[hit.value]
        elif hit.ref is not None:
            self.open_object(hit.ref)

    def choose_namespace(self) -> None:
        """Let a person choose one namespace, or all."""
        self._choose_namespace()

    do_list_namespace = choose_namespace

    @work(group="choice", exclusive=True, exit_on_error=False)
    async def _choose_namespace(self) -> None:
        session = self.session
        if session is None:
            return
        feed = session.feed(("namespaces",))
        try:
            await feed.settled(3)
            store = feed.store("namespaces")
            names = sorted(clean(item.metadata.name) for item in store.items.values())
            note = "" if names else f"the list of namespaces is not to be had: {store.state.reason or 'no answer'}"
        finally:
            feed.close()
        if not names:
            names = sorted({session.target.namespace, *self._known_namespaces()})
            self.notify(note, markup=False)
        choices = [Choice(ALL_NAMESPACES, "all namespaces"), *(Choice(name, name) for name in names)]
        chosen = await self.push_screen_wait(ChooseScreen("Namespace", choices, current=self.namespace))
        if chosen is not None:
            self.take_namespace(chosen)

    @work(group="choice", exclusive=True, exit_on_error=False)
    async def do_console_context(self) -> None:
        """Choose another cluster of the kubeconfig."""
        if self.demo:
            self.notify("the demo has one cluster, the embedded one", markup=False)
            return
        try:
            contexts = list_contexts(self.config.kubeconfig)
        except BakeryopsError as error:
            self.notify(" ".join(error.lines()), severity="error", markup=False)
            return
        current = self.session.target.context if self.session is not None else ""
        choices = [
            Choice(each.name, clean(each.name), clean(f"{each.server} as {each.user}")) for each in contexts
        ]
        chosen = await self.push_screen_wait(ChooseScreen("Cluster", choices, current=current))
        if chosen is not None:
            self.take_context(chosen)

    @work(group="choice", exclusive=True, exit_on_error=False)
    async def do_console_theme(self) -> None:
        """Choose the colours."""
        choices = [Choice(name, name) for name in THEMES]
        current = next((name for name, theme in THEMES.items() if theme == self.theme), "")
        chosen = await self.push_screen_wait(ChooseScreen("Colours", choices, current=current))
        if chosen is not None:
            self.theme = THEMES[chosen]

    def take_namespace(self, namespace: str) -> None:
        """Show one namespace, or all, on every view."""
        self.namespace = namespace
        self.begin_picture()
        if isinstance(self.screen, ConsoleScreen):
            self.screen.session_changed()

    def take_context(self, name: str) -> None:
        """Go to another cluster."""
        try:
            target = find_target(self.config.kubeconfig, name)
        except BakeryopsError as error:
            self.notify(" ".join(error.lines()), severity="error", markup=False)
            return
        self.change_target(target)

    # What the application round this provides.

    def change_target(self, target: Target | Awaitable[Target]) -> None:
        """Leave the cluster there is and go to another."""
        raise NotImplementedError

    def begin_picture(self) -> None:
        """Forget what was read; something else is looked at from now on."""
        raise NotImplementedError

    def open_object(self, ref: ObjectRef, view: str = "page") -> None:
        """Show an object."""
        raise NotImplementedError

    def _known_namespaces(self) -> set[str]:
        return {name for group in _groups(self.config) for name in group}

    def _namespace_hits(self) -> list[Hit]:
        names = sorted(self._known_namespaces())
        return [Hit("namespace", ALL_NAMESPACES, "all namespaces", "show every namespace"),
                *(Hit("namespace", name, name, "show this namespace only") for name in names)]  # fmt: skip

    def _context_hits(self) -> list[Hit]:
        if self.demo:
            return []
        try:
            contexts = list_contexts(self.config.kubeconfig)
        except BakeryopsError:
            return []
        return [Hit("context", each.name, clean(each.name), f"go to the cluster at {clean(each.server)}")
                for each in contexts]  # fmt: skip


def _theme_hits() -> list[Hit]:
    return [Hit("theme", name, f"theme {name}", "change the colours") for name in THEMES]


def _groups(config: Config) -> list[tuple[str, ...]]:
    names = config.namespaces
    return [names.app, names.gitea, names.tekton, names.flux, names.signoz]
