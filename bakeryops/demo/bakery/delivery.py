"""The objects of the delivery chain: what builds need, Tekton's settings, Flux' source, applier and receiver."""

from __future__ import annotations

import base64
import json

from bakeryops.demo.bakery.inventory import APP, REGISTRY
from bakeryops.demo.bakery.pipeline import BUILD_CLASS, GIT_URL, pipeline
from bakeryops.demo.bakery.tasks import CI, LABELS, tasks
from bakeryops.demo.bakery.triggering import triggering
from bakeryops.demo.contracts import Object
from bakeryops.demo.gitea.accounts import BOT, FLUX, secret_of

__all__ = ["FLUX_NAMESPACE", "KUSTOMIZATION", "RECEIVER", "delivery_objects"]

FLUX_NAMESPACE = "flux-system"
KUSTOMIZATION = "bakery-ia"
"""Name of the GitRepository and of the Kustomization."""
_OVERLAY = "./infrastructure/kubernetes/overlays/prod"
RECEIVER = "bakery-gitea"
_CHECKED = ("gateway", "frontend", "auth-service", "tenant-service", "orders-service", "inventory-service",
            "production-service", "sales-service")  # fmt: skip
"""Deployments whose health a deployment waits for: what customers meet first."""


def _secret(namespace: str, name: str, values: dict[str, str], kind: str = "Opaque") -> tuple[str, Object]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    metadata = {"name": name, "namespace": namespace}
    return "secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data}


def _secrets(seed: int) -> list[tuple[str, Object]]:
    password = secret_of(seed, "git-bot")
    host = GIT_URL.removeprefix("http://").partition("/")[0]
    auth = base64.b64encode(f"{BOT}:{password}".encode()).decode()
    user = f"[user]\n\tname = Bakery CI\n\temail = {BOT}@bakery-ia.local\n"
    config = f'[credential "http://{host}"]\n\thelper = store\n{user}'
    docker = json.dumps({"auths": {REGISTRY: {"auth": auth}}})
    return [
        _secret(CI, "gitea-webhook-secret", {"secretToken": secret_of(seed, "webhook")}),
        _secret(CI, "gitea-git", {".gitconfig": config, ".git-credentials": f"http://{BOT}:{password}@{host}\n"}),
        _secret(CI, "gitea-api-token", {"token": f"{secret_of(seed, 'token-bot')}a1b2c3d4"}),
        _secret(CI, "gitea-registry-push", {".dockerconfigjson": docker}, "kubernetes.io/dockerconfigjson"),
        _secret(FLUX_NAMESPACE, "gitea-credentials", {"username": FLUX, "password": secret_of(seed, "flux")}),
        _secret(FLUX_NAMESPACE, "receiver-token", {"token": secret_of(seed, "receiver")}),
    ]  # fmt: skip


def _config(name: str, part_of: str, data: dict[str, str]) -> tuple[str, Object]:
    metadata = {"name": name, "namespace": "tekton-pipelines", "labels": {"app.kubernetes.io/part-of": part_of}}
    return "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _settings() -> list[tuple[str, Object]]:
    flags = {"coschedule": "disabled", "keep-pod-on-cancel": "true", "enable-api-fields": "beta",
             "results-from": "termination-message"}  # fmt: skip
    return [
        _config("feature-flags", "tekton-pipelines", flags),
        _config("pipelines-info", "tekton-pipelines", {"version": "v1.15.0"}),
        _config("triggers-info", "tekton-triggers", {"version": "v0.37.0"}),
    ]


def _limits() -> list[tuple[str, Object]]:
    """Return what keeps builds small: slots for two images at a time, amounts for whoever names none."""
    scope = {"scopeName": "PriorityClass", "operator": "In", "values": [BUILD_CLASS]}
    item = {
        "type": "Container",
        "default": {"memory": "512Mi"},
        "defaultRequest": {"cpu": "10m", "memory": "32Mi"},
    }
    return [
        (
            "priorityclasses",
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": BUILD_CLASS},
                "value": -10,
                "globalDefault": False,
                "preemptionPolicy": "Never",
                "description": "Builds of images: they give way to everything else.",
            },
        ),
        (
            "resourcequotas",
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "build-slots", "namespace": CI},
                "spec": {"hard": {"pods": "2"}, "scopeSelector": {"matchExpressions": [scope]}},
                "status": {"hard": {}, "used": {}},
            },
        ),
        (
            "limitranges",
            {
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": {"name": "steps", "namespace": CI},
                "spec": {"limits": [item]},
            },
        ),
    ]


def _accounts() -> list[tuple[str, Object]]:
    found: list[tuple[str, Object]] = []
    for name, mounted in (("ci-trigger", True), ("ci-runner", False)):
        account: Object = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": CI, "labels": LABELS},
        }
        if not mounted:
            account["automountServiceAccountToken"] = False
        found.append(("serviceaccounts", account))
    return found


def _flux() -> list[tuple[str, Object]]:
    metadata = {"name": KUSTOMIZATION, "namespace": FLUX_NAMESPACE}
    source: Object = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": metadata,
        "spec": {
            "interval": "1m0s",
            "url": GIT_URL,
            "ref": {"branch": "main"},
            "secretRef": {"name": "gitea-credentials"},
            "ignore": "/*\n!/infrastructure/kubernetes\n",
            "timeout": "60s",
        },
    }
    applier: Object = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": metadata,
        "spec": {
            "interval": "10m0s",
            "retryInterval": "1m0s",
            "timeout": "5m0s",
            "path": _OVERLAY,
            "prune": True,
            "force": False,
            "sourceRef": {"kind": "GitRepository", "name": KUSTOMIZATION},
            "healthChecks": [
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "namespace": APP}
                for name in _CHECKED
            ],
        },
    }
    receiver: Object = {
        "apiVersion": "notification.toolkit.fluxcd.io/v1",
        "kind": "Receiver",
        "metadata": {"name": RECEIVER, "namespace": FLUX_NAMESPACE},
        "spec": {
            "type": "github",
            "events": ["ping", "push"],
            "interval": "10m0s",
            "secretRef": {"name": "receiver-token"},
            "resources": [
                {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "name": KUSTOMIZATION}
            ],
        },
    }
    return [("gitrepositories", source), ("kustomizations", applier), ("receivers", receiver)]


def delivery_objects(seed: int) -> list[tuple[str, Object]]:
    """Return everything of the chain but its runs and statuses, as (plural, object), in the order of creation."""
    return [
        *_accounts(),
        *_secrets(seed),
        *_settings(),
        *_limits(),
        *(("tasks.tekton.dev", task) for task in tasks()),
        ("pipelines.tekton.dev", pipeline()),
        *triggering(),
        *_flux(),
    ]
