"""What Flux' reasons mean, as sentences; reasons are an open set, and one that is not known speaks for itself."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["humanised", "sentence", "stuck_objects"]

_SECRET = re.compile(r"secrets? [\"'“]?([\w.-]+)[\"'”]? not found")
_REMOTE = re.compile(r"couldn't find remote ref [\"']?([^\"'\s]+)")
_OBJECTS = re.compile(r"(?:stalled resources|timeout waiting for): ?\[(.*?)\](?:$|:)", re.DOTALL)
_OBJECT = re.compile(r"([A-Z]\w*/[\w.-]+(?:/[\w.:-]+)?) status: '(\w+)'")
_FOLDER = re.compile(r"/[^\s:'`]*/kustomization-\d+/")
"""Where kustomize-controller unpacks a source: of no use to a person."""
_PATH = re.compile(r"path not found: stat \S*?/[\w-]+-\d+/(\S+?):")

_PLAIN = {
    "ArchiveOperationFailed": "what was fetched cannot be packed",
    "ArtifactUpToDate": "nothing new to fetch",
    "AccessDenied": "it may not use an object of another namespace",
    "BucketOperationFailed": "the bucket cannot be read",
    "BuildFailed": "what Git holds cannot be built",
    "ChartPackageError": "the chart cannot be packed",
    "ChartPullError": "the chart cannot be fetched",
    "ChartPullFailed": "the chart cannot be fetched",
    "ChartVerificationError": "the chart's signature does not verify",
    "DependencyNotReady": "waits for what it depends on",
    "DirCreationFailed": "source-controller cannot write to its storage",
    "DirectoryCreationFailed": "source-controller cannot write to its storage",
    "Drifted": "what runs differs from what was installed",
    "FetchFailed": "it cannot be fetched",
    "HealthCheckCanceled": "the health check was ended for a newer revision",
    "HealthCheckFailed": "its objects did not become healthy",
    "IncludeUnavailable": "a source that it includes has nothing to give",
    "IndexationFailed": "the repository's index cannot be read",
    "InstallFailed": "the chart could not be installed",
    "InstallSucceeded": "the chart is installed",
    "InvalidChartReference": "the reference to its chart is not valid",
    "InvalidCRDSpec": "the spec is not valid",
    "InvalidPolicy": "the policy is not valid",
    "InvalidProviderConfiguration": "the configuration of its provider is not valid",
    "InvalidSTSConfiguration": "the configuration of its credentials is not valid",
    "MissingRollbackTarget": "there is no release to roll back to",
    "MultipleDependencyNotReady": "waits for what it depends on",
    "NewRevision": "a new revision is to be fetched",
    "NoSourceArtifact": "its source has nothing to give yet",
    "OCIArtifactLayerOperationFailed": "the artifact's content cannot be read",
    "OCIArtifactPullFailed": "the artifact cannot be pulled",
    "OCIOperationFailed": "the registry cannot be read",
    "OCIPullFailed": "the artifact cannot be pulled",
    "OCILayerOperationFailed": "the artifact's content cannot be read",
    "PatchOperationFailed": "its status cannot be written",
    "Progressing": "at work",
    "ProgressingWithRetry": "tries again",
    "PruneFailed": "objects that left Git could not be deleted",
    "ReconciliationFailed": "the cluster refuses an object",
    "ReconciliationSucceeded": "applied",
    "ReadOperationFailed": "an object that it needs cannot be read",
    "RetryableError": "tries again after an error",
    "RollbackFailed": "the way back to the former release failed too",
    "RollbackSucceeded": "the upgrade failed; the former release is back",
    "SourceUnavailable": "its source has nothing to give",
    "SourceVerified": "the signature verifies",
    "Stalled": "it has given up",
    "StatOperationFailed": "source-controller cannot read its storage",
    "StorageOperationFailed": "source-controller cannot store what it fetched",
    "Succeeded": "well",
    "Suspended": "suspended",
    "SymlinkUpdateFailed": "source-controller cannot write to its storage",
    "TagListFailed": "the tags of the image cannot be listed",
    "TestFailed": "the chart's tests failed",
    "TestSucceeded": "the chart's tests passed",
    "TokenNotFound": "the token of the webhook is missing",
    "UninstallFailed": "the chart could not be removed",
    "UninstallSucceeded": "the chart is removed",
    "UpgradeFailed": "the chart could not be upgraded",
    "UpgradeSucceeded": "the chart is upgraded",
    "URLInvalid": "the address is not valid",
    "ValidationFailed": "the spec is not valid",
    "VerificationError": "the signature does not verify",
}
"""Reason -> what happened. The message follows it."""


def humanised(reason: str) -> str:
    """Return a reason in CamelCase as words: "SomeNewThing" as "some new thing"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", reason).lower()


def sentence(reason: str, message: str) -> str:
    """Return one sentence of what happened and why; both texts are clean already."""
    special = _SPECIAL.get(reason)
    said = special(message) if special is not None else None
    if said is not None:
        return said
    plain = _PLAIN.get(reason) or humanised(reason)
    if not message:
        return plain
    return f"{plain}: {message}" if plain else message


def stuck_objects(message: str) -> tuple[str, ...]:
    """Return the objects that a failed health check names, as "Kind/namespace/name"."""
    found = _OBJECTS.search(message)
    return tuple(each[1] for each in _OBJECT.finditer(found[1])) if found else ()


def _git(message: str) -> str | None:
    if "authentication required" in message or "authorization failed" in message or "invalid auth" in message:
        return "the Git server refuses the credentials: look at the Secret that its secretRef names"
    if "repository not found" in message:
        return "the Git server has no such repository, or hides it from these credentials"
    if found := _REMOTE.search(message):
        name = found[1].removeprefix("refs/heads/").removeprefix("refs/tags/")
        return f"the repository has no branch or tag {name}"
    if "no such host" in message:
        return f"the Git server's name does not resolve: {_end(message)}"
    if any(
        each in message for each in ("connection refused", "i/o timeout", "deadline exceeded", "no route to host")
    ):
        return f"the Git server does not answer: {_end(message)}"
    if "x509" in message or "certificate" in message:
        return f"the Git server's certificate is not trusted: {_end(message)}"
    return f"Git refuses: {message}" if message else "Git refuses"


def _authentication(message: str) -> str | None:
    if found := _SECRET.search(message):
        return f"the Secret {found[1]} with its credentials is missing"
    return f"its credentials cannot be used: {message}" if message else "its credentials cannot be used"


def _artifact(message: str) -> str | None:
    if found := _PATH.search(message):
        return f"the folder {found[1]} is not in the source"
    if "Source artifact not found" in message or "artifact not found" in message.lower():
        return "its source has nothing to give yet"
    if message.endswith("not found"):
        return f"its source does not exist: {message}"
    return f"what its source holds cannot be fetched: {message}" if message else "its source cannot be fetched"


def _health(message: str) -> str | None:
    stuck = stuck_objects(message)
    if not stuck:
        return None
    what = "does not become healthy" if len(stuck) == 1 else "do not become healthy"
    gave_up = "timeout waiting for" in message
    return f"{', '.join(stuck)} {what}{', and the time given has run out' if gave_up else ''}"


def _dependency(message: str) -> str | None:
    return f"waits: {message}" if message else None


def _refused(message: str) -> str | None:
    if " dry-run failed" in message:
        what, _, why = message.partition(" dry-run failed")
        return f"the cluster refuses {what.strip()}{': ' if why else ''}{_after_reason(why)}"
    return None


def _after_reason(why: str) -> str:
    """Drop what a dry run says first: its reason in brackets and whose object it is."""
    why = why.strip().lstrip(":").strip()
    if why.startswith("(") and "): " in why:
        reason, _, rest = why.partition("): ")
        return f"{rest.strip()} ({reason[1:]})"
    return why


def _build(message: str) -> str | None:
    said = _FOLDER.sub("", message.removeprefix("kustomize build failed: "))
    return f"what Git holds cannot be built: {said}" if said else None


def _end(message: str) -> str:
    return message.rpartition(": dial tcp ")[2] if ": dial tcp " in message else message


_SPECIAL: dict[str, Callable[[str], str | None]] = {
    "GitOperationFailed": _git,
    "BuildFailed": _build,
    "AuthenticationFailed": _authentication,
    "ArtifactFailed": _artifact,
    "HealthCheckFailed": _health,
    "DependencyNotReady": _dependency,
    "ReconciliationFailed": _refused,
}
