"""Jobs and CronJobs of the embedded cluster, beyond what the recordings show."""

from __future__ import annotations

import pytest

from bakeryops.demo.controllers.cronjob import next_time
from bakeryops.demo.controllers.objects import condition, owner_reference
from tests.support.demo_world import SHOP, SmallCluster, container


def job(script: str, **spec) -> dict:
    template = {"spec": {"restartPolicy": "Never", "containers": [container(script=script)]}}
    return {"metadata": {"name": "bake"}, "spec": {"template": template, **spec}}


def test_a_job_runs_in_parallel_and_is_deleted_after_its_time() -> None:
    shop = SmallCluster()
    shop.create("jobs", job("sleep 3", completions=4, parallelism=2, ttlSecondsAfterFinished=30))
    shop.clock.advance(3)
    assert shop.get("jobs", "bake")["status"]["active"] == 2
    assert shop.clock.run_until(lambda: condition(shop.get("jobs", "bake"), "Complete") is not None, 60)
    assert shop.get("jobs", "bake")["status"]["succeeded"] == 4
    shop.clock.advance(31)
    assert shop.store.get("jobs", SHOP, "bake") is None


def test_a_cron_job_makes_jobs_and_keeps_few() -> None:
    shop = SmallCluster()
    body = {"metadata": {"name": "clean"},
            "spec": {"schedule": "*/2 * * * *", "successfulJobsHistoryLimit": 2, "jobTemplate": {"spec": job("exit 0")["spec"]}}}  # fmt: skip
    shop.create("cronjobs", body)
    made: set[str] = set()
    shop.store.listen("jobs", lambda change, obj, before: made.add(obj["metadata"]["name"]))
    shop.clock.advance(1200)
    assert len(made) == 10
    assert len(shop.store.list("jobs", SHOP)) <= 3
    assert shop.get("cronjobs", "clean")["status"]["lastSuccessfulTime"]


def test_a_job_that_a_person_made_from_a_cron_job_is_not_active_there() -> None:
    shop = SmallCluster()
    spec = {"schedule": "0 0 * * *", "jobTemplate": {"spec": job("sleep 60")["spec"]}}
    cron = shop.create("cronjobs", {"metadata": {"name": "clean"}, "spec": spec})
    by_hand = job("sleep 60")
    by_hand["metadata"]["annotations"] = {"cronjob.kubernetes.io/instantiate": "manual"}
    by_hand["metadata"]["ownerReferences"] = [owner_reference(cron)]
    shop.create("jobs", by_hand)
    shop.clock.advance(5)
    assert shop.get("jobs", "bake")["status"]["active"] == 1
    assert "active" not in shop.get("cronjobs", "clean").get("status", {})


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("*/5 * * * *", 1_790_000_100),
        ("30 2 * * *", 1_790_044_200),
        ("0 0 1 * *", 1_790_812_800),
        ("0 12 * * 1-5", 1_790_078_400),
        ("@hourly", 1_790_002_800),
        ("not a schedule", None),
        ("61 * * * *", None),
        ("0 0 31 2 *", None),
    ],
)
def test_the_next_time_of_a_schedule(schedule: str, expected: float | None) -> None:
    assert next_time(schedule, 1_790_000_000) == expected
