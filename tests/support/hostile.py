"""Objects, logs and errors that mean ill, a cluster made of them, and the check that a terminal was spared."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bakeryops.demo.contracts import LogLine, Object
from bakeryops.demo.objects import timestamp
from bakeryops.demo.server import DemoServer, Providers
from bakeryops.demo.store import ObjectStore
from tests.support.demo import kubeconfig, static_store

__all__ = [
    "HOSTILE",
    "HostileLogs",
    "ServedInThread",
    "fill_hostile",
    "hostile_names",
    "offences",
    "served_in_thread",
]

HOSTILE = (
    "\x1b]52;c;UFdORUQ=\x07clip",
    "\x1b]0;PWNED\x07title",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[6nreport",
    "\x1bcreset",
    "\x1b[2J\x1b[Hwiped",
    "\x1b[5iprint",
    "\x1b[?1049lleave",
    "\x1b[31mred\x1b[8mhidden",
    "\x1bP1$r0m\x1b\\dcs",
    "\x1bP+q544e\x1b\\termcap",
    "\x1b_Gf=100;AAAA\x1b\\apc",
    "\x9b6nc1-csi",
    "\x9d52;c;UFdORUQ=\x9cc1-osc",
    "\x90c1-dcs",
    "[/foo]close",
    "[bold]markup[/bold][@click=app.quit]x[/]",
    "[link=http://evil.example]l[/link] $primary [$error]",
    "\u202egnp.exe",
    "\u2066iso\u2069 \u200fmark\u061c",
    "zero\u200b\u200d\u2060width\ufeff",
    "nul\x00bell\x07bs\x08\x7fdel",
    "line\nbreak\r\rreturn\ttab\x0bvt\x0cff\u2028ls\u2029ps",
    "日本語サービス",
    "👩‍👩‍👧 family ❤️ 🇩🇪",
    "e" + "\u0301" * 200 + "zalgo",
    "a" * 3000,
    "%s %(x)s {0} {x!r} ${HOME} `id` $(id)",
    "\U000e0041tags\U000e007f",
    "",
)
"""Texts that do something to a terminal, to markup, to the eye or to a naive program."""

_ALLOWED = re.compile(
    rb"\x1b\[[0-9;:]*m"  # colours
    rb"|\x1b\[[0-9;]*[ABCDHJKX]"  # the cursor, erasing
    rb"|\x1b\[\?(?:7|25|47|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2027|2031|2048)[hl]"
    rb"|\x1b\[\?(?:2026|2048)\$p|\x1b\[[<>=][0-9;]*u|\x1b\[\?u|\x1b\[c"  # what Textual asks at its start
    rb"|\x1b\[[0-9;]*t|\x1b[78=>]|\x1b\(B|\x1b\]22;[a-z]*\x07|\r|\n|\t"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-9;?<>=]*)?$")
"""What a program was still writing when its output was looked at."""
_BAD = re.compile(
    "[\x00-\x09\x0b-\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\U000e0000-\U000e007f]"
)


def offences(raw: bytes, *, allow_conceal: bool = False) -> list[str]:
    """Return what a terminal was sent that is neither text nor one of the few sequences a screen is painted with."""
    found = []
    if not allow_conceal and re.search(rb"\x1b\[(?:[0-9;]*;)?8m", raw):
        found.append("concealed text")
    if b"\x1b[?1049l" in raw:
        found.append("the alternate screen was left")
    rest = _UNFINISHED.sub(b"", _ALLOWED.sub(b"", raw))
    try:
        text = getincrementaldecoder("utf-8")().decode(rest)
    except UnicodeDecodeError as error:
        found.append(f"not UTF-8: {rest[max(0, error.start - 20) : error.start + 20]!r}")
        text = rest.decode("utf-8", "replace")
    for hit in _BAD.finditer(text):
        found.append(f"{hit[0]!r} in {text[max(0, hit.start() - 30) : hit.end() + 30]!r}")
        if len(found) > 5:
            break
    return found


class HostileLogs:
    """Log lines that mean ill, the same for every container."""

    def __init__(self) -> None:
        """Make the lines."""
        lines = [text.encode("utf-8", "surrogatepass") for text in HOSTILE]
        lines += [
            b"not utf-8 \xff\xfe\x9b6n\x90 end",
            b"\xed\xa0\x80 half a surrogate",
            b"L" * 1_000_000 + b"\x1b]52;c;UFdORUQ=\x07",
            b"never closed \x1b]52;c;" + b"B" * 20_000,
            b"\x1b[38;2;1;2;3mcolour kept\x1b[0m \x1b[" + b"1;" * 5000 + b"m much",
            b'level=error msg="\x1b]0;PWNED\x07 ERROR of the log"',
            b"LAST LINE",
        ]
        self._lines = [data.replace(b"\n", b"\\n") + b"\n" for data in lines]

    def read(self, pod: Object, container: str, *, previous: bool) -> list[LogLine]:
        """Return all lines."""
        return [LogLine(1_790_000_000.0 + n, data) for n, data in enumerate(self._lines)]

    async def follow(self, pod: Object, container: str, start: int) -> AsyncIterator[LogLine]:
        """Yield what `read` gives from a line on, and nothing after."""
        for line in self.read(pod, container, previous=False)[start:]:
            yield line
        await asyncio.Event().wait()


def put_raw(store: ObjectStore, plural: str, obj: Object) -> Object:
    """Put an object into a store as it is, however invalid: a store that was broken into."""
    resource = store.registry.storage(plural)
    meta = obj["metadata"]
    meta.setdefault("uid", f"uid-{plural}-{store.revision}")
    if "creationTimestamp" not in meta:
        meta["creationTimestamp"] = store.now_text()
    whole = {"kind": resource.kind, "apiVersion": resource.api_version, **obj}
    space = meta.get("namespace")
    return store._put(resource, f"{space}/{meta['name']}" if space else meta["name"], whole)


def fill_hostile(store: ObjectStore) -> None:
    """Put a small cluster in trouble into a store, with every text of it hostile."""
    now = store.clock.now()
    spaces = ["bakery-ia", "other", *(f"ns-{text}" for text in HOSTILE[:4] if "/" not in text), "[bold]"]
    for space in spaces:
        put_raw(store, "namespaces", {"metadata": {"name": space}, "status": {"phase": HOSTILE[0]}})
    put_raw(store, "nodes", _node(HOSTILE[1] + HOSTILE[15] + HOSTILE[18]))
    for number, text in enumerate(HOSTILE):
        space = spaces[number % len(spaces)]
        # Half of them bear names that an API server would take, so that their pages can be asked for.
        name = f"evil-{number:02}" if number % 2 else f"{number:02}{text}"
        labels = {"app": text, "app.kubernetes.io/name": text, f"k{text[:200]}": text, "big": "b" * 50_000}
        meta = {"name": name, "namespace": space, "labels": labels, "annotations": {text: text * 3}}
        later = timestamp(now + 3600 * number)  # the cluster's clock is ahead of ours
        put_raw(store, "deployments", _deployment(meta, text, later))
        put_raw(store, "pods", _pod(meta, text, later, number))
        put_raw(store, "events", _event(space, number, name, text, later))
        job = {"failed": 1, "conditions": [{"type": "Failed", "status": "True", "reason": text, "message": text}]}
        put_raw(
            store, "jobs", {"metadata": {**meta, "name": f"j{name}"}, "spec": {"template": None}, "status": job}
        )
        claim = {"storageClassName": text, "resources": {"requests": {"storage": text}}, "volumeName": text}
        put_raw(
            store,
            "persistentvolumeclaims",
            {"metadata": {**meta, "name": f"c{name}"}, "spec": claim, "status": {"phase": text}},
        )
    for plural in ("statefulsets", "daemonsets", "replicasets", "cronjobs", "services", "resourcequotas"):
        put_raw(
            store,
            plural,
            {"metadata": {"name": HOSTILE[0] + plural, "namespace": "bakery-ia"}, "spec": None, "status": None},
        )
    secret = {"password": "c2VjcmV0LXZhbHVl", HOSTILE[0]: "!!!not base64!!!"}
    put_raw(
        store, "secrets", {"metadata": {"name": "s", "namespace": "bakery-ia"}, "type": HOSTILE[1], "data": secret}
    )


def _node(name: str) -> Object:
    condition = {"type": HOSTILE[2], "status": "Maybe", "reason": HOSTILE[0], "message": HOSTILE[18] + HOSTILE[16]}
    ready = {"type": "Ready", "status": "False", "reason": HOSTILE[7], "message": HOSTILE[0] + "node is ill"}
    sizes = {"cpu": "many", "memory": "-1Ki", "pods": "1e99", "ephemeral-storage": HOSTILE[1], HOSTILE[2]: "1"}
    info = {
        "kubeletVersion": HOSTILE[0],
        "osImage": HOSTILE[1],
        "kernelVersion": HOSTILE[12],
        "architecture": None,
    }
    return {
        "metadata": {"name": name, "labels": {HOSTILE[0]: HOSTILE[1]}},
        "spec": {"taints": [{"key": HOSTILE[0], "effect": "Future", "value": HOSTILE[16]}], "unschedulable": True},
        "status": {"conditions": [condition, ready], "capacity": sizes, "allocatable": sizes, "nodeInfo": info},
    }


def _deployment(meta: Object, text: str, later: str) -> Object:
    template = {"metadata": {"labels": meta["labels"]}, "spec": {"containers": [{"name": text, "image": text}]}}
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": text}
    return {
        "metadata": dict(meta, uid=f"dep-{meta['name']}"),
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": text}}, "template": template},
        "status": {
            "replicas": 2,
            "unavailableReplicas": 2,
            "readyReplicas": None,
            "conditions": [{**condition, "lastTransitionTime": later}, {"type": text, "status": text}],
        },
    }


def _pod(meta: Object, text: str, later: str, number: int) -> Object:
    waiting = {"reason": ("CrashLoopBackOff", "ImagePullBackOff", text)[number % 3], "message": f"why {text}"}
    ended = {
        "reason": text,
        "exitCode": 137,
        "finishedAt": later,
        "startedAt": "0001-01-01T00:00:00Z",
        "message": text,
    }
    status = {
        "name": text,
        "image": text,
        "imageID": text,
        "ready": False,
        "restartCount": 2**31 - 1,
        "state": {"waiting": waiting},
        "lastState": {"terminated": ended},
    }
    odd = (
        {"containerStatuses": None, "conditions": None, "phase": None},
        {"phase": "Quantum", "reason": text, "message": text, "containerStatuses": [status]},
        {"phase": "Running", "startTime": later, "containerStatuses": [status], "initContainerStatuses": None},
    )[number % 3]
    owner = {"kind": "Deployment", "name": text, "uid": f"dep-{meta['name']}", "controller": True}
    limits = {"limits": {"memory": text, "cpu": "1e400"}, "requests": {"memory": "12Qi", "cpu": "-3"}}
    return {
        "metadata": dict(meta, uid=f"pod-{meta['name']}", creationTimestamp=later, ownerReferences=[owner]),
        "spec": {
            "nodeName": HOSTILE[1],
            "containers": [
                {
                    "name": "main",
                    "image": f"gitea.example/{text}:{text}",
                    "command": [text, None],
                    "env": [{"name": text, "value": text}, {"name": "PASSWORD", "value": "hunter2-secret"}],
                    "resources": limits,
                },
                {"name": text, "image": None, "ports": None, "livenessProbe": {"futureProbe": {text: None}}},
            ],
            "volumes": [{"name": text, "futureVolume": {text: text}}],
            "tolerations": None,
        },
        "status": odd,
    }


def _event(space: str, number: int, name: str, text: str, later: str) -> Object:
    return {
        "metadata": {"name": f"e{number}{text}", "namespace": space},
        "type": ("Warning", "Normal", text)[number % 3],
        "reason": text,
        "message": f"{text} happened {text}",
        "involvedObject": {"kind": ("Pod", text)[number % 2], "name": name, "namespace": space, "fieldPath": text},
        "source": {"component": text, "host": text},
        "count": -1 if number % 2 else None,
        "lastTimestamp": later,
        "firstTimestamp": None,
        "eventTime": "soon" if number % 5 == 0 else None,
    }


def hostile_names(path: Path) -> Path:
    """Name the context, the cluster and the user of a kubeconfig in hostile ways; add contexts."""
    body = json.loads(path.read_text())
    evil = HOSTILE[0] + HOSTILE[15] + HOSTILE[18]
    body["clusters"][0]["name"] = body["users"][0]["name"] = evil
    body["contexts"] = [
        {"name": evil + str(n), "context": {"cluster": evil, "user": evil, "namespace": text}}
        for n, text in enumerate(("default", *HOSTILE))
    ]
    body["current-context"] = evil + "0"
    path.write_text(yaml.safe_dump(body))
    return path


class ServedInThread:
    """A demo server on a loop and a thread of its own, beside a test that waits for a terminal."""

    def __init__(self, store: ObjectStore, providers: Providers | None = None) -> None:
        """Take what is served."""
        self.store = store
        self.server = DemoServer(viewer_namespace="bakery-ia")
        self.port = 0
        self._providers = providers
        self._tokens = {name: f"token-of-{name}" for name in ("admin", "operator", "viewer", "nsviewer")}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Listen, on the same port and with the same tokens as before."""

        async def listen() -> None:
            await self.server.start(self.store, self._providers, port=self.port, tokens=self._tokens)
            self.port = int(self.server.url.rpartition(":")[2])

        self.run(listen())

    def kill(self) -> None:
        """Cut every connection and listen no more."""
        self.run(self.server.close())

    def call(self, action: Callable[[], Any]) -> Any:
        """Do something in the server's thread and return what it gives."""

        async def act() -> Any:
            return action()

        return self.run(act())

    def run(self, work: Any) -> Any:
        """Run a coroutine in the server's thread to its end."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(60)

    def asked(self) -> dict[str, int]:
        """Return how often each request was made since the server began."""
        return dict(self.server.faults.requests)

    def kubeconfig(self, path: Path, user: str = "admin") -> Path:
        """Write a kubeconfig that leads here."""
        return kubeconfig(self.server, path, user)

    def close(self) -> None:
        """End the server and its thread."""
        self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextmanager
def served_in_thread(
    store: ObjectStore | None = None, providers: Providers | None = None
) -> Iterator[ServedInThread]:
    """Serve a store (an empty one if not given) for the length of a block."""
    served = ServedInThread(store or static_store(), providers)
    try:
        served.start()
        yield served
    finally:
        served.close()
