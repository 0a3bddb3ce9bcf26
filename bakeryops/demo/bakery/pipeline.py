"""The pipeline from a push to the commit of its images' tags, and the run that a push starts."""

from __future__ import annotations

from typing import Any

from bakeryops.demo.bakery.inventory import REGISTRY
from bakeryops.demo.bakery.tasks import CI, LABELS
from bakeryops.demo.contracts import Object

__all__ = ["BUILD_CLASS", "CLAIM", "DASHBOARD", "GIT_URL", "IMAGES", "PIPELINE", "pipeline", "run_spec"]

PIPELINE = "bakery-ia-ci"
GIT_URL = "http://gitea-http.gitea.svc.cluster.local:3000/bakery-admin/bakery-ia.git"
"""The repository as pods reach it."""
IMAGES = f"{REGISTRY}/bakery-admin"
"""What the images' names begin with."""
DASHBOARD = f"http://tekton.bakery-ia.local/#/namespaces/{CI}/pipelineruns"
BUILD_CLASS = "ci-build"
"""PriorityClass of the pods that build images: two of them run at a time."""
CLAIM = "ci-source"
"""Claim that holds the checkouts, a folder for each run."""
_SERVICES = "$(tasks.detect-changes.results.services[*])"


def _params(**values: Any) -> list[Object]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in values.items()]


def _workspaces(**names: str) -> list[Object]:
    return [{"name": name.replace("_", "-"), "workspace": value} for name, value in names.items()]


def _reference(name: str) -> Object:
    return {"kind": "Task", "name": name}


def _tasks() -> list[Object]:
    when = [{"input": "$(tasks.detect-changes.results.any)", "operator": "in", "values": ["true"]}]
    each = {"params": [{"name": "service", "value": _SERVICES}]}
    source: dict[str, Any] = {"url": "$(params.repo-url)", "revision": "$(params.revision)"}
    tag = "$(tasks.detect-changes.results.tag)"
    return [
        {
            "name": "clone",
            "taskRef": _reference("git-clone"),
            "params": _params(**source),
            "workspaces": _workspaces(output="source", basic_auth="git-credentials"),
        },
        {
            "name": "detect-changes",
            "taskRef": _reference("detect-changes"),
            "runAfter": ["clone"],
            "params": _params(url="$(params.repo-url)", before="$(params.before)", after="$(params.revision)",
                              force_services=["$(params.force-services[*])"]),
            "workspaces": _workspaces(source="source", basic_auth="git-credentials"),
        },
        {
            "name": "test",
            "displayName": "test $(params.service)",
            "taskRef": _reference("python-test"),
            "runAfter": ["detect-changes"],
            "when": when,
            "matrix": each,
            "params": _params(**source),
            "workspaces": _workspaces(source="source", basic_auth="git-credentials"),
            "timeout": "15m0s",
        },
        {
            "name": "build",
            "displayName": "build $(params.service)",
            "taskRef": _reference("kaniko-build"),
            "runAfter": ["test"],
            "when": when,
            "matrix": each,
            "params": _params(**source, tag=tag, image_prefix="$(params.image-prefix)"),
            "workspaces": _workspaces(source="source", docker_config="docker-config",
                                      basic_auth="git-credentials"),
            "timeout": "30m0s",
            "retries": 1,
        },
        {
            "name": "update-tag",
            "taskRef": _reference("update-tag"),
            "runAfter": ["build"],
            "when": when,
            "params": _params(**source, tag=tag, image_prefix="$(params.image-prefix)", services=_SERVICES),
            "workspaces": _workspaces(basic_auth="git-credentials"),
            "timeout": "10m0s",
        },
    ]  # fmt: skip


def pipeline() -> Object:
    """Return the Pipeline."""
    report = {
        "name": "report-status",
        "taskRef": _reference("gitea-status"),
        "params": _params(url="$(params.repo-url)", revision="$(params.revision)", status="$(tasks.status)",
                          dashboard=DASHBOARD),
        "workspaces": [{"name": "token", "workspace": "api-token"}],
        "timeout": "5m0s",
    }  # fmt: skip
    texts = [{"name": name, "type": "string"} for name in ("revision", "before", "ref", "repo", "pusher")]
    spec: Object = {
        "description": "Build the services that a push changed, and deploy them by a commit of their tags.",
        "params": [
            *texts,
            {"name": "force-services", "type": "array", "default": []},
            {"name": "repo-url", "type": "string", "default": GIT_URL},
            {"name": "image-prefix", "type": "string", "default": IMAGES},
        ],
        "workspaces": [{"name": name} for name in ("source", "docker-config", "git-credentials", "api-token")],
        "tasks": _tasks(),
        "finally": [report],
        "results": [
            {"name": "services", "type": "array", "value": _SERVICES},
            {"name": "tag", "type": "string", "value": "$(tasks.update-tag.results.tag)"},
            {"name": "deploy-commit", "type": "string", "value": "$(tasks.update-tag.results.deploy-commit)"},
        ],
    }
    metadata = {"name": PIPELINE, "namespace": CI, "labels": LABELS}
    return {"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": metadata, "spec": spec}


def run_spec(*, revision: str, before: str, ref: str, repo: str, pusher: str, folder: str) -> Object:
    """Return the spec of a PipelineRun for a push; `folder` is its own within the claim of checkouts."""
    return {
        "pipelineRef": {"name": PIPELINE},
        "params": _params(revision=revision, before=before, ref=ref, repo=repo, pusher=pusher),
        "taskRunTemplate": {"serviceAccountName": "ci-runner"},
        "taskRunSpecs": [{"pipelineTaskName": "build", "podTemplate": {"priorityClassName": BUILD_CLASS}}],
        "timeouts": {"pipeline": "2h0m0s", "tasks": "1h50m0s", "finally": "10m0s"},
        "workspaces": [
            {"name": "source", "persistentVolumeClaim": {"claimName": CLAIM}, "subPath": folder},
            {
                "name": "docker-config",
                "secret": {
                    "secretName": "gitea-registry-push",
                    "items": [{"key": ".dockerconfigjson", "path": "config.json"}],
                },
            },
            {"name": "git-credentials", "secret": {"secretName": "gitea-git"}},
            {"name": "api-token", "secret": {"secretName": "gitea-api-token"}},
        ],
    }
