"""Flux' kinds that are read and not worked with: charts, releases, OCI artifacts, images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bakeryops.demo.flux import SourceFault, start_flux
from bakeryops.demo.flux.registry import latest_of
from tests.support.flux import PLURALS, FluxStage

Object = dict[str, Any]
CHARTS = "https://charts.example/stable"
IMAGE = "gitea.example/bakery/auth"


class Shelves:
    """A registry in memory."""

    def __init__(self) -> None:
        self.images: dict[str, list[str]] = {
            IMAGE: ["20260101-aaa", "20260301-ccc", "20260201-bbb", "sha256-x.sig"]
        }
        self.indexes: dict[str, dict[str, list[str]]] = {CHARTS: {"oven": ["1.0.0", "1.2.0", "2.0.0-rc1"]}}

    def tags(self, image: str) -> Sequence[str]:
        if image not in self.images:
            raise SourceFault("ReadOperationFailed", "repository name not known to registry")
        return self.images[image]

    def digest(self, image: str, tag: str) -> str | None:
        return f"sha256:{len(tag):064x}" if tag in self.tags(image) else None

    def charts(self, url: str) -> Mapping[str, Sequence[str]]:
        if url not in self.indexes:
            raise SourceFault("Failed", "404 Not Found")
        return self.indexes[url]


class Shop(FluxStage):
    """A cluster with Flux and a registry."""

    def __init__(self, *, reachable: bool = True) -> None:
        super().__init__()
        self.shelves = Shelves()
        start_flux(self.cluster, self.git, registry=self.shelves if reachable else None)

    def status(self, kind: str, name: str) -> Object:
        found: Object = self.get(kind, name)["status"]
        return found


def release(shop: Shop, **spec: Any) -> None:
    chart = {"chart": "oven", "version": "1.x", "sourceRef": {"kind": "HelmRepository", "name": "stable"}}
    shop.create("HelmRelease", "oven", {"interval": "10m", "chart": {"spec": chart}, **spec})


def test_a_release_is_installed_and_upgraded_when_values_or_chart_change() -> None:
    shop = Shop()
    shop.create("HelmRepository", "stable", {"interval": "5m", "url": CHARTS})
    release(shop, values={"heat": 200})
    shop.wait("HelmRelease", "oven", "InstallSucceeded")
    shop.clock.advance(1)
    assert shop.condition("HelmChart", "flux-system-oven")["message"] == "pulled 'oven' chart with version '1.2.0'"
    assert shop.condition("HelmRelease", "oven")["message"] == (
        "Helm install succeeded for release flux-system/oven.v1 with chart oven@1.2.0"
    )
    assert "observedGeneration" not in shop.condition("HelmRelease", "oven")
    shop.change_spec("HelmRelease", "oven", values={"heat": 220})
    shop.wait("HelmRelease", "oven", "UpgradeSucceeded")
    shop.shelves.indexes[CHARTS]["oven"].append("1.3.0")
    shop.request("HelmRepository", "stable", "please")
    shop.clock.advance(10)
    status = shop.status("HelmRelease", "oven")
    assert [(each["version"], each["chartVersion"], each["status"]) for each in status["history"]] == [
        (3, "1.3.0", "deployed"),
        (2, "1.2.0", "superseded"),
        (1, "1.2.0", "superseded"),
    ]
    assert status["lastAttemptedRevision"] == "1.3.0"
    assert status["helmChart"] == "flux-system/flux-system-oven"
    assert status["history"][0]["firstDeployed"] < status["history"][0]["lastDeployed"]


def test_a_release_without_its_source_says_what_is_missing() -> None:
    shop = Shop()
    release(shop)
    shop.wait("HelmRelease", "oven", "SourceNotReady")
    shop.clock.advance(2)
    assert shop.condition("HelmChart", "flux-system-oven")["reason"] == "SourceUnavailable"
    shop.create("HelmRepository", "stable", {"interval": "5m", "url": CHARTS})
    shop.wait("HelmRelease", "oven", "InstallSucceeded")


def test_a_deleted_release_takes_its_chart_along() -> None:
    shop = Shop()
    shop.create("HelmRepository", "stable", {"interval": "5m", "url": CHARTS})
    release(shop)
    shop.wait("HelmRelease", "oven", "InstallSucceeded")
    shop.store.delete(PLURALS["HelmRelease"], "flux-system", "oven")
    shop.clock.advance(2)
    assert shop.store.list(PLURALS["HelmRelease"]) == []
    assert shop.store.list(PLURALS["HelmChart"]) == []


def test_a_helm_repository_of_type_oci_has_no_status_of_its_own() -> None:
    shop = Shop()
    shop.create("HelmRepository", "oci", {"interval": "5m", "type": "oci", "url": "oci://gitea.example/bakery"})
    shop.clock.advance(5)
    assert shop.status("HelmRepository", "oci") == {"observedGeneration": -1}


@pytest.mark.parametrize(
    ("ref", "revision"),
    [({"tag": "20260101-aaa"}, f"20260101-aaa@sha256:{12:064x}"), ({"digest": "sha256:ab"}, "sha256:ab")],
)
def test_an_oci_repository_names_tag_and_digest(ref: Object, revision: str) -> None:
    shop = Shop()
    shop.create("OCIRepository", "files", {"interval": "5m", "url": f"oci://{IMAGE}", "ref": ref})
    shop.wait("OCIRepository", "files", "Succeeded")
    assert shop.status("OCIRepository", "files")["artifact"]["revision"] == revision


def test_a_kustomization_of_an_oci_repository_says_that_it_has_no_contents() -> None:
    shop = Shop()
    shop.create(
        "OCIRepository", "files", {"interval": "5m", "url": f"oci://{IMAGE}", "ref": {"tag": "20260101-aaa"}}
    )
    reference = {"kind": "OCIRepository", "name": "files"}
    shop.create("Kustomization", "shop", {"interval": "10m", "path": "./", "prune": True, "sourceRef": reference})
    shop.clock.advance(40)
    assert (
        shop.condition("Kustomization", "shop")["message"]
        == "the contents of this OCIRepository are not stored in this cluster"
    )


def policy(**rule: Any) -> Object:
    return {"imageRepositoryRef": {"name": "auth"}, **rule}


def test_images_are_scanned_and_the_latest_tag_is_chosen() -> None:
    shop = Shop()
    shop.create("ImageRepository", "auth", {"interval": "5m", "image": IMAGE})
    shop.create("ImagePolicy", "auth", policy(policy={"alphabetical": {"order": "asc"}}))
    shop.wait("ImagePolicy", "auth", "Succeeded")
    shop.clock.advance(1)
    scan = shop.status("ImageRepository", "auth")["lastScanResult"]
    assert (scan["tagCount"], scan["latestTags"][0]) == (3, "20260301-ccc")
    assert shop.status("ImagePolicy", "auth")["latestRef"] == {"name": IMAGE, "tag": "20260301-ccc"}
    shop.shelves.images[IMAGE].append("20260401-ddd")
    shop.request("ImageRepository", "auth", "please")
    shop.clock.advance(2)
    status = shop.status("ImagePolicy", "auth")
    assert status["latestRef"]["tag"] == "20260401-ddd"
    assert status["observedPreviousRef"]["tag"] == "20260301-ccc"
    assert shop.status("ImageRepository", "auth")["lastHandledReconcileAt"] == "please"


@pytest.mark.parametrize(
    ("rule", "tag"),
    [
        ({"policy": {"alphabetical": {"order": "desc"}}}, "20260101-aaa"),
        (
            {"policy": {"numerical": {}}, "filterTags": {"pattern": r"^(?P<ts>\d+)-b", "extract": "$ts"}},
            "20260201-bbb",
        ),
    ],
)
def test_policies_choose_by_order_and_filter(rule: Object, tag: str) -> None:
    shop = Shop()
    shop.create("ImageRepository", "auth", {"interval": "5m", "image": IMAGE})
    shop.create("ImagePolicy", "auth", policy(**rule))
    shop.wait("ImagePolicy", "auth", "Succeeded")
    assert shop.status("ImagePolicy", "auth")["latestRef"]["tag"] == tag


@pytest.mark.parametrize(
    ("rule", "reason"),
    [({"policy": {}}, "InvalidPolicy"), ({"policy": {"semver": {"range": ">=1.0.0"}}}, "Failure")],
)
def test_a_policy_that_chooses_nothing_is_not_ready(rule: Object, reason: str) -> None:
    shop = Shop()
    shop.create("ImageRepository", "auth", {"interval": "5m", "image": IMAGE})
    shop.create("ImagePolicy", "auth", policy(**rule))
    shop.wait("ImagePolicy", "auth", reason)
    assert shop.condition("ImagePolicy", "auth")["status"] == "False"


def test_without_a_registry_nothing_is_green() -> None:
    shop = Shop(reachable=False)
    shop.create("ImageRepository", "auth", {"interval": "5m", "image": IMAGE})
    shop.create("HelmRepository", "stable", {"interval": "5m", "url": CHARTS})
    shop.create("OCIRepository", "files", {"interval": "5m", "url": f"oci://{IMAGE}"})
    shop.clock.advance(10)
    told = {kind: shop.condition(kind, name) for kind, name in
            (("ImageRepository", "auth"), ("HelmRepository", "stable"), ("OCIRepository", "files"))}  # fmt: skip
    assert {each["status"] for each in told.values()} == {"False"}
    assert told["ImageRepository"]["message"] == "scan failed: dial tcp: lookup gitea.example: no such host"
    assert "lookup charts.example: no such host" in told["HelmRepository"]["message"]


def automation(shop: Shop, tree: dict[str, str]) -> None:
    url = "http://git.example/app.git"
    shop.git.push(url, "main", dict(tree), "first")
    shop.create("GitRepository", "shop", {"interval": "1m", "url": url, "ref": {"branch": "main"}})
    reference = {"kind": "GitRepository", "name": "shop"}
    shop.create("ImageUpdateAutomation", "auto", {"interval": "5m", "sourceRef": reference})


def test_image_automation_has_nothing_to_write_where_no_manifest_names_a_policy() -> None:
    shop = Shop()
    automation(shop, {"a.yaml": "image: x"})
    shop.wait("ImageUpdateAutomation", "auto", "Succeeded")
    status = shop.status("ImageUpdateAutomation", "auto")
    assert status["observedSourceRevision"] == shop.status("GitRepository", "shop")["artifact"]["revision"]
    assert shop.condition("ImageUpdateAutomation", "auto")["message"] == "repository up-to-date"


def test_image_automation_says_that_it_cannot_push() -> None:
    shop = Shop()
    automation(shop, {"a.yaml": 'image: x # {"$imagepolicy": "flux-system:auth"}'})
    shop.wait("ImageUpdateAutomation", "auto", "GitOperationFailed")
    assert shop.condition("ImageUpdateAutomation", "auto")["status"] == "False"


@pytest.mark.parametrize(
    ("wanted", "latest"),
    [
        ("*", "2.1.0"),
        ("1.x", "1.10.0"),
        ("^1.2", "1.10.0"),
        ("~1.2.0", "1.2.9"),
        (">=1.0.0 <1.10.0", "1.2.9"),
        ("<1.0.0 || 2.0.0", "2.0.0"),
        (">=3.0.0-0", "3.0.0-rc2"),
        ("9", None),
        ("^0.3", "0.3.1"),
    ],
)
def test_ranges_of_versions(wanted: str, latest: str | None) -> None:
    versions = ["1.2.0", "1.2.9", "1.10.0", "v0.3.1", "0.4.0", "2.0.0", "2.1.0", "3.0.0-rc1", "3.0.0-rc2", "junk"]
    found = latest_of(versions, wanted)
    assert found == ("v0.3.1" if latest == "0.3.1" else latest)
