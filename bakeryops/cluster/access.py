"""What we may do, asked before trying."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from bakeryops.cluster.decode import UNREADABLE
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.transport import Transport
from bakeryops.text import clean

__all__ = ["Access", "Verdict"]

_LIFE = 60.0
"""Seconds for which an answer holds."""
_REVIEWS = "/apis/authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an action is allowed."""

    allowed: bool
    reason: str = ""
    """Why not, for people; for an unknown verdict, why it is not known."""
    known: bool = True
    """False where the cluster could not be asked: then `allowed` is True, and the attempt itself will tell."""


@dataclass(frozen=True, slots=True)
class _Rule:
    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]

    def allows(self, verb: str, group: str, resource: str, subresource: str, name: str) -> bool:
        if not self.verbs & {verb, "*"} or not self.groups & {group, "*"}:
            return False
        if self.names and name not in self.names:
            return False
        whole = f"{resource}/{subresource}" if subresource else resource
        return bool(self.resources & {whole, "*", f"*/{subresource}" if subresource else whole})


@dataclass(slots=True)
class _Rules:
    until: float
    complete: bool
    rules: list[_Rule]


class Access:
    """Answers from one SelfSubjectRulesReview a namespace, and from single reviews where that does not tell."""

    def __init__(self, transport: Transport, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the transport and a monotonic clock."""
        self._transport = transport
        self._clock = clock
        self._rules: dict[str, _Rules] = {}
        self._single: dict[tuple[str, ...], tuple[float, Verdict]] = {}
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}

    async def can(
        self,
        verb: str,
        group: str,
        resource: str,
        namespace: str | None = None,
        name: str | None = None,
        subresource: str | None = None,
    ) -> Verdict:
        """Return whether we may do `verb` on `resource` (plural); in all namespaces where `namespace` is None.

        Never raises `KubeError`: where the cluster cannot be asked, the verdict says so.
        """
        try:
            if namespace is None:
                # A rules review does not say which of its rules hold in every namespace.
                return await self._ask(verb, group, resource, "", name or "", subresource or "")
            rules = await self._of(namespace)
            if any(rule.allows(verb, group, resource, subresource or "", name or "") for rule in rules.rules):
                return Verdict(True)
            if rules.complete:
                return Verdict(False, _reason(verb, group, resource, namespace, subresource or ""))
            return await self._ask(verb, group, resource, namespace, name or "", subresource or "")
        except KubeError as error:
            return Verdict(True, f"not known: {error.message}", known=False)

    def forget(self) -> None:
        """Ask anew from now on; what is being asked is not disturbed."""
        self._rules.clear()
        self._single.clear()

    async def _of(self, namespace: str) -> _Rules:
        async with self._locks.setdefault(("rules", namespace), asyncio.Lock()):
            known = self._rules.get(namespace)
            if known is not None and self._clock() < known.until:
                return known
            status = await self._review("SelfSubjectRulesReview", {"namespace": namespace})
            listed = status.get("resourceRules")
            found = _Rules(
                self._clock() + _LIFE,
                status.get("incomplete") is False,
                [_rule(each) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else [],
            )
            self._rules[namespace] = found
            return found

    async def _ask(
        self, verb: str, group: str, resource: str, namespace: str, name: str, subresource: str
    ) -> Verdict:
        key = (verb, group, resource, namespace, name, subresource)
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._single.get(key)
            if known is not None and self._clock() < known[0]:
                return known[1]
            asked = {
                "verb": verb,
                "group": group,
                "resource": resource,
                "namespace": namespace,
                "name": name,
                "subresource": subresource,
            }
            attributes = {key: value for key, value in asked.items() if value}
            status = await self._review("SelfSubjectAccessReview", {"resourceAttributes": attributes})
            if status.get("allowed") is True:
                verdict = Verdict(True)
            else:
                said = clean(str(status.get("reason") or status.get("evaluationError") or ""))
                told = _reason(verb, group, resource, namespace, subresource)
                verdict = Verdict(False, f"{told} ({said})" if said else told)
            self._single[key] = (self._clock() + _LIFE, verdict)
            return verdict

    async def _review(self, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        answer = await self._transport.send_json("POST", f"{_REVIEWS}/{kind.lower()}s", body)
        try:
            status = msgspec.json.decode(answer).get("status")
        except (*UNREADABLE, AttributeError):
            status = None
        if not isinstance(status, dict):
            raise KubeError(f"the cluster's {kind} has no status", kind="protocol")
        return status


def _reason(verb: str, group: str, resource: str, namespace: str, subresource: str) -> str:
    what = f"{resource}/{subresource}" if subresource else resource
    where = f"in {namespace}" if namespace else "in the whole cluster"
    return clean(f"you lack the right {verb} on {what}{f' ({group})' if group else ''} {where}")


def _rule(body: dict[str, Any]) -> _Rule:
    def texts(key: str) -> Iterable[str]:
        value = body.get(key)
        return (each for each in value if isinstance(each, str)) if isinstance(value, list) else ()

    return _Rule(
        frozenset(texts("verbs")),
        frozenset(texts("apiGroups")),
        frozenset(texts("resources")),
        frozenset(texts("resourceNames")),
    )
