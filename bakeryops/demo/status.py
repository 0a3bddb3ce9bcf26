"""Errors of the Kubernetes API as `Status` objects, in the words a real API server uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bakeryops.demo.contracts import Object

__all__ = [
    "Cause",
    "StatusError",
    "already_exists",
    "bad_request",
    "conflict",
    "expired",
    "forbidden",
    "forbidden_access",
    "internal_error",
    "invalid",
    "method_not_allowed",
    "not_found",
    "not_implemented",
    "page_not_found",
    "status_object",
    "too_many_requests",
    "unauthorized",
    "unsupported_media_type",
]

MODIFIED_MESSAGE = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of `details.causes`."""

    reason: str
    """FieldValueInvalid, FieldValueRequired, FieldManagerConflict …"""
    message: str
    field: str
    """Path such as `spec.template.spec.containers[0].image`."""


class StatusError(Exception):
    """An API call that failed; `status()` is the body of the answer."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Object | None = None,
        headers: dict[str, str] | None = None,
        metadata: Object | None = None,
    ) -> None:
        """Take the HTTP status, the machine-readable reason and the message."""
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = headers or {}
        self.metadata = metadata or {}

    def status(self) -> Object:
        """Return the `Status` object."""
        body: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


def status_object(details: Object) -> Object:
    """Return the `Success` status that a finished deletion is answered with."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def qualified(plural: str, group: str) -> str:
    """Return `deployments.apps`, or `pods` for the core group."""
    return f"{plural}.{group}" if group else plural


def _details(plural: str, group: str, name: str = "") -> Object:
    details: Object = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    details["kind"] = plural
    return details


def not_found(plural: str, group: str, name: str) -> StatusError:
    """An object that is not there."""
    message = f'{qualified(plural, group)} "{name}" not found'
    return StatusError(404, "NotFound", message, details=_details(plural, group, name))


def page_not_found() -> StatusError:
    """A resource or group that is not served; the HTTP layer may answer it as plain text instead."""
    message = "the server could not find the requested resource"
    return StatusError(404, "NotFound", message, details={})


def already_exists(plural: str, group: str, name: str) -> StatusError:
    """An object that was to be created and is there."""
    message = f'{qualified(plural, group)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, details=_details(plural, group, name))


def conflict(plural: str, group: str, name: str, why: str = MODIFIED_MESSAGE) -> StatusError:
    """A write on top of another revision than the caller had seen."""
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return StatusError(409, "Conflict", message, details=_details(plural, group, name))


def invalid(kind: str, group: str, name: str, causes: Iterable[Cause]) -> StatusError:
    """An object that fails validation (422)."""
    listed = list(causes)
    texts = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in listed]
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    subject = f'{qualified(kind, group)} "{name}"'
    details = _details(kind, group, name)
    details["causes"] = [
        {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in listed
    ]
    return StatusError(422, "Invalid", f"{subject} is invalid: {joined}", details=details)


def bad_request(message: str) -> StatusError:
    """A request that makes no sense (400)."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """A token that nobody knows (401)."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(plural: str, group: str, name: str, why: str) -> StatusError:
    """A write that admission or policy refuses (403)."""
    subject = f'{qualified(plural, group)} "{name}"' if name else qualified(plural, group)
    details = _details(plural, group, name)
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {why}", details=details)


def forbidden_access(
    user: str, verb: str, plural: str, group: str, namespace: str | None, name: str = "", subresource: str = ""
) -> StatusError:
    """A request that no role of the user allows (403)."""
    resource = f"{plural}/{subresource}" if subresource else plural
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    why = f'User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {where}'
    return forbidden(plural, group, name, why)


def expired(message: str, metadata: Object | None = None) -> StatusError:
    """A revision that has been compacted (410)."""
    return StatusError(410, "Expired", message, metadata=metadata)


def method_not_allowed() -> StatusError:
    """A method the resource does not know (405)."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, details={})


def unsupported_media_type(message: str) -> StatusError:
    """A body in a format the resource does not take (415)."""
    return StatusError(415, "UnsupportedMediaType", message, details={})


def too_many_requests(message: str, retry_after: int, details: Object | None = None) -> StatusError:
    """Throttled, or an eviction that a budget forbids now (429)."""
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return StatusError(429, "TooManyRequests", message, details=details, headers=headers)


def not_implemented(message: str) -> StatusError:
    """Something this server does not do (501)."""
    return StatusError(501, "NotImplemented", message)


def internal_error(message: str) -> StatusError:
    """A failure inside the server (500)."""
    details = {"causes": [{"message": message}]}
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", details=details)
