"""The Events of the last minutes, for what ails when the cluster starts."""

from __future__ import annotations

from bakeryops.demo.bakery.inventory import APP
from bakeryops.demo.controllers.events import Recorder
from bakeryops.demo.store import ObjectStore

__all__ = ["recent_events"]


def recent_events(store: ObjectStore, events: Recorder) -> None:
    """Record what the kubelet and the scheduler have been saying about the pods that ail."""
    for pod in store.list("pods", APP):
        name = pod["metadata"]["name"]
        container = pod["spec"]["containers"][0]
        path = f"spec.containers{{{container['name']}}}"
        status = (pod.get("status") or {}).get("containerStatuses") or [{}]
        reason = ((status[0].get("state") or {}).get("waiting") or {}).get("reason", "")
        if reason == "CrashLoopBackOff":
            full_name = f"{name}_{APP}({pod['metadata']['uid']})"
            text = f"Back-off restarting failed container {container['name']} in pod {full_name}"
            events.record(
                pod, "Warning", "BackOff", text, component="kubelet", field_path=path, age=5400, times=233
            )
            text = f'Container image "{container["image"]}" already present on machine'
            events.record(pod, "Normal", "Pulled", text, component="kubelet", field_path=path, age=5400, times=20)
        elif reason == "ImagePullBackOff":
            text = f'Back-off pulling image "{container["image"]}"'
            events.record(pod, "Normal", "BackOff", text, component="kubelet", field_path=path, age=1490, times=88)
            text = "Error: ImagePullBackOff"
            events.record(pod, "Warning", "Failed", text, component="kubelet", field_path=path, age=1490, times=88)
        for entry in (pod.get("status") or {}).get("conditions") or ():
            if entry.get("reason") == "Unschedulable":
                events.record(
                    pod, "Warning", "FailedScheduling", entry["message"], component="default-scheduler", age=180
                )
