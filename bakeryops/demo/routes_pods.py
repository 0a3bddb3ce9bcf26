"""What the API server passes on to the kubelet: logs and eviction; the way to exec."""

from __future__ import annotations

from aiohttp import web

from bakeryops.demo.api import Call, answer
from bakeryops.demo.budgets import check_budgets
from bakeryops.demo.contracts import Object
from bakeryops.demo.execs_ws import run_exec
from bakeryops.demo.forwards_ws import run_forward
from bakeryops.demo.logs_http import stream_log
from bakeryops.demo.objects import dig
from bakeryops.demo.request import parse_body
from bakeryops.demo.status import (
    already_exists,
    bad_request,
    conflict,
    method_not_allowed,
    not_found,
    not_implemented,
)
from bakeryops.demo.writing import dry_run

__all__ = ["bind", "evict", "not_offered", "pod_exec", "pod_log", "pod_port_forward"]


def _pod(call: Call) -> Object:
    pod = call.store.get("pods", call.namespace, call.target.name)
    if pod is None:
        raise not_found("pods", "", call.target.name)
    return pod


def _container(pod: Object, wanted: str) -> str:
    """Return the container that is meant; raises `StatusError` 400 when that is not clear."""
    spec = pod.get("spec") or {}
    name = pod["metadata"]["name"]
    groups = {
        key: [each["name"] for each in spec.get(key) or ()]
        for key in ("containers", "initContainers", "ephemeralContainers")
    }
    if wanted:
        if not any(wanted in names for names in groups.values()):
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    names = groups["containers"]
    if len(names) == 1:
        return str(names[0])
    message = f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
    if groups["initContainers"]:
        message += f" or one of the init containers: [{' '.join(groups['initContainers'])}]"
    raise bad_request(message)


async def pod_log(call: Call) -> web.StreamResponse:
    """GET of a container's log."""
    if call.request.method not in ("GET", "HEAD"):
        raise method_not_allowed()
    pod = _pod(call)
    return await stream_log(call, pod, lambda: _container(pod, call.query.get("container", "")))


async def pod_exec(call: Call) -> web.StreamResponse:
    """GET or POST that becomes a WebSocket to a command in a container."""
    if call.request.method not in ("GET", "POST"):
        raise method_not_allowed()
    pod = _pod(call)
    container = _container(pod, call.query.get("container", ""))
    phase = dig(pod, "status", "phase")
    if phase in ("Succeeded", "Failed"):
        raise bad_request(f"cannot exec into a container in a completed pod; current phase is {phase}")
    _need_websocket(call)
    return await run_exec(call, pod, container)


async def pod_port_forward(call: Call) -> web.StreamResponse:
    """GET or POST that becomes a WebSocket to ports of a pod."""
    if call.request.method not in ("GET", "POST"):
        raise method_not_allowed()
    pod = _pod(call)
    if not dig(pod, "spec", "nodeName"):
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    _need_websocket(call)
    return await run_forward(call, pod)


def _need_websocket(call: Call) -> None:
    """Raise `StatusError` 400 where a client asks for no upgrade, or for another protocol."""
    upgrade = call.request.headers.get("Upgrade", "").lower()
    if not upgrade:
        raise bad_request("Upgrade request required")
    if upgrade != "websocket":
        raise bad_request(f"unable to upgrade: this server speaks WebSocket only, not {upgrade}")


async def not_offered(call: Call) -> web.StreamResponse:
    """Answer for attach."""
    _pod(call)
    raise not_implemented(
        f"the embedded cluster does not implement {call.resource.plural}/{call.target.subresource}"
    )


async def bind(call: Call) -> web.StreamResponse:
    """POST of a Binding: the scheduler's word on where a pod runs."""
    body = parse_body(await call.request.read(), call.request.headers.get("Content-Type", ""), "Binding")
    node = dig(body, "target", "name")
    if not node:
        raise bad_request("target.name is required")
    if dig(_pod(call), "spec", "nodeName"):
        raise already_exists("pods/binding", "", call.target.name)

    def assign(pod: Object) -> Object:
        pod["spec"]["nodeName"] = node
        return pod

    call.store.mutate("pods", call.namespace, call.target.name, assign, manager=call.manager)
    return answer(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, status=201
    )


async def evict(call: Call) -> web.StreamResponse:
    """POST of an Eviction: a deletion that disruption budgets may refuse (429)."""
    if call.request.method != "POST":
        raise method_not_allowed()
    body = parse_body(await call.request.read(), call.request.headers.get("Content-Type", ""), "Eviction")
    if body.get("kind") not in (None, "Eviction"):
        raise bad_request("the object provided is unrecognized (must be of type Eviction)")
    pod = _pod(call)
    options = body.get("deleteOptions") or {}
    dry = dry_run(call) or bool(options.get("dryRun"))
    wanted = dig(options, "preconditions", "uid")
    if wanted and wanted != pod["metadata"]["uid"]:
        found = pod["metadata"]["uid"]
        why = f"the UID in the precondition ({wanted}) does not match the UID in record ({found})"
        raise conflict("Pod", "", call.target.name, why)
    check_budgets(call.store, pod, dry=dry)
    grace = options.get("gracePeriodSeconds")
    call.store.delete("pods", call.namespace, call.target.name, grace=grace, dry_run=dry)
    return answer(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, status=201
    )
