"""Access reviews: who am I, what may I do."""

from __future__ import annotations

from aiohttp import web

from bakeryops.demo.api import Api, answer
from bakeryops.demo.contracts import Object
from bakeryops.demo.fieldsets import diff
from bakeryops.demo.rbac import Attributes, User, authorize, rules_for
from bakeryops.demo.request import Format, Target, parse_body
from bakeryops.demo.schema import builtin_shape
from bakeryops.demo.status import bad_request, method_not_allowed

__all__ = ["REVIEWS", "review"]

REVIEWS = {
    ("authorization.k8s.io", "selfsubjectaccessreviews"): "SelfSubjectAccessReview",
    ("authorization.k8s.io", "selfsubjectrulesreviews"): "SelfSubjectRulesReview",
    ("authorization.k8s.io", "subjectaccessreviews"): "SubjectAccessReview",
    ("authorization.k8s.io", "localsubjectaccessreviews"): "LocalSubjectAccessReview",
    ("authentication.k8s.io", "selfsubjectreviews"): "SelfSubjectReview",
}


async def review(api: Api, request: web.Request, user: User, target: Target, form: Format) -> web.StreamResponse:
    """Answer a review; nothing is stored."""
    kind = REVIEWS[target.group, target.resource]
    if request.method != "POST":
        raise method_not_allowed()
    body = parse_body(await request.read(), request.headers.get("Content-Type", ""), kind)
    if body.get("kind") not in (kind, None):
        raise bad_request(f"the object provided is unrecognized (must be of type {kind})")
    spec: Object = body.get("spec") or {}
    api_version = f"{target.group}/v1"
    head: Object = {"kind": kind, "apiVersion": api_version}
    if kind == "SelfSubjectReview":
        status: Object = {"userInfo": _user_info(user)}
        meta: Object = {"creationTimestamp": api.store.now_text()}
        return answer({**head, "metadata": meta, "status": status}, status=201, as_yaml=form.yaml)
    if kind == "SelfSubjectRulesReview":
        if not spec.get("namespace"):
            raise bad_request("no namespace on request")
        resources, others = rules_for(api.store, user, spec["namespace"])
        status = {"resourceRules": resources, "nonResourceRules": others, "incomplete": False}
        return answer({**head, "metadata": {}, "spec": {}, "status": status}, status=201, as_yaml=form.yaml)
    if kind in ("SubjectAccessReview", "LocalSubjectAccessReview"):
        user = User(spec.get("user") or "", tuple(spec.get("groups") or ()))
    decision = authorize(api.store, user, _attributes(spec))
    status = {"allowed": decision.allowed}
    if decision.reason:
        status["reason"] = decision.reason
    fields, _ = diff({}, {"spec": spec}, builtin_shape(kind))
    manager = request.headers.get("User-Agent", "").partition("/")[0] or "unknown"
    entry = {
        "manager": manager, "operation": "Update", "apiVersion": api_version, "time": api.store.now_text(),
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    }  # fmt: skip
    return answer(
        {**head, "metadata": {"managedFields": [entry]}, "spec": spec, "status": status},
        status=201, as_yaml=form.yaml,
    )  # fmt: skip


def _attributes(spec: Object) -> Attributes:
    other = spec.get("nonResourceAttributes")
    if other:
        return Attributes(verb=other.get("verb", ""), path=other.get("path", ""))
    asked = spec.get("resourceAttributes")
    if not asked:
        raise bad_request("exactly one of nonResourceAttributes or resourceAttributes must be specified")
    resource = asked.get("resource", "")
    if asked.get("subresource"):
        resource = f"{resource}/{asked['subresource']}"
    return Attributes(
        verb=asked.get("verb", ""),
        group=asked.get("group", ""),
        resource=resource,
        namespace=asked.get("namespace", ""),
        name=asked.get("name", ""),
    )


def _user_info(user: User) -> Object:
    info: Object = {"username": user.name}
    if user.uid:
        info["uid"] = user.uid
    info["groups"] = list(user.groups)
    return info
