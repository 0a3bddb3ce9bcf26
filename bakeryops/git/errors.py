"""What goes wrong between us and a Git repository, told apart by `kind` and worded for people."""

from __future__ import annotations

import re
from typing import Any, Literal

from bakeryops.errors import BakeryopsError, CredentialError, RefusedError, UnreachableError
from bakeryops.text import clean

__all__ = ["GitError", "GitErrorKind", "explained"]

GitErrorKind = Literal[
    "host", "refused", "timeout", "tls", "unauthorized", "forbidden", "not_found", "branch", "missing", "git",
    "disk", "locked", "corrupt", "server", "other",
]  # fmt: skip
"""`host` is a name that does not resolve, `missing` a commit or file that is not there, `git` a git that cannot be
run, `server` an answer of 5xx, `corrupt` a mirror that has to be made anew."""

_LONGEST = 400


class GitError(BakeryopsError):
    """A question to Git that was not answered; the texts are cleaned and hold no secret.

    Constructing it gives the subclass that carries the right exit code.
    """

    def __new__(cls, message: str, *, kind: GitErrorKind = "other", **_: Any) -> GitError:
        """Choose the subclass of `kind`."""
        return super().__new__(_CLASSES.get(kind, GitError) if cls is GitError else cls, message)

    def __init__(self, message: str, *, kind: GitErrorKind = "other", why: str = "", hint: str = "") -> None:
        """Take what happened, of which kind it is, its cause and its mend."""
        super().__init__(message, why=why, hint=hint)
        self.kind: GitErrorKind = kind


class _NoConnectionError(GitError, UnreachableError):
    """No answer of the repository's came back."""


class _UnauthorizedError(GitError, CredentialError):
    """The repository does not accept who we say we are."""


class _ForbiddenError(GitError, RefusedError):
    """The repository knows us and says no."""


_CLASSES: dict[str, type[GitError]] = {
    "host": _NoConnectionError,
    "refused": _NoConnectionError,
    "timeout": _NoConnectionError,
    "tls": _NoConnectionError,
    "server": _NoConnectionError,
    "unauthorized": _UnauthorizedError,
    "forbidden": _ForbiddenError,
}

_CREDENTIALS = "Name a file with the right credentials in git.credentials."
_SAYINGS: tuple[tuple[str, GitErrorKind, str, str], ...] = (
    ("no space left on device|disk quota exceeded", "disk", "the disk is full", "Make room, then look again."),
    (
        "could not resolve host|name or service not known|temporary failure in name resolution",
        "host",
        "the host's name does not resolve on this machine",
        "Look at git.url, or set it to an address that this machine knows.",
    ),
    (
        "operation too slow|timed out|timeout was reached",
        "timeout",
        "it did not answer in time",
        "Look whether Gitea is running and reachable from here.",
    ),
    (
        "connection refused|failed to connect|couldn't connect|could not connect|no route to host|empty reply"
        "|network is unreachable|connection reset|unexpected disconnect|early eof|hung up unexpectedly",
        "refused",
        "nothing answers there, or it hangs up",
        "Look whether Gitea is running and reachable from here.",
    ),
    (
        "ssl certificate|certificate problem|certificate verif|gnutls|ssl_connect|tlsv1|wrong version number",
        "tls",
        "its certificate is not trusted, or it does not speak TLS",
        "Correct git.url (http or https), or let this machine trust the certificate.",
    ),
    (
        "host key verification failed",
        "tls",
        "its SSH host key is not known",
        "Add it to known_hosts with ssh-keyscan.",
    ),
    (
        "authentication failed|could not read username|could not read password|invalid credentials|error: 401"
        "|permission denied \\(",
        "unauthorized",
        "it asks who we are and does not accept the answer",
        _CREDENTIALS,
    ),
    ("error: 403|access denied|forbidden", "forbidden", "this user may not read it", _CREDENTIALS),
    (
        "couldn't find remote ref|could not find remote branch|remote branch .* not found",
        "branch",
        "it has no such branch",
        "Set git.branch to the branch that is built.",
    ),
    (
        "repository .* not found|error: 404|does not appear to be a git repository|no such file or directory"
        "|not valid: is this a git|does not exist",
        "not_found",
        "there is no such repository, or this user may not see it",
        "Look at git.url; a private repository also needs git.credentials.",
    ),
    (
        "error: 5[0-9][0-9]|internal server error|bad gateway",
        "server",
        "its server reports a fault of its own",
        "",
    ),
    (
        "bad object|unknown revision|not a valid|ambiguous argument|bad revision|needed a single revision",
        "missing",
        "there is no such commit",
        "It may not have been fetched yet, or have been removed from the branch.",
    ),
    ("unable to create '.*\\.lock'|cannot lock ref", "locked", "a lock was left behind", ""),
    (
        "object file .* is empty|loose object .* is corrupt|missing blob|missing tree|unable to read tree"
        "|not a git repository|packfile .* (?:cannot|is)|did not send all necessary objects|bad signature"
        "|inflate:|bad config|broken|unable to unpack|fatal: packed object",
        "corrupt",
        "the mirror on this machine is damaged",
        "",
    ),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), kind, why, hint) for pattern, kind, why, hint in _SAYINGS)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


def explained(doing: str, stderr: str) -> GitError:
    """Return the error of a git that failed while `doing` something ("fetching main"), by what it said."""
    said = _USERINFO.sub("", stderr)
    lines = [clean(line).strip() for line in said.splitlines()]
    telling = [line for line in lines if line.lower().startswith(("fatal:", "error:", "remote:"))] or lines
    text = next((line for line in reversed(telling) if line), "")[:_LONGEST]
    for pattern, kind, why, hint in _PATTERNS:
        if pattern.search(said):
            return GitError(f"{doing}: {why}", kind=kind, why=f"git says: {text}" if text else "", hint=hint)
    return GitError(f"{doing}: git failed", why=f"git says: {text}" if text else "it said nothing")
