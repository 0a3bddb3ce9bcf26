"""Builds, Flux, services and followed commits on the command line, against the embedded cluster and its real git."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeryops.cluster.session import Session
from bakeryops.cluster.target import find_target
from bakeryops.cluster.writes import Writer
from tests.support.cli_child import Serving, end, lines_until, serving
from tests.support.shapes import faults

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("home"), "--seed", "1") as running:
        yield running


def failed_build(demo: Serving) -> dict[str, Any]:
    found: list[dict[str, Any]] = demo.bakeryops("builds", "--limit", "200", "-o", "json").json()
    return next(each for each in found if each["state"] == "failed")


def test_lists_and_documents_have_the_documented_shape(demo: Serving) -> None:
    failed = failed_build(demo)["name"]
    for name, arguments in (
        ("builds", ["builds"]),
        ("builds show", ["builds", "show", failed]),
        ("builds show", ["builds", "show", "last"]),
        ("flux show", ["flux", "show", "bakery-ia"]),
        ("service", ["service", "auth"]),
        ("service", ["service", "pos"]),
        ("follow", ["follow"]),
        ("status", ["status"]),
    ):
        for form, load in (("json", json.loads), ("yaml", yaml.safe_load)):
            done = demo.bakeryops(*arguments, "-o", form)
            assert done.code in (0, 3), done
            assert faults(name, load(done.out)) == [], (arguments, form)


def test_every_flux_object_is_listed_with_the_common_keys(demo: Serving) -> None:
    done = demo.bakeryops("flux", "-o", "json")
    assert done.code == 0, done
    kinds = {each["kind"] for each in done.json()}
    assert {"GitRepository", "Kustomization", "Receiver"} <= kinds
    for each in done.json():
        assert {
            "kind",
            "namespace",
            "name",
            "health",
            "state",
            "reason",
            "why",
            "suspended",
            "since",
        } <= each.keys()


def test_builds_say_commit_author_and_services(demo: Serving) -> None:
    done = demo.bakeryops("builds", "-o", "json")
    builds = done.json()
    assert len(builds) > 5
    assert builds == sorted(builds, key=lambda each: each["created"], reverse=True)
    for each in builds:
        assert each["commit"]["sha"] == each["revision"]
        assert each["commit"]["author"]
    assert any(each["services"] for each in builds)
    service = next(each["services"][0] for each in builds if each["services"])
    only = demo.bakeryops("builds", "-s", service, "-o", "json").json()
    assert only
    assert all(service in each["services"] for each in only)
    table = demo.bakeryops("builds")
    assert builds[0]["revision"][:7] in table.out
    assert builds[0]["commit"]["subject"] in table.out


def test_a_failed_build_names_its_first_failing_step(demo: Serving) -> None:
    failed = failed_build(demo)
    done = demo.bakeryops("builds", "show", failed["name"].rpartition("-")[2])
    assert done.code == 3, done
    shown = demo.bakeryops("builds", "show", failed["name"], "-o", "json").json()
    failure = shown["failure"]
    assert failure["exit_code"]
    assert failure["task"] in done.out
    assert failure["step"] in done.out
    states = {each["state"] for each in shown["tasks"]}
    assert "failed" in states
    assert "skipped" in states


def test_a_build_that_is_not_there_and_a_name_that_is_wrong(demo: Serving) -> None:
    done = demo.bakeryops("builds", "show", "nosuch")
    assert done.code == 1
    assert "there is no build nosuch" in done.err
    done = demo.bakeryops("builds", "logs", "last", "-t", "nosuch")
    assert done.code == 2
    assert "has no task nosuch" in done.err
    done = demo.bakeryops("service", "aut")
    assert done.code in (0, 1, 3)
    done = demo.bakeryops("follow", "0123456789abcdef")
    assert done.code == 1
    assert "there is no commit, build, image or service" in done.err
    done = demo.bakeryops("flux", "show", "nosuch")
    assert done.code == 1
    assert "bakery-ia" in done.err


def test_a_service_knows_who_deployed_what_when(demo: Serving) -> None:
    view = demo.bakeryops("service", "auth", "-o", "json").json()
    assert view["tag"] == view["wanted_tag"]
    running = [each for each in view["deployments"] if each["running"]]
    assert len(running) == 1
    assert running[0]["tag"] == view["tag"]
    assert running[0]["source"]["sha"].startswith(view["tag"].rpartition("-")[2])
    assert view["commit"] == running[0]["source"]
    assert view["deployed_by"] == view["commit"]["author"]
    assert view["database"]["name"] == "auth-db"
    names = [each["name"] for each in demo.bakeryops("service", "-o", "json").json()]
    assert {"auth", "gateway", "frontend", "pos"} <= set(names)
    assert len(names) == len(set(names))


def test_builds_can_be_seen_by_one_who_may_only_look(demo: Serving) -> None:
    for context, code in (("viewer", (0, 3)), ("nsviewer", (5,))):
        done = demo.bakeryops("builds", "--context", context)
        assert done.code in code, done
    assert "may not be looked at" in done.err


@pytest.mark.parametrize("context", ["admin", "nsviewer"])
def test_one_namespace_is_looked_at_and_the_rest_is_called_unknown(demo: Serving, context: str) -> None:
    only = ("--context", context, "-n", "bakery-ia")
    view = demo.bakeryops(*only, "service", "auth", "-o", "json")
    assert view.code == 0, view
    assert (len(view.json()["pods"]), view.json()["builds"]) == (2, [])
    chain = demo.bakeryops(*only, "status", "-o", "json").json()["chain"]
    states = {leg["stage"]: (leg["state"], leg["why"]) for leg in chain["legs"]}
    assert states["build"] == ("unknown", "builds are not looked at: only bakery-ia is")
    assert states["fetched"] == states["applied"] == ("unknown", "Flux is not looked at: only bakery-ia is")
    followed = demo.bakeryops(*only, "follow")
    assert "no longer kept" not in followed.out
    shown = demo.bakeryops(*only, "flux", "show")
    assert (shown.code, "Only bakery-ia was looked at." in shown.err) == (1, True)


async def test_what_was_changed_by_hand_shows_in_the_diff(demo: Serving) -> None:
    assert demo.bakeryops("flux", "diff").code == 0
    session = Session(find_target(str(demo.folder / "kubeconfig")))
    await session.start()
    try:
        writer = Writer(session.transport, session.discovery, field_manager="hand")
        flux = {"spec": {"suspend": True}}
        await writer.patch("kustomizations", "bakery-ia", "flux-system", flux)
        await writer.patch("configmaps", "bakery-ia-config", "bakery-ia", {"data": {"LOG_LEVEL": "DEBUG"}})
        done = demo.bakeryops("flux", "diff")
        assert done.code == 3, done
        assert "~ ConfigMap bakery-ia/bakery-ia-config" in done.out
        assert "-  LOG_LEVEL: DEBUG" in done.out
        assert "+  LOG_LEVEL: INFO" in done.out
        document = demo.bakeryops("flux", "diff", "bakery-ia", "-o", "json").json()
        assert faults("flux diff", document) == []
        assert [each["object"]["name"] for each in document] == ["bakery-ia-config"]
        summary = demo.bakeryops("flux", "diff", "--summary")
        assert "LOG_LEVEL" not in summary.out
        suspended = demo.bakeryops("flux", "show", "-o", "json").json()
        assert (suspended["state"], suspended["health"]) == ("suspended", "held")
    finally:
        await writer.patch("configmaps", "bakery-ia-config", "bakery-ia", {"data": {"LOG_LEVEL": "INFO"}})
        await writer.patch("kustomizations", "bakery-ia", "flux-system", {"spec": {"suspend": False}})
        await session.close()


def test_going_back_to_an_older_commit_says_what_it_would_change(demo: Serving) -> None:
    view = demo.bakeryops("service", "auth", "-o", "json").json()
    older = [each for each in view["deployments"] if each["kind"] == "deploy"][1]
    done = demo.bakeryops("flux", "diff", "--revision", older["commit"][:10])
    assert done.code == 3, done
    assert f"+        image: gitea.bakery-ia.local/bakery-admin/auth:{older['tag']}" in done.out.replace(
        "   +", "+"
    )


def git(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def clone(demo: Serving, home: Path) -> Path:
    address = next(line.partition(" ")[2] for line in demo.said if line.startswith("git "))
    helper = f"credential.helper=store --file={demo.folder / 'git-credentials'}"
    git(home, "-c", helper, "clone", "-q", address, str(home / "clone"))
    for key, value in (
        ("user.name", "Op"),
        ("user.email", "op@bakery.example"),
        (helper.partition("=")[0], helper.partition("=")[2]),
    ):
        git(home, "-C", str(home / "clone"), "config", key, value)
    return home / "clone"


def test_status_says_why_git_is_not_known(demo: Serving, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = demo.bakeryops("status", more={"PATH": str(tmp_path / "bin"), "XDG_STATE_HOME": str(tmp_path)})
    assert "git ○ git ?" in done.out
    assert "git is not installed on this machine" in done.err


def test_a_push_is_followed_to_ready_pods_and_no_secret_is_told(tmp_path: Path) -> None:
    with serving(tmp_path, "--seed", "2", "--speed", "20") as demo:
        work = clone(demo, tmp_path)
        (work / "services/auth/app/main.py").open("a").write("# a change\n")
        git(tmp_path, "-C", str(work), "commit", "-qam", "auth: change a line")
        sha = git(tmp_path, "-C", str(work), "rev-parse", "HEAD").strip()
        git(tmp_path, "-C", str(work), "push", "-q")
        child = demo.start("follow", sha[:10], "--watch", "-o", "json")
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        documents = [json.loads(line) for line in out.splitlines()]
        assert all(faults("follow", each) == [] for each in documents)
        assert documents[0]["stuck_at"] is not None
        last = documents[-1]
        assert (last["stuck_at"], last["services"], last["commit"]["sha"]) == (None, ["auth"], sha)
        assert [leg["stage"] for leg in last["legs"]] == [
            "pushed", "webhook", "build", "tests", "images", "tag", "fetched", "applied", "ready",
        ]  # fmt: skip
        assert [leg for leg in last["legs"] if leg["state"] != "done"] == []
        full = demo.bakeryops("follow", sha[:7], "-o", "json").json()
        for view in (last, full):
            timed = {leg["stage"] for leg in view["legs"] if leg["seconds"] is not None}
            assert {"build", "tests", "images"} <= timed
        view = demo.bakeryops("service", "auth", "-o", "json").json()
        assert view["commit"]["sha"] == sha
        assert view["deployments"][0]["author"] != ""
        logs = demo.bakeryops("builds", "logs", last["builds"][0]["name"], "-t", "build auth")
        assert logs.code == 0, logs
        assert logs.out.strip()
        token = (demo.folder / "gitea-token").read_text().strip()
        assert token
        for told in (out, err, logs.out, logs.err, json.dumps(view), demo.bakeryops("config", "show").out):
            assert token not in told


def test_lists_can_be_watched(tmp_path: Path) -> None:
    with serving(tmp_path, "--seed", "3", "--speed", "20") as demo:
        for verb, noun in (("builds", "build"), ("flux", "object")):
            child = demo.start(verb, "--watch", "-o", "json")
            lines = lines_until(child, lambda lines: len(lines) >= 3)
            assert end(child, signal.SIGINT).code == 130
            changes = [json.loads(line) for line in lines]
            assert changes[0]["change"] == "added"
            assert all(noun in change for change in changes)
