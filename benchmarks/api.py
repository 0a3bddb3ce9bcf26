"""A lean API server for measurements: any number of pods, watch events at any rate, as cheap as Python allows.

It is not the embedded cluster: it knows just enough for a list, a watch and discovery, so that what is measured is the
client. `POST /bench?rate=200` sets the events a second, `POST /bench/touch?index=7&restarts=3` changes one pod now.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from typing import Any

from aiohttp import web

from benchmarks.runs import Runs, log_lines

RESOURCES = {
    "": ["pods", "nodes", "namespaces", "events", "persistentvolumeclaims", "services", "configmaps", "secrets",
         "resourcequotas", "persistentvolumes", "serviceaccounts"],
    "apps": ["deployments", "replicasets", "statefulsets", "daemonsets"],
    "batch": ["jobs", "cronjobs"],
    "apiextensions.k8s.io": ["customresourcedefinitions"],
    "tekton.dev": ["pipelineruns", "taskruns"],
}  # fmt: skip
CLUSTER_WIDE = {"nodes", "namespaces", "customresourcedefinitions", "persistentvolumes"}
KIND = {"pods": "Pod", "nodes": "Node", "namespaces": "Namespace", "events": "Event", "deployments": "Deployment",
        "pipelineruns": "PipelineRun", "taskruns": "TaskRun"}  # fmt: skip


def pod_template(index: int, namespaces: int) -> tuple[bytes, bytes, bytes]:
    """Return a pod's JSON in three parts, between which resourceVersion and restartCount go; about 6 KB together."""
    name, namespace = f"pod-{index:05d}", f"ns-{index % namespaces:03d}"
    fields = {f"f:field{number}": {f"f:inner{number}": {}} for number in range(60)}
    pod: dict[str, Any] = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"{index:08d}-0000-4000-8000-000000000000",
            "resourceVersion": "@RV@",
            "creationTimestamp": "2026-11-20T08:00:00Z",
            "labels": {"app.kubernetes.io/name": f"svc-{index % 40}", "pod-template-hash": "6d4cf56db6"},
            "annotations": {"example.com/config": "x" * 300},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"svc-{index % 40}-6d4cf56db6", "controller": True,
                 "uid": f"{index % 40:08d}-1111-4000-8000-000000000000"}
            ],
            "managedFields": [
                {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "fieldsV1": fields},
                {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "fieldsV1": fields},
            ],
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [
                {"name": "main", "image": f"registry.local/app/svc-{index % 40}:20261120-abcdef0",
                 "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                 "env": [{"name": f"SETTING_{number}", "value": "v" * 40} for number in range(20)]}
            ],
        },
        "status": {
            "phase": "Running", "qosClass": "Burstable", "podIP": "10.1.0.7", "startTime": "2026-11-20T08:00:01Z",
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": "2026-11-20T08:00:05Z"}
                for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
            ],
            "containerStatuses": [
                {"name": "main", "ready": True, "started": True, "restartCount": "@RC@",
                 "image": f"registry.local/app/svc-{index % 40}:20261120-abcdef0",
                 "imageID": "registry.local/app@sha256:" + "ab" * 32,
                 "state": {"running": {"startedAt": "2026-11-20T08:00:04Z"}}}
            ],
        },
    }  # fmt: skip
    text = json.dumps(pod, separators=(",", ":")).replace('"@RC@"', "@RC@").encode()
    head, rest = text.split(b"@RV@")
    middle, tail = rest.split(b"@RC@")
    return head, middle, tail


class Pods:
    """The pods, their current versions, and the watchers that hear of each change."""

    def __init__(self, count: int) -> None:
        self.templates = [pod_template(index, max(4, count // 250)) for index in range(count)]
        self.restarts = [0] * count
        self.versions = [str(1000 + index).encode() for index in range(count)]
        self.revision = 1000 + count
        self.watchers: set[asyncio.Queue[bytes]] = set()
        self.rate = 0.0
        self.random = random.Random(7)
        self.sent = 0

    def item(self, index: int) -> bytes:
        head, middle, tail = self.templates[index]
        return head + self.versions[index] + middle + str(self.restarts[index]).encode() + tail

    def change(self, index: int, restarts: int | None = None) -> None:
        self.revision += 1
        self.versions[index] = str(self.revision).encode()
        self.restarts[index] = self.restarts[index] + 1 if restarts is None else restarts
        line = b'{"type":"MODIFIED","object":' + self.item(index)[:-1] + b',"kind":"Pod","apiVersion":"v1"}}\n'
        self.sent += 1
        for watcher in self.watchers:
            watcher.put_nowait(line)

    async def churn(self) -> None:
        """Change random pods at `rate` a second, in steps of 20 ms."""
        due, before = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            due, before = due + self.rate * (now - before), now
            # The first thirty pods are left to the latency probe.
            low = min(30, len(self.templates) - 1)
            for _ in range(int(due)):
                self.change(self.random.randrange(low, len(self.templates)))
            due -= int(due)


def build(count: int, builds: int = 0) -> web.Application:
    pods = Pods(count)
    runs = Runs(builds)
    app = web.Application()

    async def version(_: web.Request) -> web.Response:
        return web.json_response(
            {"major": "1", "minor": "33", "gitVersion": "v1.33.0-bench", "platform": "linux/amd64"}
        )

    async def groups(request: web.Request) -> web.Response:
        if request.path == "/api":
            if "apidiscovery" in request.headers.get("Accept", ""):
                return aggregated([""])
            return web.json_response({"kind": "APIVersions", "versions": ["v1"]})
        if "apidiscovery" in request.headers.get("Accept", ""):
            return aggregated([group for group in RESOURCES if group])
        return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})

    def aggregated(names: list[str]) -> web.Response:
        items = [
            {"metadata": {"name": name}, "versions": [{"version": "v1", "freshness": "Current", "resources": [
                {"resource": plural, "scope": "Cluster" if plural in CLUSTER_WIDE else "Namespaced",
                 "responseKind": {"group": name, "version": "v1", "kind": KIND.get(plural, plural[:-1].title())},
                 "singularResource": plural[:-1], "verbs": ["get", "list", "watch"]} for plural in RESOURCES[name]]}]}
            for name in names
        ]  # fmt: skip
        body = {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": items,
        }
        kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        return web.Response(body=json.dumps(body).encode(), headers={"Content-Type": kind})

    async def collection(request: web.Request) -> web.StreamResponse:
        plural = request.path.rsplit("/", 1)[1]
        if "metrics.k8s.io" in request.path:
            return web.Response(status=404, text="404 page not found\n")
        if request.query.get("watch") in {"1", "true"}:
            return await watch(request, plural)
        if plural in ("pipelineruns", "taskruns"):
            return tekton(request, plural)
        if plural != "pods":
            revision = str(pods.revision)
            return web.json_response({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": revision},
                                      "items": []})  # fmt: skip
        start = int(request.query.get("continue") or 0)
        limit = int(request.query.get("limit") or 0) or len(pods.templates)
        stop = min(start + limit, len(pods.templates))
        more = (
            f',"continue":"{stop}","remainingItemCount":{len(pods.templates) - stop}'
            if stop < len(pods.templates)
            else ""
        )
        head = f'{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"{pods.revision}"{more}}},"items":['
        body = head.encode() + b",".join(pods.item(index) for index in range(start, stop)) + b"]}"
        return web.Response(body=body, content_type="application/json")

    def tekton(request: web.Request, plural: str) -> web.Response:
        items = runs.items if plural == "pipelineruns" else runs.tasks_of(request.query.get("labelSelector", ""))
        start = int(request.query.get("continue") or 0)
        limit = int(request.query.get("limit") or 0) or len(items)
        more = f',"continue":"{start + limit}"' if start + limit < len(items) else ""
        head = f'{{"kind":"List","apiVersion":"tekton.dev/v1","metadata":{{"resourceVersion":"{pods.revision}"{more}}},"items":['
        body = head.encode() + b",".join(items[start : start + limit]) + b"]}"
        return web.Response(body=body, content_type="application/json")

    async def watch(request: web.Request, plural: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        lines: asyncio.Queue[bytes] = asyncio.Queue()
        if plural == "pods":
            pods.watchers.add(lines)
        try:
            while True:
                first = await lines.get()
                batch = [first]
                while not lines.empty() and len(batch) < 500:
                    batch.append(lines.get_nowait())
                await response.write(b"".join(batch))
        finally:
            pods.watchers.discard(lines)

    async def control(request: web.Request) -> web.Response:
        if "rate" in request.query:
            pods.rate = float(request.query["rate"])
        if "burst" in request.query:
            for _ in range(int(request.query["burst"])):
                pods.change(pods.random.randrange(len(pods.templates)))
                if pods.sent % 200 == 0:
                    await asyncio.sleep(0)
        return web.json_response({"rate": pods.rate, "sent": pods.sent, "watchers": len(pods.watchers)})

    async def touch(request: web.Request) -> web.Response:
        pods.change(int(request.query["index"]), int(request.query["restarts"]))
        return web.json_response({"at": time.monotonic()})

    async def log(request: web.Request) -> web.StreamResponse:
        if request.match_info["name"].startswith("bakery-ia-ci-"):
            return web.Response(body=log_lines(), content_type="text/plain")
        rate = float(request.query.get("rate", 50_000))
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        number, began = 0, time.monotonic()
        while True:
            due = int((time.monotonic() - began) * rate)
            chunk = [
                f"2026-11-22T10:00:{index // 50_000 % 60:02d}.{index % 1_000_000_000:09d}Z line {index} request served in 12 ms "
                "path=/api/v1/orders status=200 user=unknown trace=4bf92f3577b34da6a3ce929d0e0e4736\n"
                for index in range(number, min(due, number + 5000))
            ]
            number += len(chunk)
            if chunk:
                await response.write("".join(chunk).encode())
            await asyncio.sleep(0.01 if number >= due else 0)

    async def review(request: web.Request) -> web.Response:
        body = await request.json()
        rule = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        status = {"allowed": True} if "Access" in body.get("kind", "") else {
            "resourceRules": [rule], "nonResourceRules": [], "incomplete": False}  # fmt: skip
        return web.json_response({**body, "status": status}, status=201)

    async def start(_: web.Application) -> None:
        app["churn"] = asyncio.create_task(pods.churn())

    app.on_startup.append(start)
    app.router.add_get("/version", version)
    app.router.add_get("/{root:apis?}", groups)
    app.router.add_post("/bench", control)
    app.router.add_post("/bench/touch", touch)
    app.router.add_get("/api/v1/namespaces/{ns}/pods/{name}/log", log)
    app.router.add_post("/apis/authorization.k8s.io/v1/{kind}", review)
    app.router.add_get("/{path:.*}", collection)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--builds", type=int, default=0)
    options = parser.parse_args()

    async def serve() -> None:
        runner = web.AppRunner(build(options.pods, options.builds), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        sys.stdout.write(f"http://127.0.0.1:{port}\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await runner.cleanup()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
