"""Keys one after the other: each goes where the one before it led.

Textual hands a key to the focused widget as soon as it arrives, and runs what the key is bound to when it comes
back from there. Of keys typed in one go the second is thus on its way before the first has opened a line to type
in: `/link` would be a command for every letter. Here the next key waits for the one before.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from textual import events
from textual.app import App, ScreenStackError
from textual.message import Message

__all__ = ["KeysInOrder"]

SETTLE = 0.01
"""Seconds that what a key began (a worker, a screen) has for moving the focus, when more keys wait."""

PATIENCE = 1.0
"""Seconds after which the next key no longer waits for the one before."""


class KeysInOrder(App[None]):
    """An application in which keys typed ahead are not lost and not misunderstood."""

    MOST_WAITING: ClassVar[int] = 256
    """Keys that may wait; what is pasted or hammered beyond that is dropped."""

    class KeyDone(Message):
        """The key sent before this message has been handled, or has come back unhandled."""

        bubble = True

        def __init__(self, number: int) -> None:
            """Take the number of the key."""
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        """Begin without a key."""
        super().__init__()
        self._waiting: deque[events.Key] = deque(maxlen=self.MOST_WAITING)
        self._key_number = 0
        self._key_under_way = False

    async def on_event(self, event: events.Event) -> None:
        """Hold a key back while one is under way; a key that leaves the console waits for nothing."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._key_under_way and not self._goes_first(event.key):
            if len(self._waiting) < self.MOST_WAITING:
                self._waiting.append(event)
        else:
            await self._send(event)

    @property
    def keys_waiting(self) -> int:
        """How many keys wait for the one under way."""
        return len(self._waiting)

    def _has_screen(self) -> bool:
        try:
            return bool(self.screen_stack)
        except (KeyError, ScreenStackError):
            return False

    def _goes_first(self, key: str) -> bool:
        return self._has_screen() and any(
            binding.priority
            for _, bindings in self.screen._binding_chain  # noqa: SLF001 (Textual offers no other way to know)
            for binding in bindings.key_to_bindings.get(key, ())
        )

    async def _send(self, event: events.Key) -> None:
        """Let Textual have a key, and send a message after it on the same way."""
        self._key_under_way = True
        self._key_number += 1
        number = self._key_number
        if not self._has_screen():
            # A view is being built, or the console is being left.
            if self.is_running:
                self._waiting.appendleft(event)
                self.set_timer(SETTLE, self._next)
            return
        target = self.focused or self.screen
        await super().on_event(event)
        if target.post_message(self.KeyDone(number)):
            self.set_timer(PATIENCE, lambda: self._done(number))
        else:
            self._done(number)

    def on_keys_in_order_key_done(self, message: KeyDone) -> None:
        """Go on with the next key."""
        message.stop()
        self._done(message.number)

    def _done(self, number: int) -> None:
        if number != self._key_number or not self._key_under_way or not self.is_running:
            return
        if self._waiting:
            self._key_number += 1
            self.set_timer(SETTLE, self._next)
        else:
            self._key_under_way = False

    async def _next(self) -> None:
        if self._waiting:
            await self._send(self._waiting.popleft())
        else:
            self._key_under_way = False
