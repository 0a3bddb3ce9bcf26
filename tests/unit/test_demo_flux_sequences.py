"""Flux on the embedded cluster goes through the states that a real one was recorded in, in that order.

The recordings were made one after the other on one cluster, and are played so: commits, requests and edits at the
recorded times, with the recorded hashes, and the workload controllers at work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
import yaml

from bakeryops.demo.flux import SourceFault
from tests.support.flux import PLURALS, FluxStage, manifest
from tests.support.recordings import RECORDINGS, events, final_list, needs_recordings, scenarios

pytestmark = needs_recordings

Object = dict[str, Any]
URL = "http://127.0.0.1:27600/app.git"
KINDS = {"gitrepositories": "GitRepository", "kustomizations": "Kustomization"}


def _at(text: str) -> float:
    return datetime.fromisoformat(f"2026-11-22T{text}+00:00").timestamp()


@dataclass
class Scenario:
    """A recording, when it began and how long it is played."""

    name: str
    begun: float
    seconds: float


SCENARIOS = [
    Scenario("flux-first-sync-from-suspended", _at("19:42:17.100"), 9),
    Scenario("flux-image-change-rolls-out", _at("19:42:26.629"), 12),
    Scenario("flux-bad-image-then-revert", _at("19:42:42.619"), 62),
    Scenario("flux-revert-while-health-check-waits", _at("19:43:46.896"), 57),
    Scenario("flux-build-error-then-fixed", _at("19:44:44.020"), 3),
    Scenario("flux-apply-rejected", _at("19:44:47.049"), 2),
    Scenario("flux-prune", _at("19:44:49.805"), 2),
    Scenario("flux-drift-corrected", _at("19:44:51.877"), 12),
    Scenario("flux-suspended-ignores-commit", _at("19:45:06.399"), 7.5),
    Scenario("flux-failing-sources-and-dependencies", _at("19:45:14.230"), 24),
    Scenario("flux-delete-kustomization-prunes", _at("19:45:40.200"), 4),
]

_DURATION = re.compile(r"(?:(?<= in )|(?<= after ))[\d.]+(?:m[\d.]+)?m?s\b")
_WORKSPACE = re.compile(r"/[\w/]*kustomization-\d+")


def _plain(message: str) -> str:
    return _WORKSPACE.sub("/TMP", _DURATION.sub("D", message))


@dataclass
class Seen:
    """The states of each object, equal neighbours once, and its Events."""

    states: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    digests: dict[str, int] = field(default_factory=dict)
    events: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)

    def see(self, plural: str, change: str, obj: Object, *, initial: bool = False) -> None:
        states = self.states.setdefault((plural, obj["metadata"]["name"]), [])
        state = "gone" if change == "DELETED" else self.state(obj)
        if initial:
            return
        if not states or states[-1] != state:
            states.append(state)

    def state(self, obj: Object) -> Object:
        status = obj.get("status") or {}
        found: Object = {
            "suspend": obj["spec"].get("suspend"),
            "deleted": "deletionTimestamp" in obj["metadata"],
            "finalizers": obj["metadata"].get("finalizers"),
            "conditions": [
                (each["type"], each["status"], each["reason"], _plain(each["message"]), each["observedGeneration"])
                for each in status.get("conditions") or ()
            ],
            "inventory": [
                (each["id"], each["v"]) for each in (status.get("inventory") or {}).get("entries") or ()
            ],
            "history": [
                (self.number(each["digest"]), each["lastReconciledStatus"], each["metadata"]["revision"])
                for each in status.get("history") or ()
            ],
            "artifact": None,
        }
        if artifact := status.get("artifact"):
            found["artifact"] = (
                artifact["revision"],
                artifact["path"],
                self.number(artifact["digest"]),
                *sorted(artifact),
            )
        plain = ("observedGeneration", "lastHandledReconcileAt", "lastAppliedRevision", "lastAttemptedRevision")
        found.update({name: status.get(name) for name in plain})
        found["fields"] = sorted(status)
        return found

    def hear(self, event: Object) -> None:
        """Take in an Event, as often as it was counted."""
        message = _plain(event["message"].removeprefix("(combined from similar events): "))
        about = event["involvedObject"]
        if about["kind"] in KINDS.values():
            told = (event["type"], event["reason"], message, event["source"]["component"])
            self.events.setdefault(f"{about['kind']}/{about['name']}", []).append(told)

    def number(self, digest: str) -> int:
        return self.digests.setdefault(digest, len(self.digests))


def _deployment(name: str, replicas: int, image: str = "docker.io/library/busybox:1.35") -> Object:
    labels = {"app.kubernetes.io/name": name}
    container = {
        "name": name,
        "image": image,
        "envFrom": [{"configMapRef": {"name": "shop-config"}}],
        "readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 1, "periodSeconds": 2},
    }
    spec = {"terminationGracePeriodSeconds": 2, "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return manifest(
        "Deployment", name,
        spec={"replicas": replicas, "selector": {"matchLabels": labels}, "progressDeadlineSeconds": 45, "template": template},
    )  # fmt: skip


def _tree(**changes: Any) -> dict[str, str | None]:
    """Return the files of the recorded repository, in its first state but for `changes`."""
    set_ = {"web": "docker.io/library/busybox:1.35", "api": "docker.io/library/busybox:1.35", "price": "2.40", "worker": 1,
            "flyer": True, "head": "", **changes}  # fmt: skip
    objects = [
        manifest("ConfigMap", "shop-config", data={"greeting": "hello", "price": set_["price"]}),
        _deployment("api", 1, set_["api"]),
        _deployment("web", 3, set_["web"]),
        _deployment("worker", set_["worker"]),
    ]
    if set_["flyer"]:
        ports = [{"port": 80}]
        objects.append(manifest("ConfigMap", "flyer", data={"text": "croissants -20%"}))
        objects.append(
            manifest("Service", "web", spec={"ports": ports, "selector": {"app.kubernetes.io/name": "web"}})
        )
    text = set_["head"] or "resources:\n  - objects.yaml\n"
    return {"deploy/kustomization.yaml": text, "deploy/objects.yaml": yaml.safe_dump_all(objects)}


APPLIED = ("configmaps", "services", "deployments")


def _applied(objects: list[Object]) -> list[Object]:
    """Return what of objects Flux decides."""
    found = []
    for obj in objects:
        metadata, spec = obj["metadata"], obj.get("spec") or {}
        if (owner := (metadata.get("labels") or {}).get("kustomize.toolkit.fluxcd.io/name")) is None:
            continue
        containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or ()
        found.append(
            {
                "name": metadata["name"],
                "owner": owner,
                "data": obj.get("data"),
                "replicas": spec.get("replicas"),
                "images": [each["image"] for each in containers],
                "managers": [
                    each["manager"] for each in metadata["managedFields"] if each["operation"] == "Apply"
                ],
            }
        )
    return found


ALPINE = "docker.io/library/alpine:"
MISSING_PATCH = "resources:\n  - objects.yaml\npatches:\n  - path: patch-does-not-exist.yaml\n"
TYPO = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n# one\nresources: [objects.yaml\nnamePrefix: a\n"
PUSHES: dict[str, dict[str, dict[str, Any]]] = {
    "flux-image-change-rolls-out": {"git push": {"subject": "deploy: web 3.20"}},
    "flux-bad-image-then-revert": {
        "git push (image tag that does not exist)": {"subject": "deploy: web 3.99", "web": f"{ALPINE}3.99"},
        "git revert pushed": {"subject": 'Revert "deploy: web 3.99"'},
    },
    "flux-revert-while-health-check-waits": {
        "git push (bad image)": {"subject": "deploy: api 9.99", "api": f"{ALPINE}9.99"},
        "git revert pushed while the health check still waits": {"subject": 'Revert "deploy: api 9.99"'},
    },
    "flux-build-error-then-fixed": {
        "git push (kustomization names a file that is missing)": {
            "subject": "deploy: add patch",
            "head": MISSING_PATCH,
        },
        "git push (YAML syntax error)": {"subject": "deploy: typo", "head": TYPO},
        "git push (fix)": {"subject": "fix: remove patch"},
    },
    "flux-apply-rejected": {
        "git push (invalid value)": {"subject": "deploy: scale worker", "worker": -3},
        "git push (fix)": {"subject": "fix: worker replicas"},
    },
    "flux-prune": {
        "git push (ConfigMap and Service removed)": {"subject": "chore: drop flyer", "flyer": False},
    },
    "flux-suspended-ignores-commit": {"git push": {"subject": "price", "flyer": False, "price": "2.60"}},
}
"""What the recorded commits changed against the deployment of web 3.20."""
FIRST_COMMIT = "aff0cc9a662c22335d4c475c99564a882ae3ab33"


class Play:
    """All recordings, played on one stage."""

    def __init__(self) -> None:
        images = ("docker.io/library/busybox:1.35", f"{ALPINE}3.20", "docker.io/library/nginx:1.27")
        self.stage = FluxStage(start=SCENARIOS[0].begun - 5, images=images, missing=("3.99", "9.99"))
        self.stage.git.push(URL, "bakery", _tree(), "chore: initial deployment", FIRST_COMMIT)
        self.stage.git.faults["http://127.0.0.1:27698/x.git"] = SourceFault.refused("http://127.0.0.1:27698/x.git")
        self.stage.git.logins["http://127.0.0.1:27699/private.git"] = ("baker", "secret")
        self.stage.start()
        self.seen: dict[str, Seen] = {}
        self.applied: dict[str, dict[str, list[Object]]] = {}
        self.digests: dict[str, int] = {}
        self._current: Callable[[str, str, Object], None] = lambda *_: None
        for plural, kind in KINDS.items():
            self.stage.store.listen(
                PLURALS[kind], lambda change, obj, _before, plural=plural: self._current(plural, change, obj)
            )
        for scenario in SCENARIOS:
            self.stage.clock.advance(scenario.begun - self.stage.clock.now())
            seen = self.seen[scenario.name] = Seen(digests=self.digests)
            self._current = seen.see
            deaf = self.stage.store.listen(
                "events", lambda change, obj, _, seen=seen: change != "DELETED" and seen.hear(obj)
            )
            for when, action in self._actions(scenario):
                self.stage.clock.advance(max(0.0, scenario.begun + when - self.stage.clock.now()))
                action()
            self.stage.clock.advance(max(0.0, scenario.begun + scenario.seconds - self.stage.clock.now()))
            self._current = lambda *_: None
            deaf()
            self.applied[scenario.name] = {
                plural: _applied(self.stage.store.list(plural, "bakery")) for plural in APPLIED
            }

    def _actions(self, scenario: Scenario) -> Iterator[tuple[float, Callable[[], Any]]]:
        stage = self.stage
        for line in (RECORDINGS / scenario.name / "actions.jsonl").read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            when, action = entry["t"], entry["action"]
            if action in PUSHES.get(scenario.name, {}):
                push = PUSHES[scenario.name][action]
                tree = _tree(**{"web": f"{ALPINE}3.20", **push})
                yield (
                    when,
                    lambda t=tree, p=push, e=entry: stage.git.push(URL, "bakery", t, p["subject"], e["commit"]),
                )
            elif action.startswith("annotate "):
                plural, _, rest = action.removeprefix("annotate ").partition("/")
                token = rest.partition("=")[2]
                yield when, lambda kind=KINDS[plural], t=token: stage.request(kind, "bakery", t)
            elif action.startswith("create GitRepository"):
                yield when, self._create
            elif action.startswith("resume both"):
                yield when, lambda: stage.change_spec("GitRepository", "bakery", suspend=False)
                yield when, lambda: stage.change_spec("Kustomization", "bakery", suspend=False)
            elif action == "suspend kustomization":
                yield when, lambda: stage.change_spec("Kustomization", "bakery", suspend=True)
            elif action == "resume":
                yield when, lambda: stage.change_spec("Kustomization", "bakery", suspend=False)
            elif action.startswith("manual edit"):
                yield when, self._edit
            elif action.startswith("DELETE"):
                yield when, lambda: stage.store.delete(PLURALS["Kustomization"], "flux-system", "bakery")
            elif action == "created":
                yield 0.0, self._create_failing

    def _create(self) -> None:
        spec = {"interval": "10m", "ref": {"branch": "bakery"}, "suspend": True, "timeout": "20s", "url": URL}
        self.stage.create("GitRepository", "bakery", spec)
        self.stage.create("Kustomization", "bakery", self._applier("bakery", suspend=True))

    def _create_failing(self) -> None:
        for _, plural, change, obj in events("flux-failing-sources-and-dependencies"):
            if change == "ADDED" and plural in KINDS and obj["metadata"]["name"] != "bakery":
                self.stage.create(KINDS[plural], obj["metadata"]["name"], obj["spec"])

    def _applier(self, source: str, **more: Any) -> Object:
        reference = {"kind": "GitRepository", "name": source}
        return {"interval": "10m", "path": "./deploy", "prune": True, "retryInterval": "30s", "sourceRef": reference,
                "timeout": "1m", "wait": True, **more}  # fmt: skip

    def _edit(self) -> None:
        def price(obj: Object) -> Object:
            obj["data"]["price"] = "9.99"
            return obj

        def image(obj: Object) -> Object:
            obj["spec"]["template"]["spec"]["containers"][0]["image"] = "docker.io/library/nginx:1.27"
            return obj

        self.stage.store.mutate("configmaps", "bakery", "shop-config", price, manager="console-lab")
        self.stage.store.mutate("deployments.apps", "bakery", "api", image, manager="console-lab")


@pytest.fixture(scope="module")
def play() -> Play:
    return Play()


def _recorded(name: str, digests: dict[str, int]) -> Seen:
    seen = Seen(digests=digests)
    with (RECORDINGS / name / "watch.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["kind"] in KINDS:
                event = entry["event"]
                seen.see(entry["kind"], event["type"], event["object"], initial=bool(entry.get("initial")))
            elif entry["kind"] == "events" and entry["event"]["type"] != "DELETED" and not entry.get("initial"):
                seen.hear(entry["event"]["object"])
    return seen


@pytest.fixture(scope="module")
def recordings() -> dict[str, Seen]:
    digests: dict[str, int] = {}
    return {each.name: _recorded(each.name, digests) for each in SCENARIOS}


def _differences(want: list[Any], have: list[Any]) -> list[str]:
    """Return where two sequences part."""
    size = [[0] * (len(have) + 1) for _ in range(len(want) + 1)]
    for row in range(len(want) - 1, -1, -1):
        for column in range(len(have) - 1, -1, -1):
            same = want[row] == have[column]
            longer = max(size[row + 1][column], size[row][column + 1])
            size[row][column] = 1 + size[row + 1][column + 1] if same else longer
    found, row, column = [], 0, 0
    while row < len(want) or column < len(have):
        if row < len(want) and column < len(have) and want[row] == have[column]:
            row, column = row + 1, column + 1
        elif column == len(have) or (row < len(want) and size[row + 1][column] >= size[row][column + 1]):
            found.append(f"{row}: never showed {want[row]}")
            row += 1
        else:
            found.append(f"{column}: showed {have[column]}")
            column += 1
    return found


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_states_follow_the_recording(scenario: Scenario, play: Play, recordings: dict[str, Seen]) -> None:
    want, have = recordings[scenario.name], play.seen[scenario.name]
    problems = []
    for key, states in want.states.items():
        if not states:
            continue
        problems += [f"{'/'.join(key)} {each}" for each in _differences(states, have.states.get(key, []))]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_events_follow_the_recording(scenario: Scenario, play: Play, recordings: dict[str, Seen]) -> None:
    want, have = recordings[scenario.name], play.seen[scenario.name]
    problems = []
    for name, told in want.events.items():
        problems += [f"{name} {each}" for each in _differences(told, have.events.get(name, []))]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("scenario", SCENARIOS[:-2], ids=lambda each: each.name)
def test_what_was_applied_is_as_recorded(scenario: Scenario, play: Play) -> None:
    want = {plural: _applied(final_list(scenario.name, plural)) for plural in APPLIED}
    assert play.applied[scenario.name] == want


def test_every_recording_is_played() -> None:
    assert set(scenarios("flux-")) == {each.name for each in SCENARIOS}
