"""Manifests of the inventory's workloads: what Flux or an installer would have applied."""

from __future__ import annotations

import base64
from typing import Any

from bakeryops.demo.bakery.inventory import APP, REGISTRY, Workload, database_of
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.objects import digest

__all__ = [
    "credentials_name",
    "flux_labels",
    "labels_of",
    "service_for",
    "shared",
    "supporting",
    "workload",
]

_MI = "Mi"


def labels_of(work: Workload) -> dict[str, str]:
    """Return the labels of a workload's objects."""
    labels = {"app.kubernetes.io/name": work.name, "app.kubernetes.io/part-of": work.part_of}
    if work.component:
        labels["app.kubernetes.io/component"] = work.component
    tag = work.image.rpartition(":")[2]
    if not work.image.startswith(REGISTRY) and tag[:1].lower() in tuple("v0123456789r"):
        labels["app.kubernetes.io/version"] = tag.removeprefix("v").split("-")[0][:30]
    return labels


def _flux_labels(work: Workload) -> dict[str, str]:
    if not work.flux:
        return {}
    return {
        "kustomize.toolkit.fluxcd.io/name": "bakery-ia",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }


def flux_labels(obj: Object) -> Object:
    """Return an object with the labels that Flux gives to what it applies."""
    labels = {
        **(obj["metadata"].get("labels") or {}),
        "kustomize.toolkit.fluxcd.io/name": "bakery-ia",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def credentials_name(work: Workload) -> str:
    """Return the name of the Secret with a database's credentials."""
    return f"{work.name}-credentials"


def _environment(work: Workload) -> list[Object]:
    found: list[Object] = []
    if work.component == "microservice":
        secret = f"{database_of(work.name)}-credentials"
        reference = {"secretKeyRef": {"name": secret, "key": "url"}}
        key = {"secretKeyRef": {"name": "bakery-ia-secrets", "key": "JWT_SECRET_KEY"}}
        found = [
            {"name": "SERVICE_NAME", "value": work.name},
            {"name": "DATABASE_URL", "valueFrom": reference},
            {"name": "JWT_SECRET_KEY", "valueFrom": key},
            {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://signoz-otel-collector.signoz.svc:4317"},
        ]
    elif work.component == "database":
        secret = credentials_name(work)
        found = [
            {"name": "POSTGRES_DB", "valueFrom": {"secretKeyRef": {"name": secret, "key": "database"}}},
            {"name": "POSTGRES_USER", "valueFrom": {"secretKeyRef": {"name": secret, "key": "username"}}},
            {"name": "POSTGRES_PASSWORD", "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}},
            {"name": "PGDATA", "value": "/var/lib/postgresql/data/pgdata"},
        ]
    found += [{"name": name, "value": value} for name, value in work.environment]
    return found


def _probe(work: Workload) -> dict[str, Any]:
    if work.probes == "http":
        path = "/health/ready" if work.namespace == APP else "/healthz"
        return {"httpGet": {"path": path, "port": work.port, "scheme": "HTTP"}}
    if work.probes == "tcp":
        return {"tcpSocket": {"port": work.port}}
    commands = {"database": ["pg_isready", "-U", "postgres"], "cache": ["redis-cli", "ping"],
                "message-broker": ["rabbitmq-diagnostics", "-q", "ping"]}  # fmt: skip
    return {"exec": {"command": commands.get(work.component, ["/bin/check", "--ready"])}}


def _container(work: Workload, image: str) -> Object:
    timing = {"timeoutSeconds": 3, "successThreshold": 1, "failureThreshold": 3}
    container: Object = {
        "name": work.name if work.component != "database" else "postgres",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {
            "requests": {"cpu": f"{work.cpu}m", "memory": f"{work.memory}{_MI}"},
            "limits": {"cpu": f"{max(500, work.cpu * 10)}m", "memory": f"{work.limit}{_MI}"},
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    if work.command:
        container["command"] = list(work.command)
    if environment := _environment(work):
        container["env"] = environment
    if work.component in ("microservice", "gateway"):
        container["envFrom"] = [{"configMapRef": {"name": "bakery-ia-config"}}]
    if work.port:
        container["ports"] = [{"name": "http" if work.probes == "http" else "tcp", "containerPort": work.port,
                               "protocol": "TCP"}]  # fmt: skip
    if work.probes != "none":
        probe = _probe(work)
        container["readinessProbe"] = {**probe, **timing, "initialDelaySeconds": 5, "periodSeconds": 10}
        if work.component == "microservice":
            live = {"httpGet": {"path": "/health/live", "port": work.port, "scheme": "HTTP"}}
            container["livenessProbe"] = {**live, **timing, "initialDelaySeconds": 30, "periodSeconds": 15}
    if work.volume:
        container["volumeMounts"] = [{"name": "data", "mountPath": work.mount}]
    return container


def _template(work: Workload, image: str, annotations: dict[str, str] | None) -> Object:
    spec: Object = {
        "containers": [_container(work, image)],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }
    if work.namespace == APP and image.startswith(REGISTRY):
        spec["imagePullSecrets"] = [{"name": "gitea-registry"}]
    if work.component == "microservice":
        migrate = {
            "name": "wait-for-database",
            "image": "docker.io/library/busybox:1.36.1",
            "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", f"until nc -z {database_of(work.name)} 5432; do sleep 1; done"],
            "resources": {
                "requests": {"cpu": "10m", "memory": "16Mi"},
                "limits": {"cpu": "50m", "memory": "32Mi"},
            },
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        }
        spec["initContainers"] = [migrate]
    if work.volume and work.kind == "Deployment":
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": f"{work.name}-data"}}]
    metadata: Object = {"labels": labels_of(work)}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": spec}


def workload(work: Workload, image: str, *, annotations: dict[str, str] | None = None) -> Object:
    """Return the Deployment, StatefulSet or DaemonSet of a workload; `annotations` go on its pods."""
    selector = {"app.kubernetes.io/name": work.name}
    spec: Object = {
        "selector": {"matchLabels": selector},
        "template": _template(work, image, annotations),
        "revisionHistoryLimit": 10,
    }
    if work.kind == "Deployment":
        recreate = bool(work.volume)
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
        spec |= {
            "replicas": work.replicas,
            "strategy": {"type": "Recreate"} if recreate else rolling,
            "progressDeadlineSeconds": 600,
        }
    elif work.kind == "StatefulSet":
        spec |= {
            "replicas": work.replicas,
            "serviceName": work.name,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        }
        if work.volume:
            spec["volumeClaimTemplates"] = [_claim("data", work.volume)]
    else:
        spec["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    return {
        "apiVersion": "apps/v1",
        "kind": work.kind,
        "metadata": {
            "name": work.name,
            "namespace": work.namespace,
            "labels": labels_of(work) | _flux_labels(work),
        },
        "spec": spec,
    }


def _claim(name: str, size: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
            "storageClassName": "microk8s-hostpath",
            "volumeMode": "Filesystem",
        },
        "status": {"phase": "Pending"},
    }


def service_for(work: Workload) -> Object | None:
    """Return the Service of a workload, None for one that serves nothing."""
    if not work.port or work.kind == "DaemonSet":
        return None
    name = {"coredns": "kube-dns", "gitea": "gitea-http"}.get(work.name, work.name)
    number = int(digest("address", work.namespace, name)[:4], 16)
    spec: Object = {
        "type": "ClusterIP",
        "clusterIP": f"10.152.183.{number % 250 + 2}" if name != "kube-dns" else "10.152.183.10",
        "selector": {"app.kubernetes.io/name": work.name},
        "ports": [{"name": "http" if work.probes == "http" else "tcp", "port": work.port, "targetPort": work.port,
                   "protocol": "TCP"}],
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
    }  # fmt: skip
    spec["clusterIPs"] = [spec["clusterIP"]]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": work.namespace, "labels": labels_of(work) | _flux_labels(work)},
        "spec": spec,
        "status": {"loadBalancer": {}},
    }


def _secret(namespace: str, name: str, values: dict[str, str], kind: str = "Opaque") -> Object:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": kind,
        "data": data,
    }


def supporting(work: Workload, seed: int) -> list[tuple[str, Object]]:
    """Return what a workload needs beside itself, as (plural, object): credentials, a claim."""
    found: list[tuple[str, Object]] = []
    if work.component == "database":
        user = work.name.removesuffix("-db").replace("-", "_")
        # The passwords of a pretended cluster: made up from the seed, of no use anywhere.
        password = digest(seed, work.name, "credential")[:24]
        host = f"{work.name}.{work.namespace}.svc.cluster.local"
        values = {
            "username": user,
            "password": password,
            "database": f"{user}_db",
            "url": f"postgresql+asyncpg://{user}:{password}@{host}:5432/{user}_db",
        }
        found.append(("secrets", _secret(work.namespace, credentials_name(work), values)))
    if work.volume and work.kind == "Deployment":
        claim = _claim(f"{work.name}-data", work.volume)
        claim["metadata"] |= {"namespace": work.namespace, "labels": labels_of(work)}
        found.append(("persistentvolumeclaims", claim))
    return found


def shared(seed: int) -> list[tuple[str, Object]]:
    """Return the ConfigMaps and Secrets that several workloads of the app use, as (plural, object)."""
    config = {
        "ENVIRONMENT": "production",
        "LOG_LEVEL": "INFO",
        "REDIS_HOST": "redis",
        "REDIS_PORT": "6379",
        "RABBITMQ_HOST": "rabbitmq",
        "MINIO_ENDPOINT": "minio:9000",
        "TIMEZONE": "Europe/Madrid",
    }
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "bakery-ia-config", "namespace": APP,
                     "labels": {"kustomize.toolkit.fluxcd.io/name": "bakery-ia",
                                "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}},
        "data": config,
    }  # fmt: skip

    def made_up(name: str) -> str:
        return digest(seed, "secret", name)[:32]

    names = ("JWT_SECRET_KEY", "REDIS_PASSWORD", "RABBITMQ_PASSWORD", "MINIO_ROOT_PASSWORD", "STRIPE_SECRET_KEY")
    secrets = {name: made_up(name) for name in names}
    auth = base64.b64encode(f"bakery-robot:{made_up('registry')}".encode()).decode()
    registry = f'{{"auths":{{"{REGISTRY}":{{"auth":"{auth}"}}}}}}'
    return [
        ("configmaps", config_map),
        ("secrets", _secret(APP, "bakery-ia-secrets", secrets)),
        ("secrets", _secret(APP, "gitea-registry", {".dockerconfigjson": registry},
                            "kubernetes.io/dockerconfigjson")),
        ("secrets", _secret("gitea", "gitea-admin-secret",
                            {"username": "bakery-admin", "password": made_up("gitea")})),
    ]  # fmt: skip
