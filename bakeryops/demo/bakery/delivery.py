"""A few objects of the delivery chain as it stands: pipeline, tasks, finished runs, Flux source and applier."""

from __future__ import annotations

from bakeryops.demo.bakery.inventory import APP, REGISTRY
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.objects import digest, timestamp

__all__ = ["delivery_objects"]

_CI = "bakery-ci"
_STEPS = {
    "git-clone": ("ghcr.io/tektoncd-catalog/git-clone:v1.7.0", ["url", "revision"]),
    "detect-changes": ("docker.io/alpine/git:2.49.1", ["revision"]),
    "run-tests": ("docker.io/library/python:3.12-slim", ["service"]),
    "build-image": ("docker.io/moby/buildkit:v0.25.1-rootless", ["service", "revision", "registry"]),
    "update-gitops": ("docker.io/alpine/git:2.49.1", ["services", "revision"]),
}
_RUNS = (
    # (minutes ago, seconds it took, service, succeeded, reason, message)
    (95, 312, "pos", True, "Succeeded", "Tasks Completed: 6 (Failed: 0, Cancelled 0), Skipped: 0"),
    (260, 287, "forecasting", True, "Completed", "Tasks Completed: 5 (Failed: 0, Cancelled 0), Skipped: 1"),
    (1490, 141, "orders", False, "Failed", "Tasks Completed: 4 (Failed: 1, Cancelled 0), Skipped: 1"),
    (1466, 298, "orders", True, "Succeeded", "Tasks Completed: 6 (Failed: 0, Cancelled 0), Skipped: 0"),
    (2950, 305, "auth", True, "Succeeded", "Tasks Completed: 6 (Failed: 0, Cancelled 0), Skipped: 0"),
)


def delivery_objects(now: float, seed: int) -> list[tuple[str, float, Object]]:
    """Return (plural, age in seconds, object) of the examples; `now` is the present."""
    month = 41 * 86_400.0
    found: list[tuple[str, float, Object]] = [("tasks.tekton.dev", month, _task(name)) for name in _STEPS]
    found.append(("pipelines.tekton.dev", month, _pipeline()))
    found += [("pipelineruns.tekton.dev", run[0] * 60.0, _run(now, seed, *run)) for run in _RUNS]
    revision = f"main@sha1:{digest(seed, 'gitops')[:40]}"
    found += [
        ("gitrepositories", month, _source(now, revision)),
        (
            "kustomizations",
            month,
            _applier(now, revision, "bakery-ia", APP, "./infrastructure/kubernetes/overlays/prod"),
        ),
        ("kustomizations", month, _applier(now, revision, "infrastructure", "", "./infrastructure/platform")),
        ("eventlisteners", month, _listener(now)),
    ]
    return found


def _task(name: str) -> Object:
    image, params = _STEPS[name]
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "Task",
        "metadata": {"name": name, "namespace": _CI, "labels": {"app.kubernetes.io/part-of": "bakery-ia-cicd"}},
        "spec": {
            "params": [{"name": each, "type": "string"} for each in params],
            "workspaces": [{"name": "source"}],
            "steps": [{"name": name, "image": image, "script": "#!/bin/sh\nset -eu\n"}],
        },
    }


def _pipeline() -> Object:
    tasks = []
    before = ""
    for name in _STEPS:
        task: Object = {"name": name, "taskRef": {"kind": "Task", "name": name}}
        if before:
            task["runAfter"] = [before]
        tasks.append(task)
        before = name
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "Pipeline",
        "metadata": {"name": "bakery-ia-ci", "namespace": _CI},
        "spec": {
            "params": [
                {"name": "git-url", "type": "string"},
                {"name": "git-revision", "type": "string"},
                {"name": "registry", "type": "string", "default": REGISTRY},
            ],
            "workspaces": [{"name": "shared"}],
            "tasks": tasks,
        },
    }


def _run(
    now: float, seed: int, minutes: float, seconds: float, service: str, succeeded: bool, reason: str, message: str
) -> Object:
    start = now - minutes * 60
    commit = digest(seed, "commit", minutes)[:40]
    end = timestamp(start + seconds)
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": f"bakery-ia-ci-{commit[:5]}",
            "generateName": "bakery-ia-ci-",
            "namespace": _CI,
            "labels": {"tekton.dev/pipeline": "bakery-ia-ci", "bakery-ia/service": service},
            "annotations": {"bakery-ia/commit": commit},
        },
        "spec": {
            "pipelineRef": {"name": "bakery-ia-ci"},
            "params": [
                {"name": "git-url", "value": f"http://{REGISTRY}/bakery-admin/bakery-ia.git"},
                {"name": "git-revision", "value": commit},
            ],
            "timeouts": {"pipeline": "1h0m0s"},
        },
        "status": {
            "conditions": [
                {
                    "type": "Succeeded",
                    "status": "True" if succeeded else "False",
                    "reason": reason,
                    "message": message,
                    "lastTransitionTime": end,
                }
            ],
            "startTime": timestamp(start),
            "completionTime": end,
        },
    }


def _source(now: float, revision: str) -> Object:
    message = f"stored artifact for revision '{revision}'"
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "bakery-ia", "namespace": "flux-system"},
        "spec": {
            "interval": "1m0s",
            "url": f"http://{REGISTRY}/bakery-admin/bakery-ia.git",
            "ref": {"branch": "main"},
            "secretRef": {"name": "flux-system"},
            "timeout": "60s",
        },
        "status": {
            "observedGeneration": 1,
            "conditions": [
                _condition(now - 5400, "Ready", "Succeeded", message),
                _condition(now - 5400, "ArtifactInStorage", "Succeeded", message),
            ],
            "artifact": {"revision": revision, "lastUpdateTime": timestamp(now - 5400)},
        },
    }


def _applier(now: float, revision: str, name: str, namespace: str, path: str) -> Object:
    spec: Object = {
        "interval": "10m0s",
        "path": path,
        "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": "bakery-ia"},
        "timeout": "5m0s",
    }
    if namespace:
        spec["targetNamespace"] = namespace
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {
            "name": name,
            "namespace": "flux-system",
            "finalizers": ["finalizers.fluxcd.io"],
        },
        "spec": spec,
        "status": {
            "observedGeneration": 1,
            "conditions": [
                _condition(now - 240, "Ready", "ReconciliationSucceeded", f"Applied revision: {revision}"),
            ],
            "lastAppliedRevision": revision,
            "lastAttemptedRevision": revision,
        },
    }


def _listener(now: float) -> Object:
    return {
        "apiVersion": "triggers.tekton.dev/v1beta1",
        "kind": "EventListener",
        "metadata": {"name": "bakery-gitea", "namespace": _CI},
        "spec": {"serviceAccountName": "tekton-triggers-sa", "triggers": [{"triggerRef": "gitea-push"}]},
        "status": {
            "address": {"url": f"http://el-bakery-gitea.{_CI}.svc.cluster.local:8080"},
            "conditions": [
                _condition(
                    now - 900_000, "Available", "MinimumReplicasAvailable", "Deployment has minimum availability."
                ),
                _condition(now - 900_000, "Ready", "", "EventListener is ready"),
            ],
            "configuration": {"generatedName": "el-bakery-gitea"},
        },
    }


def _condition(when: float, kind: str, reason: str, message: str) -> Object:
    entry = {"type": kind, "status": "True", "message": message, "lastTransitionTime": timestamp(when)}
    return entry | ({"reason": reason, "observedGeneration": 1} if reason else {})
