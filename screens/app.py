"""The console: one window, its main views, and how they are painted."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.target import Target
from bakeryops.config import Config
from bakeryops.model.overview import ObjectRef
from bakeryops.read.build_tasks import RUN_LABEL
from screens.ahead import prepare
from screens.app_pods import PodsApp
from screens.base import ConsoleScreen
from screens.code import Settings
from screens.driver import GONE
from screens.pace import Pace, PacedDriver
from screens.themes import choose_theme, register_themes
from screens.views import VIEWS

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

__all__ = ["BakeryOpsApp"]

TICK = 1.0
"""Seconds between two looks at the clock."""

AGE_TICKS = 5
"""How many of them go by between two repaints of ages: each costs a row's bytes."""

SLOW_TICKS = 10
"""How many of them go by between two repaints of ages over a slow link."""


class BakeryOpsApp(PodsApp):
    """Shows one cluster; the first paint waits for nothing."""

    TITLE = "bakeryops"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = VIEWS  # type: ignore[assignment]
    DEFAULT_MODE: ClassVar[str] = "overview"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "quit", "quit", show=False, priority=True)]

    def __init__(
        self,
        target: Target | Awaitable[Target],
        *,
        config: Config | None = None,
        demo: bool = False,
        clock: Callable[[], float] = time.time,
        connect: Callable[[Target], Session] | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Take the cluster, or how to find it: it is awaited after the first paint, and again at each retry.

        `clock` gives seconds since the epoch, `connect` makes the session of a target, and `settings` says where
        Git is, where that is not what `config` says.
        """
        super().__init__(target, config=config, clock=clock, connect=connect, settings=settings)
        self.demo = demo
        self.read_only = self.config.read_only
        self.pace = Pace()
        self.fault: BaseException | None = None
        """The error of our own that ended the console, for whoever started it to report."""
        self._held = ExitStack()
        self._holding = False
        self._ticks = 0
        self._all_read = False
        register_themes(self)
        self.theme = choose_theme(self.config.theme, no_color=self.no_color)

    def get_driver_class(self) -> type[Driver]:
        """Return Textual's choice, metered where that is possible."""
        chosen = super().get_driver_class()
        return PacedDriver if chosen is LinuxDriver else chosen

    def on_mount(self) -> None:
        """Start the clock; connect once the frame is on screen."""
        self.pace.attach(self._driver)
        if self.pace.measured:
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self._leave, number)
        self.set_interval(TICK, self._tick)
        self.call_after_refresh(self._connect)
        self.call_after_refresh(self.begin_jobs)

    def _handle_exception(self, error: Exception) -> None:
        if self.fault is None:
            self.fault = error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End without Textual's own report: it prints local variables, and those may hold secrets."""
        self._close_messages_no_wait()

    def _leave(self, number: int) -> None:
        """Give the terminal back before ending; by default a signal ends a program where it stands."""
        self.exit(return_code=128 + number)

    def _tick(self) -> None:
        self.pace.sample()
        if self.pace.gone:
            self.exit(return_code=GONE)
        self._ticks += 1
        slow = self.pace.slow or self.config.low_bandwidth
        screen = self.screen
        if not isinstance(screen, ConsoleScreen) or not screen.stands:
            return
        if not self._all_read and screen.feed is not None and not screen.reading():
            self._all_read = True
            self.run_worker(prepare(self), group="ahead", exit_on_error=False)
            if self.pace.measured:
                # What was read at first stays, and walking tens of thousands of objects again and again keeps keys
                # waiting.
                gc.freeze()
                self.begin_blackbox()
        if not slow or self._ticks % SLOW_TICKS == 0:
            screen.draw_frame()
        if self._ticks % (SLOW_TICKS if slow else AGE_TICKS) == 0:
            screen.show_ticks()

    def post_display_hook(self) -> None:
        """Hold painting while the terminal is behind, so that a stalled link never blocks the event loop."""
        if not self._holding and self.pace.behind():
            self._holding = True
            self.pace.held()
            self._held.enter_context(self.batch_update())
            self._wait_for_terminal()

    def _wait_for_terminal(self) -> None:
        if self.pace.drained():
            self._holding = False
            self.pace.released()
            self._held.close()
            self.screen.refresh()
        else:
            self.set_timer(0.05, self._wait_for_terminal)

    def switch_view(self, view: str) -> None:
        """Show a main view; asked for again, it goes back to the view's first screen."""
        if view == self.current_mode:
            while len(self.screen_stack) > 1:
                self.pop_screen()
        else:
            self.switch_mode(view)

    def open_object(self, ref: ObjectRef, view: str = "page") -> None:
        """Show an object; `view` is page, describe, yaml or events.

        The page of a PipelineRun, of a TaskRun and of a pod that builds is the build.
        """
        taskrun = self._taskrun_of(ref) if view == "page" else ""
        if ref.plural == "pipelineruns" and view == "page":
            self.open_build(ref.namespace, ref.name)
        elif taskrun and self.session is not None:
            self._open_build_of(self.session, ref, taskrun)
        else:
            self._open_plainly(ref, view)

    def _open_plainly(self, ref: ObjectRef, view: str) -> None:
        from screens.object import ObjectScreen

        self.push_screen(ObjectScreen(ref, view))

    def _taskrun_of(self, ref: ObjectRef) -> str:
        """Return the TaskRun that an object is, or belongs to, "" for none."""
        if ref.plural == "taskruns":
            return ref.name
        pod = self.picture.index.pods.get(f"{ref.namespace}/{ref.name}") if ref.plural == "pods" else None
        return pod.owner_name if pod is not None and pod.owner_kind == "TaskRun" else ""

    @work(group="open", exclusive=True, exit_on_error=False)
    async def _open_build_of(self, session: Session, ref: ObjectRef, taskrun: str) -> None:
        """Show the build of a TaskRun; where it cannot be told which that is, the object itself."""
        try:
            found = await session.get("taskruns", taskrun, ref.namespace)
        except KubeError:
            found = {}
        run = ((found.get("metadata") or {}).get("labels") or {}).get(RUN_LABEL)
        if isinstance(run, str) and run:
            self.open_build(ref.namespace, run, taskrun=taskrun)
        else:
            self._open_plainly(ref, "page")

    def open_build(self, namespace: str, name: str, *, taskrun: str = "") -> None:
        """Show a build (a PipelineRun), with the task of a TaskRun selected, "" for the one that matters."""
        from screens.build import BuildScreen

        build = self.picture.builds.get(f"{namespace}/{name}")
        self.push_screen(BuildScreen(namespace, name, build=build, taskrun=taskrun))

    def open_service(self, name: str) -> None:
        """Show a service."""
        from screens.service import ServiceScreen

        self.push_screen(ServiceScreen(name))

    def follow(self, what: str) -> None:
        """Follow a commit, a build, an image or a service from push to ready pods."""
        from screens.follow import FollowScreen

        self.push_screen(FollowScreen(what))

    def open_logs(self, ref: ObjectRef, *, container: str = "", previous: bool = False) -> None:
        """Show the logs of a pod, or of all pods of a workload."""
        if ref.plural == "pipelineruns":
            from screens.build_logs import BuildLogsScreen

            self.push_screen(BuildLogsScreen(ref.namespace, ref.name))
            return
        from screens.logs import LogsScreen

        self.push_screen(LogsScreen(ref, container=container, previous=previous))
