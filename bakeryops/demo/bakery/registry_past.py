"""The images that earlier builds have pushed, and how those behave whose source asks for trouble."""

from __future__ import annotations

from bakeryops.demo.bakery.inventory import REGISTRY
from bakeryops.demo.bakery.jobs import job_behaviours
from bakeryops.demo.bakery.repository import report_archive
from bakeryops.demo.bakery.story import Story
from bakeryops.demo.chain.marks import marks_of
from bakeryops.demo.chain.overlay import source_of
from bakeryops.demo.chain.work import crash_of
from bakeryops.demo.controllers import Images
from bakeryops.demo.git import BareRepo
from bakeryops.demo.gitea.server import Gitea

__all__ = ["fill_registry"]

_MONTHS = 75 * 86_400.0


def fill_registry(gitea: Gitea, repo: BareRepo, images: Images, story: Story) -> None:
    """Push every tag that a build has made, and let the kubelet ask the registry for tags from now on."""
    registry = gitea.registry
    images.pushed = lambda repository, tag: registry.digest(repository, tag) is not None
    owner = "bakery-admin"
    old = gitea.clock.now() - _MONTHS
    for release in story.releases:
        for service in release.services if release.deploy_commits else ():
            registry.put(f"{owner}/{service}", release.tag, when=release.ended - 20.0)
    by_hand = [*job_behaviours(), report_archive()[1]["spec"]["template"]["spec"]["containers"][0]["image"]]
    for image in by_hand:
        name, _, tag = image.removeprefix(f"{REGISTRY}/").rpartition(":")
        registry.put(name, tag, when=old)
    images.behaviours.update(job_behaviours())
    for service, placed in story.tags.items():
        source = source_of(placed[-1].tag)
        path = marks_of(repo, source, service).get("crash") if source else None
        if path:
            images.behaviours[story.image(service)] = crash_of(repo, source, path)
