"""The terminal as it really is: it may stop taking output, send bytes that are no text, or go away.

Textual's Linux driver blocks the event loop when the terminal takes nothing, ends in a traceback when a key is
not UTF-8, and goes on for ever when the terminal is gone.
"""

from __future__ import annotations

import os
import selectors
import termios
from codecs import getincrementaldecoder
from contextlib import suppress
from functools import partial
from typing import IO, Any

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from screens.plain import own_environ, plain_for

__all__ = ["GONE", "Meter", "PacedDriver"]

GONE = 129
"""The exit code of a console whose terminal went away, as of one ended by a hang-up."""

MOST_WAITING = 120
"""Writes waiting from which more are thrown away; a whole picture follows once the terminal takes data again."""

RESTORE = "\x1b[0m\x1b[?2026l\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
"""Gives a terminal back that did not take the orderly farewell."""

FAREWELL = 1.0
"""Seconds a terminal has for taking what is left when the console ends."""


class Meter:
    """A text file that counts what goes through it, in UTF-8 bytes; called from the writer thread."""

    def __init__(self, file: IO[str]) -> None:
        """Take the file to write to."""
        self._file = file
        self.bytes_written = 0
        self.gone = False
        """Whether there is nobody any more to write to."""

    def write(self, text: str) -> int:
        """Write and count; what cannot be written any more is dropped."""
        if self.gone:
            return len(text)
        try:
            written = self._file.write(text)
        except OSError:
            self.gone = True
            return len(text)
        self.bytes_written += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        return written

    def flush(self) -> None:
        """Pass on what is buffered."""
        if self.gone:
            return
        try:
            self._file.flush()
        except OSError:
            self.gone = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class PacedDriver(LinuxDriver):
    """The Linux driver with its output metered; it neither blocks nor breaks on what the terminal does."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take what `LinuxDriver` takes."""
        super().__init__(*args, **options)
        assert self._file is not None
        self.meter = Meter(self._file)
        self._leaving = False
        self._plain = plain_for(own_environ())
        self._file = self.meter  # type: ignore[assignment]

    def waiting(self) -> int:
        """Return how many writes the terminal has not taken yet."""
        writer = self._writer_thread
        return writer._queue.qsize() if writer is not None else 0  # noqa: SLF001 (Textual offers no other way to know)

    def write(self, data: str) -> None:
        """Hand data to the writer thread, or throw it away when the terminal is far behind; never blocks."""
        writer = self._writer_thread
        if writer is None:
            return
        if self.waiting() >= MOST_WAITING and not self._leaving:
            return
        if self._plain is not None:
            data = data.translate(self._plain)
        writer._queue.maxsize = 0  # noqa: SLF001 (a full queue would block the event loop)
        writer.write(data)

    def stop_application_mode(self) -> None:
        """Give the terminal back."""
        self._leaving = True
        try:
            super().stop_application_mode()
        finally:
            self._leaving = False

    def close(self) -> None:
        """End the writer thread; a terminal that takes nothing is not waited for."""
        writer = self._writer_thread
        if writer is None:
            return
        waiting = writer._queue  # noqa: SLF001
        waiting.put(None)
        writer.join(FAREWELL)
        if writer.is_alive():
            while not waiting.empty():
                waiting.get_nowait()
            waiting.put(RESTORE)
            waiting.put(None)
            with suppress(termios.error):
                termios.tcflush(self.fileno, termios.TCOFLUSH)
            writer.join(FAREWELL)

    def run_input_thread(self) -> None:
        """Turn what is typed into events until told to stop, or until nobody can type any more."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    try:
                        data = os.read(self.fileno, 4096)
                    except OSError:
                        data = b""
                    if not data:
                        self.meter.gone = True
                        self._app.call_later(partial(self._app.exit, return_code=GONE))
                        return
                    self._take(parser, decode(data))
                with suppress(ParseError, EOFError):
                    for event in parser.tick():
                        self.process_message(event)

    def _take(self, parser: XTermParser, text: str) -> None:
        if text:
            for event in parser.feed(text):
                self.process_message(event)
