"""Label and field selectors, parsed into predicates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig
from bakeryops.demo.resources import Resource
from bakeryops.demo.status import bad_request

__all__ = ["Predicate", "field_selector", "label_selector", "matches_selector", "selector_text"]

Predicate = Callable[[Object], bool]
_Test = Callable[[Mapping[str, str]], bool]

_TOKEN = re.compile(r"\s*(?:(?P<op>==|!=|=|!|,|\(|\)|<|>)|(?P<word>[^\s=!,()<>]+))")
_KEY = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")


def label_selector(text: str) -> Predicate | None:
    """Return the predicate of a `labelSelector`, None when it selects everything; raises `StatusError` 400."""
    if not text.strip():
        return None
    tests = _Parser(text).parse()

    def matches(obj: Object) -> bool:
        labels = (obj.get("metadata") or {}).get("labels") or {}
        return all(test(labels) for test in tests)

    return matches


class _Parser:
    """Recursive descent over the grammar of label selectors."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            found = _TOKEN.match(stripped, position)
            if found is None:
                raise bad_request(f"unable to parse requirement: unexpected input in {text!r}")
            self._tokens.append(found["op"] or found["word"])
            position = found.end()
        self._at = 0

    def parse(self) -> list[_Test]:
        tests = []
        while True:
            tests.append(self._requirement())
            word = self._next()
            if word == "":
                return tests
            if word != ",":
                raise bad_request(f"found '{word}', expected: ',' or 'end of string'")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _key(self) -> str:
        key = self._next()
        if not _KEY.fullmatch(key):
            raise bad_request(f"unable to parse requirement: found '{key}', expected: identifier")
        return key

    def _requirement(self) -> _Test:
        if self._peek() == "!":
            self._next()
            absent = self._key()
            return lambda labels: absent not in labels
        key = self._key()
        operator = self._peek()
        if operator in ("", ","):
            return lambda labels: key in labels
        self._next()
        if operator in ("=", "=="):
            value = self._value()
            return lambda labels: labels.get(key) == value
        if operator == "!=":
            other = self._value()
            return lambda labels: labels.get(key) != other
        if operator in ("in", "notin"):
            values = self._values()
            if operator == "in":
                return lambda labels: labels.get(key) in values
            return lambda labels: labels.get(key) not in values
        if operator in ("<", ">"):
            return self._compare(key, operator)
        raise bad_request(
            f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=, gt, lt"
        )

    def _compare(self, key: str, operator: str) -> _Test:
        text = self._value()
        if not text.lstrip("-").isdigit():
            raise bad_request(
                "unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer"
            )
        bound = int(text)

        def test(labels: Mapping[str, str]) -> bool:
            value = labels.get(key, "")
            if not value.lstrip("-").isdigit():
                return False
            return int(value) < bound if operator == "<" else int(value) > bound

        return test

    def _value(self) -> str:
        return "" if self._peek() in ("", ",") else self._next()

    def _values(self) -> frozenset[str]:
        if self._next() != "(":
            raise bad_request("unable to parse requirement: found no '(', expected: '('")
        values: set[str] = set()
        while True:
            word = self._next()
            if word == ")":
                return frozenset(values)
            if word == "":
                raise bad_request("unable to parse requirement: found '', expected: ',', or ')'")
            if word != ",":
                values.add(word)


_META_FIELDS = ("metadata.name", "metadata.namespace")
_FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
    ),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
    "replicationcontrollers": ("status.replicas",),
    "replicasets.apps": ("status.replicas",),
    "jobs.batch": ("status.successful",),
    "events": (
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type",
    ),
}  # fmt: skip
_FIELDS["events.events.k8s.io"] = tuple(
    name.replace("involvedObject", "regarding").replace("reportingComponent", "reportingController")
    for name in _FIELDS["events"]
)
_RENAMED = {"source": ("source", "component"), "reportingController": ("reportingComponent",)}


def field_selector(text: str, resource: Resource) -> Predicate | None:
    """Return the predicate of a `fieldSelector`, None when it selects everything; raises `StatusError` 400."""
    tests = [_field_test(part, resource) for part in re.split(r"(?<!\\),", text) if part.strip()]
    if not tests:
        return None
    return lambda obj: all(test(obj) for test in tests)


def _field_test(part: str, resource: Resource) -> Predicate:
    found = re.fullmatch(r"\s*([^=!]+?)\s*(!=|==|=)(.*)", part, re.DOTALL)
    if found is None:
        raise bad_request(f"invalid selector: {part!r}; can't understand {part!r}")
    name, operator, value = found[1], found[2], re.sub(r"\\(.)", r"\1", found[3])
    known = _FIELDS.get(resource.key, ())
    if name not in _META_FIELDS and name not in known and not _selectable(resource, name):
        if resource.custom or resource.key in _FIELDS:
            raise bad_request(f"field label not supported: {name}")
        raise bad_request(f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    path = _RENAMED.get(name) or tuple(name.replace("regarding", "involvedObject").split("."))
    wanted = operator != "!="
    return lambda obj: (_as_text(_field(obj, path), name) == value) is wanted


def _selectable(resource: Resource, name: str) -> bool:
    for version in dig(resource.definition, "spec", "versions") or ():
        for field in version.get("selectableFields") or ():
            if str(field.get("jsonPath", "")).lstrip(".") == name:
                return True
    return False


def _field(obj: Object, path: tuple[str, ...]) -> Any:
    if path == ("status", "podIPs"):
        return dig(obj, "status", "podIP")
    if path == ("status", "successful"):
        return dig(obj, "status", "succeeded") or 0
    return dig(obj, *path)


def _as_text(value: Any, name: str) -> str:
    if value is None:
        return "false" if name in ("spec.unschedulable", "spec.hostNetwork") else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def matches_selector(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Say whether labels satisfy a LabelSelector object; None selects nothing, an empty one everything."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for each in selector.get("matchExpressions") or ():
        value = labels.get(each.get("key"))
        values = each.get("values") or ()
        holds = {
            "In": value is not None and value in values,
            "NotIn": value is None or value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }.get(each.get("operator"), False)
        if not holds:
            return False
    return True


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """Return a LabelSelector object in the notation of `labelSelector`."""
    if not selector:
        return ""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for each in selector.get("matchExpressions") or ():
        key, values = each.get("key"), ",".join(sorted(each.get("values") or ()))
        parts.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": f"{key}",
                "DoesNotExist": f"!{key}",
            }.get(each.get("operator"), "")
        )
    return ",".join(parts)
