"""The one place where HTTP answers and network exceptions become a `KubeError`."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from bakeryops.cluster.errors import ErrorKind, KubeError
from bakeryops.text import ELLIPSIS, clean, decode

if TYPE_CHECKING:
    from bakeryops.cluster.target import Target

__all__ = ["from_exception", "from_response", "from_status"]

_LONGEST = 2000
_KIND_OF_STATUS: dict[int, ErrorKind] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    409: "conflict",
    410: "gone",
    429: "throttled",
    502: "unavailable",
    503: "unavailable",
    504: "timeout",
}
_KIND_OF_REASON: dict[str, ErrorKind] = {
    "AlreadyExists": "exists",
    "Expired": "gone",
    "Gone": "gone",
    "Conflict": "conflict",
    "Timeout": "timeout",
    "ServerTimeout": "timeout",
    "TooManyRequests": "throttled",
    "ServiceUnavailable": "unavailable",
}
_TAGS = re.compile(r"<(?:style|script)\b.*?</(?:style|script)>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)


def from_response(
    method: str, path: str, status: int, headers: Mapping[str, str], body: bytes, target: Target
) -> KubeError:
    """Return the error of an answer that is not a success, or of a page that no API server writes."""
    content_type = headers.get("Content-Type", "").lower()
    retry_after = _retry_after(headers.get("Retry-After"))
    if "html" in content_type or body[:200].lstrip()[:1] == b"<":
        return _page(status, headers, body, retry_after, target)
    if 300 <= status < 400:
        return KubeError(
            f"{target.server} sends us elsewhere ({status}) instead of answering",
            kind="protocol",
            status=status,
            why=f"it points to {_short(headers.get('Location', 'nowhere'))}; an API server does not redirect",
            hint="a login page or proxy stands between: look at the server address, HTTPS_PROXY and NO_PROXY",
        )
    answer = _status_object(body)
    if answer is not None:
        return from_status(answer, status=status, retry_after=retry_after)
    text = _short(decode(body[: 4 * _LONGEST]))
    if status == 400 and "HTTP request to an HTTPS server" in text:
        return KubeError(
            f"{target.server} expects TLS",
            kind="protocol",
            status=status,
            why=text,
            hint=f"write https:// instead of http:// in the cluster's server address in {target.source}",
        )
    kind: ErrorKind = "absent" if status == 404 else _kind(status, "")
    message = f"{method} {clean(path)} is not served by this cluster" if status == 404 else text
    return KubeError(
        message or f"{method} {clean(path)} was answered {status} without a word",
        kind=kind,
        status=status,
        retry_after=retry_after,
        hint=_hint(kind, target.user),
    )


def from_status(
    answer: Mapping[str, Any], *, status: int | None = None, retry_after: float | None = None, user: str = ""
) -> KubeError:
    """Return the error that a `Status` object tells, be it an answer's body or a watch's ERROR event."""
    details = answer.get("details")
    details = dict(details) if isinstance(details, dict) else {}
    code = answer.get("code")
    status = status if status is not None else code if isinstance(code, int) else None
    reason = clean(str(answer.get("reason") or ""))
    kind = _kind(status or 0, reason)
    if kind == "not_found" and not details.get("name"):
        kind = "absent"
    metadata = answer.get("metadata")
    if isinstance(metadata, dict) and metadata.get("continue"):
        details["continue"] = metadata["continue"]
    seconds = details.get("retryAfterSeconds")
    if retry_after is None and isinstance(seconds, int | float) and seconds > 0:
        retry_after = float(seconds)
    message = _short(str(answer.get("message") or "")) or reason or f"the cluster answered {status}"
    why, hint = _causes(details), _hint(kind, user)
    if 'User "system:anonymous"' in message:
        why = "the cluster took us for nobody: no credential was sent, or none that it knows"
        hint = "look at the user entry of this context in the kubeconfig"
    return KubeError(
        message,
        kind=kind,
        status=status,
        reason=reason,
        retry_after=retry_after,
        details=details,
        why=why,
        hint=hint,
    )


def from_exception(error: BaseException, target: Target) -> KubeError:
    """Return the error of a request that got no whole answer: refused, cut, timed out, not trusted."""
    import aiohttp

    server = target.server
    if isinstance(error, KubeError):
        return error
    for inner in _chain(error):
        # aiohttp's own exceptions only look like SSLErrors: the real one is inside.
        if isinstance(inner, ssl.SSLError) and not isinstance(inner, aiohttp.ClientError):
            return _tls(inner, target)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return KubeError(
            f"the proxy answered {error.status} {clean(error.message)} instead of connecting to {server}",
            kind="unreachable",
            status=error.status,
            hint="look at proxy-url in the kubeconfig, or at HTTPS_PROXY and NO_PROXY",
        )
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return KubeError(
            f"the proxy {error.host}:{error.port} on the way to {server} does not answer",
            kind="unreachable",
            why=_os_text(error),
            hint="look at proxy-url in the kubeconfig, or at HTTPS_PROXY and NO_PROXY",
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return KubeError(
            f"the name {error.host} is not known to the resolver",
            kind="unreachable",
            why=_os_text(error),
            hint=f"look at the server address in {target.source} and at this machine's name resolution",
        )
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return KubeError(
            f"no connection to {server} within the time allowed",
            kind="timeout",
            why="nothing answered: the machine is off, or a firewall drops what we send",
            hint=f"try: curl -k {server}/version",
        )
    if isinstance(error, asyncio.TimeoutError):
        return KubeError(
            f"{server} was reached but did not answer in time",
            kind="timeout",
            hint="the API server is overloaded or the link is bad; it is tried again by itself",
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return _refused(error, target)
    if isinstance(
        error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | OSError
    ):
        return KubeError(
            f"the connection to {server} was cut",
            kind="unreachable",
            why=_os_text(error),
            hint="it is tried again",
        )
    return KubeError(
        f"{server} does not speak HTTP as an API server does",
        kind="protocol",
        why=_short(str(error)) or type(error).__name__,
        hint=f"look at the server address in {target.source}",
    )


def _kind(status: int, reason: str) -> ErrorKind:
    found = _KIND_OF_REASON.get(reason) or _KIND_OF_STATUS.get(status)
    if found is not None:
        return found
    return "invalid" if 400 <= status < 500 else "server"


def _status_object(body: bytes) -> dict[str, Any] | None:
    if body[:200].lstrip()[:1] != b"{":
        return None
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) and ("message" in answer or answer.get("kind") == "Status") else None


def _page(
    status: int, headers: Mapping[str, str], body: bytes, retry_after: float | None, target: Target
) -> KubeError:
    page = decode(body[:65536])
    title = _TITLE.search(page)
    text = _short(clean(" ".join((title.group(1) if title else _TAGS.sub(" ", page)).split())), 200)
    by = clean(headers.get("Server", "")) or "a proxy or load balancer"
    return KubeError(
        f"a web page came back instead of an answer of the API server ({status})",
        kind="protocol",
        status=status,
        retry_after=retry_after,
        why=f"{by} answered for {target.server}: {text or 'empty page'}",
        hint="look at the server address, HTTPS_PROXY and NO_PROXY; a gateway's 502 to 504 passes by itself",
    )


def _tls(error: ssl.SSLError, target: Target) -> KubeError:
    text = clean(getattr(error, "verify_message", "") or error.reason or str(error)).replace("_", " ").lower()
    code = getattr(error, "verify_code", None)
    message, hint = (
        f"no trusted connection to {target.server}",
        f"try: openssl s_client -connect {_netloc(target)}",
    )
    renew = "renew the cluster's certificates (MicroK8s: sudo microk8s refresh-certs --cert server.crt)"
    if code == 10:
        message, hint = f"the certificate of {target.server} has expired", renew
    elif code == 9:
        message = f"the certificate of {target.server} is not valid yet"
        hint = "one of the two clocks is wrong: timedatectl status"
    elif code in (62, 64):
        message = f"the certificate of {target.server} is for another name"
        hint = "use a name that it carries, or set tls-server-name in the kubeconfig's cluster"
    elif isinstance(error, ssl.SSLCertVerificationError):
        message = f"the certificate of {target.server} is not signed by the CA that {target.source} names"
        hint = (
            "fetch the kubeconfig again (MicroK8s: microk8s config); the cluster was set up anew or is another one"
        )
    elif "wrong version number" in text or "record layer failure" in text or "http request" in text:
        message = f"{target.server} does not speak TLS"
        hint = f"write http:// instead of https://, or the right port, in {target.source}"
    elif "alert" in text:
        message = f"{target.server} does not accept our client certificate"
        hint = "fetch the kubeconfig again (MicroK8s: microk8s config); the certificate expired or its CA changed"
    return KubeError(message, kind="tls", why="" if code in (9, 10) else text, hint=hint)


def _refused(error: Any, target: Target) -> KubeError:
    number = error.errno
    hint = f"look at the server address in {target.source}"
    if target.local:
        hint = "is it running? microk8s status, then: microk8s start"
    if number == errno.ECONNREFUSED:
        message, why = f"nothing listens at {_netloc(target)}: connection refused", ""
        if not target.local:
            hint = f"the API server is down, or the address in {target.source} is wrong"
    else:
        message, why = f"{_netloc(target)} cannot be reached", _os_text(error)
    return KubeError(message, kind="unreachable", why=why, hint=hint)


def _netloc(target: Target) -> str:
    return target.server.partition("://")[2].partition("/")[0]


def _hint(kind: str, user: str) -> str:
    if kind == "unauthorized":
        return "the credentials expired or belong to another cluster: log in again"
    if kind == "forbidden":
        return "ask an administrator for this right, or use another context"
    return ""


def _causes(details: Mapping[str, Any]) -> str:
    causes = details.get("causes")
    if not isinstance(causes, list):
        return ""
    told = []
    for cause in causes[:10]:
        if isinstance(cause, dict) and cause.get("message"):
            field = clean(str(cause.get("field") or ""))
            told.append(f"{field}: {clean(str(cause['message']))}" if field else clean(str(cause["message"])))
    return _short("; ".join(told))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = getattr(current, "os_error", None) or getattr(current, "certificate_error", None)
        current = inner if isinstance(inner, BaseException) else current.__cause__ or current.__context__


def _os_text(error: BaseException) -> str:
    for inner in _chain(error):
        if isinstance(inner, OSError) and inner.errno is not None and inner.errno in errno.errorcode:
            return os.strerror(inner.errno).lower()
        if isinstance(inner, OSError) and inner.strerror:
            return _short(clean(inner.strerror), 200)
    return _short(clean(str(error)), 200)


def _retry_after(value: str | None) -> float | None:
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(
        0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    )


def _short(text: str, longest: int = _LONGEST) -> str:
    text = clean(text).strip()
    return text if len(text) <= longest else text[: longest - 1] + ELLIPSIS
