"""What a person wants to follow: a commit, a build, an image, a deployment or a service, told in a few letters."""

from __future__ import annotations

import re

import msgspec

from bakeryops.model.build import Build
from bakeryops.model.code import Commit, Deployment
from bakeryops.read.chain_parts import Situation, build_label, same_commit
from bakeryops.read.images import split_image
from bakeryops.text import clean

__all__ = ["Subject", "subject_of"]

_HEX = re.compile(r"[0-9a-fA-F]{4,64}")


class Subject(msgspec.Struct, frozen=True):
    """What is followed. `sha` is the source commit, or the commit to the overlay where `direct`."""

    sha: str
    commit: Commit | None
    title: str
    service: str = ""
    """The only service to look at, "" for all that the commit touches."""
    build: Build | None = None
    """The build that was asked for."""
    direct: bool = False
    """Whether the commit changed the overlay by itself: a rollback, a reapply, an edit."""


def subject_of(at: Situation, what: str) -> Subject | None:
    """Return what is meant, None where nothing is known by that name or several are."""
    text = clean(what).strip()
    if not text:
        return None
    return _build(at, text) or _commit(at, text) or _image(at, text) or _service(at, text)


def _build(at: Situation, text: str) -> Subject | None:
    for build in at.builds or ():
        if text in (build.name, build.key, build_label(build)):
            return _of_build(at, build)
    return None


def _of_build(at: Situation, build: Build) -> Subject:
    revision = build.trigger.revision
    commit = at.code.find(revision) if revision else None
    sha = commit.sha if commit is not None else revision
    return Subject(sha, commit, commit.subject if commit is not None else build.name, build=build)


def _commit(at: Situation, text: str) -> Subject | None:
    if not _HEX.fullmatch(text):
        return None
    found = at.code.find(text.lower())
    if found is not None:
        written = [each for each in at.code.deployments if each.commit == found.sha]
        if len(written) == 1:
            return _deployment(at, written[0])
        direct = bool(written) or found.sha in at.deploys
        return Subject(found.sha, found, found.subject, direct=direct)
    if any(sha.startswith(text.lower()) for sha in at.code.commits):
        return None
    revisions = {
        each.trigger.revision for each in at.builds or () if each.trigger.revision.startswith(text.lower())
    }
    if len(revisions) != 1:
        return None
    revision = revisions.pop()
    return Subject(revision, None, revision[:7])


def _deployment(at: Situation, found: Deployment, service: str = "") -> Subject:
    """Return the source of a deployment, or the commit that wrote it where that says more."""
    commit = at.code.commits.get(found.commit)
    only = service or found.service
    if found.kind != "deploy" or not found.source:
        return Subject(found.commit, commit, found.subject, only, direct=True)
    source = at.code.find(found.source)
    sha = source.sha if source is not None else found.source
    build = next((each for each in at.builds or () if each.name == found.run), None)
    return Subject(sha, source, source.subject if source is not None else found.subject, only, build)


def _image(at: Situation, text: str) -> Subject | None:
    image = split_image(text)
    name = image.name.rpartition("/")[2]
    for each in at.code.deployments:
        by_tag = text == each.tag or (image.tag == each.tag and name == each.service)
        if by_tag or (image.digest and image.digest == each.digest):
            return _deployment(at, each, name if name == each.service and ":" in text else "")
    for build in at.builds or ():
        if build.tag and build.tag in (text, image.tag):
            return _of_build(at, build)
    commit = split_image(f"x:{text}").commit or image.commit
    found = at.code.find(commit) if commit else None
    return Subject(found.sha, found, found.subject) if found is not None else None


def _service(at: Situation, text: str) -> Subject | None:
    """Return the newest change of a service; of a workload given by its own name, what it runs now."""
    names = {*at.code.services, *(image.service for image in at.code.images)}
    if text in names:
        change = at.change(text)
        if change is not None:
            return Subject(change.sha, change, change.subject, text)
        newest = next((each for each in at.code.deployments if each.service == text), None)
        return _deployment(at, newest, text) if newest is not None else None
    plain = text.rpartition("/")[2]
    found = next((each for each in at.workloads or () if each.name == plain), None)
    if found is None or not found.image:
        return None
    image = split_image(found.image)
    service = image.name.rpartition("/")[2]
    for each in at.code.deployments:
        if each.service == service and (each.tag == image.tag or (image.digest and each.digest == image.digest)):
            return _deployment(at, each, service)
    commit = next((each for each in at.code.main if image.commit and same_commit(each, image.commit)), "")
    known = at.code.commits.get(commit)
    return Subject(commit, known, known.subject, service) if known is not None else None
