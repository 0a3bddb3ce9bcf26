"""What a build refuses, in whose words, and where it stops."""

from __future__ import annotations

import pytest

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
