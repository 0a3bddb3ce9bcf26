"""A folder with its kustomization, built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeryops.kustomize.documents import load_documents
from bakeryops.kustomize.errors import KustomizeError
from bakeryops.kustomize.fields import items, mapping, pairs, text, texts
from bakeryops.kustomize.generators import content_hash, generate
from bakeryops.kustomize.images import set_images, set_replicas
from bakeryops.kustomize.labels import set_annotations, set_labels
from bakeryops.kustomize.names import add_affixes, fix_references, set_namespace
from bakeryops.kustomize.order import ordered
from bakeryops.kustomize.patches import apply_patch, merge_patches
from bakeryops.kustomize.resource import Resource
from bakeryops.kustomize.tree import Tree

__all__ = ["build"]

_KNOWN = frozenset(
    [
        "apiVersion",
        "kind",
        "metadata",
        "resources",
        "bases",
        "components",
        "namespace",
        "namePrefix",
        "nameSuffix",
        "labels",
        "commonLabels",
        "commonAnnotations",
        "images",
        "replicas",
        "patches",
        "patchesStrategicMerge",
        "patchesJson6902",
        "configMapGenerator",
        "secretGenerator",
        "generatorOptions",
        "sortOptions",
    ]
)
_NOT_HERE = frozenset(
    [
        "replacements",
        "vars",
        "crds",
        "openapi",
        "configurations",
        "generators",
        "transformers",
        "validators",
        "helmCharts",
        "helmGlobals",
        "helmChartInflationGenerator",
        "buildMetadata",
    ]
)
_KUSTOMIZATIONS = {
    "Kustomization": "kustomize.config.k8s.io/v1beta1",
    "Component": "kustomize.config.k8s.io/v1alpha1",
}
_MOST_RESOURCES = 20_000
_DEEPEST = 32


def build(files: Mapping[str, bytes], folder: str, *, root: str = "") -> list[dict[str, Any]]:
    """Return the objects of a folder as `kubectl kustomize` gives them.

    `files` maps paths relative to the repository's root to bytes; paths in a kustomization may go up to that root
    and not beyond, files in other folders are allowed as Flux allows them. `root` is what messages show before a
    path. Raises `KustomizeError` with kustomize's message, or with a sentence that names the field that is not
    supported here.
    """
    tree = Tree(files, root)
    try:
        return _build(tree, folder)
    except RecursionError:
        raise KustomizeError("values are nested too deep") from None


def _build(tree: Tree, folder: str) -> list[dict[str, Any]]:
    target = _Target(tree, tree.join("", folder.removeprefix("./").strip("/") or "."), ())
    resources = target.accumulate([])
    _finish(resources)
    return [each.value for each in ordered(resources, target.sort_options)]


def _finish(resources: list[Resource]) -> None:
    for each in resources:
        if each.hashed:
            suffix = content_hash(each.value)
            each.remember()
            each.metadata["name"] = f"{each.name}-{suffix}"
    fix_references(resources)


class _Target:
    """One folder on the way."""

    def __init__(self, tree: Tree, folder: str, parents: tuple[str, ...]) -> None:
        self._tree = tree
        self._folder = folder
        self._parents = (*parents, folder)
        if len(self._parents) > _DEEPEST:
            raise KustomizeError(f"folders refer to each other more than {_DEEPEST} deep")
        self._spec = _kustomization(tree, folder, top=not parents)

    @property
    def sort_options(self) -> Any:
        """What the kustomization says of the order of output."""
        return self._spec.get("sortOptions")

    @property
    def is_component(self) -> bool:
        """Whether it changes the objects of who includes it."""
        return self._spec.get("kind") == "Component"

    def accumulate(self, resources: list[Resource]) -> list[Resource]:
        """Return the objects given (for a component) with those of this folder, transformed."""
        spec = self._spec
        for path in [*texts(spec, "resources"), *texts(spec, "bases")]:
            _add_all(resources, self._included(path))
        for field, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
            for entry in items(spec, field):
                generate(kind, entry, spec.get("generatorOptions"), self._read, resources)
        for path in texts(spec, "components"):
            resources = self._component(path, resources)
        if not resources and not spec.keys() & (_KNOWN - {"apiVersion", "kind", "metadata"}):
            raise KustomizeError("kustomization.yaml is empty")
        self._transform(resources)
        return resources

    def _included(self, path: str) -> list[Resource]:
        if "://" in path or path.startswith(("git@", "github.com/")) or "?ref=" in path:
            raise KustomizeError(f"the resource {path!r} is on another machine: not supported here")
        joined = self._tree.join(self._folder, path)
        if self._tree.is_folder(joined):
            return self._folder_of(path, joined)
        try:
            data = self._tree.read(joined)
        except KustomizeError:
            shown = self._tree.shown(joined)
            missing = f"evalsymlink failure on '{shown}' : lstat {shown}: no such file or directory"
            raise KustomizeError(
                f"accumulating resources: accumulation err='accumulating resources from '{path}': {missing}': "
                f"must build at directory: not a valid directory: {missing}"
            ) from None
        try:
            return list(_objects(load_documents(data)))
        except KustomizeError as error:
            problem = error.message
            if problem.startswith("yaml:"):
                problem = f"MalformedYAMLError: {problem} in File: {path}"
            raise KustomizeError(
                f"accumulating resources: accumulating resources from '{path}': {problem}"
            ) from None

    def _folder_of(self, path: str, joined: str) -> list[Resource]:
        shown = self._tree.shown(joined)
        before = (
            f"accumulating resources: accumulation err='accumulating resources from '{path}': "
            f"'{shown}' must resolve to a file': "
        )
        self._refuse_cycle(joined, before)
        try:
            target = _Target(self._tree, joined, self._parents)
            if target.is_component:
                raise KustomizeError("expected kind != 'Component' for path '" + path + "'")
            return target.accumulate([])
        except KustomizeError as error:
            raise KustomizeError(f"{before}recursed accumulation of path '{shown}': {error.message}") from None

    def _component(self, path: str, resources: list[Resource]) -> list[Resource]:
        joined = self._tree.join(self._folder, path)
        before = f"accumulating components: accumulateDirectory: '{self._tree.shown(joined)}': "
        self._refuse_cycle(joined, before)
        try:
            target = _Target(self._tree, joined, self._parents)
            if not target.is_component:
                raise KustomizeError(f"expected kind 'Component' for path '{path}' but got 'Kustomization'")
            return target.accumulate(resources)
        except KustomizeError as error:
            raise KustomizeError(f"{before}{error.message}") from None

    def _refuse_cycle(self, joined: str, before: str) -> None:
        for parent in self._parents:
            if parent == joined or not joined or parent.startswith(f"{joined}/"):
                candidate, visited = self._tree.shown(joined), self._tree.shown(parent)
                raise KustomizeError(
                    f"{before}cycle detected: candidate root '{candidate}' contains visited root '{visited}'"
                )

    def _read(self, path: str) -> bytes:
        return self._tree.read(self._tree.join(self._folder, path))

    def _transform(self, resources: list[Resource]) -> None:
        spec = self._spec
        for written in texts(spec, "patchesStrategicMerge"):
            inline = "\n" in written or ":" in written
            data = written.encode() if inline else self._read(written)
            merge_patches(resources, [each for each in load_documents(data) if each is not None])
        for entry in items(spec, "patches"):
            self._patch(resources, mapping(entry, "patches", ("path", "patch", "target", "options")), "Patch")
        if namespace := text(spec, "namespace", "kustomization"):
            set_namespace(resources, namespace)
        add_affixes(
            resources, text(spec, "namePrefix", "kustomization"), text(spec, "nameSuffix", "kustomization")
        )
        set_labels(resources, items(spec, "labels"), pairs(spec, "commonLabels"))
        set_annotations(resources, pairs(spec, "commonAnnotations"))
        for entry in items(spec, "patchesJson6902"):
            found = mapping(entry, "patchesJson6902", ("path", "patch", "target", "options"))
            if found.get("target") is None:
                raise KustomizeError("must specify the target field in patchesJson6902")
            self._patch(resources, found, "PatchJson6902")
        set_replicas(resources, items(spec, "replicas"))
        set_images(resources, items(spec, "images"))

    def _patch(self, resources: list[Resource], entry: dict[str, Any], what: str) -> None:
        path, written = text(entry, "path", "patches"), text(entry, "patch", "patches")
        if bool(path) == bool(written):
            raise KustomizeError("must specify one of patch and path in a patch")
        if path:
            try:
                data = self._read(path)
            except KustomizeError as error:
                raise KustomizeError(
                    f"trouble configuring builtin {what}Transformer with config: `\n{_shown(entry)}`: "
                    f"failed to get the patch file from path({path}): {error.message}"
                ) from None
        else:
            data = written.encode()
        apply_patch(resources, entry, data)


def _shown(entry: dict[str, Any]) -> str:
    lines = [f"path: {entry['path']}\n"]
    target = entry.get("target")
    if isinstance(target, dict) and target:
        lines.append("target:\n")
        lines += [f"  {key}: {value}\n" for key, value in sorted(target.items())]
    return "".join(lines)


def _kustomization(tree: Tree, folder: str, *, top: bool) -> dict[str, Any]:
    path = tree.kustomization(folder)
    try:
        documents = load_documents(tree.read(path))
    except KustomizeError as error:
        # Flux reads the kustomization of the folder that it builds by itself, and says so without a prefix.
        reported = f"error converting YAML to JSON: {error.message}" if top else None
        raise KustomizeError(f"invalid Kustomization: {error.message}", reported=reported) from None
    spec = documents[0] if documents else None
    if len(documents) > 1:
        raise KustomizeError(f"invalid Kustomization: {tree.shown(path)} holds more than one document")
    if spec is None or spec == {}:
        raise KustomizeError(f"{path.rpartition('/')[2]} is empty")
    if not isinstance(spec, dict):
        raise KustomizeError("invalid Kustomization: it is not a map")
    if refused := sorted(spec.keys() & _NOT_HERE):
        raise KustomizeError(f"the field {refused[0]} of a kustomization is not supported here")
    if unknown := sorted(spec.keys() - _KNOWN):
        raise KustomizeError(f'invalid Kustomization: json: unknown field "{unknown[0]}"')
    kind = spec.get("kind") or "Kustomization"
    if kind not in _KUSTOMIZATIONS:
        raise KustomizeError(f"kind should be Kustomization or Component, not {kind!r}")
    version = spec.get("apiVersion") or _KUSTOMIZATIONS[kind]
    if version != _KUSTOMIZATIONS[kind]:
        raise KustomizeError(f"apiVersion for {kind} should be {_KUSTOMIZATIONS[kind]}")
    return spec


def _objects(documents: list[Any]) -> list[Resource]:
    found: list[Resource] = []
    for value in documents:
        if value is None or value == {}:
            continue
        if not isinstance(value, dict):
            raise KustomizeError("a document is not a map")
        inner = value.get("items")
        if isinstance(value.get("kind"), str) and value["kind"].endswith("List") and isinstance(inner, list):
            found += _objects(inner)
            continue
        found.append(_object(value))
    return found


def _object(value: dict[str, Any]) -> Resource:
    kind, version, meta = value.get("kind"), value.get("apiVersion"), value.get("metadata")
    if not isinstance(kind, str) or not kind:
        raise KustomizeError("missing kind in an object")
    if not isinstance(version, str) or not version:
        raise KustomizeError(f"missing apiVersion in an object of kind {kind}")
    name = meta.get("name") if isinstance(meta, dict) else None
    if not isinstance(name, str) or not name:
        raise KustomizeError(f"missing metadata.name in object {{{{{version} {kind}}} {{ }} map[] map[]}}}}")
    assert isinstance(meta, dict)
    if not isinstance(meta.get("namespace") or "", str):
        raise KustomizeError(f"metadata.namespace of {kind} {name} is not text")
    for field in ("labels", "annotations"):
        held = meta.get(field)
        if held is None:
            meta.pop(field, None)
        elif not isinstance(held, dict) or not all(isinstance(each, str) for each in held.values()):
            raise KustomizeError(
                f"metadata.{field} of {kind} {name} holds a value that is not text: put it in quotes"
            )
    return Resource(value)


def _add_all(resources: list[Resource], more: list[Resource]) -> None:
    seen = {(now.group, now.kind, now.namespace, now.name) for each in resources for now in [each.id]}
    for each in more:
        now = each.id
        key = (now.group, now.kind, now.namespace, now.name)
        if key in seen:
            raise KustomizeError(f"may not add resource with an already registered id: {now}")
        seen.add(key)
        resources.append(each)
    if len(resources) > _MOST_RESOURCES:
        raise KustomizeError(f"the build holds more than {_MOST_RESOURCES} objects")
