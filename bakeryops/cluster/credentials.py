"""Who we are to a cluster, kept fresh: every request asks here, one refresh runs at a time."""

from __future__ import annotations

import asyncio
import base64
import logging
import math
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from bakeryops.cluster import exec_plugin
from bakeryops.cluster.login import Impersonation, Login
from bakeryops.cluster.target import Target
from bakeryops.cluster.tls import expires, ssl_context
from bakeryops.errors import BakeryopsError, CredentialError

__all__ = ["Credentials", "Grant"]

_log = logging.getLogger(__name__)
_EARLY = 60.0
"""Seconds before its end at which a credential is fetched anew."""
_FILE_LIFE = 60.0
"""Seconds after which a token file is read again; the kubelet rotates it well before the token ends."""
_PAUSE = 10.0
"""Least seconds between two forced refreshes, and between two tries of a plugin that fails."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Grant:
    """What goes with a request; its repr shows nothing of it."""

    authorization: str = ""
    """The whole Authorization header, or empty."""
    ssl: ssl.SSLContext | None = None
    """None for plain HTTP."""
    headers: tuple[tuple[str, str], ...] = ()
    """Impersonation."""
    until: float | None = None
    """Seconds since the epoch at which to fetch it anew; None for never."""
    certificate_ends: datetime | None = None
    """When the client certificate ends, where there is one."""


class Credentials:
    """Gives the grant for the next request."""

    def __init__(self, target: Target, *, clock: Callable[[], float] = time.time) -> None:
        """Take the target and a clock (seconds since the epoch)."""
        self._target = target
        self._clock = clock
        self._grant: Grant | None = None
        self._lock = asyncio.Lock()
        self._forced = -math.inf
        self._failed: CredentialError | None = None
        self._failed_at = 0.0
        self._outdated = False

    async def get(self) -> Grant:
        """Return a grant that has not ended; raises `UsageError` or `CredentialError` where none can be had."""
        grant = self._current()
        if grant is not None:
            return grant
        async with self._lock:
            return self._current() or await self._fetch()

    async def renewed(self, rejected: Grant) -> Grant:
        """Return another grant than the one that the cluster has `rejected`, or that same one where there is none.

        However many requests were rejected at once, one of them fetches.
        """
        async with self._lock:
            grant = self._grant
            if grant is not None and grant is not rejected:
                return grant
            if abs(self._clock() - self._forced) < _PAUSE:
                if self._failed is not None:
                    raise self._failed
                return rejected
            self._forced = self._clock()
            before = self._target.login
            await self._reread()
            if not self._renewable and self._target.login == before:
                return rejected
            fresh = await self._fetch()
            unchanged = self._target.login == before and self._target.login.plugin is None
            if unchanged and fresh.authorization == rejected.authorization:
                return rejected
            return fresh

    def forget(self) -> None:
        """Fetch anew at the next request, whatever was tried a moment ago: a person asked for it."""
        self._grant = self._failed = None
        self._forced = -math.inf
        self._outdated = True

    @property
    def _renewable(self) -> bool:
        login = self._target.login
        return login.plugin is not None or login.token_file is not None

    def _current(self) -> Grant | None:
        grant = self._grant
        if grant is None or (grant.until is not None and self._clock() >= grant.until):
            return None
        return grant

    async def _fetch(self) -> Grant:
        if self._failed is not None and abs(self._clock() - self._failed_at) < _PAUSE:
            raise self._failed
        if self._outdated:
            await self._reread()
        try:
            self._grant = await self._made()
        except CredentialError as error:
            self._failed, self._failed_at = error, self._clock()
            raise
        self._failed = None
        return self._grant

    async def _reread(self) -> None:
        """Take over what the kubeconfig says by now: somebody may have mended it, as we told them to."""
        self._outdated = False
        if self._target.again is None:
            return
        try:
            found = await asyncio.to_thread(self._target.again)
        except BakeryopsError as error:
            _log.info("the kubeconfig cannot be read again: %s", error)
            return
        if found.server == self._target.server:
            self._target = replace(self._target, login=found.login, trust=found.trust)

    async def _made(self) -> Grant:
        login, trust = self._target.login, self._target.trust
        secured = self._target.server.startswith("https://")
        token, until = login.token, None
        cert, key = login.cert_data, login.key_data
        if cert is None and login.cert_file is not None and login.key_file is not None:
            cert = await asyncio.to_thread(_read, login.cert_file)
            key = await asyncio.to_thread(_read, login.key_file)
        if login.token_file is not None:
            token = await asyncio.to_thread(_token, login.token_file)
            until = self._clock() + _FILE_LIFE
        elif login.plugin is not None and not token:
            printed = await exec_plugin.run(login.plugin, self._target)
            token = printed.token
            if printed.cert is not None:
                cert, key = printed.cert, printed.key
            if printed.expires is not None:
                # A credential that is printed with less than a minute to live is used once, not refused.
                until = max(printed.expires - _EARLY, self._clock() + 1.0)
        context = await asyncio.to_thread(ssl_context, trust, cert, key) if secured else None
        return Grant(_authorization(token, login), context, _impersonation(login.impersonate), until, _ends(cert))


def certificate_hint(grant: Grant, now: float) -> str:
    """Return what to say of a client certificate that has ended by `now` (seconds since the epoch), or nothing."""
    ends = grant.certificate_ends
    if ends is None or ends > datetime.fromtimestamp(now, UTC):
        return ""
    return f"the client certificate ended on {ends:%Y-%m-%d}"


def _ends(cert: bytes | None) -> datetime | None:
    return expires(cert) if cert is not None else None


def _authorization(token: str, login: Login) -> str:
    if token:
        return f"Bearer {token}"
    if login.username:
        pair = f"{login.username}:{login.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"
    return ""


def _impersonation(who: Impersonation | None) -> tuple[tuple[str, str], ...]:
    if who is None:
        return ()
    headers = [("Impersonate-User", who.user)]
    headers += [("Impersonate-Uid", who.uid)] if who.uid else []
    headers += [("Impersonate-Group", group) for group in who.groups]
    for key, values in who.extra.items():
        name = f"Impersonate-Extra-{quote(key, safe='')}"
        headers += [(name, value) for value in values]
    return tuple(headers)


def _token(path: Path) -> str:
    token = _read(path).decode("utf-8", "replace").strip()
    if not token or not token.isprintable():
        raise CredentialError(f"the token file {path} holds no token")
    return token


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CredentialError(
            f"{path}, which the kubeconfig names, cannot be read", why=error.strerror or ""
        ) from None
