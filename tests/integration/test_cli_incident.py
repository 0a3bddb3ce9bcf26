"""Incidents exported by the command line: with everything there, and with cluster and Git gone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli_child import Serving, call, end, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("home"), "--speed", "20") as running:
        yield running


def section(text: str, title: str) -> str:
    """Return what stands below a heading."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title} in:\n{text[:2000]}"
    return found[1]


def test_an_incident_of_one_service_holds_what_was_done_and_what_changed(demo: Serving, tmp_path: Path) -> None:
    assert demo.bakeryops("workloads", "restart", "auth", "-n", "bakery-ia", "--yes").code == 0
    assert demo.bakeryops("hold", "auth", "--reason", "token bug", "--yes").code == 0
    file = tmp_path / "auth.md"
    done = demo.bakeryops("incident", "auth", "--since", "3d", "-f", str(file))
    assert done.code == 0, done
    assert done.out == f"{file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text("utf-8")
    told = section(text, "Time line")
    assert re.search(r"\| push \| [0-9a-f]{7} auth: sign people out everywhere", told)
    assert re.search(r"\| build \| bakery-ia-ci-\w+ succeeded after ", told)
    assert re.search(r"\| deploy \| deploy auth \d{14}-[0-9a-f]{12} \(was ", told)
    assert re.search(r"\| action \| Restart Deployment auth-service: done", told)
    deployed = section(text, "Deployments")
    assert re.search(r"^```diff\n(?:.*\n)*?-    newTag: .*\n\+    newTag: ", deployed, re.MULTILINE)
    assert "Commits of services/auth that it brought:" in deployed
    assert "token bug" in section(text, "Holds")
    jobs = section(text, "Jobs")
    assert "pods ready" in jobs
    assert "bakeryops workloads restart" in jobs
    assert "tenant-service" not in text
    assert "What could not be looked at" not in text


def test_an_incident_of_the_whole_bakery_shows_logs_round_the_first_error(demo: Serving) -> None:
    done = demo.bakeryops("incident", "--since", "1d", "-f", "-")
    assert done.code == 0, done
    logs = section(done.out, "Logs")
    assert re.search(r"^> Traceback", logs, re.MULTILINE)
    assert "KeyError: 'POS_TERMINAL_KEY'" in logs
    running = section(done.out, "What runs, and what Git wants")
    assert running.index("| pos |") < running.index("| auth |")
    assert "pos-service" in section(done.out, "Events (warnings)")


def test_html_is_asked_for_by_the_name_or_by_the_option(demo: Serving, tmp_path: Path) -> None:
    for more in (("-f", str(tmp_path / "a.html")), ("--html", "-f", str(tmp_path / "b"))):
        done = demo.bakeryops("incident", "auth", *more)
        assert done.code == 0, done
        assert Path(done.out.strip()).read_text("utf-8").startswith("<!DOCTYPE html>")
    (tmp_path / "folder").mkdir()
    done = demo.bakeryops("incident", "auth", "--html", "-f", str(tmp_path / "folder"))
    assert [each.suffix for each in (tmp_path / "folder").iterdir()] == [".html"], done


def test_a_file_that_is_there_stays_as_it_is_without_force(demo: Serving, tmp_path: Path) -> None:
    file = tmp_path / "incident.md"
    file.write_text("mine")
    refused = demo.bakeryops("incident", "auth", "-f", str(file))
    assert refused.code == 5
    assert "--force" in refused.err
    assert file.read_text() == "mine"
    assert demo.bakeryops("incident", "auth", "-f", str(file), "--force").code == 0
    assert file.read_text("utf-8").startswith("# Incident: auth")


def test_a_service_that_is_not_there_is_refused(demo: Serving, tmp_path: Path) -> None:
    done = demo.bakeryops("incident", "aut", "-f", str(tmp_path / "x.md"))
    assert done.code == 1
    assert "Did you mean auth?" in done.err
    assert list(tmp_path.iterdir()) == []
    assert demo.bakeryops("incident", "auth", "--since", "4000d").code == 2


def test_during_an_outage_what_is_known_is_exported_all_the_same(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as demo:
        before = demo.bakeryops("incident", "auth", "--since", "3d", "-f", "-")
        assert before.code == 0, before
        assert demo.bakeryops("workloads", "restart", "auth", "-n", "bakery-ia", "--yes").code == 0
        kept = shutil.copytree(demo.folder, tmp_path / "kept")
        end(demo.child)
        done = call(
            demo.home, "--config", str(kept / "config.yaml"), "incident", "auth", "--since", "3d", "-f", "-"
        )
        assert done.code == 0, done
        gone = section(done.out, "What could not be looked at")
        assert "- Cluster: " in gone
        assert "- Git: " in gone
        assert "what was fetched last is shown" in gone
        assert "not looked at: Cluster" in done.err
        # Git's mirror, the history and the audit log are on this machine.
        assert "auth: sign people out everywhere" in section(done.out, "Time line")
        assert "Restart Deployment auth-service: done" in section(done.out, "Time line")
        assert "newTag" in section(done.out, "Deployments")
        assert "not known" in section(done.out, "What runs, and what Git wants")
        assert "Restart Deployment auth-service: done" in section(done.out, "Jobs")
