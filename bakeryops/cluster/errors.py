"""What goes wrong between us and a cluster, told apart by `kind` and worded for people."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bakeryops.errors import BakeryopsError, CredentialError, RefusedError, UnreachableError

__all__ = ["ErrorKind", "KubeError"]

ErrorKind = Literal[
    "unreachable",
    "timeout",
    "tls",
    "unauthorized",
    "forbidden",
    "not_found",
    "absent",
    "conflict",
    "exists",
    "gone",
    "invalid",
    "throttled",
    "unavailable",
    "server",
    "protocol",
]
"""`absent` is a 404 of a whole collection (the kind is not served), `not_found` of one object."""


class KubeError(BakeryopsError):
    """A request that did not succeed; the message is the server's own where it gave one, cleaned.

    Constructing it gives the subclass that carries the right exit code, so `except UnreachableError`,
    `except CredentialError` and `except RefusedError` catch the kinds they should.
    """

    _classes: ClassVar[dict[str, type[KubeError]]] = {}

    def __new__(cls, message: str, *, kind: ErrorKind = "server", **_: Any) -> KubeError:
        """Choose the subclass of `kind`."""
        chosen = KubeError._classes.get(kind, KubeError) if cls is KubeError else cls
        return super().__new__(chosen, message)

    def __init__(
        self,
        message: str,
        *,
        kind: ErrorKind = "server",
        status: int | None = None,
        reason: str = "",
        retry_after: float | None = None,
        details: dict[str, Any] | None = None,
        why: str = "",
        hint: str = "",
    ) -> None:
        """Take the HTTP `status` and Status `reason` where there was an answer, and `retry_after` in seconds."""
        super().__init__(message, why=why, hint=hint)
        self.kind: ErrorKind = kind
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        self.details: dict[str, Any] = details or {}
        """The Status' `details`; for an expired continue token also its `continue`."""


class _NoConnectionError(KubeError, UnreachableError):
    """No answer of the cluster's came back."""

    exit_code = 4


class _UnauthorizedError(KubeError, CredentialError):
    """The cluster does not accept who we say we are."""

    exit_code = 4


class _ForbiddenError(KubeError, RefusedError):
    """The cluster knows us and says no."""

    exit_code = 5


KubeError._classes.update(  # noqa: SLF001
    unreachable=_NoConnectionError,
    timeout=_NoConnectionError,
    tls=_NoConnectionError,
    protocol=_NoConnectionError,
    unauthorized=_UnauthorizedError,
    forbidden=_ForbiddenError,
)
