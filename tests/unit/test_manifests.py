"""The manifests are plain, whole, and grant the console what it reads and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeryops.cluster.kinds import KINDS
from bakeryops.resources import manifests

ROOT = Path(__file__).resolve().parents[2] / "manifests"
FOLDERS = sorted(path.parent for path in ROOT.rglob("kustomization.yaml"))


def documents(folder: Path) -> list[dict[str, Any]]:
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    return [found for name in listed for found in yaml.safe_load_all((folder / name).read_text(encoding="utf-8"))]


def role(name: str) -> list[dict[str, Any]]:
    return next(
        found["rules"]
        for found in documents(ROOT / "console-rbac")
        if found["kind"] == "ClusterRole" and found["metadata"]["name"] == name
    )


def allows(rules: list[dict[str, Any]], verb: str, group: str, resource: str) -> bool:
    return any(
        verb in rule["verbs"]
        and group in rule["apiGroups"]
        and (resource in rule["resources"] or "*" in rule["resources"])
        for rule in rules
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_kustomization_lists_every_file_of_its_folder(folder: Path) -> None:
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert sorted(listed) == sorted(
        path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml"
    )
    for found in documents(folder):
        assert {"apiVersion", "kind", "metadata"} <= found.keys()


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if kind.name != "secrets"], ids=lambda kind: kind.name
)
def test_the_viewer_may_list_every_kind_that_the_console_reads(kind: Any) -> None:
    rules = role("bakeryops-viewer")
    assert allows(rules, "list", kind.group, kind.resource)
    assert kind.poll_seconds is not None or allows(rules, "watch", kind.group, kind.resource)


def test_neither_role_reads_secrets_and_the_viewer_changes_nothing() -> None:
    viewer, operator = role("bakeryops-viewer"), role("bakeryops-operator")
    for verb in ("get", "list", "watch"):
        assert not allows(viewer, verb, "", "secrets")
        assert not allows(operator, verb, "", "secrets")
    assert {verb for rule in viewer for verb in rule["verbs"]} == {"get", "list", "watch"}


def test_the_role_that_opens_the_kubelet_is_bound_to_nobody() -> None:
    bound = {
        found["roleRef"]["name"] for found in documents(ROOT / "console-rbac") if found["kind"].endswith("Binding")
    }
    assert "bakeryops-node-stats" not in bound


def test_the_manifests_are_found_as_resources() -> None:
    assert (manifests() / "console-rbac" / "kustomization.yaml").is_file()
