"""Paths that are no plain resource: discovery, version, health, OpenAPI, metrics, node proxy."""

from __future__ import annotations

from aiohttp import web

from bakeryops.demo import openapi_protobuf
from bakeryops.demo.api import Api, Call, answer, base_headers
from bakeryops.demo.contracts import Object
from bakeryops.demo.discovery import Discovery, aggregated_version
from bakeryops.demo.openapi import document_v2, document_v3, index_v3
from bakeryops.demo.reading import object_answer
from bakeryops.demo.request import parse_body
from bakeryops.demo.selectors import field_selector, label_selector
from bakeryops.demo.status import method_not_allowed, not_found, not_implemented
from bakeryops.demo.tables import render_table

__all__ = ["create_token", "finalize_namespace", "metrics", "no_such_page", "node_proxy", "serve_path"]

VERSION = {
    "major": "1",
    "minor": "33",
    "emulationMajor": "1",
    "emulationMinor": "33",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "32",
    "gitVersion": "v1.33.5",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.24.6",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_ROOT_PATHS = ("/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version")
_CHECKS = (
    "ping", "log", "etcd", "informer-sync", "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced", "poststarthook/rbac/bootstrap-roles",
    "poststarthook/start-system-namespaces",
)  # fmt: skip


def no_such_page() -> web.Response:
    """Answer to a path that nobody serves: plain text, as the real server gives."""
    return web.Response(
        text="404 page not found\n",
        status=404,
        headers={**base_headers(), "X-Content-Type-Options": "nosniff"},
    )


async def serve_path(api: Api, request: web.Request) -> web.StreamResponse:
    """Answer a path that names no resource."""
    parts = [part for part in request.path.split("/") if part]
    if request.method not in ("GET", "HEAD"):
        if parts[:1] in (["api"], ["apis"]):
            raise method_not_allowed()
        return no_such_page()
    if not parts:
        return answer({"paths": list(_ROOT_PATHS)})
    if parts == ["version"]:
        return answer(VERSION)
    if parts[0] in ("healthz", "livez", "readyz"):
        return _health(request, parts)
    if parts[0] == "openapi":
        return _openapi(api, request, parts[1:])
    return _discovery(api, request, parts)


def _health(request: web.Request, parts: list[str]) -> web.Response:
    headers = {**base_headers(), "X-Content-Type-Options": "nosniff"}
    if len(parts) > 1:
        known = "/".join(parts[1:]) in _CHECKS
        return web.Response(text="ok", headers=headers) if known else no_such_page()
    if "verbose" not in request.query:
        return web.Response(text="ok", headers=headers)
    lines = [f"[+]{check} ok" for check in _CHECKS]
    return web.Response(text="\n".join([*lines, f"{parts[0]} check passed", ""]), headers=headers)


def _discovery(api: Api, request: web.Request, parts: list[str]) -> web.Response:
    discovery = Discovery(api.store.registry, api.address)
    body: Object | None = None
    if parts in (["api"], ["apis"]):
        wanted = aggregated_version(request.headers.get("Accept", ""))
        if wanted:
            return _aggregated(discovery, request, parts[0], wanted)
        body = discovery.api_versions() if parts == ["api"] else discovery.group_list()
    elif parts == ["api", "v1"]:
        body = discovery.resource_list("", "v1")
    elif parts[0] == "apis" and len(parts) == 2:
        body = discovery.group(parts[1])
    elif parts[0] == "apis" and len(parts) == 3:
        body = discovery.resource_list(parts[1], parts[2])
    return answer(body) if body is not None else no_such_page()


def _aggregated(discovery: Discovery, request: web.Request, root: str, version: str) -> web.Response:
    body, etag = discovery.aggregated(root, version)
    headers = {**base_headers(), "ETag": etag, "Vary": "Accept"}
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    media = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    return web.Response(body=body, headers={**headers, "Content-Type": media})


def _openapi(api: Api, request: web.Request, parts: list[str]) -> web.Response:
    if parts == ["v3"]:
        return answer(index_v3(api.store.registry))
    if parts[:1] == ["v3"]:
        body = document_v3(api.store.registry, "/".join(parts[1:]))
        return answer(body) if body is not None else no_such_page()
    if parts == ["v2"]:
        document = document_v2(api.store.registry)
        if openapi_protobuf.MEDIA_TYPE in request.headers.get("Accept", ""):
            encoded = openapi_protobuf.encode_document(document)
            return web.Response(
                body=encoded, headers={**base_headers(), "Content-Type": openapi_protobuf.CONTENT_TYPE}
            )
        return answer(document)
    return no_such_page()


async def metrics(call: Call) -> web.StreamResponse:
    """GET of metrics.k8s.io: objects that are made when asked for."""
    if call.request.method not in ("GET", "HEAD") or call.target.verb == "watch":
        raise method_not_allowed()
    usage = call.api.usage
    if usage is None:
        return no_such_page()
    pods = call.resource.plural == "pods"
    found = usage.pod_metrics(call.target.namespace or None) if pods else usage.node_metrics()
    if call.target.name:
        one = next((each for each in found if each["metadata"]["name"] == call.target.name), None)
        if one is None:
            raise not_found(call.resource.plural, call.resource.group, call.target.name)
        return object_answer(call, one)
    for selected in (
        label_selector(call.query.get("labelSelector", "")),
        field_selector(call.query.get("fieldSelector", ""), call.resource),
    ):
        if selected is not None:
            found = [each for each in found if selected(each)]
    if call.format.kind == "Table":
        table = render_table(call.store, call.resource, found, call.query)
        return answer({**table, "metadata": {}})
    head = {"kind": call.resource.list_kind, "apiVersion": call.resource.api_version, "metadata": {}}
    return answer({**head, "items": found}, as_yaml=call.format.yaml)


async def node_proxy(call: Call) -> web.StreamResponse:
    """GET of a path of the kubelet, behind `nodes/<name>/proxy`."""
    if call.store.get("nodes", None, call.target.name) is None:
        raise not_found("nodes", "", call.target.name)
    path = call.target.rest.strip("/")
    if path == "stats/summary" and call.api.usage is not None:
        return answer(call.api.usage.stats_summary(call.target.name))
    if path == "healthz":
        return web.Response(text="ok", headers=base_headers())
    if path in ("metrics", "metrics/cadvisor", "metrics/resource", "pods", "configz"):
        raise not_implemented(f"the embedded kubelet does not serve /{path}")
    return no_such_page()


async def finalize_namespace(call: Call) -> web.StreamResponse:
    """PUT of a namespace's `finalize`: sets `spec.finalizers`."""
    if call.request.method != "PUT":
        raise method_not_allowed()
    body = parse_body(await call.request.read(), call.request.headers.get("Content-Type", ""), "Namespace")
    wanted = (body.get("spec") or {}).get("finalizers") or []

    def change(namespace: Object) -> Object:
        namespace["spec"] = {**(namespace.get("spec") or {}), "finalizers": wanted}
        return namespace

    obj = call.store.mutate("namespaces", None, call.target.name, change, manager=call.manager)
    if obj is None:
        raise not_found("namespaces", "", call.target.name)
    return object_answer(call, obj)


async def create_token(call: Call) -> web.StreamResponse:
    """POST of a TokenRequest: this server's users are fixed."""
    if call.store.get("serviceaccounts", call.namespace, call.target.name) is None:
        raise not_found("serviceaccounts", "", call.target.name)
    raise not_implemented("the embedded cluster issues no tokens for service accounts")
