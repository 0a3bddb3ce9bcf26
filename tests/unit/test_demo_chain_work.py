"""The steps of the chain on a cluster whose time is moved by hand: what fails, how it says so, what it leaves alone."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from bakeryops.demo.bakery.pipeline import run_spec
from bakeryops.demo.chain.overlay import OVERLAY, tag_of
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.gitea.accounts import ADMIN
from bakeryops.demo.world import build_world

CI = "bakery-ci"
IMAGES = "gitea.bakery-ia.local/bakery-admin"
Object = dict[str, Any]


class Shop:
    """The cluster, and builds that are started by hand."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.world = build_world(self.clock, life=False)
        self.store = self.world.store
        self.repo = self.world.gitea.repo(ADMIN, "bakery-ia")
        self.count = 0

    def commit(self, changes: dict[str, bytes | None]) -> str:
        return self.repo.commit("main", changes, "Change\n", "Marta", "marta@example.org", self.clock.now())

    def start(self, after: str, before: str, **params: Any) -> str:
        self.count += 1
        spec = run_spec(revision=after, before=before, ref="refs/heads/main", repo="bakery-admin/bakery-ia",
                        pusher="marta", folder="x")  # fmt: skip
        spec["params"] += [{"name": name.replace("_", "-"), "value": value} for name, value in params.items()]
        body = {"metadata": {"name": f"run-{self.count}", "namespace": CI}, "spec": spec}
        return str(self.store.create("pipelineruns", body, manager="test")["metadata"]["name"])

    def run(self, name: str) -> Object:
        found = self.store.get("pipelineruns", CI, name)
        assert found is not None
        return found

    def reason(self, name: str) -> str:
        return str(((self.run(name).get("status") or {}).get("conditions") or [{}])[0].get("reason", ""))

    def finish(self, name: str) -> str:
        assert self.clock.run_until(lambda: "completionTime" in (self.run(name).get("status") or {}), 7200)
        return self.reason(name)

    def task_run(self, name: str, task: str) -> Object:
        [found] = self.store.list(
            "taskruns", CI, {"tekton.dev/pipelineRun": name, "tekton.dev/pipelineTask": task}
        )
        return found

    def said(self, name: str, task: str, step: str) -> str:
        pod = self.store.get("pods", CI, self.task_run(name, task)["status"]["podName"])
        assert pod is not None
        return b"".join(each.data for each in self.world.logs.read(pod, f"step-{step}", previous=False)).decode()

    def tag(self, service: str) -> str:
        return tag_of((self.repo.read("main", OVERLAY) or b"").decode(), f"{IMAGES}/{service}") or ""


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.world.clean_up()


def before_of(shop: Shop) -> str:
    return shop.repo.head() or ""


def test_services_can_be_asked_for_although_nothing_changed(shop: Shop) -> None:
    head = before_of(shop)
    name = shop.start(head, head, force_services=["recipes", "gateway"])
    assert shop.finish(name) == "Succeeded"
    assert shop.tag("recipes") == shop.tag("gateway")
    assert shop.tag("recipes").endswith(head[:12])
    assert "asked for by force-services: gateway recipes" in shop.said(name, "detect-changes", "detect")


def test_wrong_credentials_end_the_build_at_its_clone(shop: Shop) -> None:
    def spoil(obj: Object) -> Object:
        text = "http://bakery-ci-bot:wrong@gitea-http.gitea.svc.cluster.local:3000\n"
        obj["data"][".git-credentials"] = base64.b64encode(text.encode()).decode()
        return obj

    shop.store.mutate("secrets", CI, "gitea-git", spoil, manager="test")
    head = before_of(shop)
    name = shop.start(head, head)
    assert shop.finish(name) == "Failed"
    assert "authentication required" in shop.said(name, "clone", "clone")
    assert shop.task_run(name, "clone")["status"]["steps"][0]["terminated"]["exitCode"] == 128
    # What comes last says so all the same, with a token of its own.
    assert "failure" in shop.said(name, "report-status", "post")


def test_a_revision_that_is_not_there_is_told(shop: Shop) -> None:
    name = shop.start("1" * 40, before_of(shop))
    assert shop.finish(name) == "Failed"
    assert f"couldn't find remote ref {'1' * 40}" in shop.said(name, "clone", "clone")


def test_gitea_going_down_during_a_build_deploys_nothing(shop: Shop) -> None:
    before, was = before_of(shop), shop.tag("auth")
    name = shop.start(shop.commit({"services/auth/app/new.py": b"x = 1\n"}), before)
    assert shop.clock.run_until(
        lambda: bool(
            shop.store.list("taskruns", CI, {"tekton.dev/pipelineRun": name, "tekton.dev/pipelineTask": "build"})
        )
    )
    shop.world.gitea.faults.down = "closed"
    assert shop.finish(name) == "Failed"
    assert shop.tag("auth") == was


def test_a_push_during_update_tag_is_built_upon(shop: Shop) -> None:
    before = before_of(shop)
    name = shop.start(shop.commit({"services/auth/app/new.py": b"x = 1\n"}), before)
    labels = {"tekton.dev/pipelineRun": name, "tekton.dev/pipelineTask": "update-tag"}

    def working() -> bool:
        pods = shop.store.list("pods", CI, labels)
        return bool(pods) and bool(shop.world.cluster.book.lines(pods[0]["metadata"]["uid"], "step-commit-and-push",
                                                                  shop.clock.now()))  # fmt: skip

    assert shop.clock.run_until(working)
    other = shop.commit({"README.md": b"meanwhile\n"})
    assert shop.finish(name) == "Succeeded"
    assert "[rejected]" in shop.said(name, "update-tag", "commit-and-push")
    assert shop.repo.is_ancestor(other, "main")
    assert shop.repo.read("main", "README.md") == b"meanwhile\n"
    assert tag_of((shop.repo.read("main", OVERLAY) or b"").decode(), f"{IMAGES}/auth") == shop.tag("auth")


def test_a_read_only_login_cannot_push(shop: Shop) -> None:
    before, was = before_of(shop), shop.tag("auth")
    name = shop.start(shop.commit({"services/auth/app/new.py": b"x = 1\n"}), before)
    flux = shop.world.gitea.accounts.find("flux")
    assert flux is not None

    def swap(obj: Object) -> Object:
        text = f"http://flux:{flux.password}@gitea-http.gitea.svc.cluster.local:3000\n"
        obj["data"][".git-credentials"] = base64.b64encode(text.encode()).decode()
        return obj

    shop.store.mutate("secrets", CI, "gitea-git", swap, manager="test")
    assert shop.finish(name) == "Failed"
    assert "denied for writing" in shop.said(name, "update-tag", "commit-and-push")
    assert shop.tag("auth") == was


def test_a_slow_build_takes_several_times_as_long(shop: Shop) -> None:
    def seconds(content: bytes) -> float:
        before = before_of(shop)
        name = shop.start(shop.commit({"services/auth/app/new.py": content}), before)
        assert shop.finish(name) == "Succeeded"
        log = shop.world.cluster.book
        pod = shop.store.get("pods", CI, shop.task_run(name, "build")["status"]["podName"])
        assert pod is not None
        lines = log.lines(pod["metadata"]["uid"], "step-build-and-push", shop.clock.now()) or []
        return lines[-1].time - lines[0].time

    assert seconds(b"# demo: slow\n") > 4 * seconds(b"x = 1\n")


def test_a_crash_says_where_it_was_asked_for(shop: Shop) -> None:
    before = before_of(shop)
    text = b'settings = 1\nkey = environ["OVEN_KEY"]  # demo: crash\n'
    name = shop.start(shop.commit({"services/recipes/app/new.py": text}), before)
    assert shop.finish(name) == "Succeeded"
    entry = shop.world.images.behaviours[f"{IMAGES}/recipes:{shop.tag('recipes')}"]
    assert entry["lines"][-3:] == (
        '  File "/app/app/new.py", line 2, in load_settings',
        '    key = environ["OVEN_KEY"]',
        "KeyError: 'OVEN_KEY'",
    )


def test_what_somebody_changes_past_git_is_taken_back_at_the_next_round(shop: Shop) -> None:
    def level() -> list[str]:
        found = shop.store.get("deployments.apps", "bakery-ia", "auth-service")
        assert found is not None
        env = found["spec"]["template"]["spec"]["containers"][0]["env"]
        return [each["value"] for each in env if each["name"] == "LOG_LEVEL"]

    def edit(obj: Object) -> Object:
        obj["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "LOG_LEVEL", "value": "DEBUG"})
        return obj

    shop.store.mutate("deployments.apps", "bakery-ia", "auth-service", edit, manager="kubectl-edit")
    assert level() == ["DEBUG"]
    assert shop.clock.run_until(lambda: level() == [], 700)
