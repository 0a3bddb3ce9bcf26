"""The pod that a TaskRun makes: two init containers that prepare, and one container for each step."""

from __future__ import annotations

import base64
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.behaviour import STEP_ENTRYPOINT
from bakeryops.demo.controllers.objects import digest, owner_reference
from bakeryops.demo.controllers.podstatus import qos_class
from bakeryops.demo.tekton.taskspec import step_name
from bakeryops.demo.tekton.words import RELEASE, child_name, seconds_of

__all__ = ["pod_for", "pod_name"]

_ENTRYPOINT_IMAGE = "localhost/tekton/entrypoint:v1.15.0"
_SHELL_IMAGE = "localhost/busybox:1.35.0"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SHARED = ("workspace", "home", "results", "steps", "artifacts")
_DEADLINE_SHARE = 1.5
"""The pod's activeDeadlineSeconds as a share of the TaskRun's timeout."""
_OF_STEP = (
    "env", "envFrom", "imagePullPolicy", "securityContext", "workingDir", "volumeMounts", "volumeDevices",
)  # fmt: skip
_OF_POD = (
    "nodeSelector", "tolerations", "affinity", "securityContext", "volumes", "runtimeClassName",
    "priorityClassName", "schedulerName", "imagePullSecrets", "hostAliases", "hostNetwork",
    "topologySpreadConstraints", "dnsPolicy", "dnsConfig", "automountServiceAccountToken", "enableServiceLinks",
)  # fmt: skip


def pod_name(run: Object, attempt: int) -> str:
    """Return the name of the pod of a TaskRun's attempt, 0 the first."""
    return child_name(run["metadata"]["name"], f"-pod-retry{attempt}" if attempt else "-pod")


def pod_for(run: Object, task: Object, attempt: int) -> Object:
    """Return the pod of a TaskRun's attempt; `task` is its Task, filled in."""
    metadata, spec = run["metadata"], run["spec"]
    name = pod_name(run, attempt)
    labels = {**(metadata.get("labels") or {}), "tekton.dev/taskRun": metadata["name"]}
    labels["tekton.dev/taskRunUID"] = metadata["uid"]
    labels.setdefault("app.kubernetes.io/managed-by", "tekton-pipelines")
    steps = task["steps"]
    scripts = [_script_file(metadata["uid"], name, index) for index in range(len(steps))]
    results = [each["name"] for each in task.get("results") or ()]
    workspaces, extra = _workspace_volumes(run, task)
    containers = [
        {
            **_step_container(step, index, len(steps), scripts[index], results),
            "volumeMounts": [*_step_mounts(index, len(steps), step), *extra, *(step.get("volumeMounts") or ())],
        }
        for index, step in enumerate(steps)
    ]
    template = spec.get("podTemplate") or {}
    body: Object = {
        "volumes": [*_volumes(len(steps), steps), *workspaces, *(task.get("volumes") or ())],
        "initContainers": _init_containers(steps, scripts),
        "containers": [*containers, *(_sidecar(each) for each in task.get("sidecars") or ())],
        "restartPolicy": "Never",
        "serviceAccountName": spec.get("serviceAccountName") or "default",
    }
    if timeout := seconds_of(spec.get("timeout")):
        body["activeDeadlineSeconds"] = int(timeout * _DEADLINE_SHARE)
    for field in _OF_POD:
        if field in template:
            added = template[field]
            body[field] = [*body["volumes"], *added] if field == "volumes" else added
    if computed := spec.get("computeResources"):
        containers[0]["resources"] = computed
        body["containers"][0] = containers[0]
    annotations = {**(metadata.get("annotations") or {}), RELEASE[0]: RELEASE[1]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference(run)],
        },
        "spec": body,
        "status": {"phase": "Pending", "qosClass": qos_class(body)},
    }


def _script_file(uid: str, pod: str, index: int) -> str:
    mark = digest(uid, pod, index)
    suffix = "".join(_ALPHABET[int(mark[place : place + 2], 16) % len(_ALPHABET)] for place in range(0, 10, 2))
    return f"/tekton/scripts/script-{index}-{suffix}"


def _mount(name: str, path: str, *, read_only: bool = False) -> Object:
    found: Object = {"name": name, "mountPath": path}
    if read_only:
        found["readOnly"] = True
    return found


def _init_containers(steps: list[Object], scripts: list[str]) -> list[Object]:
    bin_mount = _mount("tekton-internal-bin", "/tekton/bin")
    names = [f"step-{step_name(step, index)}" for index, step in enumerate(steps)]
    source = "/ko-app/entrypoint"
    found: list[Object] = [
        {
            "name": "prepare",
            "image": _ENTRYPOINT_IMAGE,
            "command": [source, "init", source, STEP_ENTRYPOINT, *names],
            "workingDir": "/",
            "volumeMounts": [bin_mount, _mount("tekton-internal-steps", "/tekton/steps")],
        }
    ]
    placed = []
    for step, path in zip(steps, scripts, strict=True):
        if script := step.get("script"):
            text = base64.b64encode(_with_shebang(script).encode()).decode()
            placed.append(
                f'scriptfile="{path}"\ntouch ${{scriptfile}} && chmod +x ${{scriptfile}}\n'
                f"cat > ${{scriptfile}} << '_EOF_'\n{text}\n_EOF_\n"
                f'{STEP_ENTRYPOINT} decode-script "${{scriptfile}}"\n'
            )
    if placed:
        found.append(
            {
                "name": "place-scripts",
                "image": _SHELL_IMAGE,
                "command": ["sh"],
                "args": ["-c", "".join(placed)],
                "volumeMounts": [_mount("tekton-internal-scripts", "/tekton/scripts"), bin_mount],
            }
        )
    return found


def _with_shebang(script: str) -> str:
    return script if script.startswith("#!") else f"#!/bin/sh\nset -e\n{script}"


def _step_container(step: Object, index: int, count: int, script: str, results: list[str]) -> Object:
    args = ["-wait_file", f"/tekton/run/{index - 1}/out"]
    if index == 0:
        args = ["-wait_file", "/tekton/downward/ready", "-wait_file_content"]
    args += ["-post_file", f"/tekton/run/{index}/out", "-termination_path", "/tekton/termination"]
    args += ["-step_metadata_dir", f"/tekton/run/{index}/status"]
    if step.get("onError"):
        args += ["-on_error", step["onError"]]
    if step.get("timeout"):
        args += ["-timeout", step["timeout"]]
    if results:
        args += ["-results", ",".join(results)]
    if step.get("script"):
        args += ["-entrypoint", script, "--", *(step.get("args") or ())]
    else:
        command = list(step.get("command") or ())
        args += ["-entrypoint", command[0] if command else "", "--", *command[1:], *(step.get("args") or ())]
    del count
    found: Object = {
        "name": f"step-{step_name(step, index)}",
        "image": step.get("image", ""),
        "command": [STEP_ENTRYPOINT],
        "args": args,
        "resources": step.get("computeResources") or {},
        "terminationMessagePath": "/tekton/termination",
        "terminationMessagePolicy": "File",
    }
    for field in _OF_STEP:
        if field != "volumeMounts" and step.get(field):
            found[field] = step[field]
    return found


def _step_mounts(index: int, count: int, step: Object) -> list[Object]:
    found = []
    if step.get("script"):
        found.append(_mount("tekton-internal-scripts", "/tekton/scripts", read_only=True))
    if index == 0:
        found.append(_mount("tekton-internal-downward", "/tekton/downward", read_only=True))
    found.append(_mount(f"tekton-creds-init-home-{index}", "/tekton/creds"))
    found += [
        _mount(f"tekton-internal-run-{each}", f"/tekton/run/{each}", read_only=each != index)
        for each in range(count)
    ]
    found.append(_mount("tekton-internal-bin", "/tekton/bin", read_only=True))
    paths = {"workspace": "/workspace"}
    return found + [
        _mount(f"tekton-internal-{each}", paths.get(each, f"/tekton/{each}"), read_only=each == "steps")
        for each in _SHARED
    ]


def _volumes(count: int, steps: list[Object]) -> list[Object]:
    found: list[Object] = [{"name": f"tekton-internal-{each}", "emptyDir": {}} for each in _SHARED]
    if any(step.get("script") for step in steps):
        found.append({"name": "tekton-internal-scripts", "emptyDir": {}})
    found.append({"name": "tekton-internal-bin", "emptyDir": {}})
    field = {"apiVersion": "v1", "fieldPath": "metadata.annotations['tekton.dev/ready']"}
    downward = {"items": [{"path": "ready", "fieldRef": field}], "defaultMode": 420}
    found.append({"name": "tekton-internal-downward", "downwardAPI": downward})
    for index in range(count):
        found.append({"name": f"tekton-creds-init-home-{index}", "emptyDir": {"medium": "Memory"}})
        found.append({"name": f"tekton-internal-run-{index}", "emptyDir": {}})
    return found


def _workspace_volumes(run: Object, task: Object) -> tuple[list[Object], list[Object]]:
    """Return the volumes of the bound workspaces, and where every step mounts them."""
    bound = {each["name"]: each for each in run["spec"].get("workspaces") or ()}
    volumes: list[Object] = []
    mounts: list[Object] = []
    for declared in task.get("workspaces") or ():
        binding = bound.get(declared["name"])
        if binding is None:
            continue
        name = f"ws-{digest(run['metadata']['uid'], declared['name'])[:5]}"
        source: dict[str, Any] = {
            field: binding[field]
            for field in ("persistentVolumeClaim", "emptyDir", "configMap", "secret", "projected", "csi")
            if binding.get(field) is not None
        }
        volumes.append({"name": name, **(source or {"emptyDir": {}})})
        path = declared.get("mountPath") or f"/workspace/{declared['name']}"
        mount = _mount(name, path, read_only=bool(declared.get("readOnly")))
        if binding.get("subPath"):
            mount["subPath"] = binding["subPath"]
        mounts.append(mount)
    return volumes, mounts


def _sidecar(sidecar: Object) -> Object:
    found = {
        key: value for key, value in sidecar.items() if key not in ("script", "computeResources", "workspaces")
    }
    found["name"] = f"sidecar-{sidecar.get('name', '')}"
    found["resources"] = sidecar.get("computeResources") or {}
    if script := sidecar.get("script"):
        found["command"] = ["sh", "-c", script]
    return found
