"""image-reflector-controller and image-automation-controller: tags are scanned and chosen; nothing is pushed."""

from __future__ import annotations

import re

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster
from bakeryops.demo.controllers.objects import digest
from bakeryops.demo.flux.conditions import Draft, is_true
from bakeryops.demo.flux.registry import Registry, latest_of
from bakeryops.demo.flux.sources import SourceFault
from bakeryops.demo.flux.steady import Kind, NotReadyError, Steady, Told
from bakeryops.demo.flux.storage import Storage
from bakeryops.demo.objects import dig

__all__ = ["ImageAutomationController", "ImagePolicyController", "ImageRepositoryController"]

_GROUP = "image.toolkit.fluxcd.io"
_REPOSITORIES = f"imagerepositories.{_GROUP}"
_POLICIES = f"imagepolicies.{_GROUP}"
_AUTOMATIONS = f"imageupdateautomations.{_GROUP}"
_GIT = "gitrepositories.source.toolkit.fluxcd.io"
_REFLECTOR = "image-reflector-controller"
_EXCLUDED = r"^.*\.sig$"
_SHOWN = 10
_MARK = b'{"$imagepolicy"'
"""Begins a comment by which a manifest names the policy that writes its tag."""


def _canonical(image: str) -> str:
    """Return an image's name with its registry, as Docker's short names mean it."""
    host, slash, rest = image.partition("/")
    if not slash:
        return f"index.docker.io/library/{image}"
    return image if "." in host or ":" in host or host == "localhost" else f"index.docker.io/{host}/{rest}"


class ImageRepositoryController(Steady):
    """Scans the tags of images."""

    def __init__(self, cluster: Cluster, registry: Registry) -> None:
        """Take the registries."""
        super().__init__(cluster, Kind(_REPOSITORIES, _REFLECTOR))
        self._registry = registry
        self._found: dict[str, list[str]] = {}

    def tags_of(self, obj: Object) -> list[str]:
        """Return the tags of an ImageRepository as scanned last, or scanned now; raises `NotReadyError`."""
        known = self._found.get(obj["metadata"]["uid"])
        return self._scan(obj) if known is None else known

    def work(self, obj: Object, draft: Draft) -> Told:
        """Scan."""
        tags = self._scan(obj)
        revision = f"sha256:{digest(*tags)}"
        draft.status["canonicalImageName"] = _canonical(str(obj["spec"].get("image") or ""))
        draft.status["observedExclusionList"] = list(obj["spec"].get("exclusionList") or (_EXCLUDED,))
        draft.status["lastScanResult"] = {
            "latestTags": tags[::-1][:_SHOWN],
            "revision": revision,
            "scanTime": self.cluster.stamp(),
            "tagCount": len(tags),
        }
        before = dig(obj, "status", "lastScanResult", "revision")
        message = f"successful scan: found {len(tags)} tags"
        return Told("Succeeded", message, "" if before == revision else "Succeeded")

    def gone(self, obj: Object) -> None:
        """Forget the tags."""
        self._found.pop(obj["metadata"]["uid"], None)

    def _scan(self, obj: Object) -> list[str]:
        excluded = obj["spec"].get("exclusionList") or (_EXCLUDED,)
        try:
            rules = [re.compile(each) for each in excluded]
            found = self._registry.tags(str(obj["spec"].get("image") or ""))
        except re.error as error:
            raise NotReadyError("InvalidExclusionList", f"failed to compile exclusion list: {error}") from error
        except SourceFault as fault:
            raise NotReadyError(fault.reason, f"scan failed: {fault.message}") from fault
        tags = sorted(each for each in found if not any(rule.search(each) for rule in rules))
        self._found[obj["metadata"]["uid"]] = tags
        return tags


class ImagePolicyController(Steady):
    """Chooses one of the scanned tags."""

    def __init__(self, cluster: Cluster, scans: ImageRepositoryController) -> None:
        """Take what scans."""
        super().__init__(cluster, Kind(_POLICIES, _REFLECTOR))
        self._scans = scans

    def start(self) -> None:
        """Follow policies, and scans."""
        super().start()
        self.wake(_REPOSITORIES, "imageRepositoryRef")

    def work(self, obj: Object, draft: Draft) -> Told:
        """Choose."""
        reference = obj["spec"].get("imageRepositoryRef") or {}
        namespace = reference.get("namespace") or obj["metadata"]["namespace"]
        repository = self.cluster.store.get(_REPOSITORIES, namespace, str(reference.get("name")))
        if repository is None:
            raise NotReadyError("DependencyNotReady", "referenced ImageRepository does not exist")
        image = str(repository["spec"].get("image"))
        tag = _choose(obj["spec"], self._scans.tags_of(repository))
        if tag is None:
            raise NotReadyError("Failure", "no tags match the policy")
        chosen = {"name": image, "tag": tag}
        before = draft.status.get("latestRef")
        if before != chosen:
            if before is not None:
                draft.status["observedPreviousRef"] = before
            draft.status["latestRef"] = chosen
        message = f"Latest image tag for {image} resolved to {tag}"
        return Told("Succeeded", message, "" if before == chosen else "Succeeded")


def _choose(spec: Object, tags: list[str]) -> str | None:
    """Return the tag that a policy takes, by what `filterTags` extracts of each."""
    rule = spec.get("filterTags") or {}
    values: dict[str, str] = {}
    try:
        pattern = re.compile(str(rule.get("pattern") or ""))
    except re.error as error:
        raise NotReadyError("InvalidPolicy", f"invalid filterTags pattern: {error}") from error
    for tag in tags:
        found = pattern.search(tag)
        if found is None:
            continue
        values[_extracted(found, str(rule.get("extract") or "")) or tag] = tag
    policy = spec.get("policy") or {}
    if "semver" in policy:
        best = latest_of(values, str((policy["semver"] or {}).get("range") or "*"))
    elif "numerical" in policy:
        numbers = [value for value in values if re.fullmatch(r"\d+(\.\d+)?", value)]
        pick = min if (policy["numerical"] or {}).get("order") == "desc" else max
        best = pick(numbers, key=float) if numbers else None
    elif "alphabetical" in policy:
        pick = min if (policy["alphabetical"] or {}).get("order") == "desc" else max
        best = pick(values) if values else None
    else:
        raise NotReadyError("InvalidPolicy", "given ImagePolicy is invalid")
    return None if best is None else values[best]


def _extracted(found: re.Match[str], wanted: str) -> str:
    """Return a text such as `$ts` with the groups of a match filled in; a group that is none is empty."""

    def group(name: re.Match[str]) -> str:
        number = name.group(1)
        try:
            return found.group(int(number) if number.isdigit() else number) or ""
        except IndexError:
            return ""

    return re.sub(r"\$\{?(\w+)\}?", group, wanted)


class ImageAutomationController(Steady):
    """Looks whether manifests name policies; writing tags into Git is not something it does here."""

    def __init__(self, cluster: Cluster, storage: Storage) -> None:
        """Take where artifacts are."""
        super().__init__(cluster, Kind(_AUTOMATIONS, "image-automation-controller"))
        self._storage = storage

    def work(self, obj: Object, draft: Draft) -> Told:
        """Look."""
        reference = obj["spec"].get("sourceRef") or {}
        namespace = reference.get("namespace") or obj["metadata"]["namespace"]
        source = self.cluster.store.get(_GIT, namespace, str(reference.get("name")))
        if source is None or dig(source, "status", "artifact") is None:
            raise NotReadyError(
                "SourceManagerFailed", f'source "{namespace}/{reference.get("name")}" is not there'
            )
        marked = any(_MARK in data for data in self._storage.files(source).values())
        if marked:
            raise NotReadyError("GitOperationFailed", "image automation cannot push to this cluster's Git server")
        draft.status["lastAutomationRunTime"] = self.cluster.stamp()
        draft.status["observedSourceRevision"] = source["status"]["artifact"]["revision"]
        draft.status["observedPolicies"] = {
            each["metadata"]["name"]: {name: each["status"]["latestRef"][name] for name in ("name", "tag")}
            for each in self.cluster.store.list(_POLICIES, obj["metadata"]["namespace"])
            if is_true(each, "Ready")
        }
        return Told("Succeeded", "repository up-to-date")
