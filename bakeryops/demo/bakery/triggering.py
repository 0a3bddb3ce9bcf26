"""How a push starts a build: EventListener, Trigger, binding and template."""

from __future__ import annotations

from bakeryops.demo.bakery.pipeline import PIPELINE, run_spec
from bakeryops.demo.bakery.tasks import CI, LABELS
from bakeryops.demo.contracts import Object

__all__ = ["LISTENER", "TRIGGER", "run_labels", "triggering"]

LISTENER = "bakery-gitea"
TRIGGER = "bakery-push"
_API = "triggers.tekton.dev/v1beta1"
_PARAMS = {
    "revision": "$(body.after)",
    "before": "$(body.before)",
    "ref": "$(body.ref)",
    "repo": "$(body.repository.full_name)",
    "pusher": "$(body.pusher.login)",
}
FILTER = (
    "body.ref == 'refs/heads/main' && !body.after.matches('^0+$') && "
    "body.repository.full_name == 'bakery-admin/bakery-ia' && body.pusher.login != 'bakery-ci-bot' && "
    "!body.head_commit.message.contains('[skip ci]')"
)
"""Which events start a build: pushes to main by people."""


def run_labels(revision: str, pusher: str) -> dict[str, str]:
    """Return the labels that a run of the pipeline is made with."""
    return {**LABELS, "bakery.dev/revision": revision, "bakery.dev/pusher": pusher}


def _interceptor(name: str, **params: object) -> Object:
    listed = [{"name": key, "value": value} for key, value in params.items()]
    return {"ref": {"name": name, "kind": "ClusterInterceptor"}, "params": listed}


def _made(kind: str, name: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": CI, "labels": LABELS}
    return {"apiVersion": _API, "kind": kind, "metadata": metadata, "spec": spec}


def triggering() -> list[tuple[str, Object]]:
    """Return what turns events into runs, as (plural, object)."""
    given = {name: f"$(tt.params.{name})" for name in _PARAMS}
    run: Object = {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "generateName": f"{PIPELINE}-",
            "namespace": CI,
            "labels": run_labels(given["revision"], given["pusher"]),
        },
        "spec": run_spec(**given, folder="$(uid)"),
    }
    trigger: Object = {
        "interceptors": [
            _interceptor(
                "github",
                secretRef={"secretName": "gitea-webhook-secret", "secretKey": "secretToken"},
                eventTypes=["push"],
            ),
            _interceptor("cel", filter=FILTER),
        ],
        "bindings": [{"ref": TRIGGER, "kind": "TriggerBinding"}],
        "template": {"ref": PIPELINE},
    }
    listener: Object = {
        "serviceAccountName": "ci-trigger",
        "triggers": [{"triggerRef": TRIGGER}],
        "resources": {"kubernetesResource": {"replicas": 1}},
    }
    found: list[tuple[str, Object]] = [
        (
            "clusterinterceptors",
            {
                "apiVersion": "triggers.tekton.dev/v1alpha1",
                "kind": "ClusterInterceptor",
                "metadata": {"name": name, "labels": {"server/type": "https"}},
                "spec": {
                    "clientConfig": {
                        "service": {
                            "name": "tekton-triggers-core-interceptors",
                            "namespace": "tekton-pipelines",
                            "path": name,
                        }
                    }
                },
            },
        )
        for name in ("bitbucket", "cel", "github", "gitlab", "slack")
    ]
    params = [{"name": name, "value": value} for name, value in _PARAMS.items()]
    names = [{"name": name} for name in _PARAMS]
    return [
        *found,
        ("triggerbindings", _made("TriggerBinding", TRIGGER, {"params": params})),
        ("triggertemplates", _made("TriggerTemplate", PIPELINE, {"params": names, "resourcetemplates": [run]})),
        ("triggers", _made("Trigger", TRIGGER, trigger)),
        ("eventlisteners", _made("EventListener", LISTENER, listener)),
    ]
