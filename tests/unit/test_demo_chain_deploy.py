"""The task update-tag: commits for tags, on a branch that others push to as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakeryops.demo.chain.deploy import Deployed, Release, deploy
from bakeryops.demo.chain.overlay import OVERLAY, set_tag, source_of, tag_of
from bakeryops.demo.git import BareRepo

IMAGES = "registry.example.org/bakery"
TEXT = """\
# What runs in production.
resources:
  - ../../base
images:
  - name: registry.example.org/bakery/auth  # signs people in
    newTag: 20260101000000-000000000000
  - name: "registry.example.org/bakery/auth-proxy"
    newName: registry.example.org/other/proxy
    newTag: "1.2"  # by hand
"""


class Branch:
    """A repository with an overlay, and what has been pushed to it."""

    def __init__(self, folder: Path) -> None:
        self.git = BareRepo.create(folder / "mono.git")
        self.source = self.push({OVERLAY: TEXT.encode(), "services/auth/main.py": b"1\n"})

    def push(self, files: dict[str, bytes | None]) -> str:
        return self.git.commit("main", files, "Change\n", "Marta", "marta@example.org", 1_790_000_000)

    @property
    def overlay(self) -> str:
        return (self.git.read("main", OVERLAY) or b"").decode()

    def release(self, source: str = "", **more: Any) -> Release:
        source = source or self.source
        return Release(**{"services": ["auth"], "tag": f"20260202000000-{source[:12]}", "source": source, "run": "run-1",
                          "images": IMAGES} | more)  # fmt: skip

    def deploy(self, release: Release, seen: str = "") -> Deployed:
        seen = seen or self.git.head("main") or ""
        return deploy(self.git, release, email="bot@example.org", when=1_790_000_100, seen=seen)


@pytest.fixture
def branch(tmp_path: Path) -> Iterator[Branch]:
    made = Branch(tmp_path)
    yield made
    made.git.close()


def test_a_tag_is_set_where_it_stands_and_nothing_else_changes() -> None:
    changed = set_tag(TEXT, f"{IMAGES}/auth-proxy", "1.3")
    assert changed == TEXT.replace('newTag: "1.2"  # by hand', 'newTag: "1.3"  # by hand')
    assert tag_of(TEXT, f"{IMAGES}/auth") == "20260101000000-000000000000"
    assert tag_of(TEXT, f"{IMAGES}/aut") is None
    assert set_tag(TEXT, f"{IMAGES}/orders", "1") is None


def test_only_tags_of_the_pipeline_name_a_source() -> None:
    assert source_of("20260101000000-0123456789ab") == "0123456789ab"
    assert source_of("1.2") == source_of("latest") == ""


def test_each_service_has_a_commit_of_its_own_with_trailers(branch: Branch) -> None:
    release = branch.release(services=["auth", "auth-proxy"])
    done = branch.deploy(release)
    assert len(done.commits) == 2
    assert branch.git.head("main") == done.commit
    messages = [branch.git.commit_info(sha).message for sha in done.commits]
    assert messages[0].splitlines() == [
        f"deploy(auth): {release.tag}",
        "",
        "Bakery-Service: auth",
        f"Bakery-Source-Commit: {branch.source}",
        "Bakery-PipelineRun: run-1",
    ]
    assert messages[1].startswith("deploy(auth-proxy): ")
    assert branch.git.changed(done.before, done.commit) == [OVERLAY]
    assert tag_of(branch.overlay, f"{IMAGES}/auth") == release.tag


def test_a_branch_that_moved_meanwhile_keeps_what_was_pushed(branch: Branch) -> None:
    seen = branch.git.head("main") or ""
    branch.push({OVERLAY: TEXT.replace('"1.2"', '"1.4"').encode(), "README.md": b"more\n"})
    done = branch.deploy(branch.release(), seen)
    assert any("rejected" in line for line in done.lines)
    assert tag_of(branch.overlay, f"{IMAGES}/auth-proxy") == "1.4"
    assert tag_of(branch.overlay, f"{IMAGES}/auth") == branch.release().tag
    assert branch.git.read("main", "README.md") == b"more\n"


def test_a_build_of_an_older_commit_does_not_replace_a_newer_one(branch: Branch) -> None:
    newer = branch.push({"services/auth/main.py": b"2\n"})
    branch.deploy(branch.release(newer))
    late = replace(branch.release(), tag=f"20260303000000-{branch.source[:12]}")
    done = branch.deploy(late)
    assert done.commits == ()
    assert any("built from a later commit" in line for line in done.lines)
    assert source_of(tag_of(branch.overlay, f"{IMAGES}/auth") or "") == newer[:12]


def test_the_same_commit_built_again_is_deployed_again(branch: Branch) -> None:
    branch.deploy(branch.release())
    again = replace(branch.release(), tag=f"20260303000000-{branch.source[:12]}")
    assert len(branch.deploy(again).commits) == 1
    assert branch.deploy(again).commits == ()


def test_a_service_that_the_overlay_does_not_name_stops_the_whole_release(branch: Branch) -> None:
    before = branch.git.head("main")
    done = branch.deploy(branch.release(services=["auth", "orders"]))
    assert done.failed
    assert f"{IMAGES}/orders" in done.lines[-1]
    assert branch.git.head("main") == before


def test_a_push_between_reading_and_moving_the_branch_is_met_by_another_try(
    branch: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    importer, races = branch.git.importer, []

    def late_push() -> Any:
        monkeypatch.setattr(branch.git, "importer", importer)
        races.append(branch.push({"README.md": b"in between\n"}))
        # What the task read is no longer the tip, so that its commits do not follow on it.
        return importer()

    monkeypatch.setattr(branch.git, "importer", late_push)
    done = branch.deploy(branch.release())
    assert not done.failed
    assert branch.git.is_ancestor(races[0], done.commit)
    assert tag_of(branch.overlay, f"{IMAGES}/auth") == branch.release().tag
