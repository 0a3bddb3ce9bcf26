"""Objects that a real Flux applied: what it owns of them is what Git said, so nothing differs until one says less."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bakeryops.read.compare import FLUX_MANAGER, compare, key_of
from tests.support.recordings import final_list, needs_recordings, scenarios

pytestmark = needs_recordings

KINDS = {"deployments": "apps/v1", "services": "v1", "configmaps": "v1"}


def owned_part(live: Any, owned: dict[str, Any]) -> Any:
    """Return what a field manager owns of a value."""
    if not [step for step in owned if step != "."]:
        return live
    if isinstance(live, dict):
        return {
            step[2:]: owned_part(live[step[2:]], inner)
            for step, inner in owned.items()
            if step.startswith("f:") and step[2:] in live
        }
    found = []
    for step, inner in owned.items():
        if step.startswith("k:"):
            fields = json.loads(step[2:]).items()
            item = next(each for each in live if all(each.get(name) == value for name, value in fields))
            found.append(owned_part(item, inner))
    return found


def applied() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return (what Git must have said, what runs) of every object that Flux owns, once."""
    found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for scenario in scenarios("flux-"):
        for plural, version in KINDS.items():
            for live in final_list(scenario, plural):
                live = {"apiVersion": version, "kind": live.get("kind") or plural[:-1].capitalize(), **live}
                if plural == "configmaps":
                    live["kind"] = "ConfigMap"
                for entry in live["metadata"].get("managedFields", []):
                    if entry["manager"] == FLUX_MANAGER and entry["operation"] == "Apply":
                        wanted = owned_part(live, entry["fieldsV1"])
                        meta = {**wanted.get("metadata", {}), "name": live["metadata"]["name"],
                                "namespace": live["metadata"]["namespace"]}  # fmt: skip
                        meta["labels"] = {
                            key: value for key, value in meta.get("labels", {}).items()
                            if not key.startswith("kustomize.toolkit.fluxcd.io/")
                        }  # fmt: skip
                        key = f"{plural}/{live['metadata']['uid']}/{live['metadata']['resourceVersion']}"
                        git = {**wanted, "apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": meta}
                        found[key] = (git, live)
    return list(found.values())


def test_what_flux_applied_differs_in_nothing() -> None:
    pairs = applied()
    assert {wanted["kind"] for wanted, _ in pairs} == {"Deployment", "Service", "ConfigMap"}
    for wanted, live in pairs:
        (found,) = compare([wanted], {key_of(wanted): live})
        assert (found.action, found.changes) == ("same", ()), found.changes


def test_each_field_that_git_says_no_more_is_told() -> None:
    for wanted, live in applied():
        for part in ("spec", "data"):
            for field in wanted.get(part, {}):
                less = {**wanted, part: {key: value for key, value in wanted[part].items() if key != field}}
                (found,) = compare([less], {key_of(less): live})
                assert found.action == "changed", (wanted["kind"], field)
                assert all(
                    each.path.startswith(f"{part}.{field}") and each.wanted is None for each in found.changes
                )
                assert any(line.startswith("-") for line in found.lines[2:])


@pytest.mark.parametrize("change", [{"replicas": 9}, {"minReadySeconds": 3}])
def test_each_field_that_git_says_otherwise_is_told(change: dict[str, Any]) -> None:
    for wanted, live in applied():
        if wanted["kind"] == "Deployment":
            (found,) = compare([{**wanted, "spec": {**wanted["spec"], **change}}], {key_of(wanted): live})
            assert [each.path for each in found.changes] == [f"spec.{next(iter(change))}"]
