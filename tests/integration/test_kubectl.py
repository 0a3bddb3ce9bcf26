"""kubectl, unchanged, against the embedded cluster."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from bakeryops.demo.clock import WallClock
from bakeryops.demo.server import DemoServer, Providers
from bakeryops.demo.world import build_world
from tests.support.demo import kubeconfig, served, static_store

KUBECTL = shutil.which("kubectl")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on this machine"),
]

WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "nginx:1", "ports": [{"containerPort": 80}]}]},
        },
    },
}


@lru_cache(maxsize=1)
def client_version() -> tuple[int, int]:
    """Return the version of the kubectl that is tested with, such as (1, 33)."""
    said = subprocess.run(
        [str(KUBECTL), "version", "--client", "-o", "json"], capture_output=True, check=True, timeout=120
    ).stdout
    version = json.loads(said)["clientVersion"]
    return int(version["major"]), int(re.sub(r"\D.*", "", version["minor"]))


def needs_client(least: tuple[int, int], why: str) -> None:
    """Skip a test that an older kubectl cannot pass against any server of ours."""
    if client_version() < least:
        have, want = (".".join(map(str, each)) for each in (client_version(), least))
        pytest.skip(f"kubectl {have}: {why} since {want}")


class Kubectl:
    """Runs kubectl with a kubeconfig of its own; the server runs in this process meanwhile."""

    def __init__(self, server: DemoServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self.websockets = "true"

    async def run(self, *words: str, user: str = "admin", text: str | None = None) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        config = kubeconfig(self._server, self._folder / f"{user}.json", user, "orders")
        process = await asyncio.create_subprocess_exec(
            str(KUBECTL), *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder), "KUBECONFIG": str(config),
                 "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": self.websockets},
        )  # fmt: skip
        try:
            async with asyncio.timeout(120):
                out, err = await process.communicate(None if text is None else text.encode())
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return process.returncode or 0, out.decode(), err.decode()

    async def ok(self, *words: str, user: str = "admin", text: str | None = None) -> str:
        """Return the output of a command that must succeed."""
        code, out, err = await self.run(*words, user=user, text=text)
        assert code == 0, f"kubectl {' '.join(words)}: {err or out}"
        return out

    async def fails(self, *words: str, user: str = "admin", text: str | None = None) -> str:
        """Return the complaint of a command that must fail."""
        code, _, err = await self.run(*words, user=user, text=text)
        assert code != 0, f"kubectl {' '.join(words)} succeeded"
        return err


@asynccontextmanager
async def static(tmp_path: Path) -> AsyncIterator[Kubectl]:
    async with served(static_store("default", "orders"), tls=True) as server:
        yield Kubectl(server, tmp_path)


@asynccontextmanager
async def living(tmp_path: Path, speed: float = 20.0) -> AsyncIterator[Kubectl]:
    clock = WallClock(speed=speed)
    world = build_world(clock, seed=3)
    server = DemoServer()
    await server.start(world.store, Providers(world.logs, world.usage, world.execs), tls=True)
    try:
        yield Kubectl(server, tmp_path)
    finally:
        await server.close()
        clock.close()


def manifest(**changes: Any) -> str:
    body = json.loads(json.dumps(WEB))
    for path, value in changes.items():
        target = body
        *steps, last = path.split("__")
        for step in steps:
            target = target[int(step)] if step.isdigit() else target[step]
        target[last] = value
    return json.dumps(body)


async def test_objects_are_created_shown_changed_and_deleted(tmp_path: Path) -> None:
    async with static(tmp_path) as kubectl:
        assert "v1.33" in await kubectl.ok("version")
        assert "namespace/bakery created" in await kubectl.ok("create", "namespace", "bakery")
        assert "AlreadyExists" in await kubectl.fails("create", "namespace", "bakery")
        await kubectl.ok("create", "configmap", "menu", "--from-literal=bread=rye")
        await kubectl.ok("create", "secret", "generic", "key", "--from-literal=pin=1")
        assert json.loads(await kubectl.ok("get", "secret", "key", "-o", "jsonpath={.data}")) == {"pin": "MQ=="}
        await kubectl.ok("label", "configmap", "menu", "kind=list")
        await kubectl.ok("annotate", "configmap", "menu", "by=hand")
        shown = json.loads(await kubectl.ok("get", "cm", "-l", "kind=list", "-o", "json"))["items"]
        assert [each["metadata"]["annotations"]["by"] for each in shown] == ["hand"]
        assert "NAME" in await kubectl.ok("get", "cm", "-A", "-o", "wide")
        await kubectl.ok("delete", "configmap", "menu", "--wait")
        assert "NotFound" in await kubectl.fails("get", "configmap", "menu")
        assert "Invalid value" in await kubectl.fails("create", "configmap", "Not_Valid")


async def test_apply_diff_and_every_patch(tmp_path: Path) -> None:
    async with static(tmp_path) as kubectl:
        assert "created" in await kubectl.ok("apply", "-f", "-", text=manifest())
        assert "unchanged" in await kubectl.ok("apply", "-f", "-", text=manifest())
        newer = manifest(spec__replicas=4, spec__template__spec__containers__0__image="nginx:2")
        code, difference, _ = await kubectl.run("diff", "-f", "-", text=newer)
        assert code == 1
        assert "image: nginx:2" in difference
        assert "dry run" in await kubectl.ok("apply", "--dry-run=server", "-f", "-", text=newer)
        assert await kubectl.ok("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "2"
        assert "configured" in await kubectl.ok("apply", "-f", "-", text=newer)
        conflict = await kubectl.fails("apply", "--server-side", "-f", "-", text=manifest())
        assert 'conflicts with "kubectl-client-side-apply" using apps/v1' in conflict
        assert '.spec.template.spec.containers[name="main"].image' in conflict
        await kubectl.ok("apply", "--server-side", "--force-conflicts", "-f", "-", text=manifest())
        await kubectl.ok("apply", "--server-side", "-f", "-", text=manifest())
        await kubectl.ok("set", "image", "deploy/web", "main=nginx:3")
        await kubectl.ok("scale", "deploy/web", "--replicas", "5")
        await kubectl.ok("patch", "deploy/web", "--type", "merge", "-p", '{"metadata":{"labels":{"a":"b"}}}')
        await kubectl.ok("patch", "deploy/web", "--type", "json", "-p",
                         '[{"op":"add","path":"/spec/paused","value":true}]')  # fmt: skip
        strategic = {"spec": {"template": {"spec": {"containers": [{"name": "main", "tty": True}]}}}}
        await kubectl.ok("patch", "deploy/web", "-p", json.dumps(strategic))
        spec = json.loads(await kubectl.ok("get", "deploy", "web", "-o", "json"))["spec"]
        container = spec["template"]["spec"]["containers"][0]
        assert (spec["replicas"], spec["paused"], container["image"], container["tty"]) == (
            5,
            True,
            "nginx:3",
            True,
        )
        assert "web" in await kubectl.ok("describe", "deploy", "web")


async def test_what_kubectl_asks_about_the_server(tmp_path: Path) -> None:
    async with static(tmp_path) as kubectl:
        listed = await kubectl.ok("api-resources")
        assert "deployments" in listed
        assert "containers" in await kubectl.ok("explain", "pod.spec")
        assert "*.*" in await kubectl.ok("auth", "can-i", "--list")
        assert "no" in (await kubectl.run("auth", "can-i", "delete", "pods", user="viewer"))[1]
        forbidden = await kubectl.fails("get", "secrets", "-A", user="viewer")
        assert 'User "viewer" cannot list resource "secrets"' in forbidden
        assert "Unauthorized" in await kubectl.fails("get", "pods", user="nobody-has-this-token")
        assert "readyz check passed" in await kubectl.ok("get", "--raw", "/readyz?verbose")


async def test_kubectl_learns_who_it_is(tmp_path: Path) -> None:
    needs_client((1, 28), "it has `auth whoami`")
    async with static(tmp_path) as kubectl:
        assert "admin" in await kubectl.ok("auth", "whoami")


async def test_custom_resources(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["grain"],
                "properties": {"grain": {"type": "string", "enum": ["rye", "wheat"]},
                               "loaves": {"type": "integer", "default": 1}},
            }
        },
    }  # fmt: skip
    column = {"name": "Grain", "type": "string", "jsonPath": ".spec.grain"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "breads.bakery.example"},
        "spec": {
            "group": "bakery.example",
            "scope": "Namespaced",
            "names": {"plural": "breads", "singular": "bread", "kind": "Bread", "shortNames": ["br"]},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
                          "additionalPrinterColumns": [column]}],
        },
    }  # fmt: skip
    bread = {"apiVersion": "bakery.example/v1", "kind": "Bread", "metadata": {"name": "sour"},
             "spec": {"grain": "rye"}}  # fmt: skip
    async with static(tmp_path) as kubectl:
        await kubectl.ok("apply", "-f", "-", text=json.dumps(definition))
        await kubectl.ok("wait", "--for=condition=Established", "crd/breads.bakery.example", "--timeout=60s")
        await kubectl.ok("apply", "-f", "-", text=json.dumps(bread))
        lines = (await kubectl.ok("get", "br")).splitlines()
        assert lines[0].split() == ["NAME", "GRAIN"]
        assert lines[1].split() == ["sour", "rye"]
        assert await kubectl.ok("get", "bread", "sour", "-o", "jsonpath={.spec.loaves}") == "1"
        refused = await kubectl.fails("apply", "-f", "-", text=json.dumps({**bread, "spec": {"grain": "oat"}}))
        assert 'supported values: "rye", "wheat"' in refused
        assert "Grain:" in await kubectl.ok("describe", "bread", "sour")
        await kubectl.ok("delete", "crd", "breads.bakery.example")
        assert "resource" in await kubectl.fails("get", "breads")


async def test_workloads_roll_out_and_back(tmp_path: Path) -> None:
    async with living(tmp_path) as kubectl:
        place = ("-n", "bakery-ia")
        await kubectl.ok("set", "image", "deploy/gateway", "gateway=docker.io/library/nginx:1.29",
                         *place)  # fmt: skip
        rolled = await kubectl.ok("rollout", "status", "deploy/gateway", "--timeout=100s", *place)
        assert "successfully rolled out" in rolled
        assert "REVISION" in await kubectl.ok("rollout", "history", "deploy/gateway", *place)
        await kubectl.ok("rollout", "undo", "deploy/gateway", *place)
        await kubectl.ok("rollout", "restart", "deploy/frontend", *place)
        await kubectl.ok("rollout", "status", "deploy/frontend", "--timeout=100s", *place)
        await kubectl.ok("wait", "--for=condition=Available", "deploy/frontend", "--timeout=100s", *place)
        pod = (
            await kubectl.ok("get", "pods", "-o", "name", "-l", "app.kubernetes.io/name=frontend", *place)
        ).split()
        await kubectl.ok("delete", pod[0], "--wait", "--timeout=100s", *place)
        assert "NotFound" in await kubectl.fails("get", pod[0], *place)
        await kubectl.ok("create", "namespace", "short")
        await kubectl.ok("run", "one", "--image=busybox", "-n", "short", "--restart=Never", "--", "sleep", "900")
        await kubectl.ok("delete", "namespace", "short", "--timeout=100s")


async def test_pods_are_entered(tmp_path: Path) -> None:
    needs_client((1, 29), "it speaks WebSocket for exec")
    async with living(tmp_path) as kubectl:
        place = ("-n", "bakery-ia")
        assert await kubectl.ok("exec", "auth-db-0", *place, "--", "echo", "hello") == "hello\n"
        code, _, complaint = await kubectl.run("exec", "auth-db-0", *place, "--", "sh", "-c", "exit 7")
        assert code == 7, complaint


async def test_a_kubectl_that_speaks_spdy_is_told_what_is_missing(tmp_path: Path) -> None:
    if client_version() >= (1, 31):
        pytest.skip("this kubectl speaks WebSocket for exec")
    async with living(tmp_path) as kubectl:
        kubectl.websockets = "false"
        complaint = await kubectl.fails("exec", "auth-db-0", "-n", "bakery-ia", "--", "echo", "hello")
        assert "WebSocket" in complaint


async def test_pods_are_read_and_measured(tmp_path: Path) -> None:
    async with living(tmp_path) as kubectl:
        place = ("-n", "bakery-ia")
        assert "auth-db-0" in await kubectl.ok("get", "pods", "-A", "-o", "wide")
        assert "Conditions:" in await kubectl.ok("describe", "pod", "auth-db-0", *place)
        assert "Allocated resources:" in await kubectl.ok("describe", "node")
        assert (await kubectl.ok("logs", "auth-db-0", "--tail", "3", *place)).count("\n") == 3
        assert "auth-db-0" in await kubectl.ok("top", "pods", *place)
        assert "CPU(cores)" in await kubectl.ok("top", "nodes")
        assert "LAST SEEN" in await kubectl.ok("get", "events", *place)
        assert "pipelineruns" in await kubectl.ok("api-resources", "--api-group=tekton.dev")
        assert "Spec:" in await kubectl.ok("describe", "kustomizations", "-A")
        await kubectl.ok("cordon", "bakery-vps")
        assert "SchedulingDisabled" in await kubectl.ok("get", "nodes")
        await kubectl.ok("uncordon", "bakery-vps")


async def test_logs_and_watches_follow(tmp_path: Path) -> None:
    async with living(tmp_path) as kubectl:
        for words in (("logs", "-f", "auth-db-0"), ("get", "pods", "-w")):
            config = tmp_path / "admin.json"
            kubeconfig(kubectl._server, config, "admin", "bakery-ia")
            process = await asyncio.create_subprocess_exec(
                str(KUBECTL), *words, stdout=asyncio.subprocess.PIPE,
                env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(config)},
            )  # fmt: skip
            assert process.stdout is not None
            try:
                async with asyncio.timeout(90):
                    for _ in range(30):
                        assert await process.stdout.readline()
            finally:
                process.kill()
                await process.communicate()
