"""What the server fills in: the defaults of the built-in kinds."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig
from bakeryops.demo.resources import Resource

__all__ = ["fill_in", "pod_spec_defaults"]

_SECRET_TYPE = "Opaque"  # noqa: S105


def _put(target: Object, **values: Any) -> None:
    """Set what is not set."""
    for key, value in values.items():
        if target.get(key) is None:
            target[key] = value


def pod_spec_defaults(spec: Object) -> None:
    """Fill in a PodSpec, its containers, probes and volumes."""
    for container in _containers(spec):
        _put(
            container, resources={}, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File"
        )
        if container.get("imagePullPolicy") is None:
            container["imagePullPolicy"] = _pull_policy(str(container.get("image") or ""))
        for port in container.get("ports") or ():
            _put(port, protocol="TCP")
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            if container.get(probe):
                _probe(container[probe])
        for variable in container.get("env") or ():
            field = dig(variable, "valueFrom", "fieldRef")
            if field:
                _put(field, apiVersion="v1")
        limits = dig(container, "resources", "limits")
        if limits:
            requests = container["resources"].setdefault("requests", {})
            for name, amount in limits.items():
                requests.setdefault(name, amount)
    for volume in spec.get("volumes") or ():
        _volume(volume)
    if spec.get("serviceAccountName") and not spec.get("serviceAccount"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    _put(
        spec, restartPolicy="Always", terminationGracePeriodSeconds=30, dnsPolicy="ClusterFirst",
        securityContext={}, schedulerName="default-scheduler",
    )  # fmt: skip


def _containers(spec: Object) -> Iterator[Object]:
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(key) or ():
            if isinstance(container, dict):
                yield container


def _pull_policy(image: str) -> str:
    name = image.rpartition("/")[2].partition("@")[0]
    tag = name.partition(":")[2]
    return "Always" if "@" not in image and tag in ("", "latest") else "IfNotPresent"


def _probe(probe: Object) -> None:
    _put(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if probe.get("httpGet"):
        _put(probe["httpGet"], scheme="HTTP", path="/")


def _volume(volume: Object) -> None:
    for key in ("secret", "configMap", "downwardAPI", "projected"):
        if volume.get(key) is not None:
            _put(volume[key], defaultMode=420)
    if volume.get("hostPath") is not None:
        _put(volume["hostPath"], type="")
    if not any(key != "name" for key in volume):
        volume["emptyDir"] = {}


def _template(obj: Object) -> None:
    template = obj.get("template")
    if isinstance(template, dict):
        template.setdefault("metadata", {})
        spec = template.setdefault("spec", {})
        if isinstance(spec, dict):
            pod_spec_defaults(spec)


def _pod(obj: Object, old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    pod_spec_defaults(spec)
    _put(spec, enableServiceLinks=True)
    if old is None:
        if not spec.get("serviceAccountName"):
            spec["serviceAccountName"] = spec["serviceAccount"] = "default"
        _put(spec, preemptionPolicy="PreemptLowerPriority", priority=0)
        status = obj.setdefault("status", {})
        _put(status, phase="Pending", qosClass=_quality(spec))


def _quality(spec: Object) -> str:
    wanted: set[tuple[str, bool]] = set()
    seen = False
    for container in _containers(spec):
        requests, limits = (dig(container, "resources", key) or {} for key in ("requests", "limits"))
        seen = seen or bool(requests or limits)
        wanted.update(
            (name, limits.get(name) is not None and requests.get(name, limits.get(name)) == limits.get(name))
            for name in ("cpu", "memory")
        )
    if not seen:
        return "BestEffort"
    return "Guaranteed" if wanted and all(equal for _, equal in wanted) else "Burstable"


def _deployment(obj: Object, _old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    _template(spec)
    strategy = spec.get("strategy") or {}
    _put(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        _put(rolling, maxUnavailable="25%", maxSurge="25%")
        strategy["rollingUpdate"] = rolling
    spec["strategy"] = strategy
    _put(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    obj.setdefault("status", {})


def _replica_set(obj: Object, _old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    _put(spec, replicas=1)
    _template(spec)
    _put(obj.setdefault("status", {}), replicas=0)


def _stateful_set(obj: Object, _old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    _template(spec)
    strategy = spec.get("updateStrategy") or {}
    _put(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        _put(rolling, partition=0)
        strategy["rollingUpdate"] = rolling
    spec["updateStrategy"] = strategy
    _put(
        spec, replicas=1, podManagementPolicy="OrderedReady", revisionHistoryLimit=10,
        persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"},
    )  # fmt: skip
    for claim in spec.get("volumeClaimTemplates") or ():
        _put(claim, kind="PersistentVolumeClaim", apiVersion="v1")
        _put(claim.setdefault("spec", {}), volumeMode="Filesystem")
        _put(claim.setdefault("status", {}), phase="Pending")
    status = obj.setdefault("status", {})
    _put(status, replicas=0, availableReplicas=0)


def _daemon_set(obj: Object, _old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    _template(spec)
    strategy = spec.get("updateStrategy") or {}
    _put(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        _put(rolling, maxUnavailable=1, maxSurge=0)
        strategy["rollingUpdate"] = rolling
    spec["updateStrategy"] = strategy
    _put(spec, revisionHistoryLimit=10)
    names = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
    _put(obj.setdefault("status", {}), **dict.fromkeys(names, 0))


def _job_spec(spec: Object) -> None:
    _template(spec)
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = spec["parallelism"] = 1
    _put(
        spec, parallelism=1, completionMode="NonIndexed", suspend=False, podReplacementPolicy="TerminatingOrFailed"
    )
    _put(spec, backoffLimit=6)


def _job(obj: Object, old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    if old is None and not spec.get("manualSelector") and not spec.get("selector"):
        uid = obj["metadata"].get("uid", "")
        labels = {
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": obj["metadata"]["name"],
        }
        template = spec.setdefault("template", {}).setdefault("metadata", {})
        old_names = {"controller-uid": uid, "job-name": obj["metadata"]["name"]}
        template["labels"] = {**(template.get("labels") or {}), **labels, **old_names}
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    _job_spec(spec)
    obj.setdefault("status", {})


def _cron_job(obj: Object, _old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    inner = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
    _template(inner)
    _put(
        spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1
    )  # fmt: skip
    obj.setdefault("status", {})


def _service(obj: Object, _old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    _put(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports") or ():
        _put(port, protocol="TCP")
        _put(port, targetPort=port.get("port"))
    if spec["type"] != "ExternalName":
        _put(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack", internalTrafficPolicy="Cluster")
    if spec["type"] in ("LoadBalancer", "NodePort"):
        _put(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        _put(spec, allocateLoadBalancerNodePorts=True)
    _put(obj.setdefault("status", {}), loadBalancer={})


def _secret(obj: Object, _old: Object | None) -> None:

    plain = obj.pop("stringData", None)
    if isinstance(plain, dict):
        data = obj.setdefault("data", {})
        for key, value in plain.items():
            data[key] = base64.b64encode(str(value).encode()).decode()
    _put(obj, type=_SECRET_TYPE)


def _namespace(obj: Object, _old: Object | None) -> None:
    meta = obj["metadata"]
    labels = meta.get("labels") or {}
    labels.setdefault("kubernetes.io/metadata.name", meta["name"])
    meta["labels"] = labels
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    _put(obj.setdefault("status", {}), phase="Active")


def _claim(obj: Object, _old: Object | None) -> None:
    _put(obj.setdefault("spec", {}), volumeMode="Filesystem")
    _put(obj.setdefault("status", {}), phase="Pending")


def _volume_object(obj: Object, _old: Object | None) -> None:
    _put(obj.setdefault("spec", {}), volumeMode="Filesystem", persistentVolumeReclaimPolicy="Retain")
    _put(obj.setdefault("status", {}), phase="Pending")


def _storage_class(obj: Object, _old: Object | None) -> None:
    _put(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _role_binding(obj: Object, _old: Object | None) -> None:
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            _put(subject, apiGroup="rbac.authorization.k8s.io")
    if obj.get("roleRef"):
        _put(obj["roleRef"], apiGroup="rbac.authorization.k8s.io")


def _event(obj: Object, _old: Object | None) -> None:
    obj.setdefault("reportingComponent", "")
    obj.setdefault("reportingInstance", "")
    obj.setdefault("eventTime", None)


def _network_policy(obj: Object, _old: Object | None) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _definition(obj: Object, _old: Object | None) -> None:
    spec = obj.get("spec") or {}
    names = spec.get("names") or {}
    if names.get("kind"):
        _put(names, singular=names["kind"].lower(), listKind=f"{names['kind']}List")
    _put(spec, conversion={"strategy": "None"})


def _priority_class(obj: Object, _old: Object | None) -> None:
    _put(obj, preemptionPolicy="PreemptLowerPriority")


def _status(obj: Object, _old: Object | None) -> None:
    obj.setdefault("status", {})


_RULES: dict[str, Callable[[Object, Object | None], None]] = {
    "pods": _pod,
    "deployments.apps": _deployment,
    "replicasets.apps": _replica_set,
    "replicationcontrollers": _replica_set,
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _daemon_set,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "services": _service,
    "secrets": _secret,
    "namespaces": _namespace,
    "persistentvolumeclaims": _claim,
    "persistentvolumes": _volume_object,
    "storageclasses.storage.k8s.io": _storage_class,
    "rolebindings.rbac.authorization.k8s.io": _role_binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _role_binding,
    "events": _event,
    "networkpolicies.networking.k8s.io": _network_policy,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
    "priorityclasses.scheduling.k8s.io": _priority_class,
    "resourcequotas": _status,
    "poddisruptionbudgets.policy": _status,
    "ingresses.networking.k8s.io": _status,
}


def fill_in(resource: Resource, obj: Object, old: Object | None) -> None:
    """Fill in the defaults of an object, in place."""
    rule = _RULES.get(resource.key)
    if rule is not None:
        rule(obj, old)
