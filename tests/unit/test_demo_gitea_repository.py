"""The monorepo of the embedded cluster: its history, and the overlay that makes what the cluster runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bakeryops import kustomize
from bakeryops.demo.bakery.inventory import APP, REGISTRY
from bakeryops.demo.bakery.manifests import service_for, shared, workload
from bakeryops.demo.bakery.monorepo.manifests import as_written
from bakeryops.demo.bakery.repository import (
    OVERLAY,
    OWN_IMAGES,
    PastRelease,
    make_history,
    overlay_tags,
    owned_workloads,
    report_archive,
)
from bakeryops.demo.chain.changes import find_changes
from bakeryops.demo.chain.marks import marks_of
from bakeryops.demo.git import ZERO, BareRepo

NOW = 1_795_000_000.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BareRepo, list[PastRelease]]]:
    repo = BareRepo.create(tmp_path_factory.mktemp("git") / "bakery.git")
    yield repo, make_history(repo, now=NOW, seed=4)
    repo.close()


def _owned(tags: dict[str, str]) -> list[dict[str, Any]]:
    found = [obj for plural, obj in shared(4) if plural == "configmaps"]
    for work in owned_workloads():
        name = work.image.rpartition("/")[2]
        found.append(
            workload(work, f"{work.image}:{tags[name]}" if work.image.startswith(REGISTRY) else work.image)
        )
        found += [service for service in [service_for(work)] if service]
    return [*found, *report_archive()]


def _by_name(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def test_the_overlay_builds_to_what_the_cluster_runs(made: tuple[BareRepo, list[PastRelease]]) -> None:
    repo, _ = made
    files = repo.files("main", "infrastructure/kubernetes")
    built = _by_name(kustomize.build(files, "infrastructure/kubernetes/overlays/prod"))
    wanted = _by_name([as_written(each) for each in _owned(overlay_tags(repo))])
    assert set(built) == set(wanted)
    for key, obj in wanted.items():
        assert built[key] == obj, key
        assert built[key]["metadata"]["namespace"] == APP


def test_the_overlay_carries_the_newest_build_of_each_service(made: tuple[BareRepo, list[PastRelease]]) -> None:
    repo, releases = made
    newest: dict[str, str] = {}
    for release in releases:
        newest |= dict.fromkeys(release.deploy_commits, release.tag)
    tags = overlay_tags(repo)
    assert tags.pop("report-archive") == "1.4.0"
    assert tags.pop("distribution") == "missing"
    assert newest.pop("distribution") != "missing"
    assert tags == newest
    assert set(newest) | {"distribution"} == set(OWN_IMAGES)


def test_each_service_was_deployed_often_enough_to_go_back(made: tuple[BareRepo, list[PastRelease]]) -> None:
    _, releases = made
    for name in OWN_IMAGES:
        assert len([each for each in releases if name in each.deploy_commits]) >= 4, name


def test_builds_follow_from_the_trees_as_the_pipeline_would_find(made: tuple[BareRepo, list[PastRelease]]) -> None:
    repo, releases = made
    assert releases[0].before == ZERO
    assert releases[0].services == OWN_IMAGES
    for release in releases:
        assert find_changes(repo, release.before, release.after).services == release.services
        assert bool(release.tag) == bool(release.services)
        if release.tag:
            assert release.tag.endswith(f"-{release.after[:12]}")


def test_builds_do_not_overlap_and_end_before_now(made: tuple[BareRepo, list[PastRelease]]) -> None:
    _, releases = made
    for one, two in pairwise(releases):
        assert one.pushed < one.started < one.ended < two.pushed
    assert releases[-1].ended < NOW


def test_deploy_commits_say_what_they_deploy(made: tuple[BareRepo, list[PastRelease]]) -> None:
    repo, releases = made
    for release in releases[-12:]:
        for service, sha in release.deploy_commits.items():
            found = repo.commit_object(sha)
            assert found is not None
            assert found.message == (
                f"deploy({service}): {release.tag}\n\nBakery-Service: {service}\n"
                f"Bakery-Source-Commit: {release.after}\nBakery-PipelineRun: {release.run}\n"
            )
            assert found.author_email == "bakery-ci-bot@bakery-ia.local"
            assert repo.changed(found.parents[0], sha) == [OVERLAY]
            assert overlay_tags(repo, sha)[service] == release.tag


def test_the_past_has_failures_a_merge_and_a_way_back_and_forth(made: tuple[BareRepo, list[PastRelease]]) -> None:
    repo, releases = made
    failed = [each for each in releases if each.outcome == "failed"]
    assert {(each.failing.task, each.failing.out_of_memory) for each in failed if each.failing} == {
        ("test", False), ("build", False), ("build", True),
    }  # fmt: skip
    assert not any(each.deploy_commits for each in failed)
    commits = [repo.commit_object(sha) for sha in repo.log(["main"])]
    assert any(len(each.parents) == 2 for each in commits if each)
    subjects = [each.message.split("\n")[0] for each in commits if each]
    back = next(each for each in subjects if each.startswith("rollback(sales): "))
    forth = next(each for each in subjects if each.startswith("reapply(sales): "))
    old, new = back.removeprefix("rollback(sales): ").split(" -> ")
    assert forth == f"reapply(sales): {new} -> {old}"
    written = [each for each in subjects if not each.startswith("deploy(")]
    assert 60 <= len(written) <= 130
    assert any(ord(letter) > 0x3000 for each in written for letter in each)
    assert list(repo.refs()) == ["refs/heads/main"]


@pytest.mark.parametrize(("seed", "now"), [(2, NOW), (17, NOW + 1_234_567.8)])
def test_no_commit_is_empty_and_time_goes_forward(tmp_path: Path, seed: int, now: float) -> None:
    repo = BareRepo.create(tmp_path / "x.git")
    make_history(repo, now=now, seed=seed)
    shas = repo.log(["main"], options=["--first-parent"])
    chain = [each for each in map(repo.commit_object, shas) if each]
    for later, earlier in pairwise(chain):
        assert later.tree != earlier.tree
        assert later.committed >= earlier.committed
    assert chain[0].committed <= now
    repo.close()


def test_the_newest_source_of_pos_is_what_crashes(made: tuple[BareRepo, list[PastRelease]]) -> None:
    repo, releases = made
    last = [each for each in releases if "pos" in each.deploy_commits]
    assert list(marks_of(repo, last[-1].after, "pos")) == ["crash"]
    assert marks_of(repo, last[-2].after, "pos") == {}


def test_the_same_seed_and_time_give_the_same_commits(
    made: tuple[BareRepo, list[PastRelease]], tmp_path: Path
) -> None:
    repo, releases = made
    other = BareRepo.create(tmp_path / "again.git")
    assert make_history(other, now=NOW, seed=4) == releases
    assert other.head() == repo.head()
    third = BareRepo.create(tmp_path / "third.git")
    make_history(third, now=NOW, seed=5)
    assert third.head() != repo.head()
    other.close()
    third.close()


def test_further_objects_are_part_of_the_overlay(tmp_path: Path) -> None:
    repo = BareRepo.create(tmp_path / "x.git")
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "mail", "namespace": APP},
            "spec": {"schedule": "*/5 * * * *"}}  # fmt: skip
    make_history(repo, now=NOW, seed=0, extra=[cron])
    files = repo.files("main", "infrastructure/kubernetes")
    assert cron in kustomize.build(files, "infrastructure/kubernetes/overlays/prod")
    repo.close()
