"""The verbs that act on Flux and workloads, and those that go into pods, as a person calls them."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli_child import Serving, end, environment, lines_until, serving
from tests.support.pty import Terminal

pytestmark = pytest.mark.slow

APP = ("-n", "bakery-ia")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("home"), "--speed", "20") as running:
        yield running


def test_workloads_without_a_verb_is_the_listing_that_it_was(demo: Serving) -> None:
    done = demo.bakeryops("workloads", *APP, "-s", "auth", "-o", "json")
    assert [each["name"] for each in done.json()] == ["auth-service"]


def test_a_plan_changes_nothing_and_names_what_takes_it_back(demo: Serving) -> None:
    done = demo.bakeryops("workloads", "scale", "gateway", "3", *APP, "--dry-run")
    assert done.code == 0, done
    assert "Flux Kustomization bakery-ia applies Git again" in done.out
    assert "In Git instead" in done.out
    assert "Undo     bakeryops workloads scale Deployment/gateway 2" in done.out
    assert "2/2" in demo.bakeryops("workloads", *APP, "-s", "gateway").out


def test_a_restart_is_a_job_that_ends_with_evidence(demo: Serving) -> None:
    done = demo.bakeryops("workloads", "restart", "auth", *APP, "--yes")
    assert done.code == 0, done
    assert "Deployment auth-service: 2 of 2 pods ready" in done.out


def test_a_database_asks_for_its_name(demo: Serving) -> None:
    done = demo.bakeryops("workloads", "scale", "StatefulSet/auth-db", "0", *APP, "--yes")
    assert done.code == 5
    assert "--confirm auth-db" in done.err


def test_suspend_refuses_a_reconcile_until_resume(demo: Serving) -> None:
    done = demo.bakeryops("flux", "suspend", "bakery-ia", "--reason", "a test", "--until", "1d", "--yes")
    assert done.code == 0, done
    refused = demo.bakeryops("flux", "reconcile", "ks/bakery-ia", "--yes")
    assert refused.code == 5
    assert "bakeryops flux resume bakery-ia -n flux-system" in refused.err
    resumed = demo.bakeryops("flux", "resume", "--yes")
    assert resumed.code == 0, resumed
    assert "Kustomization bakery-ia has applied main@sha1:" in resumed.out


@pytest.mark.parametrize("when", ["soon", "-2h", "2x", "d"])
def test_an_end_that_is_no_time_is_refused(demo: Serving, when: str) -> None:
    done = demo.bakeryops("flux", "suspend", "bakery-ia", "--reason", "a test", f"--until={when}", "--yes")
    assert done.code == 2, done


def test_a_command_in_a_pod_gives_its_output_and_its_exit_code(demo: Serving) -> None:
    done = demo.bakeryops("workloads", "shell", "auth", *APP, "--", "sh", "-c", "echo inside; exit 3")
    assert (done.out, done.code) == ("inside\n", 3)
    assert demo.bakeryops("workloads", "shell", "nosuch", *APP).code == 1
    log = (demo.home / "state" / "bakeryops" / "audit.jsonl").read_text("utf-8")
    assert "exit code 3" in log
    assert "echo inside" not in log


def test_a_shell_on_a_terminal_takes_keys_and_gives_the_terminal_back(demo: Serving) -> None:
    config = str(demo.folder / "config.yaml")
    code = f"from bakeryops.__main__ import main; import sys; sys.argv[1:] = ['--config', {config!r}, 'workloads', 'shell', 'auth', '-n', 'bakery-ia']; main()"
    with Terminal.python(code, environ=environment(demo.home)) as terminal:
        terminal.wait_for("#")
        terminal.send("echo hello\r")
        terminal.wait_for(lambda lines: any(line.startswith("hello") for line in lines))
        terminal.send("exit 4\r")
        assert terminal.wait() == 4


def test_a_port_is_reachable_on_loopback_until_it_is_ended(demo: Serving) -> None:
    child = demo.start("workloads", "port-forward", "svc/gateway", ":8000", *APP)
    [line] = lines_until(child, lambda lines: True)
    found = re.fullmatch(r"127\.0\.0\.1:(\d+) -> bakery-ia/gateway-\S+:8000", line)
    assert found, line
    with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=20) as answer:
        assert b"port 8000" in answer.read()
    done = end(child)
    assert done.code == 0, done
    log = (demo.home / "state" / "bakeryops" / "audit.jsonl").read_text("utf-8")
    assert "1 connections" in log


def test_read_only_lets_nobody_in(demo: Serving) -> None:
    for verb in (("shell", "auth"), ("port-forward", "gateway", ":8000")):
        done = demo.bakeryops("--read-only", "workloads", *verb, *APP)
        assert done.code == 5, done
        assert "read-only" in done.err


def test_the_verbs_import_no_screen() -> None:
    code = "import sys, bakeryops.actions.shell, bakeryops.actions.flux_steps, bakeryops.actions.workloads_steps; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
