"""The Tasks of the pipeline: what each takes, gives and runs."""

from __future__ import annotations

from typing import Any

from bakeryops.demo.chain.holds import HOLDS
from bakeryops.demo.contracts import Object

__all__ = ["CI", "tasks"]

CI = "bakery-ci"
"""The namespace of builds."""
LABELS = {"app.kubernetes.io/part-of": "bakery-ia-cicd"}

_GIT = "ghcr.io/tektoncd-catalog/git-clone:v1.7.0"
_PYTHON = "docker.io/library/python:3.12-slim"
_KANIKO = "ghcr.io/osscontainertools/kaniko:v1.28.3"
_BUSYBOX = "docker.io/library/busybox:1.36.1"
_HOLDS = "/etc/bakery-holds"
"""Where update-tag finds the holds, a file for each service."""
_SAFE: Object = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}

_CLONE = """\
#!/bin/sh
set -eu
git config --global --add safe.directory "$OUTPUT"
git clone --no-checkout "$URL" "$OUTPUT"
git -C "$OUTPUT" checkout --force "$REVISION"
"""
_DETECT = """\
#!/bin/sh
set -eu
# Both trees of the push, not its last commit: two dots, and moved files count on both sides.
git -C "$SOURCE" diff --no-renames --name-only "$BEFORE" "$AFTER" | /usr/local/bin/services-of > "$RESULT"
"""
_TEST = """\
#!/bin/sh
set -eu
cd "services/$SERVICE" 2> /dev/null || cd "$SERVICE"
pip install --quiet --requirement requirements.txt
python -m pytest
"""
_RESULT = """\
#!/bin/sh
set -eu
printf '%s@%s' "$IMAGE" "$(cat "$DIGEST")" > "$REFERENCE"
"""
_UPDATE = """\
#!/bin/sh
set -eu
# A clone of its own: the branch may have moved since the run began. One commit a service, all in one push.
# Services that an operator holds keep the tag they have.
exec /usr/local/bin/update-tag --branch main --overlay infrastructure/kubernetes/overlays/prod --holds "$HOLDS"
"""
_REPORT = """\
#!/bin/sh
set -eu
exec /usr/local/bin/commit-status --context bakery-ia-ci
"""


def _strings(*names: str) -> list[Object]:
    return [{"name": name, "type": "string"} for name in names]


def _env(**values: str) -> list[Object]:
    """Return environment variables; parameters reach a script this way only, never as its text."""
    return [{"name": name, "value": value} for name, value in values.items()]


def _amounts(cpu: str, memory: str, limit: str) -> Object:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}


def _task(name: str, description: str, **spec: Any) -> Object:
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "Task",
        "metadata": {"name": name, "namespace": CI, "labels": LABELS},
        "spec": {"description": description, **spec},
    }


def _clone() -> Object:
    step = {
        "name": "clone",
        "image": _GIT,
        "env": _env(URL="$(params.url)", REVISION="$(params.revision)", OUTPUT="$(workspaces.output.path)"),
        "computeResources": _amounts("50m", "64Mi", "256Mi"),
        "securityContext": {**_SAFE, "runAsNonRoot": True, "runAsUser": 65532},
        "script": _CLONE,
    }
    return _task(
        "git-clone",
        "Fetch a commit into a workspace.",
        params=_strings("url", "revision"),
        workspaces=[{"name": "output"}, {"name": "basic-auth", "optional": True}],
        results=_strings("commit", "url", "committer-date"),
        steps=[step],
    )


def _detect() -> Object:
    step = {
        "name": "detect",
        "image": _GIT,
        "env": _env(BEFORE="$(params.before)", AFTER="$(params.after)", SOURCE="$(workspaces.source.path)",
                    RESULT="$(results.services.path)"),
        "computeResources": _amounts("50m", "64Mi", "256Mi"),
        "securityContext": {**_SAFE, "runAsNonRoot": True, "runAsUser": 65532},
        "script": _DETECT,
    }  # fmt: skip
    return _task(
        "detect-changes",
        "Find which services a push has to build, and name the tag of their images.",
        params=[*_strings("url", "before", "after"), {"name": "force-services", "type": "array", "default": []}],
        workspaces=[{"name": "source", "readOnly": True}, {"name": "basic-auth", "optional": True}],
        results=[{"name": "services", "type": "array"}, *_strings("any", "count", "tag")],
        steps=[step],
    )


def _test() -> Object:
    step = {
        "name": "pytest",
        "image": _PYTHON,
        "workingDir": "$(workspaces.source.path)",
        "env": _env(SERVICE="$(params.service)"),
        "computeResources": _amounts("100m", "128Mi", "512Mi"),
        "securityContext": _SAFE,
        "script": _TEST,
    }
    return _task(
        "python-test",
        "Run the tests of a service, where it has any.",
        params=_strings("url", "revision", "service"),
        workspaces=[{"name": "source", "readOnly": True}, {"name": "basic-auth", "optional": True}],
        steps=[step],
    )


def _build() -> Object:
    image = "$(params.image-prefix)/$(params.service)"
    push = {
        "name": "build-and-push",
        "image": _KANIKO,
        "command": ["/kaniko/executor"],
        "args": [
            "--context=dir://$(workspaces.source.path)",
            "--dockerfile=services/$(params.service)/Dockerfile",
            f"--destination={image}:$(params.tag)",
            "--digest-file=$(results.IMAGE_DIGEST.path)",
            "--cache=true",
            "--push-retry=2",
        ],
        "computeResources": _amounts("500m", "1Gi", "2Gi"),
        "securityContext": {"runAsUser": 0},
    }
    write = {
        "name": "write-result",
        "image": _BUSYBOX,
        "env": _env(IMAGE=image, DIGEST="$(results.IMAGE_DIGEST.path)", REFERENCE="$(results.IMAGE_REF.path)"),
        "computeResources": _amounts("10m", "16Mi", "64Mi"),
        "script": _RESULT,
    }
    return _task(
        "kaniko-build",
        "Build the image of a service and push it under a tag of its own.",
        params=_strings("url", "revision", "service", "tag", "image-prefix"),
        workspaces=[
            {"name": "source", "readOnly": True},
            {"name": "docker-config", "mountPath": "/kaniko/.docker"},
            {"name": "basic-auth", "optional": True},
        ],
        results=_strings("IMAGE_DIGEST", "IMAGE_REF"),
        steps=[push, write],
    )


def _update() -> Object:
    step = {
        "name": "commit-and-push",
        "image": _GIT,
        "args": ["$(params.services[*])"],
        "env": _env(URL="$(params.url)", TAG="$(params.tag)", REVISION="$(params.revision)", HOLDS=_HOLDS),
        "computeResources": _amounts("50m", "64Mi", "256Mi"),
        "securityContext": {**_SAFE, "runAsNonRoot": True, "runAsUser": 65532},
        "volumeMounts": [{"name": "holds", "mountPath": _HOLDS, "readOnly": True}],
        "script": _UPDATE,
    }
    return _task(
        "update-tag",
        "Commit the images' new tag to the overlay that Flux applies.",
        params=[*_strings("url", "revision", "tag", "image-prefix"), {"name": "services", "type": "array"}],
        workspaces=[{"name": "basic-auth"}],
        results=_strings("deploy-commit", "tag"),
        volumes=[{"name": "holds", "configMap": {"name": HOLDS, "optional": True}}],
        steps=[step],
    )


def _report() -> Object:
    step = {
        "name": "post",
        "image": _GIT,
        "env": _env(URL="$(params.url)", REVISION="$(params.revision)", STATUS="$(params.status)"),
        "computeResources": _amounts("10m", "32Mi", "128Mi"),
        "securityContext": {**_SAFE, "runAsNonRoot": True, "runAsUser": 65532},
        "script": _REPORT,
    }
    return _task(
        "gitea-status",
        "Tell Gitea how the build of a commit ended.",
        params=_strings("url", "revision", "status", "dashboard"),
        workspaces=[{"name": "token"}],
        steps=[step],
    )


def tasks() -> list[Object]:
    """Return the Tasks, in the order they are run."""
    return [_clone(), _detect(), _test(), _build(), _update(), _report()]
