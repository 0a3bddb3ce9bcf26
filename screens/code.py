"""What Git says, kept current behind the console: the view that screens read, and word of it when it changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from bakeryops.config import Config
from bakeryops.errors import BakeryopsError
from bakeryops.model.code import CodeView
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.git.keeper import Code

__all__ = ["ConsoleCode", "Settings"]

Settings = Callable[[], Awaitable[Config]]
"""How the configuration that says where Git is comes about; the embedded cluster writes one when it is up."""


class ConsoleCode:
    """The repository of the cluster there is, or none yet."""

    def __init__(self) -> None:
        """Begin knowing nothing."""
        self.keeper: Code | None = None
        self._trouble = CodeView()
        self._config: Config | None = None
        self._seen: object = None
        self._sought = ""

    @property
    def config(self) -> Config | None:
        """The configuration that says where Git is, None until it is known."""
        return self._config

    @property
    def view(self) -> CodeView:
        """What is known of Git at this moment."""
        return self.keeper.view if self.keeper is not None else self._trouble

    def poke(self, seen: object = None) -> None:
        """Fetch soon; with `seen`, only where that differs from the last time (revisions, newest build)."""
        if self.keeper is None or (seen is not None and seen == self._seen):
            return
        self._seen = seen
        self.keeper.poke()

    def seek(self, commit: str) -> None:
        """Fetch soon where a commit that something tells of is not known here; once for each."""
        if self.keeper is None or not commit or commit == self._sought or self.view.find(commit) is not None:
            return
        self._sought = commit
        self.keeper.poke()

    async def stored(self, image: str) -> list[str] | None:
        """Return the tags that the registry has of an image; None where no registry is known.

        Raises `BakeryopsError` where it does not answer.
        """
        from bakeryops.registry.client import stored_tags

        return await stored_tags(self._config, image) if self._config is not None else None

    async def run(self, session: Session, settings: Settings, changed: Callable[[], None]) -> None:
        """Follow the repository as long as it is awaited; `changed` is called after each change of the view."""
        from bakeryops.git.keeper import Code

        try:
            self._config = await settings()
            self.keeper = keeper = Code(self._config, session)
        except BakeryopsError as error:
            self._trouble = CodeView(state="refused", reason=clean(error.message), hint=clean(error.hint))
            changed()
            return
        keeper.on_change.append(changed)
        changed()
        await keeper.run()
