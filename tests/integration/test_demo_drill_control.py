"""A drill as it is asked about: over the control API, and on the command line."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from bakeryops.demo.contracts import Object
from bakeryops.demo.faults import Fault
from bakeryops.demo.server import Providers
from tests.support.cli_child import call, end, environment, lines_until, serving
from tests.support.demo import Client, place, served, static_store


class OneHint:
    """A drill that has one hint."""

    def __init__(self) -> None:
        self.given = 0

    def status(self) -> Object:
        return {"name": "small", "state": "running", "hints_left": 1 - self.given}

    def hint(self) -> Object:
        self.given = 1
        return self.status()


async def test_whoever_is_signed_in_may_ask_for_the_drill_and_for_hints() -> None:
    async with served(static_store("orders"), Providers(drill=OneHint())) as server:
        for user in ("admin", "operator", "viewer", "nsviewer"):
            async with Client(server, user) as client:
                found = await client.get("/_demo/drill")
                assert (found.status, found.body["name"]) == (200, "small")
        async with Client(server, "viewer") as client:
            assert (await client.call("POST", "/_demo/drill/hint")).body["hints_left"] == 0
            assert (await client.get("/_demo/drill")).body["hints_left"] == 0
            assert (await client.get("/_demo/drill/hint")).status == 405
            assert (await client.call("POST", "/_demo/drill")).status == 405
            assert (await client.get("/_demo/drill/x")).status == 404
            assert (await client.get("/_demo/faults")).status == 403
        async with Client(server, None) as client:
            assert (await client.get("/_demo/drill")).status == 401
        async with Client(server, "nobody") as client:
            assert (await client.get("/_demo/drill")).status == 401


async def test_without_a_drill_there_is_none() -> None:
    async with served(static_store("orders")) as server, Client(server, "viewer") as client:
        found = await client.get("/_demo/drill")
        assert found.status == 404
        assert found.body["message"] == "no drill is on: start one with demo --scenario"


async def test_a_stalled_stream_loses_nothing() -> None:
    store = static_store("orders")
    watch = "/api/v1/namespaces/orders/configmaps?watch=true"
    async with served(store) as server, Client(server) as client, client.stream(watch) as answer:
        place(store, "configmaps", {"metadata": {"name": "a", "namespace": "orders"}})
        assert b'"a"' in await answer.content.readline()
        rule = server.faults.add(Fault("stall", verb="watch"))
        for name in ("b", "c"):
            place(store, "configmaps", {"metadata": {"name": name, "namespace": "orders"}})
        # What is no stream is answered meanwhile.
        assert (await client.get("/api/v1/namespaces/orders/configmaps")).status == 200
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await answer.content.readline()
        server.faults.remove(rule.id)
        assert b'"b"' in await answer.content.readline()
        assert b'"c"' in await answer.content.readline()


@pytest.mark.slow
def test_scenarios_are_listed_and_others_refused(tmp_path: Path) -> None:
    done = call(tmp_path, "demo", "--scenario", "list")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert len(lines) == 10
    assert lines[0] == "bad-deploy           The service runs a good image again, and Git says so."
    wrong = call(tmp_path, "demo", "--scenario", "bad-deplo")
    assert wrong.code == 2
    assert "Did you mean bad-deploy?" in wrong.err
    assert call(tmp_path, "demo", "--serve", "--dir", str(tmp_path / "d"), "--feature-gates", "x").code == 2


@pytest.mark.slow
def test_a_drill_says_its_goal_before_it_is_ready_and_when_it_is_reached(tmp_path: Path) -> None:
    with serving(
        tmp_path,
        "--scenario",
        "bad-deploy",
        "--speed",
        "40",
        "--feature-gates",
        "CancelHealthCheckOnNewRevision=true",
    ) as demo:
        *_, told, ready = demo.said
        assert ready == "ready"
        assert told.startswith("drill bad-deploy ")
        assert told.endswith(" runs a good image again, and Git says so.")
        service = told.split()[2]
        url = next(line.split()[1] for line in demo.said if line.startswith("git "))
        git = ["git", "-c", f"credential.helper=store --file={demo.folder / 'git-credentials'}",
               "-c", "user.name=Operator", "-c", "user.email=operator@bakery-ia.local"]  # fmt: skip
        clone = tmp_path / "clone"

        def run(*arguments: str) -> str:
            return subprocess.run(
                [*git, *arguments], check=True, capture_output=True, text=True, env=environment(tmp_path)
            ).stdout

        run("clone", "--quiet", url, str(clone))
        subject = run("-C", str(clone), "log", "-1", "--format=%s").strip()
        assert subject.startswith(f"deploy({service}): ")
        run("-C", str(clone), "revert", "--no-edit", "HEAD")
        run("-C", str(clone), "push", "--quiet", "origin", "HEAD:main")
        [reached] = lines_until(demo.child, lambda lines: lines)
        assert reached.startswith("drill bad-deploy reached in ")
        assert f'Revert "{subject}"' in reached
        assert end(demo.child).code == 0
