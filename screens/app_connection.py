"""The connection behind the console: found, kept, lost, explained, changed for another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.worker import Worker, WorkerState

from bakeryops.cluster.target import Target
from bakeryops.config import Config
from bakeryops.errors import BakeryopsError, ConfigError, CredentialError, UnreachableError, UsageError
from bakeryops.text import clean
from screens.app_commands import AppCommands
from screens.base import ConsoleScreen
from screens.code import ConsoleCode, Settings
from screens.console import ALL_NAMESPACES, Trouble
from screens.picture import Picture
from screens.views import VIEWS

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

__all__ = ["ConnectedApp"]


class ConnectedApp(AppCommands):
    """Has a session, or is getting one, or says why there is none."""

    class Connected(Message):
        """There is a session."""

        def __init__(self, session: Session) -> None:
            """Take the session; it is started."""
            super().__init__()
            self.session = session

    class NotConnected(Message):
        """There is none, and this is why."""

        def __init__(self, trouble: Trouble) -> None:
            """Take the reason."""
            super().__init__()
            self.trouble = trouble

    class LinkChanged(Message):
        """The link to the cluster is in another state, or gives another reason."""

        def can_replace(self, message: Message) -> bool:
            """Let a later message stand for an earlier one."""
            return isinstance(message, ConnectedApp.LinkChanged)

    class CodeChanged(Message):
        """Git says something else than before."""

        def can_replace(self, message: Message) -> bool:
            """Let a later message stand for an earlier one."""
            return isinstance(message, ConnectedApp.CodeChanged)

    class Explained(Message):
        """What this machine knows of why the cluster is away."""

        def __init__(self, reasons: Sequence[str]) -> None:
            """Take one sentence each."""
            super().__init__()
            self.reasons = reasons

    def __init__(
        self,
        target: Target | Awaitable[Target],
        *,
        config: Config | None,
        clock: Callable[[], float] = time.time,
        connect: Callable[[Target], Session] | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Take the cluster, or how to find it, how to make a session of it, and what says where Git is."""
        super().__init__()
        self.config = config or Config()
        self.code = ConsoleCode()
        self._settings = settings or self._own_settings
        self.session: Session | None = None
        self.trouble: Trouble | None = None
        self.namespace = self.config.namespace or ALL_NAMESPACES
        self.outage_reasons: Sequence[str] = ()
        self.records = False
        """Whether failures are saved."""
        self.picture = Picture(clock)
        self._target = target
        self._clock = clock
        self._connect_to = connect or self._make_session

    async def on_unmount(self) -> None:
        """Leave no connection behind."""
        if self.session is not None:
            await self.session.close()

    def _make_session(self, target: Target) -> Session:
        from bakeryops.cluster.session import Session
        from bakeryops.read.holds import places

        return Session(target, places=places(self.config))

    def now(self) -> float:
        """Return the time as seconds since the epoch."""
        return self._clock()

    @property
    def host(self) -> str:
        """Where the cluster is, as far as known."""
        target = self.session.target if self.session is not None else self._target
        return target.server.partition("://")[2] if isinstance(target, Target) else ""

    @work(group="connect", exclusive=True, exit_on_error=False)
    async def _connect(self) -> None:
        """Find the cluster and start a session; what goes wrong becomes the connection screen's text."""
        target = self._target
        found = target if isinstance(target, Target) else await target
        session = self._connect_to(found)
        try:
            await session.start()
        except BaseException:
            await session.close()
            raise
        self.post_message(self.Connected(session))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Turn a failed connection into text; other workers' failures are told and survived."""
        if event.state is not WorkerState.ERROR or event.worker.error is None:
            return
        error = event.worker.error
        if event.worker.group == "connect":
            self.post_message(self.NotConnected(_trouble(error)))
        else:
            self.log.error(event.worker.name, error)
            self.notify(clean(f"{type(error).__name__}: {error}")[:300], severity="error", markup=False)

    @on(Connected)
    def _connected(self, event: Connected) -> None:
        self.session = event.session
        self.begin_picture()
        self._begin_code(event.session)
        event.session.link.on_change.append(self._tell_link)
        for screen in self.screen_stack:
            if isinstance(screen, ConsoleScreen):
                screen.session_changed()
        self._link_changed()

    def _tell_link(self) -> None:
        self.post_message(self.LinkChanged())

    def begin_picture(self) -> None:
        """Forget what was read, and keep events from now on, whichever screen is shown."""
        self.picture = Picture(self._clock)
        if self.session is not None:
            self._keep(self.session, self.picture)
            if self.records:
                self._record(self.session)

    def begin_blackbox(self) -> None:
        """Save what fails at the moment it does, from now on."""
        self.records = True
        if self.session is not None:
            self._record(self.session)

    @work(group="blackbox", exclusive=True, exit_on_error=False)
    async def _record(self, session: Session) -> None:
        from screens.blackbox import record

        await record(session, self.namespace or None, self.now, self._tell_blackbox)

    def _tell_blackbox(self, text: str) -> None:
        self.notify(f"black box: {text}", severity="warning", markup=False)

    def _begin_code(self, session: Session) -> None:
        self.code = ConsoleCode()
        self._follow_code(session, self.code)

    @work(group="code", exclusive=True, exit_on_error=False)
    async def _follow_code(self, session: Session, code: ConsoleCode) -> None:
        await code.run(session, self._settings, self._tell_code)

    def _tell_code(self) -> None:
        self.post_message(self.CodeChanged())

    async def _own_settings(self) -> Config:
        return self.config

    @on(CodeChanged)
    def _code_changed(self) -> None:
        if isinstance(self.screen, ConsoleScreen) and self.screen.stands:
            self.screen.show_code()

    @work(group="keep", exclusive=True, exit_on_error=False)
    async def _keep(self, session: Session, picture: Picture) -> None:
        await picture.keep(session, self.namespace or None)

    @on(NotConnected)
    async def _not_connected(self, event: NotConnected) -> None:
        self.trouble = event.trouble
        self._show_connect()

    @on(LinkChanged)
    def _link_changed(self) -> None:
        session = self.session
        if session is None:
            return
        link = session.link
        if link.live:
            self.outage_reasons = ()
            self._hide_connect()
        elif link.last_data is None and link.reason:
            self._show_connect()
        if link.phase == "stale":
            self._explain(session)
        self._draw_frame()

    @work(group="explain", exclusive=True, exit_on_error=False)
    async def _explain(self, session: Session) -> None:
        from bakeryops.cluster.outage import explain

        while not session.link.live:
            self.post_message(self.Explained(await explain(session.target)))
            await asyncio.sleep(10)

    @on(Explained)
    def _explained(self, event: Explained) -> None:
        if self.session is not None and not self.session.link.live:
            self.outage_reasons = event.reasons
            self._draw_frame()

    def _show_connect(self) -> None:
        from screens.connect import ConnectScreen

        if not any(isinstance(screen, ConnectScreen) for screen in self.screen_stack):
            self.push_screen(ConnectScreen())
        self._draw_frame()

    def _hide_connect(self) -> None:
        from screens.connect import ConnectScreen

        while len(self.screen_stack) > 1 and any(
            isinstance(screen, ConnectScreen) for screen in self.screen_stack
        ):
            self.pop_screen()

    def retry(self) -> None:
        """Try everything at once that waits to be tried again."""
        if self.session is not None:
            self.session.wake()
        else:
            self.trouble = None
            self._connect()
        self._draw_frame()

    def change_target(self, target: Target | Awaitable[Target]) -> None:
        """Leave the cluster there is, with every view of it, and go to another."""
        self._target = target
        self._change()

    @work(group="change", exclusive=True, exit_on_error=False)
    async def _change(self) -> None:
        session, self.session = self.session, None
        self.trouble = None
        self.outage_reasons = ()
        self.namespace = ALL_NAMESPACES
        self.workers.cancel_group(self, "keep")
        self.workers.cancel_group(self, "explain")
        self.workers.cancel_group(self, "code")
        self.code = ConsoleCode()
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        for view, make in VIEWS.items():
            if view != self.current_mode:
                await self.remove_mode(view)
                self.add_mode(view, make)
        self.begin_picture()
        if isinstance(self.screen, ConsoleScreen):
            self.screen.stop_feed()
            self.screen.session_changed()
        if session is not None:
            session.link.on_change.remove(self._tell_link)
            await session.close()
        self._connect()

    def _draw_frame(self) -> None:
        if isinstance(self.screen, ConsoleScreen):
            self.screen.draw_frame()


_WORDED = (ConfigError, UsageError, CredentialError, UnreachableError, BakeryopsError)


def _trouble(error: BaseException) -> Trouble:
    if isinstance(error, BakeryopsError):
        kind = getattr(error, "kind", "") or next(cls.__name__ for cls in _WORDED if isinstance(error, cls))
        return Trouble(kind, clean(error.message), clean(error.why), clean(error.hint))
    return Trouble("", clean(f"{type(error).__name__}: {error}"), "this is a fault of the console itself", "")
