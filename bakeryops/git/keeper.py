"""Keeps what Git says current: from the mirror on disk at once, then fetched, when poked and once a minute."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from bakeryops.cluster.backoff import Backoff
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.link import Link
from bakeryops.cluster.session import Session
from bakeryops.config import Config
from bakeryops.errors import BakeryopsError
from bakeryops.git.errors import GitError
from bakeryops.git.history import History
from bakeryops.git.repository import Repository
from bakeryops.git.where import Place, find
from bakeryops.model.code import CodeView

__all__ = ["Code"]

EVERY = 60.0
"""Seconds between two fetches when nothing pokes."""
_LEAST = 1.0
"""Least seconds between two fetches."""
_LOOK_AGAIN = 5
"""Fetches after which it is asked again where the repository is."""
_REFUSED = frozenset({"unauthorized", "forbidden", "not_found", "branch"})
_NOTHING = CodeView(
    state="off",
    reason="No repository is configured, and Flux applies none from Git.",
    hint="Set git.url in the configuration.",
)


class Code:
    """The repository as last fetched; `view` is never None and never raises."""

    def __init__(
        self,
        config: Config,
        session: Session | None = None,
        *,
        folder: Path | None = None,
        clock: Callable[[], float] = time.time,
        rng: Callable[[], float] = random.random,
    ) -> None:
        """Take the configuration, the cluster to ask where it is silent, and where mirrors are kept.

        `clock` gives seconds since the epoch; `folder` is the state folder when None.
        """
        self.view = CodeView(state="waiting", branch=config.git.branch, overlay=config.git.overlay)
        self.on_change: list[Callable[[], None]] = []
        """Called after `view` was replaced."""
        self.repository: Repository | None = None
        """What answers single questions: differences, files, ancestors."""
        self._config = config
        self._session = session
        self._folder = folder
        self._clock = clock
        self._rng = rng
        self._backoff = Backoff(first=2.0, cap=EVERY, rng=rng)
        self._place: Place | None = None
        self._history: History | None = None
        self._poked = asyncio.Event()
        self._turns = 0

    @property
    def resolve(self) -> str:
        """ "host:port:address" for a repository whose name only the cluster knows, ""."""
        return self._place.resolve if self._place is not None else ""

    def poke(self) -> None:
        """Fetch soon: there is word of a commit that may not be here yet."""
        self._poked.set()

    async def run(self) -> None:
        """Keep the view current until cancelled."""
        link = self._session.link if self._session is not None and not self._config.git.url else None
        if link is not None:
            link.on_change.append(self.poke)
        try:
            await self._follow(link)
        finally:
            if link is not None:
                link.on_change.remove(self.poke)

    async def _follow(self, link: Link | None) -> None:
        """Look again and again; while the cluster that knows the way is away, only when `link` changes."""
        while True:
            self._poked.clear()
            if link is not None and not link.live:
                await self._poked.wait()
                continue
            good = await self._turn()
            if good:
                self._backoff.reset()
            # Consoles that were started together need not fetch together.
            pause = EVERY * (0.9 + 0.2 * self._rng()) if good else self._backoff.next()
            await asyncio.sleep(_LEAST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, pause - _LEAST)):
                    await self._poked.wait()

    async def once(self) -> CodeView:
        """Fetch once and return the view, whose `state` says how that went."""
        await self._turn()
        return self.view

    async def _turn(self) -> bool:
        """Find, read and fetch; return whether the view is that of now."""
        try:
            if not await self._found():
                return False
            await self._fetch()
        except BakeryopsError as error:
            self._failed(error)
            return False
        except OSError as error:
            self._failed(GitError(f"no mirror of the repository can be kept: {error.strerror or error}"))
            return False
        return True

    async def _found(self) -> bool:
        """Know where the repository is, and show what the mirror has; False where there is none."""
        place = await self._where()
        if place is None:
            self._show(_NOTHING)
            return False
        if place != self._place or self._history is None:
            credentials = self._config.git.credentials
            repository = Repository(
                place.url,
                place.branch,
                credentials=Path(credentials) if credentials else None,
                resolve=place.resolve,
                folder=self._folder,
            )
            same = self._place is not None and self._history is not None and place.url == self._place.url
            self._place, self.repository = place, repository
            if not same:
                self.view = CodeView(state="waiting", url=place.url, branch=place.branch, overlay=place.overlay)
            self._history = History(repository, place.overlay, self._config.git.services)
            await self._from_disk(repository, self._history)
        return True

    async def _where(self) -> Place | None:
        """Return where the repository is, looked up anew now and then and after a failure."""
        self._turns += 1
        if self._place is not None and self._turns % _LOOK_AGAIN and self.view.state == "live":
            return self._place
        try:
            return await find(self._config, self._session)
        except KubeError:
            if self._place is None:
                raise
            return self._place

    async def _from_disk(self, repository: Repository, history: History) -> None:
        """Show what an earlier fetch left, as old as it is."""
        with contextlib.suppress(GitError):
            if await history.load():
                fetched = await asyncio.to_thread(repository.fetched)
                view = msgspec.structs.replace(
                    self.view,
                    state="stale",
                    reason="not fetched yet since the console began",
                    hint="",
                    fetched=fetched,
                )
                self._show(history.onto(view))

    async def _fetch(self) -> None:
        repository, history = self.repository, self._history
        assert repository is not None
        assert history is not None
        await repository.refresh()
        try:
            changed = await history.load()
        except GitError as error:
            if error.kind not in ("corrupt", "missing"):
                raise
            await repository.remake()
            changed = await history.load()
        problem = history.problem
        view = msgspec.structs.replace(
            self.view,
            state="live",
            reason=str(problem) if problem else "",
            hint=problem.hint if problem else "",
            fetched=self._clock(),
        )
        self._show(history.onto(view) if changed or self.view.head != history.head else view)

    def _failed(self, error: BakeryopsError) -> None:
        """Keep what is known, and say that it is old and why."""
        trouble = self._place.trouble if self._place is not None else ""
        kind = error.kind if isinstance(error, GitError) else ""
        refused = kind in _REFUSED
        reason = ". ".join(
            part for part in (error.message, "" if trouble and kind == "host" else error.why) if part
        )
        hint = error.hint
        if trouble and kind == "host":
            reason = f"{reason}: {trouble}"
            hint = "Set git.url to an address of Gitea that this machine reaches."
        state = "refused" if refused else "stale" if self.view.main else "waiting"
        self._show(msgspec.structs.replace(self.view, state=state, reason=reason, hint=hint))

    def _show(self, view: CodeView) -> None:
        if view == self.view:
            return
        self.view = view
        for told in list(self.on_change):
            told()
