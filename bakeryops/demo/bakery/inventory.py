"""The inventory of Bakery-IA as data: which workloads there are, what they ask for, and what they use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["APP", "DATABASES", "NAMESPACES", "NODE", "PLATFORM", "REGISTRY", "SERVICES", "Workload", "database_of"]

NODE = "bakery-vps"
REGISTRY = "gitea.bakery-ia.local"
APP = "bakery-ia"

NAMESPACES = {
    "default": {},
    "kube-system": {},
    "kube-public": {},
    "kube-node-lease": {},
    "ingress": {},
    "gitea": {"app.kubernetes.io/part-of": "bakery-ia-cicd"},
    "tekton-pipelines": {"app.kubernetes.io/part-of": "tekton-pipelines"},
    "tekton-pipelines-resolvers": {"app.kubernetes.io/part-of": "tekton-pipelines"},
    "flux-system": {"app.kubernetes.io/part-of": "flux"},
    "bakery-ci": {"app.kubernetes.io/part-of": "bakery-ia-cicd", "pod-security.kubernetes.io/enforce": "baseline"},
    APP: {"kustomize.toolkit.fluxcd.io/name": "bakery-ia", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"},
    "signoz": {"app.kubernetes.io/part-of": "signoz"},
}
"""Labels of each namespace; Kubernetes' own namespaces are among them."""


@dataclass(frozen=True)
class Workload:
    """One workload: what it is made of and what it takes. Memory in MiB, CPU in millicores."""

    name: str
    namespace: str
    image: str
    kind: str = "Deployment"
    replicas: int = 1
    cpu: int = 50
    """CPU requested; the limit is ten times that, at least 500."""
    memory: int = 64
    """Memory requested."""
    limit: int = 128
    """Memory limit."""
    used: int = 40
    """Memory it works with."""
    busy: int = 5
    """CPU it uses when the bakery is awake."""
    port: int = 0
    voice: str = "quiet"
    """How its log reads (see `logtext`)."""
    part_of: str = ""
    component: str = ""
    command: tuple[str, ...] = ()
    volume: str = ""
    """Size of the volume it keeps, "" for none."""
    mount: str = "/data"
    age_days: float = 41.0
    leak: float = 0.0
    """MiB that its memory grows each hour."""
    flux: bool = False
    """Whether Flux applies it."""
    probes: str = "http"
    """http, tcp, exec or none."""
    environment: tuple[tuple[str, str], ...] = ()


def _service(name: str, memory: int, limit: int, used: int, busy: int, **more: Any) -> Workload:
    return Workload(
        f"{name}-service",
        APP,
        f"{REGISTRY}/bakery-admin/{name}",
        memory=memory,
        limit=limit,
        used=used,
        busy=busy,
        port=8000,
        voice=more.pop("voice", "api"),
        part_of="bakery-ia",
        component="microservice",
        flux=True,
        **more,
    )


SERVICES = (
    _service("auth", 128, 256, 118, 22, replicas=2),
    _service("tenant", 128, 256, 104, 12),
    _service("training", 256, 512, 231, 60, voice="training"),
    _service("forecasting", 192, 384, 236, 45, leak=120.0, voice="training"),
    _service("sales", 128, 256, 121, 25),
    _service("inventory", 128, 256, 126, 18),
    _service("recipes", 96, 192, 88, 8),
    _service("production", 128, 256, 119, 15),
    _service("suppliers", 96, 192, 84, 6),
    _service("procurement", 96, 192, 92, 7),
    _service("orders", 128, 256, 131, 20),
    _service("pos", 96, 192, 97, 14),
    _service("notification", 96, 192, 90, 9, voice="worker"),
    _service("alert-processor", 96, 192, 94, 11, voice="worker"),
    _service("external", 96, 192, 89, 6),
    _service("orchestrator", 128, 256, 112, 10, voice="worker"),
    _service("ai-insights", 192, 384, 205, 30),
    _service("demo-session", 64, 128, 71, 3),
    _service("distribution", 96, 192, 86, 5),
)
"""The 19 microservices."""


def database_of(service: str) -> str:
    """Return the name of a service's database workload: `auth-db` of `auth-service`."""
    return f"{service.removesuffix('-service')}-db"


def _database(name: str, namespace: str = APP, **more: Any) -> Workload:
    busy = more.pop("busy", 3)
    return Workload(
        name,
        namespace,
        more.pop("image", "docker.io/library/postgres:17-alpine"),
        kind="StatefulSet",
        cpu=25,
        memory=more.pop("memory", 96),
        limit=more.pop("limit", 256),
        used=more.pop("used", 58),
        busy=busy,
        port=5432,
        voice="postgres",
        part_of=more.pop("part_of", "bakery-ia"),
        component="database",
        volume=more.pop("volume", "2Gi"),
        mount="/var/lib/postgresql/data",
        probes="exec",
        flux=namespace == APP,
        **more,
    )


DATABASES = (
    *(
        _database(database_of(each.name), used=44 + len(each.name) * 2, busy=max(2, each.busy // 5))
        for each in SERVICES
    ),
    _database("analytics-db", used=92, volume="8Gi"),
    _database("gitea-postgresql", "gitea", memory=128, limit=256, used=74, volume="8Gi", part_of="gitea"),
    _database("signoz-postgresql", "signoz", used=52, part_of="signoz"),
)
"""The 22 PostgreSQL."""

_TEKTON = "ghcr.io/tektoncd/pipeline/cmd"
_TRIGGERS = "ghcr.io/tektoncd/triggers/cmd"


def _tekton(name: str, image: str, memory: int, used: int, **more: Any) -> Workload:
    return Workload(
        name,
        more.pop("namespace", "tekton-pipelines"),
        image,
        memory=memory,
        limit=memory * 2,
        used=used,
        busy=more.pop("busy", 4),
        port=9090,
        voice="controller",
        part_of=more.pop("part_of", "tekton-pipelines"),
        component=more.pop("component", "controller"),
        **more,
    )


def _flux(name: str, version: str, used: int, busy: int) -> Workload:
    return Workload(
        name,
        "flux-system",
        f"ghcr.io/fluxcd/{name}:{version}",
        memory=64,
        limit=256,
        used=used,
        busy=busy,
        port=8080,
        voice="flux",
        part_of="flux",
        component=name,
    )


PLATFORM = (
    Workload("gateway", APP, f"{REGISTRY}/bakery-admin/gateway", replicas=2, cpu=100, memory=128, limit=256,
             used=109,
             busy=48, port=8000, voice="gateway", part_of="bakery-ia", component="gateway", flux=True),
    Workload("frontend", APP, f"{REGISTRY}/bakery-admin/frontend", replicas=2, memory=48, limit=128, used=27,
             busy=4,
             port=3000, voice="nginx", part_of="bakery-ia", component="frontend", flux=True),
    Workload("redis", APP, "docker.io/library/redis:7.4-alpine", "StatefulSet", memory=128, limit=512, used=71,
             busy=12, port=6379, voice="redis", part_of="bakery-ia", component="cache", volume="1Gi",
             probes="exec",
             flux=True),
    Workload("rabbitmq", APP, "docker.io/library/rabbitmq:4.1-management-alpine", "StatefulSet", cpu=100,
             memory=256,
             limit=512, used=178, busy=16, port=5672, voice="rabbitmq", part_of="bakery-ia",
             component="message-broker",
             volume="2Gi", mount="/var/lib/rabbitmq", probes="exec", flux=True),
    Workload("minio", APP, "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z", "StatefulSet", memory=256,
             limit=512,
             used=196, busy=9, port=9000, voice="minio", part_of="bakery-ia", component="object-storage",
             volume="20Gi", flux=True),
    Workload("gitea", "gitea", "docker.gitea.com/gitea:1.25.2-rootless", cpu=100, memory=384, limit=512, used=301,
             busy=24, port=3000, voice="gitea", part_of="gitea", component="git", volume="50Gi"),
    _tekton("tekton-pipelines-controller", f"{_TEKTON}/controller:v1.15.0", 128, 96, busy=14),
    _tekton("tekton-pipelines-webhook", f"{_TEKTON}/webhook:v1.15.0", 64, 41, component="webhook"),
    _tekton("tekton-events-controller", f"{_TEKTON}/events:v1.15.0", 48, 33, component="events"),
    _tekton("tekton-pipelines-remote-resolvers", f"{_TEKTON}/resolvers:v1.15.0", 64, 38, component="resolvers",
            namespace="tekton-pipelines-resolvers"),
    _tekton("tekton-triggers-controller", f"{_TRIGGERS}/controller:v0.37.0", 64, 44, part_of="tekton-triggers"),
    _tekton("tekton-triggers-webhook", f"{_TRIGGERS}/webhook:v0.37.0", 48, 31, part_of="tekton-triggers",
            component="webhook"),
    _tekton("tekton-triggers-core-interceptors", f"{_TRIGGERS}/interceptors:v0.37.0", 48, 29,
            part_of="tekton-triggers", component="interceptors"),
    Workload("el-bakery-gitea", "bakery-ci", f"{_TRIGGERS}/eventlistenersink:v0.37.0", memory=48, limit=128,
             used=27,
             busy=2, port=8080, voice="controller", part_of="tekton-triggers", component="eventlistener"),
    _flux("source-controller", "v1.7.0", 48, 12),
    _flux("kustomize-controller", "v1.7.0", 62, 22),
    _flux("helm-controller", "v1.4.0", 41, 3),
    _flux("notification-controller", "v1.7.1", 29, 2),
    Workload("signoz", "signoz", "docker.io/signoz/signoz:v0.138.0", "StatefulSet", memory=192, limit=512,
             used=168,
             busy=15, port=8080, voice="controller", part_of="signoz", component="query", volume="2Gi"),
    Workload("signoz-clickhouse", "signoz", "docker.io/clickhouse/clickhouse-server:25.5.6", "StatefulSet",
             cpu=200,
             memory=768, limit=2048, used=1130, busy=120, port=9000, voice="clickhouse", part_of="signoz",
             component="clickhouse", volume="40Gi", mount="/var/lib/clickhouse"),
    Workload("signoz-zookeeper", "signoz", "docker.io/signoz/zookeeper:3.7.1", "StatefulSet", memory=128,
             limit=384,
             used=161, busy=5, port=2181, voice="quiet", part_of="signoz", component="zookeeper", volume="2Gi",
             probes="tcp"),
    Workload("signoz-otel-collector", "signoz", "docker.io/signoz/signoz-otel-collector:v0.129.12", cpu=100,
             memory=192,
             limit=512, used=147, busy=35, port=4317, voice="otel", part_of="signoz", component="otel-collector",
             probes="tcp"),
    Workload("k8s-infra-otel-agent", "signoz", "docker.io/otel/opentelemetry-collector-contrib:0.139.0",
             "DaemonSet",
             memory=96, limit=256, used=83, busy=28, port=4317, voice="otel", part_of="signoz",
             component="otel-agent", probes="tcp"),
    Workload("k8s-infra-otel-deployment", "signoz", "docker.io/otel/opentelemetry-collector-contrib:0.139.0",
             memory=64, limit=256, used=66, busy=9, port=4317, voice="otel", part_of="signoz",
             component="otel-deployment", probes="tcp"),
    Workload("coredns", "kube-system", "docker.io/coredns/coredns:1.12.0", cpu=100, memory=70, limit=170, used=23,
             busy=8, port=53, voice="coredns", part_of="kube-dns"),
    Workload("metrics-server", "kube-system", "registry.k8s.io/metrics-server/metrics-server:v0.7.2", cpu=100,
             memory=90, limit=200, used=41, busy=9, port=10250, voice="quiet", part_of="metrics-server"),
    Workload("hostpath-provisioner", "kube-system", "docker.io/cdkbot/hostpath-provisioner:1.5.0", memory=16,
             limit=64, used=12, busy=1, voice="quiet", part_of="storage", probes="none"),
    Workload("calico-kube-controllers", "kube-system", "docker.io/calico/kube-controllers:v3.29.3", memory=48,
             limit=128, used=31, busy=3, voice="quiet", part_of="calico", probes="exec"),
    Workload("calico-node", "kube-system", "docker.io/calico/node:v3.29.3", "DaemonSet", cpu=250, memory=128,
             limit=256, used=121, busy=32, voice="quiet", part_of="calico", probes="exec"),
    Workload("nginx-ingress-microk8s-controller", "ingress", "registry.k8s.io/ingress-nginx/controller:v1.12.1",
             "DaemonSet", cpu=100, memory=128, limit=384, used=139, busy=14, port=80, voice="nginx",
             part_of="ingress-nginx"),
)  # fmt: skip
"""Everything else: gateway, frontend, stores, Gitea, Tekton, Flux, SigNoz and the cluster's own parts."""
