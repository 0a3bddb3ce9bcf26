"""What Flux would build of a commit, and which objects a commit changes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.errors import BakeryopsError
from bakeryops.git.editing import Editor
from bakeryops.git.entries import Entry
from bakeryops.git.repository import Repository
from bakeryops.model.health import Health
from bakeryops.model.object_change import ObjectChange
from bakeryops.model.overview import ObjectRef
from bakeryops.model.sync import Sync
from bakeryops.read.object_changes import object_changes
from bakeryops.rendering import rendered
from tests.support.git_origin import Origin

FLUX = "kustomize.toolkit.fluxcd.io"
KUSTOMIZATION = "resources: [web.yaml, data.yaml]\nimages:\n- name: r/web\n  newTag: w-2\n"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: r/web
        env: [{name: LEVEL, value: INFO}]
      - name: side
        image: r/side:1
"""
DATA = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


def sync(path: str = "./deploy") -> Sync:
    ref = ObjectRef("kustomizations", "flux-system", "shop")
    return Sync(
        "kustomizations/flux-system/shop", ref, "Kustomization", "flux-system", "shop", "ready", Health.FINE, "", "",
        "", "gitrepositories/flux-system/shop", path, None, None, None, None, None, None, False, True, False, "",
        None, (), (), (), (), (),
    )  # fmt: skip


async def test_a_commit_is_built_as_flux_would_and_compared(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin.git")
    files = {"deploy/kustomization.yaml": KUSTOMIZATION, "deploy/web.yaml": WEB, "deploy/data.yaml": DATA}
    head = origin.commit(files, "begin")
    repository = Repository(origin.url, folder=tmp_path / "mirrors")
    await repository.refresh()
    tree = await Editor(repository).set_entries(head, "deploy", {"r/web": Entry("w-1")})
    before = await rendered(repository, sync(), {}, head)
    after = await rendered(repository, sync(), {}, tree)
    assert [each["metadata"]["labels"][f"{FLUX}/name"] for each in after] == ["shop", "shop"]
    (web,) = [each for each in after if each["kind"] == "Deployment"]
    images = [each["image"] for each in web["spec"]["template"]["spec"]["containers"]]
    assert images == ["r/web:w-1", "r/side:1"]
    ref = ObjectRef("deployments", "shop", "web")
    assert object_changes(before, after) == (ObjectChange(ref, "apps", "Deployment", "changed", ("image",)),)
    pinned = await rendered(repository, sync(), {"images": [{"name": "r/web", "newTag": "w-9"}]}, tree)
    assert "r/web:w-9" in str(pinned)


async def test_what_cannot_be_built_here_is_refused(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin.git")
    head = origin.commit({"deploy/kustomization.yaml": "resources: [none.yaml]\n"}, "begin")
    repository = Repository(origin.url, folder=tmp_path / "mirrors")
    await repository.refresh()
    for path, spec, words in (
        ("./deploy", {}, "cannot be built"),
        ("./gone", {}, "cannot be built"),
        ("./deploy", {"postBuild": {"substitute": {"A": "b"}}}, "cannot be built here"),
    ):
        with pytest.raises(BakeryopsError, match=words):
            await rendered(repository, sync(path), spec, head)


def made(kind: str, spec: dict[str, Any], *, api: str = "v1", name: str = "x", **more: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec, **more}


def marked(value: dict[str, Any], name: str, text: str, part: str = "annotations") -> dict[str, Any]:
    found = copy.deepcopy(value)
    found["metadata"][part] = {f"{FLUX}/{name}": text}
    return found


def one(before: dict[str, Any], after: dict[str, Any]) -> ObjectChange:
    (found,) = object_changes([before], [after])
    assert found.action == "changed"
    return found


def test_created_changed_deleted_in_the_order_of_their_danger() -> None:
    claim, web, other = yaml.safe_load(DATA), yaml.safe_load(WEB), made("Service", {}, name="new")
    scaled = copy.deepcopy(web)
    scaled["spec"]["replicas"] = 0
    found = object_changes([web, claim, made("Service", {}, name="old")], [other, scaled])
    assert [(each.action, each.kind, each.ref.name, each.red) for each in found] == [
        ("deleted", "PersistentVolumeClaim", "data", True),
        ("deleted", "Service", "old", False),
        ("changed", "Deployment", "web", False),
        ("created", "Service", "new", False),
    ]
    assert found[2].fields == ("replicas",)
    assert object_changes([web, claim], [claim, web]) == ()


@pytest.mark.parametrize(
    ("api", "kind"),
    [("apps/v1", "StatefulSet"), ("v1", "PersistentVolumeClaim"), ("v1", "Namespace"),
     ("apiextensions.k8s.io/v1", "CustomResourceDefinition")],
)  # fmt: skip
def test_deletions_that_take_data_with_them_are_red(api: str, kind: str) -> None:
    value = made(kind, {}, api=api)
    (found,) = object_changes([value], [])
    assert (found.action, found.red, found.kept) == ("deleted", True, False)
    for kept in (marked(value, "prune", "disabled"), marked(value, "prune", "Disabled", "labels"),
                 marked(value, "reconcile", "disabled")):  # fmt: skip
        (found,) = object_changes([kept], [])
        assert (found.red, found.kept) == (False, True)
    (found,) = object_changes([value], [], prune=False)
    assert (found.red, found.kept) == (False, True)
    (found,) = object_changes([made(kind, {}, api="example.org/v1")], [])
    assert not found.red


def test_what_flux_leaves_alone_is_no_change() -> None:
    one, other = made("Service", {"a": 1}), made("Service", {"a": 2})
    for mark in (("reconcile", "disabled"), ("ssa", "Ignore"), ("ssa", "IfNotPresent")):
        assert object_changes([one], [marked(other, *mark)]) == ()
    assert object_changes([], [marked(other, "ssa", "IfNotPresent")])[0].action == "created"


def test_the_words_for_what_changes() -> None:
    before, after = yaml.safe_load(WEB), yaml.safe_load(WEB)
    pod = after["spec"]["template"]["spec"]
    pod["containers"].reverse()
    assert object_changes([before], [after]) == ()
    pod["containers"][1]["image"] = "r/web:2"
    pod["containers"][1]["env"][0]["value"] = "DEBUG"
    pod["containers"][1]["env"].append({"name": "NEW", "value": "1"})
    after["metadata"]["labels"] = {"a": "b"}
    del after["spec"]["replicas"]
    pod["volumes"] = [{"name": "v", "emptyDir": {}}]
    assert set(one(before, after).fields) == {"labels", "replicas", "image", "env", "volumes"}
    assert set(one(after, before).fields) == {"labels", "replicas", "image", "env", "volumes"}
    del pod["containers"][0]
    assert "containers" in one(before, after).fields


def test_no_value_of_a_secret_is_told() -> None:
    def secret(text: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": text}}

    found = one(secret("letmein-1"), secret("letmein-2"))
    assert found.fields == ("data",)
    assert "letmein" not in repr(found)
    same = {**secret("x"), "data": {"k": "eA=="}}
    del same["stringData"]
    assert object_changes([secret("x")], [same]) == ()


SET = {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": {},
       "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"storageClassName": "a"}}]}  # fmt: skip
IMMUTABLE = [
    ("apps/v1", "Deployment", {"selector": {"matchLabels": {"app": "a"}}}, {"selector": {"matchLabels": {"app": "b"}}}, "spec.selector"),
    ("apps/v1", "DaemonSet", {"selector": {"matchLabels": {"a": "b"}}}, {"selector": {"matchLabels": {}}}, "spec.selector"),
    ("apps/v1", "Deployment", {"replicas": 1}, {"replicas": 0}, ""),
    ("apps/v1", "StatefulSet", SET, SET | {"replicas": 3, "template": {"spec": {}}}, ""),
    ("apps/v1", "StatefulSet", SET, SET | {"serviceName": "other"}, "spec.serviceName"),
    ("apps/v1", "StatefulSet", SET, SET | {"volumeClaimTemplates": []}, "spec.volumeClaimTemplates"),
    ("batch/v1", "Job", {"template": {"spec": {"containers": [{"name": "a", "image": "x:1"}]}}},
     {"template": {"spec": {"containers": [{"name": "a", "image": "x:2"}]}}}, "spec.template"),
    ("batch/v1", "Job", {"parallelism": 1}, {"parallelism": 2}, ""),
    ("batch/v1", "CronJob", {"jobTemplate": {"spec": {"template": {"a": 1}}}}, {"jobTemplate": {"spec": {"template": {"a": 2}}}}, ""),
    ("v1", "Service", {"clusterIP": "10.0.0.1"}, {"clusterIP": "10.0.0.2"}, "spec.clusterIP"),
    ("v1", "Service", {"ports": []}, {"clusterIP": "None", "ports": []}, "spec.clusterIP"),
    ("v1", "Service", {"clusterIP": "10.0.0.1"}, {"ports": []}, ""),
    ("v1", "PersistentVolumeClaim", {"resources": {"requests": {"storage": "1Gi"}}}, {"resources": {"requests": {"storage": "2Gi"}}}, ""),
    ("v1", "PersistentVolumeClaim", {"resources": {"requests": {"storage": "2Gi"}}}, {"resources": {"requests": {"storage": "1Gi"}}}, "spec.resources"),
    ("v1", "PersistentVolumeClaim", {"storageClassName": "a"}, {"storageClassName": "b"}, "spec.storageClassName"),
    ("v1", "PersistentVolumeClaim", {"storageClassName": "a"}, {}, "spec.storageClassName"),
    ("apps.example.org/v1", "Deployment", {"selector": 1}, {"selector": 2}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("api", "kind", "before", "after", "field"), IMMUTABLE)
def test_fields_that_the_cluster_does_not_let_change(
    api: str, kind: str, before: dict[str, Any], after: dict[str, Any], field: str
) -> None:
    assert one(made(kind, before, api=api), made(kind, after, api=api)).immutable == field


def test_frozen_maps_and_the_type_of_a_secret() -> None:
    frozen = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {"a": "1"},
        "immutable": True,
    }
    assert one(frozen, {**frozen, "data": {"a": "2"}}).immutable == "data"
    assert one(frozen, {**frozen, "immutable": False}).immutable == "immutable"
    assert one({**frozen, "immutable": False}, frozen | {"data": {"a": "2"}}).immutable == ""
    assert one(frozen, {**frozen, "metadata": {"name": "c", "labels": {"a": "b"}}}).immutable == ""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c"}, "type": "Opaque"}
    assert one(secret, {**secret, "type": "kubernetes.io/tls"}).immutable == "type"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b", "containers"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["Deployment", "StatefulSet", "Job", "Service"]), VALUES, VALUES)
def test_any_two_objects_are_the_same_or_differ_both_ways(kind: str, before: Any, after: Any) -> None:
    old, new = made(kind, before, api="apps/v1"), made(kind, after, api="apps/v1")
    assert object_changes([old], [copy.deepcopy(old)]) == ()
    there, back = object_changes([old], [new]), object_changes([new], [old])
    assert [set(each.fields) for each in there] == [set(each.fields) for each in back]
    if there:
        # Python takes false for 0, and YAML does not.
        assert json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True)
