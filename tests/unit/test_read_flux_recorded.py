"""Every recorded scenario of Flux read event by event: what is said on the way and at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from bakeryops.cluster.decode import Broken, Decoder
from bakeryops.cluster.kinds import KINDS as CATALOGUE
from bakeryops.model.health import Health
from bakeryops.model.sync import Sync
from bakeryops.read.flux_index import KINDS, FluxIndex
from bakeryops.read.flux_inventory import inventory_of
from bakeryops.read.flux_revisions import parse_revision
from bakeryops.read.index import KINDS as WORKLOADS
from bakeryops.read.index import WorkloadIndex
from bakeryops.units import parse_time
from tests.support.reading import Held, Uids
from tests.support.recordings import events, final_list, needs_recordings, scenarios

pytestmark = needs_recordings

SCENARIOS = scenarios("flux-")
SYNC = "kustomizations/flux-system/bakery"
SOURCE = "gitrepositories/flux-system/bakery"
FLUX = ("gitrepositories", "kustomizations")
DECODERS = {plural: Decoder(CATALOGUE[plural].struct) for plural in (*FLUX, *WORKLOADS)}

ON_THE_WAY: dict[str, list[tuple[Health, str]]] = {
    # What is said of the Kustomization in between, in this order; other states may lie between.
    "flux-apply-rejected": [(Health.FINE, "ready"), (Health.BAD, "failing"), (Health.FINE, "ready")],
    "flux-bad-image-then-revert": [(Health.FINE, "ready"), (Health.WORKING, "checking"), (Health.BAD, "failing"),
                                   (Health.WORKING, "checking"), (Health.FINE, "ready")],
    "flux-build-error-then-fixed": [(Health.FINE, "ready"), (Health.BAD, "failing"), (Health.WORKING, "building"),
                                    (Health.BAD, "failing"), (Health.FINE, "ready")],
    "flux-delete-kustomization-prunes": [(Health.FINE, "ready"), (Health.WORKING, "deleting")],
    "flux-drift-corrected": [(Health.FINE, "ready"), (Health.WORKING, "comparing"), (Health.FINE, "ready")],
    "flux-failing-sources-and-dependencies": [(Health.FINE, "ready")],
    "flux-first-sync-from-suspended": [(Health.HELD, "suspended"), (Health.SOON, "waiting"),
                                       (Health.WORKING, "checking"), (Health.FINE, "ready")],
    "flux-image-change-rolls-out": [(Health.FINE, "ready"), (Health.WORKING, "checking"), (Health.FINE, "ready")],
    "flux-prune": [(Health.FINE, "ready"), (Health.WORKING, "building"), (Health.FINE, "ready")],
    "flux-revert-while-health-check-waits": [(Health.FINE, "ready"), (Health.WORKING, "checking"),
                                             (Health.BAD, "failing"), (Health.FINE, "ready")],
    "flux-suspended-ignores-commit": [(Health.FINE, "ready"), (Health.HELD, "suspended"), (Health.FINE, "ready")],
}  # fmt: skip

SENTENCES: dict[str, list[str]] = {
    "flux-apply-rejected": ["839ae49: the cluster refuses Deployment/bakery/worker", "not applied; 7e29612 was the last"],
    "flux-bad-image-then-revert": ["6ef1608 is on its way: waits for its objects to become healthy, until 19:43:43 UTC",
                                   "6ef1608: Deployment/bakery/web does not become healthy; its objects are applied already"],
    "flux-build-error-then-fixed": ["from path(patch-does-not-exist.yaml): open deploy/patch-does-not-exist.yaml: no such",
                                    "24baf77: what Git holds cannot be built: error converting YAML to JSON: yaml: line 3"],
    "flux-failing-sources-and-dependencies": [
        "the Git server has no such repository", "no branch or tag release-9", "the Git server refuses the credentials",
        "the Secret deploy-key with its credentials is missing", "the Git server does not answer",
        "its source does not exist", "the folder broken is not in the source",
        "waits: dependency 'flux-system/broken-build' is not ready"],
    "flux-suspended-ignores-commit": ["suspended: nothing new is taken until it is resumed"],
}  # fmt: skip


class Replay:
    """A scenario put through decoder, store and readers; yields (kind of event, plural, object, views' keys)."""

    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.now = 0.0
        self.stores = {plural: Held() for plural in DECODERS}
        self.flux = FluxIndex(clock=lambda: self.now)
        self.workloads = WorkloadIndex(clock=lambda: self.now)

    def __iter__(self) -> Iterator[tuple[str, str, dict[str, Any], set[str]]]:
        base: float | None = None
        for seconds, plural, kind, raw in events(self.scenario):
            if plural not in DECODERS:
                continue
            base = base if base is not None else newest(raw)
            self.now = base + seconds
            found = DECODERS[plural].object(msgspec.Raw(json.dumps(raw).encode()))
            assert not isinstance(found, Broken), found
            uids = Uids()
            if kind == "DELETED":
                self.stores[plural].items.pop(raw["metadata"]["uid"], None)
                uids.removed.add(raw["metadata"]["uid"])
            else:
                self.stores[plural].items[raw["metadata"]["uid"]] = found
                uids.changed.add(raw["metadata"]["uid"])
            self.workloads.update(self.stores, {plural: uids})
            yield kind, plural, raw, self.flux.update(self.stores, {plural: uids})


def newest(raw: dict[str, Any]) -> float:
    found = parse_time(raw["metadata"]["managedFields"][-1]["time"])
    assert found is not None
    return found


def may_be_fine(raw: dict[str, Any]) -> bool:
    """Return whether an object says of itself that all is well, by its own fields alone."""
    meta, status = raw["metadata"], raw.get("status") or {}
    ready = next((each for each in status.get("conditions", []) if each["type"] == "Ready"), {})
    asked = meta.get("annotations", {}).get("reconcile.fluxcd.io/requestedAt")
    return (
        ready.get("status") == "True"
        and not any(each["type"] == "Reconciling" for each in status["conditions"])
        and not raw["spec"].get("suspend")
        and "deletionTimestamp" not in meta
        and status.get("observedGeneration") == meta["generation"]
        and asked in (None, status.get("lastHandledReconcileAt"))
        and status.get("lastAppliedRevision") == status.get("lastAttemptedRevision")
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_is_fine_that_is_not_and_everything_that_is(scenario: str) -> None:
    replay = Replay(scenario)
    for kind, plural, raw, _ in replay:
        if plural in FLUX and kind != "DELETED":
            view = replay.flux.view(f"{plural}/{raw['metadata']['namespace']}/{raw['metadata']['name']}")
            assert view is not None
            assert (view.health is Health.FINE) is may_be_fine(raw), (view.state, view.why)
            assert view.health is Health.FINE or view.why
        replay.flux.tick()
        assert len(replay.flux.tree()) == len(replay.flux.views())


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_is_said_on_the_way(scenario: str) -> None:
    replay = Replay(scenario)
    seen: list[tuple[Health, str]] = []
    sentences: list[str] = []
    for _ in replay:
        sentences += [view.why for view in replay.flux.views()]
        view = replay.flux.syncs.get(SYNC)
        if view is not None and (not seen or seen[-1] != (view.health, view.state)):
            seen.append((view.health, view.state))
    rest = iter(seen)
    assert all(any(step == each for each in rest) for step in ON_THE_WAY[scenario]), seen
    for words in SENTENCES.get(scenario, ()):
        assert any(words in each for each in sentences), words


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_end_is_what_the_lists_say(scenario: str) -> None:
    replay = Replay(scenario)
    for _ in replay:
        pass
    views = replay.flux.views()
    listed = [(plural, raw) for plural in FLUX for raw in final_list(scenario, plural)]
    assert {view.key for view in views} == {
        f"{plural}/{raw['metadata']['namespace']}/{raw['metadata']['name']}" for plural, raw in listed
    }
    for plural, raw in listed:
        view = replay.flux.view(f"{plural}/{raw['metadata']['namespace']}/{raw['metadata']['name']}")
        assert view is not None
        status = raw.get("status") or {}
        if isinstance(view, Sync):
            assert view.applied == parse_revision(status.get("lastAppliedRevision"))
            assert view.attempted == parse_revision(status.get("lastAttemptedRevision"))
            assert len(view.inventory) == len(status.get("inventory", {}).get("entries", []))
            assert [each.revision for each in view.history] == [
                each["metadata"]["revision"] for each in status.get("history", [])
            ]
        assert view.message == " ".join(
            next((each["message"] for each in status.get("conditions", []) if each["type"] == "Ready"), "").split()
        ) or view.state not in ("ready", "failing")


def test_a_deployment_that_does_not_roll_out_shows_in_the_inventory_before_flux_gives_up() -> None:
    replay = Replay("flux-bad-image-then-revert")
    seen = []
    for _ in replay:
        view = replay.flux.syncs.get(SYNC)
        if view is None:
            continue
        tree = inventory_of(view, replay.workloads, replay.flux.syncs)
        assert tree.total == len(view.inventory)
        seen.append((view.state, next(node for node in tree.roots if node.title == "web").health))
    assert ("checking", Health.BAD) in seen
    assert seen[-1] == ("ready", Health.FINE)


def test_blocked_names_what_it_waits_for_and_hangs_below_it() -> None:
    replay = Replay("flux-failing-sources-and-dependencies")
    blocked: dict[str, tuple[str, ...]] = {}
    for _ in replay:
        blocked |= {each.name: each.blocked_by for each in replay.flux.syncs.values() if each.blocked_by}
    assert blocked
    assert set(blocked.values()) == {("kustomizations/flux-system/broken-build",)}
    tree = replay.flux.tree()
    names = [view.name for _, view in tree]
    for name in blocked:
        depth = tree[names.index(name)][0]
        assert names.index("broken-build") < names.index(name)
        assert depth == tree[names.index("broken-build")][0] + 1


def test_every_scenario_is_known_here() -> None:
    assert set(SCENARIOS) == ON_THE_WAY.keys()
    assert set(FLUX) <= set(KINDS)
