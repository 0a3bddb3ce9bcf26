"""A tiny shell inside a pretended container: echo, cat, ls, env and the like, `;`, `&&`, `||` and `>&2`."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable

from bakeryops.demo.contracts import Clock, ExecStreams, Object

__all__ = ["SHELLS", "Shell"]

SHELLS = frozenset({"sh", "bash", "ash", "/bin/sh", "/bin/bash", "/bin/ash"})
"""Names that start the shell itself."""
_FILES = {"/etc/hostname", "/etc/os-release", "/etc/resolv.conf"}
_FOLDERS = {
    "/": "bin dev etc home lib proc root run sbin sys tmp usr var",
    "/etc": "group hostname hosts os-release passwd resolv.conf",
    "/app": "alembic.ini app pyproject.toml requirements.txt",
    "/tmp": "",  # noqa: S108 - a folder of the pretended container
}
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PLAIN = ("echo", "printf", "cat", "ls", "env", "hostname", "cd", "pwd", "sleep", "whoami", "id")
_COMMANDS = {name: name for name in _PLAIN} | {
    "printenv": "env",
    "exit": "quit",
    "true": "ok",
    ":": "ok",
    "test": "ok",
    "stty": "ok",
    "false": "fail",
}
"""The commands there are, and what does each."""


class Shell:
    """One command or shell in one container."""

    def __init__(self, clock: Clock, pod: Object, container: str, streams: ExecStreams, *, tty: bool) -> None:
        self._clock = clock
        self._pod = pod
        self._streams = streams
        self._tty = tty
        self._folder = "/"
        self._exit: int | None = None
        spec = next(
            each
            for each in (*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ()))
            if each["name"] == container
        )
        self.environment = {
            "HOSTNAME": pod["metadata"]["name"],
            "HOME": "/root",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "KUBERNETES_SERVICE_HOST": "10.152.183.1",
            "KUBERNETES_SERVICE_PORT": "443",
        } | {each["name"]: str(each["value"]) for each in spec.get("env") or () if "value" in each}

    async def script(self, text: str) -> int:
        """Run the commands of a script; returns the exit code of the last, or of `exit`."""
        code = 0
        for part, condition in _split(text):
            if (condition == "&&" and code) or (condition == "||" and not code):
                continue
            try:
                words = shlex.split(part)
            except ValueError:
                await self._streams.stderr(b"sh: syntax error: unterminated quoted string\n")
                return 2
            if not words:
                continue
            try:
                code = await self._redirected(words)
            except FileNotFoundError:
                await self._say(f"sh: {words[0]}: not found\n", error=True)
                code = 127
            if self._exit is not None:
                return self._exit
        return code

    async def interactive(self) -> int:
        """Read commands from standard input until it ends or `exit`."""
        code, pending = 0, b""
        prompt = b"/ # " if self._tty else b""
        await self._streams.stdout(prompt)
        while (data := await self._streams.stdin()) is not None:
            if self._tty:
                if b"\x03" in data:
                    await self._streams.stdout(b"^C\r\n" + prompt)
                    pending = b""
                    continue
                if data == b"\x04":
                    break
                await self._streams.stdout(data.replace(b"\r", b"\r\n"))
            pending += data.replace(b"\r", b"\n")
            while b"\n" in pending:
                row, _, pending = pending.partition(b"\n")
                code = await self.script(row.decode(errors="replace"))
                if self._exit is not None:
                    return self._exit
                await self._streams.stdout(prompt)
        if pending and not self._tty:
            code = await self.script(pending.decode(errors="replace"))
        return self._exit if self._exit is not None else code

    async def run(self, words: list[str]) -> int:
        """Run one command; raises FileNotFoundError for one the container does not have."""
        name = words[0].rpartition("/")[2] if words[0].startswith(("/bin/", "/usr/bin/")) else words[0]
        action: Callable[[list[str]], Awaitable[int]] | None = getattr(
            self, f"_do_{_COMMANDS.get(name, '')}", None
        )
        if action is None:
            raise FileNotFoundError(words[0])
        return await action(words[1:])

    async def _redirected(self, words: list[str]) -> int:
        """Run a command of a script, with `>&2` and variables understood."""
        to_error = words[-1] in (">&2", "1>&2") or words[-2:] == [">&", "2"]
        if to_error:
            words = words[:-1] if words[-1] != "2" else words[:-2]
        expanded = [
            _VARIABLE.sub(lambda found: self.environment.get(found[1] or found[2], ""), word) for word in words
        ]
        if not to_error:
            return await self.run(expanded)
        streams = self._streams
        self._streams = _Swapped(streams)
        try:
            return await self.run(expanded)
        finally:
            self._streams = streams

    async def _say(self, text: str, *, error: bool = False) -> None:
        data = (text.replace("\n", "\r\n") if self._tty else text).encode()
        await (self._streams.stderr(data) if error and not self._tty else self._streams.stdout(data))

    async def _do_echo(self, words: list[str]) -> int:
        bare = words[:1] == ["-n"]
        await self._say(" ".join(words[1:] if bare else words) + ("" if bare else "\n"))
        return 0

    async def _do_printf(self, words: list[str]) -> int:
        text = words[0] if words else ""
        for value in words[1:]:
            text = re.sub(r"%[sd]", value.replace("\\", r"\\"), text, count=1)
        await self._say(text.replace("\\n", "\n").replace("\\t", "\t"))
        return 0

    async def _do_cat(self, words: list[str]) -> int:
        code = 0
        for path in words:
            if path not in _FILES:
                await self._say(f"cat: can't open '{path}': No such file or directory\n", error=True)
                code = 1
                continue
            texts = {
                "/etc/hostname": f"{self._pod['metadata']['name']}\n",
                "/etc/os-release": 'PRETTY_NAME="Alpine Linux v3.22"\nID=alpine\n',
                "/etc/resolv.conf": f"search {self._pod['metadata']['namespace']}.svc.cluster.local "
                "svc.cluster.local cluster.local\nnameserver 10.152.183.10\n",
            }
            await self._say(texts[path])
        if not words:
            while (data := await self._streams.stdin()) is not None:
                await self._streams.stdout(data)
        return code

    async def _do_ls(self, words: list[str]) -> int:
        paths = [word for word in words if not word.startswith("-")] or [self._folder]
        for path in paths:
            names = _FOLDERS.get(path.rstrip("/") or "/")
            if names is None:
                await self._say(f"ls: {path}: No such file or directory\n", error=True)
                return 1
            await self._say("".join(f"{name}\n" for name in names.split()))
        return 0

    async def _do_env(self, words: list[str]) -> int:
        await self._say("".join(f"{name}={value}\n" for name, value in self.environment.items()))
        return 0

    async def _do_hostname(self, words: list[str]) -> int:
        await self._say(f"{self._pod['metadata']['name']}\n")
        return 0

    async def _do_cd(self, words: list[str]) -> int:
        self._folder = words[0] if words else "/root"
        return 0

    async def _do_pwd(self, words: list[str]) -> int:
        await self._say(f"{self._folder}\n")
        return 0

    async def _do_quit(self, words: list[str]) -> int:
        self._exit = int(words[0]) if words and words[0].isdigit() else 0
        return self._exit

    async def _do_sleep(self, words: list[str]) -> int:
        seconds = float(words[0].rstrip("s")) if words and words[0].rstrip("s").replace(".", "").isdigit() else 0.0
        reached = asyncio.get_running_loop().create_future()
        call = self._clock.call_later(seconds, lambda: None if reached.done() else reached.set_result(None))
        try:
            await reached
        finally:
            call.cancel()
        return 0

    async def _do_ok(self, words: list[str]) -> int:
        return 0

    async def _do_fail(self, words: list[str]) -> int:
        return 1

    async def _do_whoami(self, words: list[str]) -> int:
        await self._say("root\n")
        return 0

    async def _do_id(self, words: list[str]) -> int:
        await self._say("uid=0(root) gid=0(root) groups=0(root)\n")
        return 0


class _Swapped:
    """Streams whose standard output goes to standard error."""

    def __init__(self, streams: ExecStreams) -> None:
        self._streams = streams

    async def stdin(self) -> bytes | None:
        return await self._streams.stdin()

    async def stdout(self, data: bytes) -> None:
        await self._streams.stderr(data)

    async def stderr(self, data: bytes) -> None:
        await self._streams.stderr(data)


def _split(text: str) -> list[tuple[str, str]]:
    """Return the commands of a script, each with what stands before it: "", `;`, `&&` or `||`."""
    parts: list[tuple[str, str]] = []
    current, condition, quote, place = "", "", "", 0
    while place < len(text):
        letter = text[place]
        two = text[place : place + 2]
        if quote:
            quote = "" if letter == quote else quote
            current += letter
        elif letter in "'\"":
            quote = letter
            current += letter
        elif two in ("&&", "||"):
            parts.append((current, condition))
            current, condition = "", two
            place += 1
        elif letter in ";\n":
            parts.append((current, condition))
            current, condition = "", ";"
        else:
            current += letter
        place += 1
    parts.append((current, condition))
    return parts
