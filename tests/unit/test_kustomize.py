"""What a build refuses, in whose words, and where it stops."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.kustomize import KustomizeError, build, load_documents
from bakeryops.kustomize.generators import content_hash
from tests.support.overlays import OVERLAYS, files_of

_POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: c}]}\n"


def refused(kustomization: str, **files: bytes) -> KustomizeError:
    held = {"top/kustomization.yaml": kustomization.encode(), "top/pod.yaml": _POD}
    held |= {f"top/{name.replace('_', '.')}": data for name, data in files.items()}
    with pytest.raises(KustomizeError) as caught:
        build(held, "./top", root="/src/kustomization-1")
    return caught.value


@pytest.mark.parametrize("name", sorted(OVERLAYS))
def test_a_build_does_not_change_with_the_order_of_files(name: str) -> None:
    files = files_of(name)
    assert build(files, "over") == build(dict(reversed(files.items())), "./over/")


def test_a_missing_patch_is_told_as_flux_tells_it() -> None:
    error = refused("resources: [pod.yaml]\npatches:\n- path: patch-does-not-exist.yaml\n")
    assert error.reported == (
        "kustomize build failed: trouble configuring builtin PatchTransformer with config: "
        "`\npath: patch-does-not-exist.yaml\n`: failed to get the patch file from path(patch-does-not-exist.yaml): "
        "open /src/kustomization-1/top/patch-does-not-exist.yaml: no such file or directory"
    )


def test_a_typo_in_the_kustomization_is_told_as_flux_tells_it() -> None:
    error = refused("kind: Kustomization\nnamespace: y\n\nresources: [\n  pod.yaml\nnamePrefix: x\n")
    assert error.reported == "error converting YAML to JSON: yaml: line 3: did not find expected ',' or ']'"


def test_a_typo_in_a_resource_names_file_and_line() -> None:
    typo = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n data: {\n"
    error = refused("resources: [typo.yaml]", typo_yaml=typo)
    assert error.message == (
        "accumulating resources: accumulating resources from 'typo.yaml': "
        "MalformedYAMLError: yaml: line 4: did not find expected key in File: typo.yaml"
    )


def test_a_missing_folder_is_told_as_flux_tells_it() -> None:
    with pytest.raises(KustomizeError) as caught:
        build({"a/kustomization.yaml": b"resources: []"}, "./nowhere", root="/src")
    assert caught.value.reported == "kustomization path not found: stat /src/nowhere: no such file or directory"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resources: [absent.yaml]", "accumulating resources from 'absent.yaml'"),
        ("resources: [../../out.yaml]", "leaves the repository"),
        ("resources: [/etc/x.yaml]", "cannot be absolute"),
        ("resources: [https://example.org/x]", "on another machine"),
        ("resources: [.]", "cycle detected"),
        ("resources: [pod.yaml, pod.yaml]", "already registered id: Pod.v1.[noGrp]/p.[noNs]"),
        ("", "kustomization.yaml is empty"),
        ("kind: Kustomization", "kustomization.yaml is empty"),
        ("resources: [pod.yaml]\nfoo: bar", 'unknown field "foo"'),
        ("resources: [pod.yaml]\nkind: Deployment", "kind should be"),
        ("resources: [pod.yaml]\nreplacements: []", "replacements"),
        ("resources: [pod.yaml]\nvars: [{name: a}]", "vars"),
        ("resources: [pod.yaml]\nhelmCharts: [{name: a}]", "helmCharts"),
        ("resources: [pod.yaml]\nimages: [{name: c, newTag: 5}]", "images.newTag is not text"),
        ("resources: [pod.yaml]\nimages: [{nam: c}]", 'unknown field "images.nam"'),
        ("resources: [pod.yaml]\nreplicas: [{name: p, count: 2}]", "resource with name p does not match"),
        ("resources: [pod.yaml]\nlabels: [{pairs: {a: b}, fields: [{path: a}]}]", "labels.fields"),
        ('resources: [pod.yaml]\npatches: [{patch: \'[{"op": "add"}]\'}]', "must specify a target"),
        ("resources: [pod.yaml]\npatches: [{}]", "must specify one of patch and path"),
        (
            "resources: [pod.yaml]\npatches: [{target: {kind: Pod}, patch: '[{op: replace, path: /a/b, value: 1}]'}]",
            "replace operation does not apply: doc is missing path: /a/b: missing value",
        ),
        (
            "resources: [pod.yaml]\npatches: [{patch: '{apiVersion: v1, kind: Pod, metadata: {name: x}}'}]",
            'no resource matches strategic merge patch "Pod.v1.[noGrp]/x.[noNs]"',
        ),
        (
            "resources: [pod.yaml]\npatches: [{patch: '{apiVersion: v1, kind: Pod, metadata: {name: p}, $x: 1}'}]",
            "directive $x",
        ),
        (
            "resources: [pod.yaml]\npatches: [{patch: '{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: [1]}'}]",
            "wrong Node Kind",
        ),
        (
            "resources: [pod.yaml]\npatches: [{target: {name: '(a+)+b'}, patch: '{spec: {a: b}}'}]",
            "pattern",
        ),
        ("configMapGenerator: [{name: x, literals: [abc]}]", "invalid literal source abc, expected key=value"),
        ("configMapGenerator: [{name: x, files: [absent]}]", "no such file or directory"),
        ("configMapGenerator: [{name: x, behavior: merge}]", "does not exist"),
        ("components: [.]\nresources: [pod.yaml]", "cycle detected"),
        ("resources: 5", "resources is not a list"),
        ("- a\n- b", "it is not a map"),
        ("resources: [pod.yaml]\nsortOptions: {order: random}", "neither fifo nor legacy"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(text: str, words: str) -> None:
    assert words in refused(text).message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n", None),
        (b"a: 1\na: 2\n", 'mapping key "a" already defined'),
        (b"a: !!python/object:os.system {}\n", None),
        (b"a: !!python/name:os.system x\n", "tag"),
        (b"when: 2026-01-01\n", "put it in quotes"),
        (b"1: x\n", "a key of a map is not text"),
        (b"a: .inf\n", "JSON"),
        (b"a: 99999999999999999999999\n", "too large"),
        (b"a: {b: , c: d}\n", "b has no value"),
        (b"a: *unknown\n", "unknown anchor"),
        (b"a: \xff\n", "UTF-8"),
        (b"a: b\n--- c: d\n", "invalid document separator: --- c: d"),
        (b"a: \x01\n", "control characters"),
    ],
)
def test_yaml_that_kustomize_would_read_otherwise_is_refused(text: bytes, words: str | None) -> None:
    if words is None:
        assert load_documents(text)
        return
    with pytest.raises(KustomizeError, match=words):
        load_documents(text)


def test_bombs_are_refused_before_they_are_written_out() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(KustomizeError, match="values"):
        load_documents("\n".join(lines).encode())
    with pytest.raises(KustomizeError, match="nested"):
        load_documents(b"a: " + b"[" * 500 + b"]" * 500)
    with pytest.raises(KustomizeError, match="MiB"):
        load_documents(b" " * (9 * 1024 * 1024))


def test_ports_of_which_some_have_a_protocol_are_not_guessed() -> None:
    pod = b"apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 1, protocol: TCP}, {port: 2}]}\n"
    patch = "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 2, name: x}]}}"
    error = refused(f"resources: [s.yaml]\npatches: [{{patch: '{patch}'}}]", s_yaml=pod)
    assert "give all of them one" in error.message


def test_files_of_other_folders_may_be_named_inside_the_repository() -> None:
    files = {"top/kustomization.yaml": b"resources: [../other/pod.yaml]", "other/pod.yaml": _POD}
    assert [each["kind"] for each in build(files, "top")] == ["Pod"]


def test_the_hash_of_an_empty_config_map_is_the_well_known_one() -> None:
    assert content_hash({"kind": "ConfigMap", "metadata": {"name": "any"}}) == "6ct58987ht"


def test_an_ingress_class_that_is_renamed_is_not_guessed() -> None:
    both = b"""
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {ingressClassName: nginx}
"""
    assert "ingressClassName" in refused("resources: [both.yaml]\nnamePrefix: p-", both_yaml=both).message
    assert build({"top/kustomization.yaml": b"resources: [both.yaml]", "top/both.yaml": both}, "top")


def test_folders_that_include_each_other_without_end_are_refused() -> None:
    files = {"0/kustomization.yaml": b"namePrefix: a"}
    for level in range(1, 30):
        files[f"{level}/kustomization.yaml"] = f"resources: [../{level - 1}, ../{level - 1}]".encode()
    with pytest.raises(KustomizeError, match="more than"):
        build(files, "29")


def test_a_json_patch_that_copies_without_end_is_refused() -> None:
    operations = [{"op": "copy", "from": "/spec", "path": f"/spec/x{n}"} for n in range(60)]
    patch = json.dumps(json.dumps(operations))
    error = refused(f"resources: [pod.yaml]\npatches: [{{target: {{kind: Pod}}, patch: {patch}}}]")
    assert "copy" in error.message


FIELDS = st.sampled_from(
    """resources namespace namePrefix labels commonLabels images replicas patches patchesStrategicMerge patchesJson6902
    configMapGenerator secretGenerator generatorOptions components sortOptions name newTag newName digest count path
    patch target kind apiVersion metadata spec containers image op value literals files options behavior pairs
    includeSelectors template subjects roleRef env order from labelSelector $patch""".split()  # noqa: SIM905
)
VALUES = st.sampled_from(
    ["", "a", "p", "Pod", "v1", "apps/v1", "Deployment", "pod.yaml", ".", "..", "a=b", "merge", "replace", "delete",
     "add", "remove", "copy", "/spec", "/spec/containers/0", "fifo", "- {op: remove, path: /spec}",
     "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, $patch: delete}]}}",
     "Component", "Kustomization", "a in (b, c)", "\x00", 0, 3, -1, True, False, None, 1.5]
)  # fmt: skip
ANYTHING = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=20,
)


TOP = """resources namespace namePrefix nameSuffix labels commonLabels commonAnnotations images replicas patches
patchesStrategicMerge patchesJson6902 configMapGenerator secretGenerator generatorOptions components sortOptions"""
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["p", "c", "web"])},
        optional={
            "patch": VALUES, "path": VALUES, "newTag": VALUES, "count": VALUES, "literals": ANYTHING,
            "target": st.fixed_dictionaries({}, optional={"kind": VALUES, "name": VALUES, "labelSelector": VALUES}),
        },
    ).map(lambda entry: {key: entry[key] for key in sorted(entry)}) | ANYTHING,
    max_size=3,
)  # fmt: skip


def build_or_refuse(files: dict[str, bytes]) -> None:
    try:
        built = build(files, "top")
    except KustomizeError as error:
        told = (error.message, error.reported)
        assert all(told)
    else:
        assert all(each["metadata"]["name"] for each in built)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(TOP.split()), ANYTHING | ENTRIES, max_size=3), ANYTHING)
def test_anything_is_built_or_refused(kustomization: dict[str, Any], resource: Any) -> None:
    named = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    files = {
        "top/kustomization.yaml": json.dumps({"resources": ["pod.yaml", "more.yaml"], **kustomization}).encode(),
        "top/pod.yaml": _POD,
        "top/more.yaml": json.dumps({**named, "metadata": {"name": "q"}, "spec": resource}).encode(),
        "top/a": b"text",
    }
    build_or_refuse(files)


@settings(max_examples=300, deadline=None)
@given(
    ANYTHING, ANYTHING, st.sampled_from(["Pod", "Deployment", "Service", "StatefulSet", "CronJob", "RoleBinding"])
)
def test_any_patch_of_any_object_is_merged_or_refused(spec: Any, patch: Any, kind: str) -> None:
    groups = {"Pod": "v1", "Service": "v1", "CronJob": "batch/v1", "RoleBinding": "rbac.authorization.k8s.io/v1"}
    named = {"apiVersion": groups.get(kind, "apps/v1"), "kind": kind, "metadata": {"name": "p"}}
    full = {"namePrefix": "x-", "namespace": "n", "commonLabels": {"a": "b"}, "commonAnnotations": {"a": "b"}}
    patches = [{"patch": json.dumps({**named, "spec": patch})}]
    files = {
        "top/kustomization.yaml": json.dumps({"resources": ["a.yaml"], **full, "patches": patches}).encode(),
        "top/a.yaml": json.dumps({**named, "spec": spec, "subjects": spec}).encode(),
    }
    build_or_refuse(files)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@ \n\t,?1.~<=\x00\x1b\u2028é", max_size=60))
def test_any_text_is_read_as_yaml_or_refused(text: str) -> None:
    try:
        load_documents(text.encode())
    except KustomizeError as error:
        assert str(error)  # noqa: PT017
