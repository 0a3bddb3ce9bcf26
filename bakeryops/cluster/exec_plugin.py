"""Exec plugins: programs that print credentials (client.authentication.k8s.io)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bakeryops.cluster.login import ExecPlugin
from bakeryops.errors import CredentialError
from bakeryops.text import clean, decode
from bakeryops.units import parse_time

if TYPE_CHECKING:
    from bakeryops.cluster.target import Target

__all__ = ["Printed", "run"]

_SECONDS = 30.0
_LARGEST = 1 << 20
"""Bytes of standard output that are read; a credential is a few kilobytes."""
_TOKEN = re.compile(
    r"eyJ[\w-]{10,}\.[\w-]*(?:\.[\w-]*)?"
    r"|(?i:(?<=bearer )|(?<=token=)|(?<=token: )|(?<=password=)|(?<=password: )|(?<=secret=))[^\s\"'&,;]+"
)
"""What a plugin that is talkative may say of what it fetched; its words are shown."""
_KEPT = 1 << 14
"""Bytes of the end of standard error that are kept."""


@dataclass(frozen=True, slots=True, repr=False)
class Printed:
    """What a plugin printed; its repr shows nothing of it."""

    token: str = ""
    cert: bytes | None = None
    key: bytes | None = None
    expires: float | None = None
    """Seconds since the epoch."""


async def run(plugin: ExecPlugin, target: Target, *, seconds: float = _SECONDS) -> Printed:
    """Run a plugin without a terminal and return what it printed.

    Raises `CredentialError` with the plugin's own words (standard error) and its `installHint`.
    """
    name = clean(plugin.command)
    if plugin.interactive == "Always":
        raise CredentialError(
            f"the credential plugin {name} wants to talk to you",
            why=f"interactiveMode is Always in {target.source}, and the console has the terminal",
            hint="log in with kubectl once and use a kubeconfig with a token, or a plugin that needs no terminal",
        )
    told = await asyncio.to_thread(_info, plugin, target)
    try:
        child = await asyncio.create_subprocess_exec(
            _program(plugin),
            *plugin.args,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **plugin.env, "KUBERNETES_EXEC_INFO": told},
            # A session of its own has no terminal: a plugin that opens /dev/tty would take our keys.
            start_new_session=True,
        )
    except FileNotFoundError:
        raise CredentialError(
            f"the credential plugin {name} is not installed",
            why=f"{target.source} logs in with it, and there is no such program",
            hint=plugin.install_hint or f"install {name}, or correct the path in {target.source}",
        ) from None
    except (OSError, ValueError) as error:
        raise CredentialError(
            f"the credential plugin {name} cannot be started",
            why=clean(getattr(error, "strerror", None) or str(error)),
            hint=plugin.install_hint,
        ) from None
    try:
        async with asyncio.timeout(seconds):
            # Both at once: a plugin that fills the pipe nobody reads waits for ever.
            output, said, code = await asyncio.gather(_head(child.stdout), _tail(child.stderr), child.wait())
    except TimeoutError:
        raise CredentialError(
            f"the credential plugin {name} did not end within {seconds:.0f} s",
            why="it may be waiting for a person or for the network",
            hint=f"run it yourself to see: {_line(plugin)}",
        ) from None
    finally:
        await _end(child)
    if code != 0:
        raise CredentialError(
            f"the credential plugin {name} failed (exit code {code})",
            why=_words(said) or "it said nothing",
            hint=plugin.install_hint or f"log in again with its own tool; to see: {_line(plugin)}",
        )
    return _read(plugin, output, said)


def _program(plugin: ExecPlugin) -> str:
    # As kubectl: a bare name is looked up in PATH, a relative path counts from the kubeconfig's folder.
    return str(plugin.folder / plugin.command) if os.sep in plugin.command else plugin.command


def _info(plugin: ExecPlugin, target: Target) -> str:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.provide_cluster:
        trust = target.trust
        ca = trust.ca_data
        if ca is None and trust.ca_file is not None:
            with contextlib.suppress(OSError):
                ca = trust.ca_file.read_bytes()
        cluster = {
            "server": target.server,
            "tls-server-name": trust.server_name,
            "insecure-skip-tls-verify": trust.insecure,
            "certificate-authority-data": base64.b64encode(ca).decode("ascii") if ca else "",
            "proxy-url": trust.proxy,
            "config": trust.exec_config,
        }
        spec["cluster"] = {key: value for key, value in cluster.items() if value}
    return json.dumps({"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec})


async def _head(stream: asyncio.StreamReader | None) -> bytes:
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(1 << 16)):
        kept += chunk[: max(0, _LARGEST - len(kept))]
    return bytes(kept)


async def _tail(stream: asyncio.StreamReader | None) -> bytes:
    kept = b""
    while stream is not None and (chunk := await stream.read(1 << 16)):
        kept = (kept + chunk)[-_KEPT:]
    return kept


async def _end(child: asyncio.subprocess.Process) -> None:
    # The whole session: a plugin is often a script, and what it started would hold the pipes open.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    if child.returncode is None:
        await child.wait()


def _read(plugin: ExecPlugin, output: bytes, said: bytes) -> Printed:
    name = clean(plugin.command)

    def unusable(why: str) -> CredentialError:
        # Never the output itself: it may hold a token.
        return CredentialError(
            f"the credential plugin {name} printed nothing usable",
            why="; ".join(part for part in (why, _words(said)) if part),
            hint=plugin.install_hint or f"run it yourself to see: {_line(plugin)}",
        )

    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        raise unusable("its output is not JSON") from None
    if not isinstance(answer, dict) or answer.get("kind") != "ExecCredential":
        raise unusable("its output is not an ExecCredential")
    if answer.get("apiVersion") != plugin.api_version:
        raise unusable(f"it speaks {clean(str(answer.get('apiVersion')))}, the kubeconfig {plugin.api_version}")
    status = answer.get("status")
    if not isinstance(status, dict):
        raise unusable("its output has no status")
    cert, key = _pem(status, "clientCertificateData"), _pem(status, "clientKeyData")
    token = str(status.get("token") or "").strip()
    if (cert is None) != (key is None):
        raise unusable("it printed a client certificate or a key, but not both")
    if not token and cert is None:
        raise unusable("it printed neither a token nor a client certificate")
    if not token.isprintable():
        raise unusable("its token holds a control character")
    stamp = status.get("expirationTimestamp")
    return Printed(token, cert, key, parse_time(stamp) if isinstance(stamp, str) else None)


def _pem(status: Mapping[str, Any], key: str) -> bytes | None:
    value = status.get(key)
    return value.encode() if isinstance(value, str) and value else None


def _words(said: bytes) -> str:
    lines = [clean(_TOKEN.sub("<hidden>", line)).strip() for line in decode(said).splitlines()]
    return " / ".join([line for line in lines if line][-5:])[-800:]


def _line(plugin: ExecPlugin) -> str:
    # Arguments may hold secrets; the program's name is enough to find them in the kubeconfig.
    return f"{clean(plugin.command)} (with the args in the kubeconfig)" if plugin.args else clean(plugin.command)
