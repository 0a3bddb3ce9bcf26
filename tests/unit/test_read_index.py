"""The index reads again only what changed, and everything that hangs on it."""

from __future__ import annotations

from typing import Any

from bakeryops.model.health import Health
from bakeryops.read.index import WorkloadIndex, sliced
from tests.support.reading import NOW, Held, Uids, decode, ended, raw_deployment, raw_pod, running


class Cluster:
    """Stores and the index they feed, at a time that can be moved."""

    def __init__(self) -> None:
        self.now = NOW
        self.stores = {plural: Held() for plural in ("deployments", "pods", "podmetrics", "statefulsets")}
        self.index = WorkloadIndex(clock=lambda: self.now)

    def put(self, plural: str, *raws: dict[str, Any]) -> Any:
        uids = Uids()
        for raw in raws:
            found = decode(plural, raw)
            key = found.metadata.uid or f"{found.metadata.namespace}/{found.metadata.name}"
            self.stores[plural].items[key] = found
            uids.changed.add(key)
        return self.index.update(self.stores, {plural: uids})

    def drop(self, plural: str, uid: str) -> Any:
        self.stores[plural].items.pop(uid, None)
        return self.index.update(self.stores, {plural: Uids(removed={uid})})


AUTH = "Deployment/bakery-ia/auth"


def test_a_pods_change_changes_its_workload_alone() -> None:
    cluster = Cluster()
    other = raw_pod("tenant-77-x")
    other["metadata"] |= {"labels": {"pod-template-hash": "77"}, "ownerReferences": [
        {"kind": "ReplicaSet", "name": "tenant-77", "uid": "r", "controller": True}]}  # fmt: skip
    cluster.put("deployments", raw_deployment("auth"), raw_deployment("tenant"))
    cluster.put("pods", raw_pod(), other)
    assert {view.health for view in cluster.index.workloads.values()} == {Health.FINE}
    bad = raw_pod(containerStatuses=[{"name": "auth", "restartCount": 3, "state": ended(1, 1)}])
    done = cluster.put("pods", bad)
    assert (done.pods, done.workloads) == ({"bakery-ia/auth-5f6d-abcde"}, {AUTH})
    assert cluster.index.workloads[AUTH].health is Health.BAD


def test_an_event_that_changes_nothing_shown_changes_nothing() -> None:
    cluster = Cluster()
    cluster.put("deployments", raw_deployment())
    cluster.put("pods", raw_pod())
    again = raw_pod()
    again["metadata"]["resourceVersion"] = "2"
    assert not cluster.put("pods", again)
    cluster.now += 5000
    assert not cluster.put("pods", again)


def test_what_goes_is_gone() -> None:
    cluster = Cluster()
    cluster.put("deployments", raw_deployment())
    cluster.put("pods", raw_pod())
    done = cluster.drop("pods", "uid-auth-5f6d-abcde")
    assert done.pods_removed == {"bakery-ia/auth-5f6d-abcde"}
    assert done.workloads == {AUTH}
    assert cluster.drop("deployments", "uid-auth").workloads_removed == {AUTH}
    assert not cluster.index.pods
    assert not cluster.index.workloads


def test_a_statefulset_pod_that_comes_back_under_its_name() -> None:
    cluster = Cluster()
    first, second = raw_pod("db-0"), raw_pod("db-0")
    for raw, uid in ((first, "old"), (second, "young")):
        raw["metadata"] |= {"uid": uid, "ownerReferences": [{"kind": "StatefulSet", "name": "db", "uid": "s"}]}
    cluster.put("pods", first)
    cluster.put("pods", second)
    assert cluster.index.pods["bakery-ia/db-0"].uid == "young"
    cluster.drop("pods", "old")
    assert list(cluster.index.pods) == ["bakery-ia/db-0"]
    assert cluster.index.workloads["StatefulSet/bakery-ia/db"].pods == ("bakery-ia/db-0",)


def test_a_deployment_deleted_and_made_again_under_its_name() -> None:
    cluster = Cluster()
    cluster.put("deployments", raw_deployment())
    again = raw_deployment()
    again["metadata"]["uid"] = "second"
    cluster.stores["deployments"].items.pop("uid-auth")
    cluster.stores["deployments"].items["second"] = decode("deployments", again)
    cluster.index.update(cluster.stores, {"deployments": Uids({"second"}, {"uid-auth"})})
    assert cluster.index.workloads[AUTH].uid == "second"


def test_time_forgives_a_restart() -> None:
    cluster = Cluster()
    cluster.put("deployments", raw_deployment())
    cluster.put("pods", raw_pod(containerStatuses=[running("auth", 10, restarts=1, lastState=ended(1, 11))]))
    assert cluster.index.workloads[AUTH].health is Health.SOON
    cluster.now += 300
    assert not cluster.index.tick()
    cluster.now += 300
    assert cluster.index.tick().workloads == {AUTH}
    assert cluster.index.workloads[AUTH].health is Health.FINE
    assert cluster.index.workloads[AUTH].restarts_hour == 1
    cluster.now += 3600
    assert cluster.index.tick().workloads == {AUTH}
    assert cluster.index.workloads[AUTH].restarts_hour == 0
    assert not cluster.index.tick()


def metrics(memory: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "auth-5f6d-abcde", "namespace": "bakery-ia"},
        "containers": [{"name": "auth", "usage": {"cpu": "10m", "memory": memory}}],
    }


def test_usage_is_joined_whichever_comes_first() -> None:
    cluster = Cluster()
    cluster.put("podmetrics", metrics("1Mi"))
    cluster.put("deployments", raw_deployment())
    cluster.put("pods", raw_pod())
    assert cluster.index.workloads[AUTH].amounts.memory_used == 2**20
    done = cluster.put("podmetrics", metrics("2Mi"))
    assert done.workloads == {AUTH}
    assert cluster.index.pods["bakery-ia/auth-5f6d-abcde"].amounts.memory_used == 2**21
    assert not cluster.put("podmetrics", metrics("2Mi"))
    assert cluster.drop("podmetrics", "bakery-ia/auth-5f6d-abcde").workloads == {AUTH}
    assert cluster.index.workloads[AUTH].amounts.memory_used is None
    assert cluster.index.set_usage([decode("podmetrics", metrics("3Mi"))]).pods == {"bakery-ia/auth-5f6d-abcde"}
    assert cluster.index.set_usage([]).pods == {"bakery-ia/auth-5f6d-abcde"}


def test_pods_that_may_not_be_seen() -> None:
    cluster = Cluster()
    cluster.put("deployments", raw_deployment())
    assert cluster.index.workloads[AUTH].health is Health.WORKING
    assert cluster.index.set_pods_known(False).workloads == {AUTH}
    assert cluster.index.workloads[AUTH].health is Health.FINE


def test_loading_drops_what_is_no_longer_there() -> None:
    cluster = Cluster()
    cluster.put("deployments", raw_deployment())
    cluster.put("pods", raw_pod())
    for store in cluster.stores.values():
        store.items.clear()
    done = cluster.index.load(cluster.stores)
    assert done.workloads_removed == {AUTH}
    assert not cluster.index.pods


def test_slices_are_the_whole() -> None:
    cluster = Cluster()
    names = [f"auth-5f6d-{place:03}" for place in range(250)]
    uids = Uids()
    for name in names:
        cluster.stores["pods"].items[f"uid-{name}"] = decode("pods", raw_pod(name))
        uids.changed.add(f"uid-{name}")
    cluster.stores["deployments"].items["uid-auth"] = decode("deployments", raw_deployment(replicas=250))
    parts = list(sliced({"pods": uids, "deployments": Uids({"uid-auth"}, {"gone"})}, 100))
    assert [list(part) for part in parts] == [["deployments"], ["pods"], ["pods"], ["pods"]]
    assert parts[0]["deployments"].removed == {"gone"}
    for part in parts:
        cluster.index.update(cluster.stores, part)
    assert len(cluster.index.pods) == 250
    assert cluster.index.workloads[AUTH].health is Health.FINE
    assert list(sliced({})) == []


def test_the_struct_behind_a_view_is_at_hand() -> None:
    cluster = Cluster()
    cluster.put("pods", raw_pod())
    raw = cluster.index.raw_pod("bakery-ia/auth-5f6d-abcde")
    assert raw is not None
    assert raw.metadata.uid == "uid-auth-5f6d-abcde"
    assert cluster.index.raw_pod("nobody") is None


def test_a_pod_that_names_a_cronjob_as_its_owner_is_not_hidden() -> None:
    cluster = Cluster()
    bad = raw_pod(containerStatuses=[{"name": "auth", "restartCount": 9, "state": ended(1, 5)}])
    bad["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": "backup", "uid": "c", "controller": True}]
    cluster.put("pods", bad)
    view = cluster.index.workloads["CronJob/bakery-ia/backup"]
    assert (view.health, view.pods) == (Health.BAD, ("bakery-ia/auth-5f6d-abcde",))
    cluster.drop("pods", bad["metadata"]["uid"])
    assert cluster.index.workloads == {}
