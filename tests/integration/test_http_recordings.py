"""Every recorded exchange with a real API server, asked of the embedded one: status, reason, message, body."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import aiohttp
import pytest
import yaml

from bakeryops.demo import crds
from bakeryops.demo.contracts import LogLine, LogUnavailableError
from bakeryops.demo.rbac import MASTERS, User
from bakeryops.demo.server import Providers
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.tekton import webhook
from tests.support.demo import Client, place, served, static_store
from tests.support.recordings import RECORDINGS, exchanges, needs_recordings

pytestmark = needs_recordings

SKIPPED = {
    "exec-tty-session": "a shell with a terminal belongs to the world behind the API, which tests it",
}
_SA = "system:serviceaccount:rc-system:rc-readonly"
_USERS = {
    "admin": User("admin", (MASTERS, "system:authenticated")),
    "readonly": User(
        _SA, ("system:serviceaccounts", "system:serviceaccounts:rc-system", "system:authenticated"), "u"
    ),
    "nsviewer": User("rc-viewer", ("rc-viewers", "system:authenticated")),
}
_VOLATILE = {
    "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "continue", "remainingItemCount",
    "storageVersionHash", "serverAddress", "credential-id",
}  # fmt: skip


def recorded(name: str) -> dict[str, Any]:
    return json.loads(exchanges()[name].read_text(encoding="utf-8"))


def body_of(name: str) -> dict[str, Any]:
    return recorded(name)["response"]["body"]


class Logs:
    """Container logs as the recorded pods wrote them."""

    def read(self, pod: dict[str, Any], container: str, *, previous: bool) -> list[LogLine]:
        name = pod["metadata"]["name"]
        if name == "scribe-waits":
            raise LogUnavailableError(
                f'container "{container}" in pod "{name}" is waiting to start: image can\'t be pulled'
            )
        if previous and name == "scribe-crash":
            raise LogUnavailableError("unable to retrieve container logs for containerd://x", 200)
        if previous:
            raise LogUnavailableError(f'previous terminated container "{container}" in pod "{name}" not found')
        if container == "helper":
            return []
        if name == "scribe-short":
            return [LogLine(1.0 + n, f"tick {n}\n".encode()) for n in range(1, 6)]
        lines = [LogLine(1000.0 + n, f"line {n}\n".encode()) for n in range(1, 6)]
        lines.append(LogLine(1005.0, b"warn 5\n", "stderr"))
        return [*lines, *(LogLine(2_000_000_000.0 + n, f"line {n}\n".encode()) for n in range(6, 49))]

    async def follow(self, pod: dict[str, Any], container: str, start: int) -> Any:
        for line in (b"more\n", b"still more\n"):
            yield LogLine(2_000_000_100.0, line)


class Execs:
    """The commands of the recorded exec sessions."""

    async def run(self, pod: Any, container: str, command: list[str], *, tty: bool, streams: Any) -> int:
        if command == ["bash"]:
            raise FileNotFoundError("bash")
        if command == ["cat"]:
            while (data := await streams.stdin()) is not None:
                await streams.stdout(data)
            return 0
        if command[:2] == ["sh", "-c"]:
            if "exit 7" in command[2]:
                await streams.stdout(b"failing\n")
                return 7
            await streams.stdout(b"out\n")
            await streams.stderr(b"err\n")
        return 0


def _pod(name: str, *containers: str, ready: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"app": more.pop("app", name)}},
        "spec": {
            "nodeName": "rc-node",
            "containers": [
                {"name": each, "image": "localhost/busybox:1.35.0"} for each in containers or ("main",)
            ],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
        **more,
    }


def _config(store: ObjectStore, name: str, data: dict[str, str], **labels: str) -> None:
    meta: dict[str, Any] = {"name": name}
    if labels:
        meta["labels"] = labels
    store.create("configmaps", {"metadata": meta, "data": data}, manager="console-lab", namespace="orders")


def _set_config(store: ObjectStore, name: str, data: dict[str, str]) -> None:
    store.mutate("configmaps", "orders", name, lambda obj: {**obj, "data": data}, manager="console-lab")


def _rbac(store: ObjectStore) -> None:
    rules = body_of("nsviewer-selfsubjectrulesreview")["status"]["resourceRules"][2:]
    group = "rbac.authorization.k8s.io"
    store.create("clusterroles", {"metadata": {"name": "rc-readonly"}, "rules": rules}, manager="x")
    role = {"apiGroup": group, "kind": "ClusterRole", "name": "rc-readonly"}
    account = {"kind": "ServiceAccount", "name": "rc-readonly", "namespace": "rc-system"}
    viewer = {"apiGroup": group, "kind": "User", "name": "rc-viewer"}
    binding = {"metadata": {"name": "rc-readonly"}, "roleRef": role, "subjects": [account]}
    store.create("clusterrolebindings", binding, manager="x")
    binding = {"metadata": {"name": "rc-viewer"}, "roleRef": role, "subjects": [viewer]}
    store.create("rolebindings", binding, manager="x", namespace="rc-demo")


def _definitions(store: ObjectStore) -> None:
    folder = RECORDINGS.parent / "crds"
    for path in sorted(folder.rglob("*.yaml")):
        definition = yaml.load(
            path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
        definition.pop("status", None)
        store.create("customresourcedefinitions", definition, manager="x")


def _quota(store: ObjectStore) -> None:
    quota = {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "1"}}}
    store.create("resourcequotas", quota, manager="x", namespace="bakery-quota")
    store.create("pods", _pod("one"), manager="x", namespace="bakery-quota")


def _pods(store: ObjectStore) -> None:
    for pod in (
        _pod("scribe", "main", "helper"),
        _pod("scribe-waits"),
        _pod("scribe-crash"),
        _pod("scribe-short"),
    ):
        store.create("pods", pod, manager="x", namespace="orders")
    store.create("pods", _pod("scribe-big"), manager="x", namespace="orders")
    store.create("pods", _pod("any"), manager="x", namespace="rc-demo")


_GRIDDLES = ("griddle-568cccd78f-8rssj", "griddle-568cccd78f-p7m98")


def _griddle(store: ObjectStore) -> None:
    deployment = recorded("create-deployment")["request"]["body"]
    store.create("deployments", deployment, manager="console-lab", namespace="orders")
    for name in _GRIDDLES:
        store.create("pods", _pod(name, app="griddle"), manager="x", namespace="orders")


def _budget(store: ObjectStore, minimum: int) -> None:
    spec = {"minAvailable": minimum, "selector": {"matchLabels": {"app": "griddle"}}}
    store.create("poddisruptionbudgets", {"metadata": {"name": "griddle"}, "spec": spec}, manager="x",
                 namespace="orders")  # fmt: skip


def _pages(store: ObjectStore, *, compacted: bool = False) -> None:
    store.compact(17000)
    store.revision = 17025
    for number in range(5):
        _config(store, f"page-{number}", {"a": "1"}, set="pages", odd=str(number % 2))
    assert store.revision == 17030  # what the recorded tokens name
    if compacted:
        _config(store, "later", {})
        store.compact()


def _shown_object(name: str, plural: str, namespace: str | None) -> Callable[[ObjectStore], None]:
    """Return a set-up that holds the very object that the recorded answer shows."""
    return lambda store: place(store, plural, body_of(name), namespace)


def _run(store: ObjectStore) -> None:
    place(store, "pipelineruns", recorded("409-conflict-pipelinerun")["request"]["body"], "bakery-ci")


def _applied(store: ObjectStore, **data: str) -> None:
    from bakeryops.demo.apply import apply

    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "menu-ssa"}, "data": data}
    apply(store, store.registry.find("configmaps"), "orders", "menu-ssa", config, manager="console")


def _scaled(store: ObjectStore, replicas: int) -> None:
    shown = body_of("status-get")
    place(store, "deployments", {**shown, "spec": {**shown["spec"], "replicas": replicas}}, "orders")


_MENU_1 = {"a": "1", "b": "2"}
_MENU_10 = {"a": "10"}
_MENU_99 = {"a": "99"}
_MENU_C = {"a": "99", "c": "3"}
_MENUS: dict[str, dict[str, str]] = {
    **dict.fromkeys(("get-object", "409-already-exists", "merge-patch"), _MENU_1),
    "put-fresh": _MENU_10,
    **dict.fromkeys(("put-no-change", "json-patch"), _MENU_99),
    **{name: _MENU_C for name in exchanges() if name.startswith(("dry-run-", "json-patch-", "4", "delete-"))},
}
_NO_MENU = {"404-after-dry-run", "404-delete-again"}
_SETUPS: dict[str, Callable[[ObjectStore], None]] = {
    "node": _shown_object("node", "nodes", None),
    "nsviewer-get-deployment": _shown_object("nsviewer-get-deployment", "deployments", "rc-demo"),
    "readonly-get-deployment": _shown_object("readonly-get-deployment", "deployments", "rc-demo"),
    "status-get": _shown_object("status-get", "deployments", "orders"),
    "status-patch": _shown_object("status-get", "deployments", "orders"),
    "delete-foreground": _shown_object("status-get", "deployments", "orders"),
    "scale-get": lambda store: _scaled(store, 1),
    "scale-patch": _shown_object("status-get", "deployments", "orders"),
    "delete-pod-response": _pods,
    "apply-conflict": lambda store: _applied(store, a="2"),
    "apply-dry-run-conflict": lambda store: _applied(store, a="2"),
    "apply-force": lambda store: _applied(store, a="2"),
    "apply-update": lambda store: _applied(store, a="1", b="1"),
    "409-conflict-pipelinerun": _run,
    "cancel-of-finished-run": _run,
    "webhook-denies-spec-change-of-finished-run": _run,
    "status-patch-tekton-spec-ignored": _run,
    "429-eviction-blocked-by-budget": lambda store: (_griddle(store), _budget(store, 2))[0],
    "eviction-201": lambda store: (_griddle(store), _budget(store, 1))[0],
    "eviction-dry-run": lambda store: (_griddle(store), _budget(store, 1))[0],
    "flux-annotate-reconcile": lambda store: place(
        store, "kustomizations", body_of("flux-annotate-reconcile"), "flux-system"
    ),
    "quota-denies-pod": _quota,
    "table-of-pods": _griddle,
    "partial-metadata-list": _griddle,
}
for _name in ("422-immutable-selector", "merge-patch-replaces-list", "strategic-patch-merges-list"):
    _SETUPS[_name] = _griddle
for _name in exchanges():
    if _name.startswith(("log-", "400-log", "403-log", "exec-", "404-log")):
        _SETUPS[_name] = _pods
    elif _name.startswith(("list-", "watch-", "410-", "504-", "delete-collection", "400-continue")):
        old = _name.startswith("410-") or _name == "list-continue-inconsistent"
        _SETUPS.setdefault(_name, partial(_pages, compacted=old))


def prepared(name: str) -> ObjectStore:
    """Return the state that an exchange was recorded in, as far as it matters to the answer."""
    names = ("orders", "bakery-ci", "rc-demo", "rc-system", "flux-system", "bakery-quota", "bazaar")
    store = static_store(*names)
    for namespace, mode in (("bakery-locked", "enforce"), ("bakery-warn", "warn")):
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted"}
        store.create("namespaces", {"metadata": {"name": namespace, "labels": labels}}, manager="x")
    crds.install(store)
    _rbac(store)
    if any(word in json.dumps(recorded(name)["request"]) for word in ("tekton", "flux")):
        _definitions(store)
        webhook.install(store)
    if name in _MENUS and name not in _NO_MENU:
        _config(store, "menu", _MENUS[name])
        if name == "put-fresh":
            _set_config(store, "menu", _MENU_10)
    if name == "delete-background":
        template = recorded("create-deployment")["request"]["body"]
        orphaner = {**template, "metadata": {"name": "orphaner"}}
        store.create("deployments", orphaner, manager="x", namespace="orders")
    if name in ("nsviewer-list-pods-other-namespace", "readonly-list-pods-other-namespace"):
        for number in range(3):
            store.create("pods", _pod(f"p{number}"), manager="x", namespace="bakery-ci")
    if name == "readonly-watch-pods-all":
        store.create("pods", _pod("any"), manager="x", namespace="rc-demo")
    if name in _SETUPS:
        _SETUPS[name](store)
    return store


def _cases(kind: str) -> list[Any]:
    cases = []
    for name in exchanges():
        found = recorded(name)
        its = "exec" if "frames" in found else "stream" if "stream" in found["response"] else "plain"
        if its == kind:
            marks = [pytest.mark.skip(reason=SKIPPED[name])] if name in SKIPPED else []
            cases.append(pytest.param(name, marks=marks))
    return cases


def fresh_request(name: str, store: ObjectStore) -> tuple[str, str, Any, dict[str, str]]:
    """Return method, path, body and headers of an exchange, with what only the recorded server could know replaced."""
    request = recorded(name)["request"]
    path, body = request["path"], request.get("body")
    headers = {key: value for key, value in request.get("headers", {}).items() if key != "Authorization"}
    if request["method"] == "PUT" and isinstance(body, dict) and request["path"].split("?")[0].endswith("/menu"):
        live = store.get("configmaps", "orders", "menu")
        if live is not None:
            body = json.loads(json.dumps(body))
            body["metadata"]["uid"] = live["metadata"]["uid"]
            if not name.startswith("409"):
                body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    return request["method"], path, body, headers


def user_of(name: str) -> str | None:
    if name == "401-bad-token":
        return "nobody-has-this-token"
    user = recorded(name)["request"]["user"]
    return None if user == "anonymous" else user


def masked(value: Any, key: str = "") -> Any:
    """Return a body with what differs from run to run taken out."""
    if key in _VOLATILE:
        return "*"
    if isinstance(value, dict):
        return {name: masked(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def shape(value: Any, depth: int = 3) -> Any:
    """Return the keys and types of a body; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape(item, depth - 1) if depth else "…" for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0], depth - 1) if depth else "…"] if value else []
    return type(value).__name__


def normal_text(text: str) -> str:
    return re.sub(r"current: \d+|\d+ \(\d+\)|[0-9a-f]{8}-[-0-9a-f]{27}", "#", text)


_LOOSE = re.compile(
    r"^(discovery-|openapi|version|list-|readonly-list|partial|table-of|delete-pod|delete-foreground|delete-collection|"
    r"status-patch$|.*selfsubject(rules)?review$)"
)
"""Exchanges whose answers hold what this cluster says in other words: compared by shape, below in detail."""


@pytest.mark.parametrize("name", _cases("plain"))
async def test_an_answer(name: str) -> None:
    store = prepared(name)
    expected = recorded(name)["response"]
    async with served(store, Providers(logs=Logs(), execs=Execs()), users=_USERS) as server:
        method, path, body, headers = fresh_request(name, store)
        async with Client(server, user_of(name)) as client:
            content_type = headers.pop("Content-Type", "application/json")
            if name == "415-patch-type":
                content_type = recorded(name)["request"]["headers"].get("Content-Type", "application/json")
            accept = headers.pop("Accept", "application/json")
            if "If-None-Match" in headers:  # the real server's ETag is not ours
                headers["If-None-Match"] = (await client.get(path, Accept=accept)).headers["Etag"]
            answer = await client.call(method, path, body, content_type=content_type, Accept=accept, **headers)
    assert answer.status == expected["status"], answer.raw[:500]
    wanted_type = expected["headers"].get("Content-Type", "").partition(";")[0]
    if wanted_type and not name.startswith("openapi"):
        assert answer.headers["Content-Type"].partition(";")[0] == wanted_type
    if expected["headers"].get("Warning"):
        assert "Warning" in answer.headers
    if isinstance(expected.get("body"), str):
        if not name.startswith("log-"):
            assert answer.raw.decode() == expected["body"]
        return
    got = answer.body
    if "generateName" in got.get("metadata", {}):
        assert got["metadata"]["name"].startswith(got["metadata"]["generateName"])
        got["metadata"]["name"] = expected["body"]["metadata"]["name"]
    compare(name, expected["body"], got)


def compare(name: str, wanted: dict[str, Any], got: dict[str, Any]) -> None:
    if wanted.get("kind") == "Status":
        assert got.get("reason") == wanted.get("reason")
        assert normal_text(got.get("message", "")) == normal_text(wanted.get("message", ""))
        assert masked(got.get("details")) == masked(wanted.get("details"))
        assert got["code"] == wanted["code"] if "code" in wanted else "code" not in got
        return
    if "kind" not in wanted:
        assert set(wanted) <= set(got)
        return
    assert got["kind"] == wanted["kind"]
    assert got.get("apiVersion") == wanted.get("apiVersion")
    if not _LOOSE.match(name):
        assert masked(got) == masked(wanted)
        return
    if "items" in wanted or wanted["kind"] in ("Table", "APIResourceList"):
        assert set(got) - {"apiVersion"} == set(wanted) - {"apiVersion"}
        return
    missing = set(wanted) - set(got)
    assert not missing


STREAM_TYPES = {
    "watch-labelselector-leaves-set": [],
    "watch-future-resourceversion": [],
    "watch-bookmarks": [],
    "readonly-watch-pods-all": ["MODIFIED"],
    "watch-timeoutseconds": [],
    "watch-no-resourceversion": ["ADDED"] * 5,
    "watch-resourceversion-0": ["ADDED"] * 5,
    "watch-one-object-by-fieldselector": ["ADDED"],
    "watch-table": ["ADDED"],
    "watch-streaming-list": ["ADDED"] * 5 + ["BOOKMARK"],
    "watch-streaming-list-tekton": ["BOOKMARK"],
}


def _touched(pod: dict[str, Any]) -> dict[str, Any]:
    return {**pod, "status": {**pod["status"], "phase": "Pending"}}


@pytest.mark.parametrize("name", _cases("stream"))
async def test_a_stream(name: str) -> None:
    store = prepared(name)
    expected = recorded(name)["response"]
    method, path, _, headers = fresh_request(name, store)
    assert method == "GET"
    path = re.sub(r"timeoutSeconds=\d+", "timeoutSeconds=1", path)
    if "resourceVersion=17116" in path:
        path = path.replace("17116", str(store.revision))
    if name == "readonly-watch-pods-all":
        path = path.replace("20710", str(store.revision))
        store.mutate("pods", "rc-demo", "any", _touched, manager="kubelet", subresource="status")
    async with served(store, Providers(logs=Logs()), users=_USERS) as server:  # noqa: SIM117
        async with Client(server, user_of(name)) as client, client.stream(path, **headers) as response:
            assert response.status == expected["status"]
            async with asyncio.timeout(30):
                lines = [line async for line in response.content]
    if name.startswith("log-"):
        assert response.headers["Content-Type"] == expected["headers"]["Content-Type"]
        assert lines
        assert b"".join(lines).endswith(b"still more\n")
        return
    events = [json.loads(line) for line in lines]
    if expected["status"] != 200 or name.startswith("410"):
        compare_event(expected["stream"][0]["line"], events[0])
        return
    types = [event["type"] for event in events]
    bookmarked = name in ("watch-bookmarks", "watch-streaming-list", "watch-streaming-list-tekton")
    assert types[: len(STREAM_TYPES[name])] == STREAM_TYPES[name]
    assert set(types[len(STREAM_TYPES[name]) :]) <= ({"BOOKMARK"} if bookmarked else set())
    for kind in {"ADDED", "MODIFIED", "BOOKMARK"} & set(types):
        wanted = next(each["line"] for each in expected["stream"] if each["line"]["type"] == kind)
        got = next(event for event in events if event["type"] == kind)
        assert got["object"]["kind"] == wanted["object"]["kind"]
        assert set(got["object"]) == set(wanted["object"]) - ({"binaryData"} - set(got["object"]))


def compare_event(wanted: dict[str, Any], got: dict[str, Any]) -> None:
    if wanted.get("type") == "ERROR":
        assert got["type"] == "ERROR"
        wanted, got = wanted["object"], got["object"]
    compare("410", wanted, got)


@pytest.mark.parametrize("name", _cases("exec"))
async def test_an_exec(name: str) -> None:
    found = recorded(name)
    store = prepared(name)
    request, expected = found["request"], found["response"]
    protocol = request["headers"]["Sec-WebSocket-Protocol"]
    async with served(store, Providers(execs=Execs()), users=_USERS) as server:
        headers = {"Authorization": f"Bearer {server.tokens[request['user']]}"}
        async with aiohttp.ClientSession() as session:
            if expected["status"] != 101:
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await session.ws_connect(server.url + request["path"], protocols=(protocol,), headers=headers)
                assert refused.value.status == expected["status"]
                return
            async with session.ws_connect(
                server.url + request["path"], protocols=(protocol,), headers=headers
            ) as socket:
                assert socket.protocol == expected["protocol"]
                frames = await exec_frames(socket, found["frames"])
    wanted = [(each["channel"], each["data"]) for each in found["frames"] if each["dir"] == "server" and
              "channel" in each]  # fmt: skip
    assert [channel for channel, _ in frames] == [channel for channel, _ in wanted]
    for (channel, data), (_, expected_data) in zip(frames, wanted, strict=True):
        if channel != 3:
            assert data.decode() == expected_data
            continue
        status = json.loads(data)
        assert status["status"] == expected_data["status"]
        assert status.get("reason") == expected_data.get("reason")
        assert status.get("code") == expected_data.get("code")
        if name != "exec-no-such-command":
            assert status == expected_data


async def exec_frames(
    socket: aiohttp.ClientWebSocketResponse, script: list[dict[str, Any]]
) -> list[tuple[int, bytes]]:
    for each in script:
        if each["dir"] == "client":
            data = each["data"]
            raw = bytes(data) if isinstance(data, list) else data.encode()
            await socket.send_bytes(bytes([each["channel"]]) + raw)
    async with asyncio.timeout(30):
        return [
            (message.data[0], message.data[1:])
            async for message in socket
            if message.type is aiohttp.WSMsgType.BINARY
        ]


def test_nothing_is_skipped_without_a_reason() -> None:
    assert set(SKIPPED) <= set(exchanges())
    assert all(SKIPPED.values())
