"""Running git: argument lists, an environment of our own, bounded time and output, no child left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from bakeryops.git.errors import GitError, explained
from bakeryops.text import decode

__all__ = ["Git", "Output"]

_KEPT = (
    "PATH", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
    "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
)  # fmt: skip
"""What of our own environment git gets to see."""
_ALWAYS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.attributesFile=/dev/null",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "gc.autoDetach=false",
    "fetch.writeCommitGraph=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=20",
    "http.followRedirects=initial",
    "protocol.allow=never",
    "protocol.http.allow=always",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
)
_MOST = 64 << 20
_GRACE = 2.0
"""Seconds that a git has to remove its lock files before it is killed."""


class Output:
    """What a git wrote; `cut` says that it would have been more than allowed."""

    __slots__ = ("code", "cut", "err", "out")

    def __init__(self, code: int, out: bytes, err: str, cut: bool) -> None:
        """Take the exit code, both streams, and whether the first was cut off."""
        self.code = code
        self.out = out
        self.err = err
        self.cut = cut


class Git:
    """Runs git on one bare repository."""

    def __init__(
        self, folder: Path, *, credentials: Path | None = None, resolve: str = "", files: bool = False
    ) -> None:
        """Take the bare repository's folder and how to reach its origin.

        `credentials` is a file in the format of git's credential store, which is read and never written;
        `resolve` is "host:port:address" for a name that this machine does not know; `files` allows file://.
        """
        self.folder = folder
        self._config = list(_ALWAYS)
        if files:
            self._config.append("protocol.file.allow=always")
        self._config.append("credential.helper=")
        if credentials is not None:
            # Only asked: the helper would remove the entry from the user's file after a refusal.
            store = f"git credential-store --file={shlex.quote(str(credentials))} get"
            self._config.append(f'credential.helper=!f() {{ test "$1" != get || {store}; }}; f')
        if resolve:
            self._config += [f"http.curloptResolve={resolve}", "http.proxy="]
        self.runs = 0
        """Processes started so far."""

    def environment(self) -> Mapping[str, str]:
        """Return all that git sees of an environment."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {
            "HOME": str(self.folder.parent),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_PAGER": "cat",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=10",
        }

    async def run(
        self,
        *arguments: str,
        doing: str,
        stdin: bytes = b"",
        seconds: float = 30.0,
        most: int = _MOST,
        codes: Sequence[int] = (0,),
        bare: bool = True,
    ) -> Output:
        """Run one git and return what it wrote.

        `doing` says for people what it does; `codes` are the exit codes that are answers. It is stopped after
        `seconds`, after `most` bytes (not an error), and when the task is cancelled. Raises `GitError`.
        """
        program = shutil.which("git")
        if program is None:
            raise GitError(
                "git is not installed on this machine",
                kind="git",
                why="bakeryops reads the repository with it",
                hint="Install it: apt-get install git",
            )
        options = [part for value in self._config for part in ("-c", value)]
        where = ["--git-dir", str(self.folder)] if bare else []
        self.runs += 1
        try:
            child = await _started([program, *options, *where, *arguments], dict(self.environment()))
        except OSError as error:
            raise GitError(f"git cannot be run: {error.strerror or error}", kind="git") from None
        try:
            async with asyncio.timeout(seconds):
                output = await _talk(child, stdin, most)
        except TimeoutError:
            raise GitError(
                f"{doing}: no end after {seconds:g} seconds",
                kind="timeout",
                hint="Look whether Gitea is running and reachable from here.",
            ) from None
        finally:
            await asyncio.shield(_stop(child))
        if output.code not in codes and not output.cut:
            raise explained(doing, output.err)
        return output


async def _started(command: Sequence[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start a child; one that was cancelled while it started is ended with all its helpers."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Left to itself, asyncio would kill git alone, and wait for helpers that hold its pipes open.
        with contextlib.suppress(OSError):
            await asyncio.shield(_stop(await starting))
        raise


async def _talk(child: asyncio.subprocess.Process, stdin: bytes, most: int) -> Output:
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    feeding = asyncio.ensure_future(_feed(child.stdin, stdin))
    listening = asyncio.ensure_future(_read(child.stderr, 64 << 10, drain=True))
    try:
        out, cut = await _read(child.stdout, most, drain=False)
        if cut:
            return Output(-1, out, "", True)
        err, _ = await listening
        await feeding
        return Output(await child.wait(), out, decode(err), False)
    finally:
        feeding.cancel()
        listening.cancel()
        await asyncio.gather(feeding, listening, return_exceptions=True)


async def _feed(stream: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        if data:
            stream.write(data)
            await stream.drain()
        stream.close()


async def _read(stream: asyncio.StreamReader, most: int, *, drain: bool) -> tuple[bytes, bool]:
    """Return up to `most` bytes and whether there were more; `drain` reads on and forgets."""
    parts: list[bytes] = []
    size = 0
    while chunk := await stream.read(1 << 16):
        if size < most:
            parts.append(chunk[: most - size])
        size += len(chunk)
        if size > most and not drain:
            break
    return b"".join(parts), size > most


async def _stop(child: asyncio.subprocess.Process) -> None:
    """End a child and its helpers, and wait until it is gone."""
    if child.returncode is None:
        for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), patience)
                break
    transport = getattr(child, "_transport", None)
    if transport is not None:
        transport.close()
