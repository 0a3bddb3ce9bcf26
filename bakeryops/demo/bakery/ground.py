"""The cluster itself: the node, namespaces, storage and ingress classes, and what serves no workload."""

from __future__ import annotations

from bakeryops.demo.bakery.inventory import APP, NAMESPACES, NODE, REGISTRY
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.objects import digest, timestamp

__all__ = ["ADDRESS", "cluster_objects", "node"]

ADDRESS = "192.0.2.10"
"""The node's address, of a range that documentation may use."""
KUBELET = "v1.33.5"


def node(now: float, *, cpu: int, memory_gib: int, pods: int) -> Object:
    """Return the one node, a MicroK8s VPS with `cpu` cores and `memory_gib` GiB; `now` is the present."""
    memory = memory_gib * 1024 * 1024
    beat, since = timestamp(now), timestamp(now - 41 * 86_400 - 900)
    conditions = [
        ("NetworkUnavailable", "False", "CalicoIsUp", "Calico is running on this node"),
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": NODE,
        "kubernetes.io/os": "linux",
        "microk8s.io/cluster": "true",
        "node.kubernetes.io/microk8s-controlplane": "microk8s-controlplane",
    }
    amounts = {"hugepages-1Gi": "0", "hugepages-2Mi": "0", "pods": str(pods), "cpu": str(cpu)}
    machine = digest("machine", NODE)[:32]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": NODE,
            "labels": labels,
            "annotations": {
                "node.alpha.kubernetes.io/ttl": "0",
                "projectcalico.org/IPv4Address": f"{ADDRESS}/24",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "spec": {},
        "status": {
            "capacity": {**amounts, "memory": f"{memory}Ki", "ephemeral-storage": "202051056Ki"},
            "allocatable": {**amounts, "memory": f"{memory - 102_400}Ki", "ephemeral-storage": "201002480Ki"},
            "conditions": [
                {"type": kind, "status": status, "lastHeartbeatTime": beat, "lastTransitionTime": since,
                 "reason": reason, "message": message}
                for kind, status, reason, message in conditions
            ],
            "addresses": [{"type": "InternalIP", "address": ADDRESS}, {"type": "Hostname", "address": NODE}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": machine,
                "systemUUID": f"{machine[:8]}-{machine[8:12]}-{machine[12:16]}-{machine[16:20]}-{machine[20:]}",
                "bootID": f"{machine[::-1][:8]}-{machine[4:8]}-{machine[8:12]}-{machine[12:16]}-{machine[:12]}",
                "kernelVersion": "6.8.0-63-generic",
                "osImage": "Ubuntu 24.04.2 LTS",
                "containerRuntimeVersion": "containerd://1.7.27",
                "kubeletVersion": KUBELET,
                "kubeProxyVersion": KUBELET,
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
            "images": [],
        },
    }  # fmt: skip


def _ingress(name: str, namespace: str, host: str, service: str, port: int) -> Object:
    backend = {"service": {"name": service, "port": {"number": port}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "ingressClassName": "public",
            "rules": [
                {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
            ],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}},
    }


def cluster_objects() -> list[tuple[str, Object]]:
    """Return namespaces, classes, ingresses and a quota, as (plural, object), in the order they can be created."""
    found: list[tuple[str, Object]] = [
        (
            "namespaces",
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **labels}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            },
        )
        for name, labels in NAMESPACES.items()
    ]
    found.append(
        (
            "storageclasses",
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {
                    "name": "microk8s-hostpath",
                    "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
                },
                "provisioner": "microk8s.io/hostpath",
                "reclaimPolicy": "Delete",
                "volumeBindingMode": "WaitForFirstConsumer",
            },
        )
    )
    for name in ("public", "nginx"):
        annotations = {"ingressclass.kubernetes.io/is-default-class": "true"} if name == "public" else {}
        metadata: Object = {"name": name} | ({"annotations": annotations} if annotations else {})
        found.append(
            (
                "ingressclasses",
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "IngressClass",
                    "metadata": metadata,
                    "spec": {"controller": "k8s.io/ingress-nginx"},
                },
            )
        )
    found += [
        ("ingresses", _ingress("bakery-ia", APP, "bakery-ia.local", "frontend", 3000)),
        ("ingresses", _ingress("bakery-ia-api", APP, "api.bakery-ia.local", "gateway", 8000)),
        ("ingresses", _ingress("gitea", "gitea", REGISTRY, "gitea-http", 3000)),
        ("ingresses", _ingress("signoz", "signoz", "signoz.bakery-ia.local", "signoz", 8080)),
        (
            "resourcequotas",
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "bakery-ci", "namespace": "bakery-ci"},
                "spec": {
                    "hard": {"pods": "40", "requests.cpu": "5", "requests.memory": "8Gi", "limits.memory": "24Gi"}
                },
                "status": {"hard": {}, "used": {}},
            },
        ),
    ]
    for account, namespace in (("kustomize-controller", "flux-system"), ("bakery-ia", APP)):
        metadata = {"name": account, "namespace": namespace}
        found.append(("serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}))
    return found
