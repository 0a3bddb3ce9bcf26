"""From a request to its handler: authentication, authorisation, dispatch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bakeryops.demo import reading, routes_other, routes_pods, routes_scale, watching, writing
from bakeryops.demo.api import Api, Call
from bakeryops.demo.rbac import ANONYMOUS, Attributes, User, authorize
from bakeryops.demo.request import Format, Target, accepted_format, parse_target
from bakeryops.demo.reviews import REVIEWS, review
from bakeryops.demo.status import StatusError, forbidden_access, method_not_allowed, unauthorized

__all__ = ["authenticate", "handle"]

Handler = Callable[[Call], Awaitable[web.StreamResponse]]

_COLLECTION: dict[str, Handler] = {
    "GET": reading.list_objects,
    "POST": writing.create_object,
    "DELETE": writing.delete_collection,
}
_OBJECT: dict[str, Handler] = {
    "GET": reading.get_object,
    "PUT": writing.update_object,
    "PATCH": writing.patch_object,
    "DELETE": writing.delete_object,
}
_STATUS: dict[str, Handler] = {
    "GET": reading.get_object,
    "PUT": writing.update_object,
    "PATCH": writing.patch_object,
}
_SUBRESOURCES: dict[tuple[str, str], Handler] = {
    ("pods", "log"): routes_pods.pod_log,
    ("pods", "exec"): routes_pods.pod_exec,
    ("pods", "attach"): routes_pods.not_offered,
    ("pods", "portforward"): routes_pods.pod_port_forward,
    ("pods", "eviction"): routes_pods.evict,
    ("pods", "binding"): routes_pods.bind,
    ("nodes", "proxy"): routes_other.node_proxy,
    ("namespaces", "finalize"): routes_other.finalize_namespace,
    ("serviceaccounts", "token"): routes_other.create_token,
}


def authenticate(api: Api, request: web.Request) -> User:
    """Return who asks; raises `StatusError` 401 for a token that nobody has."""
    header = request.headers.get("Authorization", "")
    if not header:
        return ANONYMOUS
    scheme, _, token = header.partition(" ")
    user = api.users.get(token.strip()) if scheme.lower() == "bearer" else None
    if user is None:
        raise unauthorized()
    return _impersonated(api, request, user)


def _impersonated(api: Api, request: web.Request, user: User) -> User:
    """Return the user that the request wants to act as, if it may; raises `StatusError` 403."""
    name = request.headers.get("Impersonate-User", "")
    groups = request.headers.getall("Impersonate-Group", [])
    if not name:
        return user
    wanted = [("users", name), *(("groups", group) for group in groups)]
    for resource, each in wanted:
        asked = Attributes("impersonate", "", resource, "", each)
        if not authorize(api.store, user, asked).allowed:
            raise forbidden_access(user.name, "impersonate", resource, "", None, each)
    return User(name, (*groups, "system:authenticated"))


async def handle(api: Api, request: web.Request, user: User) -> web.StreamResponse:
    """Answer a request; raises `StatusError`."""
    target = parse_target(request.method, request.path, dict(request.query))
    if target is None:
        allowed = authorize(api.store, user, Attributes(verb=request.method.lower(), path=request.path))
        if not allowed.allowed:
            raise _forbidden_path(user, request)
        return await routes_other.serve_path(api, request)
    _authorize(api, user, target)
    form = accepted_format(request.headers.get("Accept", "")) if target.subresource != "log" else Format()
    if (target.group, target.resource) in REVIEWS and target.version == "v1":
        return await review(api, request, user, target, form)
    resource = api.store.registry.served(target.group, target.version, target.resource)
    if resource is None:
        return routes_other.no_such_page()
    call = Call(api, request, user, target, resource, form)
    if resource.computed:
        return await routes_other.metrics(call)
    return await _handler(call)(call)


def _handler(call: Call) -> Handler:
    target = call.target
    method = "GET" if call.request.method == "HEAD" else call.request.method
    if target.verb == "watch":
        return watching.watch_objects
    if target.subresource:
        special = _SUBRESOURCES.get((call.resource.key, target.subresource))
        if special is not None:
            return special
        if not call.resource.has(target.subresource):
            return _missing
        if target.subresource == "scale":
            return routes_scale.scale
        table = _STATUS
    else:
        table = _OBJECT if target.name else _COLLECTION
    handler = table.get(method)
    if handler is None or (target.verb == "deletecollection" and "deletecollection" not in call.resource.verbs):
        raise method_not_allowed()
    return handler


async def _missing(_call: Call) -> web.StreamResponse:
    return routes_other.no_such_page()


def _authorize(api: Api, user: User, target: Target) -> None:
    resource = f"{target.resource}/{target.subresource}" if target.subresource else target.resource
    asked = Attributes(target.verb, target.group, resource, target.namespace, target.name)
    if not authorize(api.store, user, asked).allowed:
        raise forbidden_access(
            user.name, target.verb, target.resource, target.group, target.namespace or None, target.name,
            target.subresource,
        )  # fmt: skip


def _forbidden_path(user: User, request: web.Request) -> StatusError:
    verb = request.method.lower()
    message = f'forbidden: User "{user.name}" cannot {verb} path "{request.path}"'
    return StatusError(403, "Forbidden", message, details={})
