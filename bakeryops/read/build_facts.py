"""What a run says of the work it does: services, images' tag, commits, and what started it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bakeryops.cluster.wire.tekton import ChildReference, PipelineRun
from bakeryops.model.build import BuildTask, Named, Trigger
from bakeryops.read.build_plan import PlannedTask
from bakeryops.read.build_values import commit_in, names_in, tag_in
from bakeryops.text import clean

__all__ = ["Facts", "facts_of", "trigger_of"]

_REVISION_LABEL = "bakery.dev/revision"
_PUSHER_LABEL = "bakery.dev/pusher"
_EVENT_LABEL = "triggers.tekton.dev/triggers-eventid"
_LISTENER_LABEL = "triggers.tekton.dev/eventlistener"
_RERUN_LABEL = "dashboard.tekton.dev/rerunOf"
_REVISION_NAMES = ("revision", "git-revision", "git_revision", "commit", "sha", "git-commit", "after")
_COMMIT_RESULTS = ("commit", "revision", "git-commit", "CHAINS-GIT_COMMIT")
_SERVICES_NAMES = ("services", "changed-services", "force-services")
_TAG_NAMES = ("tag", "image-tag", "TAG", "IMAGE_TAG")
_DEPLOY_NAMES = ("deploy-commit", "deploy_commit", "DEPLOY_COMMIT")


class Facts(msgspec.Struct, frozen=True):
    """What a build works on."""

    services: tuple[str, ...] | None
    tag: str
    deploy_commit: str


def facts_of(
    params: Sequence[Named],
    results: Sequence[Named],
    children: Sequence[ChildReference],
    skipped: Iterable[str],
    plan: Sequence[PlannedTask],
    tasks: Sequence[BuildTask],
) -> Facts:
    """Return what a build works on, from the surest witness there is: results, its tasks, its parameters.

    `skipped` are the names of pipeline tasks that were skipped.
    """
    task_results = [each for task in tasks for each in task.results]
    task_params = [each for task in tasks for each in task.params]
    tags = [each.value for each in (*results, *task_results, *task_params, *params) if each.name in _TAG_NAMES]
    images = (tag_in(each.value) for each in (*results, *task_results))
    return Facts(
        services=_services(params, (*results, *task_results), children, set(skipped), plan, tasks),
        tag=next((tag for tag in tags if tag), "") or next((tag for tag in images if tag), ""),
        deploy_commit=next(
            (found for each in (*results, *task_results) if each.name in _DEPLOY_NAMES
             and (found := commit_in(each.value))), ""),
    )  # fmt: skip


def trigger_of(run: PipelineRun, params: Sequence[Named], results: Sequence[Named]) -> Trigger:
    """Return what started a run."""
    meta = run.metadata
    marks: Mapping[str, str] = {**(meta.annotations or {}), **(meta.labels or {})}
    given = {each.name: each.value for each in params}
    revisions = [marks.get(_REVISION_LABEL, ""), *(given.get(name, "") for name in _REVISION_NAMES)]
    found = {each.name: each.value for each in results}
    commits = [commit_in(clean(each)) for each in (*revisions, *(found.get(name, "") for name in _COMMIT_RESULTS))]
    branch = next((given[name] for name in ("revision", "git-revision") if given.get(name)), "")
    return Trigger(
        revision=next((each for each in commits if each), ""),
        before=commit_in(given.get("before", "")),
        ref=given.get("ref", "") or ("" if commit_in(branch) else branch),
        pusher=given.get("pusher", "") or clean(marks.get(_PUSHER_LABEL, "")),
        event=clean(marks.get(_EVENT_LABEL, "")),
        listener=clean(marks.get(_LISTENER_LABEL, "")),
        rerun_of=clean(marks.get(_RERUN_LABEL, "")),
    )


def _services(
    params: Sequence[Named],
    results: Iterable[Named],
    children: Sequence[ChildReference],
    skipped: set[str],
    plan: Sequence[PlannedTask],
    tasks: Sequence[BuildTask],
) -> tuple[str, ...] | None:
    for each in results:
        if each.name in _SERVICES_NAMES and (names := names_in(each.value)) is not None:
            return names
    over = {each.name for each in plan if "service" in each.over}
    given = (each for task in tasks if task.task in over for each in task.params)
    found = {each.value: None for each in given if each.name == "service" and each.value}
    for child in children:
        task, title = clean(child.pipelineTaskName or ""), clean(child.displayName or "")
        if task in over and title.startswith(f"{task} "):
            found[title.removeprefix(f"{task} ")] = None
    if found:
        return tuple(found)
    if over and over <= skipped:
        return ()
    for each in params:
        if each.name in _SERVICES_NAMES and (names := names_in(each.value)):
            return names
    return None
