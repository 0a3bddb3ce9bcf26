"""Asking a web service: one connection pool, bounded answers, and what goes wrong in words for people."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bakeryops.errors import BakeryopsError, CredentialError, RefusedError, UnreachableError
from bakeryops.text import clean, decode

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Web", "WebError", "WebErrorKind"]

WebErrorKind = Literal[
    "host", "refused", "timeout", "tls", "unauthorized", "forbidden", "not_found", "conflict", "invalid", "locked",
    "throttled", "server", "protocol",
]  # fmt: skip
_MOST = 8 << 20
_LONGEST = 300


class WebError(BakeryopsError):
    """A question to a web service that was not answered; the texts are cleaned and hold no secret.

    Constructing it gives the subclass that carries the right exit code.
    """

    def __new__(cls, message: str, *, kind: WebErrorKind = "protocol", **_: Any) -> WebError:
        """Choose the subclass of `kind`."""
        return super().__new__(_CLASSES.get(kind, WebError) if cls is WebError else cls, message)

    def __init__(
        self,
        message: str,
        *,
        kind: WebErrorKind = "protocol",
        status: int | None = None,
        why: str = "",
        hint: str = "",
    ) -> None:
        """Take what happened, of which kind it is, the HTTP status where there was one, its cause and its mend."""
        super().__init__(message, why=why, hint=hint)
        self.kind: WebErrorKind = kind
        self.status = status


class _NoConnectionError(WebError, UnreachableError):
    """No answer of the service's came back."""


class _UnauthorizedError(WebError, CredentialError):
    """The service does not accept who we say we are."""


class _ForbiddenError(WebError, RefusedError):
    """The service knows us and says no."""


_CLASSES: dict[str, type[WebError]] = {
    "host": _NoConnectionError,
    "refused": _NoConnectionError,
    "timeout": _NoConnectionError,
    "tls": _NoConnectionError,
    "server": _NoConnectionError,
    "unauthorized": _UnauthorizedError,
    "forbidden": _ForbiddenError,
}
_KIND_OF_STATUS: dict[int, WebErrorKind] = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    410: "not_found",
    422: "invalid",
    423: "locked",
    429: "throttled",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its whole body."""

    status: int
    headers: Mapping[str, str]
    """By name, whatever its case."""
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; raises `WebError`."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise WebError("the answer is not JSON", status=self.status) from None


class Web:
    """One web service at one address."""

    def __init__(self, url: str, name: str, *, seconds: float = 10.0) -> None:
        """Take the address, what people call the service, and the seconds that an answer may take."""
        self.url = url.rstrip("/")
        self.name = name
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None

    async def get(
        self,
        path: str,
        *,
        method: Literal["GET", "HEAD"] = "GET",
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        most: int = _MOST,
    ) -> Answer:
        """Return the answer, whatever its status; `path` is quoted by the caller. Redirects are not followed.

        Raises `WebError` where none came back, or one of more than `most` bytes.
        """
        import httpx

        try:
            # httpx bounds each wait, not the whole.
            async with (
                asyncio.timeout(self._seconds),
                self._pool().stream(
                    method, f"{self.url}{path}", params=dict(query) if query else None, headers=dict(headers or {})
                ) as answer,
            ):
                body = await self._body(answer, most)
                return Answer(answer.status_code, answer.headers, body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            raise self._explained(error) from None

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def refusal(self, answer: Answer, doing: str, hint: str = "") -> WebError:
        """Return the error of an answer that is not a success; `doing` is what was asked, as in "read hooks"."""
        kind = _KIND_OF_STATUS.get(answer.status, "server" if answer.status >= 500 else "protocol")
        said = _said(answer)
        words = {
            "unauthorized": f"{self.name} does not accept who we say we are",
            "forbidden": f"{self.name} does not let us {doing}",
            "not_found": f"{self.name} has nothing there, or does not let us see it ({doing})",
            "server": f"{self.name} reports a fault of its own ({answer.status})",
            "throttled": f"{self.name} asks us to come back later",
        }
        message = words.get(kind, f"{self.name} answers {answer.status} when asked to {doing}")
        if 300 <= answer.status < 400:
            message = f"{self.name} sends us elsewhere ({answer.status}) instead of answering"
            said = clean(answer.headers.get("location", ""))[:_LONGEST]
            hint = "Set the address that it sends us to in the configuration."
        return WebError(
            message, kind=kind, status=answer.status, why=f"it says: {said}" if said else "", hint=hint
        )

    def _pool(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            self._client = httpx.AsyncClient(
                timeout=self._seconds, follow_redirects=False, limits=httpx.Limits(max_connections=4)
            )
        return self._client

    async def _body(self, answer: httpx.Response, most: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in answer.aiter_bytes():
            size += len(part)
            if size > most:
                raise WebError(f"{self.name} answers with more than {most >> 20} MiB", status=answer.status_code)
            parts.append(part)
        return b"".join(parts)

    def _explained(self, error: Exception) -> WebError:
        import httpx

        where = f"{self.name} at {self.url}"
        look = f"Look whether {self.name} is running and reachable from here."
        text = clean(str(error))[:_LONGEST]
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            return WebError(f"{where} did not answer within {self._seconds:g} seconds", kind="timeout", hint=look)
        if isinstance(error, httpx.ConnectError):
            low = text.lower()
            if "ssl" in low or "certificate" in low:
                hint = "Correct the address (http or https), or let this machine trust the certificate."
                return WebError(f"no TLS connection to {where}", kind="tls", why=text, hint=hint)
            if "name or service" in low or "name resolution" in low or "nodename" in low or "no address" in low:
                hint = "Set an address that this machine knows."
                return WebError(f"the name of {where} does not resolve", kind="host", why=text, hint=hint)
            return WebError(f"nothing answers as {where}", kind="refused", why=text, hint=look)
        if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
            return WebError(f"{where} is not an address to ask", why=text)
        return WebError(f"the connection to {where} broke", kind="refused", why=text, hint=look)


def _said(answer: Answer) -> str:
    """Return what a service says in words, "" for a page or nothing."""
    if "html" in answer.headers.get("content-type", "") or answer.body[:1] == b"<":
        return ""
    with contextlib.suppress(WebError):
        found = answer.json()
        if isinstance(found, dict):
            errors = found.get("errors")
            first = errors[0] if isinstance(errors, list) and errors else None
            text = found.get("message") or (
                first.get("message") or first.get("code") if isinstance(first, dict) else ""
            )
            return clean(text)[:_LONGEST] if isinstance(text, str) else ""
    return clean(decode(answer.body[:_LONGEST]))
