"""The TaskRuns of a PipelineRun, and the volume claims that its workspaces ask for."""

from __future__ import annotations

from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.objects import digest, owner_reference
from bakeryops.demo.objects import copy_json
from bakeryops.demo.tekton.matrix import Combination
from bakeryops.demo.tekton.pipelinespec import pipeline_name
from bakeryops.demo.tekton.substitution import substitute
from bakeryops.demo.tekton.words import API_VERSION, ON_ERROR, child_name

__all__ = ["child_reference", "claims_of", "task_run_for", "task_run_name"]

_NOT_INHERITED = ("kubectl.kubernetes.io/", "tekton.dev/v1beta1")


def task_run_name(run: Object, task: Object, index: int, count: int) -> str:
    """Return the name of a TaskRun; a number is appended only where there are several."""
    suffix = f"-{task['name']}" + (f"-{index}" if task.get("matrix") and count > 1 else "")
    return child_name(run["metadata"]["name"], suffix)


def child_reference(run: Object, task: Object, index: int, combos: list[Combination]) -> Object:
    """Return the entry of `status.childReferences`; `task` has its results filled in."""
    name, values = combos[index] if index < len(combos) else ("", {})
    found: Object = {
        "apiVersion": API_VERSION,
        "kind": "TaskRun",
        "name": task_run_name(run, task, index, len(combos)),
    }
    shown = name or substitute(
        task.get("displayName") or "", {f"params.{key}": value for key, value in values.items()}
    )
    if shown:
        found["displayName"] = shown
    found["pipelineTaskName"] = task["name"]
    if task.get("when"):
        found["whenExpressions"] = task["when"]
    return found


def task_run_for(run: Object, task: Object, index: int, combos: list[Combination], *, final: bool) -> Object:
    """Return a TaskRun of a pipeline task whose results are filled in."""
    metadata, spec = run["metadata"], run["spec"]
    embedded = task.get("taskSpec") or {}
    own: Object = next(
        (each for each in spec.get("taskRunSpecs") or () if each.get("pipelineTaskName") == task["name"]), {}
    )
    template = spec.get("taskRunTemplate") or {}
    given = combos[index][1]
    matrix = {f"params.{name}": value for name, value in given.items()}
    params = [{"name": name, "value": value} for name, value in given.items()]
    params += [
        substitute(param, matrix) for param in copy_json(task.get("params") or []) if param["name"] not in given
    ]
    body: Object = {"params": params} if params else {}
    body["serviceAccountName"] = own.get("serviceAccountName") or template.get("serviceAccountName") or "default"
    if embedded:
        body["taskSpec"] = {key: value for key, value in embedded.items() if key not in ("metadata", "spec")}
    else:
        body["taskRef"] = {"kind": "Task", **(task.get("taskRef") or {})}
    if timeout := own.get("timeout") or task.get("timeout"):
        body["timeout"] = timeout
    if task.get("retries"):
        body["retries"] = task["retries"]
    if workspaces := _workspaces(run, task):
        body["workspaces"] = workspaces
    pod = {**(template.get("podTemplate") or {}), **(own.get("podTemplate") or {})}
    if pod:
        body["podTemplate"] = pod
    for field in ("computeResources", "stepSpecs", "sidecarSpecs"):
        if own.get(field):
            body[field] = own[field]
    return {
        "apiVersion": API_VERSION,
        "kind": "TaskRun",
        "metadata": {
            "name": task_run_name(run, task, index, len(combos)),
            "labels": _labels(run, task, embedded, own, final=final),
            **_annotations(run, task, embedded, own),
            "namespace": metadata["namespace"],
            "ownerReferences": [owner_reference(run)],
        },
        "spec": body,
    }


def _labels(run: Object, task: Object, embedded: Object, own: Object, *, final: bool) -> dict[str, str]:
    metadata = run["metadata"]
    return {
        **(metadata.get("labels") or {}),
        **((embedded.get("metadata") or {}).get("labels") or {}),
        **((own.get("metadata") or {}).get("labels") or {}),
        "app.kubernetes.io/managed-by": "tekton-pipelines",
        "tekton.dev/pipeline": pipeline_name(run),
        "tekton.dev/pipelineRun": metadata["name"],
        "tekton.dev/pipelineRunUID": metadata["uid"],
        "tekton.dev/pipelineTask": task["name"],
        "tekton.dev/memberOf": "finally" if final else "tasks",
    }


def _annotations(run: Object, task: Object, embedded: Object, own: Object) -> Object:
    found = {
        key: value
        for key, value in (run["metadata"].get("annotations") or {}).items()
        if not key.startswith(_NOT_INHERITED)
    }
    found.update((embedded.get("metadata") or {}).get("annotations") or {})
    found.update((own.get("metadata") or {}).get("annotations") or {})
    if task.get("onError") == "continue":
        found[ON_ERROR] = "continue"
    return {"annotations": found} if found else {}


def _workspaces(run: Object, task: Object) -> list[Object]:
    bindings = {each["name"]: each for each in run["spec"].get("workspaces") or ()}
    wanted = list(task.get("workspaces") or ())
    known = {each["name"] for each in wanted}
    declared = (task.get("taskSpec") or {}).get("workspaces") or ()
    wanted.extend({"name": each["name"]} for each in declared if each["name"] not in known)
    found = []
    for each in wanted:
        binding = bindings.get(each.get("workspace") or each["name"])
        if binding is None:
            continue
        bound: dict[str, Any] = {key: value for key, value in binding.items() if key != "volumeClaimTemplate"}
        bound["name"] = each["name"]
        if "volumeClaimTemplate" in binding:
            bound["persistentVolumeClaim"] = {"claimName": _claim_name(run, binding)}
        paths = [path for path in (binding.get("subPath"), each.get("subPath")) if path]
        if paths:
            bound["subPath"] = "/".join(paths)
        found.append(bound)
    return found


def _claim_name(run: Object, binding: Object) -> str:
    named = ((binding["volumeClaimTemplate"] or {}).get("metadata") or {}).get("name")
    return f"{named or 'pvc'}-{digest(binding['name'], run['metadata']['uid'])[:10]}"


def claims_of(run: Object) -> list[Object]:
    """Return the PersistentVolumeClaims that a run's workspaces are templates of; they go with the run."""
    found = []
    for binding in run["spec"].get("workspaces") or ():
        if template := binding.get("volumeClaimTemplate"):
            wanted = template.get("metadata") or {}
            metadata: Object = {
                "name": _claim_name(run, binding),
                "namespace": run["metadata"]["namespace"],
                "ownerReferences": [owner_reference(run)],
            }
            metadata.update({key: dict(wanted[key]) for key in ("labels", "annotations") if wanted.get(key)})
            claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}
            found.append({**claim, "spec": copy_json(template.get("spec") or {})})
    return found
