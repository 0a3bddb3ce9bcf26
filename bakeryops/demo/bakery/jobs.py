"""The CronJobs of Bakery-IA, and how the programs in their images behave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeryops.demo.bakery.inventory import APP, REGISTRY
from bakeryops.demo.contracts import Object

__all__ = ["cron_jobs", "job_behaviours"]

_TAG = "1.8.2"
_JOBS = (
    # (name, schedule, image, memory in MiB)
    ("daily-forecast", "*/5 * * * *", "forecasting-batch", 192),
    ("pos-sync", "*/3 * * * *", "pos-sync", 64),
    ("report-mail", "*/20 * * * *", "report-mail", 64),
    ("database-backup", "30 2 * * *", "backup", 128),
)
_BEHAVIOURS: dict[str, dict[str, Any]] = {
    "forecasting-batch": {"kind": "job", "after": 45},
    "pos-sync": {"kind": "job", "after": 20},
    "report-mail": {
        "kind": "job",
        "after": 12,
        "code": 1,
        "lines": ["smtplib.SMTPServerDisconnected: Connection unexpectedly closed"],
    },
    "backup": {"kind": "job", "after": 240},
}


def _image(name: str) -> str:
    return f"{REGISTRY}/bakery-admin/{name}:{_TAG}"


def job_behaviours() -> dict[str, Mapping[str, Any]]:
    """Return how containers of the jobs' images behave, by image."""
    return {_image(name): entry for name, entry in _BEHAVIOURS.items()}


def cron_jobs() -> list[Object]:
    """Return the CronJobs as somebody writes them."""
    found = []
    for name, schedule, image, memory in _JOBS:
        container = {
            "name": name,
            "image": _image(image),
            "imagePullPolicy": "IfNotPresent",
            "resources": {
                "requests": {"cpu": "50m", "memory": f"{memory}Mi"},
                "limits": {"memory": f"{memory * 2}Mi"},
            },
        }
        labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "bakery-ia"}
        template = {
            "metadata": {"labels": labels},
            "spec": {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 30},
        }
        found.append(
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "metadata": {"name": name, "namespace": APP, "labels": labels},
                "spec": {
                    "schedule": schedule,
                    "concurrencyPolicy": "Forbid",
                    "suspend": False,
                    "successfulJobsHistoryLimit": 2,
                    "failedJobsHistoryLimit": 1,
                    "jobTemplate": {
                        "metadata": {"labels": labels},
                        "spec": {"backoffLimit": 1, "template": template},
                    },
                },
            }
        )
    return found
