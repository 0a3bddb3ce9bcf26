"""The embedded cluster's controllers, beyond what the recordings show."""

from __future__ import annotations

from itertools import pairwise

from bakeryops.demo.controllers.objects import condition
from bakeryops.demo.controllers.pods import is_ready
from tests.support.demo_world import SHOP, SmallCluster, container, deployment, pod

READY = {"readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1}}


def settled(name: str = "web", replicas: int = 3, **spec) -> SmallCluster:
    shop = SmallCluster()
    shop.create("deployments.apps", deployment(name, replicas, container(**READY), **spec))
    shop.clock.advance(5)
    return shop


def available(shop: SmallCluster, name: str = "web") -> int:
    return shop.get("deployments.apps", name)["status"].get("availableReplicas", 0)


def images(shop: SmallCluster) -> set[str]:
    return {
        each["spec"]["containers"][0]["image"]
        for each in shop.pods()
        if not each["metadata"].get("deletionTimestamp")
    }


def set_image(shop: SmallCluster, image: str, name: str = "web") -> None:
    shop.change("deployments.apps", name, ("spec", "template", "spec", "containers", 0, "image"), image)


def test_a_deployment_comes_up() -> None:
    shop = settled()
    assert available(shop) == 3
    assert all(is_ready(each) for each in shop.pods())
    assert (
        shop.get("deployments.apps", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    )


def test_a_rolling_update_never_goes_below_what_must_be_available() -> None:
    shop = settled(replicas=4)
    lowest: list[int] = []
    shop.store.listen(
        "deployments.apps", lambda change, obj, before: lowest.append(obj["status"].get("availableReplicas", 0))
    )
    set_image(shop, "example.org/app:2.0")
    shop.clock.advance(60)
    assert images(shop) == {"example.org/app:2.0"}
    assert min(lowest) >= 3
    assert available(shop) == 4
    assert condition(shop.get("deployments.apps", "web"), "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_going_back_to_an_old_template_takes_its_replica_set_again() -> None:
    shop = settled(replicas=1)
    set_image(shop, "example.org/app:2.0")
    shop.clock.advance(60)
    names = {each["metadata"]["name"] for each in shop.store.list("replicasets", SHOP)}
    set_image(shop, "example.org/app:1.0")
    shop.clock.advance(60)
    assert {each["metadata"]["name"] for each in shop.store.list("replicasets", SHOP)} == names
    assert images(shop) == {"example.org/app:1.0"}
    assert (
        shop.get("deployments.apps", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    )


def test_recreate_stops_the_old_pods_before_it_starts_new_ones() -> None:
    shop = settled(replicas=2, strategy={"type": "Recreate"})
    together: list[set[str]] = []
    shop.store.listen("pods", lambda change, obj, before: together.append(
        {each["spec"]["containers"][0]["image"] for each in shop.pods()}))  # fmt: skip
    set_image(shop, "example.org/app:2.0")
    shop.clock.advance(60)
    assert images(shop) == {"example.org/app:2.0"}
    assert all(len(each) <= 1 for each in together)
    assert available(shop) == 2


def test_scaling_down_takes_the_unready_pod_first() -> None:
    shop = settled(replicas=3)
    worker = shop.kubelet.worker(SHOP, shop.pods()[1]["metadata"]["name"])
    worker.containers[0].ready = False
    worker.publish()
    shop.change("deployments.apps", "web", ("spec", "replicas"), 2)
    shop.clock.advance(60)
    assert worker.name not in [each["metadata"]["name"] for each in shop.pods()]
    assert len(shop.pods()) == 2


def test_a_paused_deployment_does_not_roll() -> None:
    shop = settled(replicas=1, paused=True)
    assert shop.pods() == []
    shop.change("deployments.apps", "web", ("spec", "paused"), False)
    shop.clock.advance(10)
    assert len(shop.pods()) == 1


def test_old_replica_sets_are_forgotten_beyond_the_limit() -> None:
    shop = settled(replicas=1, revisionHistoryLimit=1)
    for number in range(2, 6):
        set_image(shop, f"example.org/app:{number}.0")
        shop.clock.advance(60)
    assert len(shop.store.list("replicasets", SHOP)) == 2


def test_an_image_that_does_not_exist_stalls_the_rollout_and_mending_it_ends_that() -> None:
    shop = settled(replicas=1, progressDeadlineSeconds=30)
    set_image(shop, "registry.invalid/app:2.0")
    shop.clock.advance(45)
    assert condition(shop.get("deployments.apps", "web"), "Progressing")["reason"] == "ProgressDeadlineExceeded"
    assert available(shop) == 1
    set_image(shop, "example.org/app:2.1")
    shop.clock.advance(60)
    assert images(shop) == {"example.org/app:2.1"}
    assert condition(shop.get("deployments.apps", "web"), "Progressing")["reason"] == "NewReplicaSetAvailable"


def stateful_set(replicas: int) -> dict:
    labels = {"app": "db"}
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "local",
             "resources": {"requests": {"storage": "1Gi"}}}}  # fmt: skip
    return {
        "metadata": {"name": "db"},
        "spec": {
            "replicas": replicas, "serviceName": "db", "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container()]}},
            "volumeClaimTemplates": [claim],
        },
    }  # fmt: skip


def with_storage() -> SmallCluster:
    shop = SmallCluster()
    shop.store.create(
        "storageclasses",
        {"metadata": {"name": "local"}, "provisioner": "microk8s.io/hostpath", "reclaimPolicy": "Delete",
         "volumeBindingMode": "WaitForFirstConsumer"},
        manager="test",
    )  # fmt: skip
    return shop


def test_a_stateful_set_comes_up_in_order_each_pod_with_its_volume() -> None:
    shop = with_storage()
    order: list[str] = []
    shop.store.listen(
        "pods", lambda change, obj, before: order.append(obj["metadata"]["name"]) if change == "ADDED" else None
    )
    shop.create("statefulsets", stateful_set(3))
    shop.clock.advance(60)
    assert order == ["db-0", "db-1", "db-2"]
    assert [each["status"]["phase"] for each in shop.store.list("persistentvolumeclaims", SHOP)] == ["Bound"] * 3
    assert shop.get("statefulsets", "db")["status"]["readyReplicas"] == 3


def test_a_stateful_set_is_updated_from_the_last_pod_on_and_keeps_its_volumes() -> None:
    shop = with_storage()
    shop.create("statefulsets", stateful_set(2))
    shop.clock.advance(60)
    volumes = {each["metadata"]["uid"] for each in shop.store.list("persistentvolumeclaims", SHOP)}
    gone: list[str] = []
    shop.store.listen(
        "pods", lambda change, obj, before: gone.append(obj["metadata"]["name"]) if change == "DELETED" else None
    )
    shop.change(
        "statefulsets", "db", ("spec", "template", "spec", "containers", 0, "image"), "example.org/app:2.0"
    )
    shop.clock.advance(120)
    assert gone == ["db-1", "db-0"]
    status = shop.get("statefulsets", "db")["status"]
    assert status["currentRevision"] == status["updateRevision"]
    assert len(shop.store.list("controllerrevisions", SHOP)) == 2
    assert {each["metadata"]["uid"] for each in shop.store.list("persistentvolumeclaims", SHOP)} == volumes


def test_a_claim_waits_for_its_first_consumer() -> None:
    shop = with_storage()
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    shop.create("persistentvolumeclaims", {"metadata": {"name": "cake"}, "spec": spec})
    shop.clock.advance(20)
    assert (shop.get("persistentvolumeclaims", "cake").get("status") or {}).get("phase") != "Bound"
    assert "WaitForFirstConsumer" in shop.reasons("cake")
    mount = {"name": "v", "persistentVolumeClaim": {"claimName": "cake"}}
    shop.create("pods", pod("eater", volumes=[mount]))
    shop.clock.advance(20)
    assert shop.get("persistentvolumeclaims", "cake")["status"]["phase"] == "Bound"
    assert is_ready(shop.get("pods", "eater"))


def test_a_pod_that_asks_for_too_much_waits_until_there_is_room() -> None:
    shop = SmallCluster()
    large = container(resources={"requests": {"cpu": "3"}})
    shop.create("pods", pod("first", large))
    shop.clock.advance(5)
    shop.create("pods", pod("second", large))
    shop.clock.advance(5)
    assert condition(shop.get("pods", "second"), "PodScheduled")["reason"] == "Unschedulable"
    assert "1 Insufficient cpu" in condition(shop.get("pods", "second"), "PodScheduled")["message"]
    shop.store.delete("pods", SHOP, "first")
    shop.clock.advance(60)
    assert is_ready(shop.get("pods", "second"))


def test_a_missing_volume_source_holds_the_start_back() -> None:
    shop = SmallCluster()
    shop.create("pods", pod("reader", volumes=[{"name": "c", "configMap": {"name": "menu"}}]))
    shop.clock.advance(20)
    assert shop.get("pods", "reader")["status"]["phase"] == "Pending"
    assert "FailedMount" in shop.reasons("reader")
    shop.create("configmaps", {"metadata": {"name": "menu"}})
    shop.clock.advance(20)
    assert is_ready(shop.get("pods", "reader"))


def test_the_restart_wait_doubles_up_to_five_minutes() -> None:
    shop = SmallCluster()
    shop.create("pods", pod("oven", container(script="sleep 1; exit 1")))
    starts: list[float] = []
    seen: set[int] = set()

    def watch(change: str, obj: dict, before: dict | None) -> None:
        for each in (obj.get("status") or {}).get("containerStatuses") or ():
            if "running" in each["state"] and each["restartCount"] not in seen:
                seen.add(each["restartCount"])
                starts.append(shop.clock.now())

    shop.store.listen("pods", watch)
    shop.clock.advance(4000)
    waits = [after - before for before, after in pairwise(starts)]
    assert waits[0] < 3
    for number, wait in enumerate(waits[1:]):
        least = min(300.0, 10.0 * 2**number)
        assert least <= wait <= least * 1.5 + 3


def test_a_long_wait_is_called_crash_loop_back_off() -> None:
    shop = SmallCluster()
    shop.create("pods", pod("oven", container(script="exit 1")))
    shop.clock.advance(2000)
    words = set()
    for _ in range(60):
        shop.clock.advance(10)
        state = shop.get("pods", "oven")["status"]["containerStatuses"][0]["state"]
        words.add(state.get("waiting", state.get("terminated", {})).get("reason"))
    assert "CrashLoopBackOff" in words


def test_a_startup_probe_holds_readiness_back() -> None:
    shop = SmallCluster()
    probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 2, "failureThreshold": 30}
    body = pod("slow", container(startupProbe=probe, readinessProbe=probe))
    body["metadata"]["annotations"] = {"demo.bakeryops/behaviour": '{"kind": "slow-start", "after": 9}'}
    shop.create("pods", body)
    shop.clock.advance(5)
    status = shop.get("pods", "slow")["status"]["containerStatuses"][0]
    assert (status["started"], status["ready"]) == (False, False)
    shop.clock.advance(10)
    status = shop.get("pods", "slow")["status"]["containerStatuses"][0]
    assert (status["started"], status["ready"]) == (True, True)


def test_a_pod_is_gone_after_its_grace_period_and_at_once_when_forced() -> None:
    shop = SmallCluster()
    shop.create("pods", pod("deaf", container(script="sleep 600"), terminationGracePeriodSeconds=20))
    shop.clock.advance(5)
    shop.store.delete("pods", SHOP, "deaf")
    shop.clock.advance(15)
    assert shop.get("pods", "deaf")["metadata"]["deletionTimestamp"]
    shop.clock.advance(10)
    assert shop.pods() == []
    shop.create("pods", pod("deaf", container(script="sleep 600")))
    shop.clock.advance(5)
    shop.store.delete("pods", SHOP, "deaf", grace=0)
    assert shop.pods() == []
    shop.clock.advance(60)


def test_a_pod_deleted_while_it_starts_goes_too() -> None:
    shop = SmallCluster()
    for delay in (0.005, 0.02, 0.2, 0.45, 0.6):
        shop.create("pods", pod("hasty"))
        shop.clock.advance(delay)
        shop.store.delete("pods", SHOP, "hasty")
        shop.clock.advance(60)
        assert shop.pods() == [], f"after {delay} s"


def test_events_are_counted_and_expire_after_five_minutes() -> None:
    shop = SmallCluster()
    shop.create("pods", pod("oven", container(script="exit 1")))
    shop.clock.advance(100)
    started = [each for each in shop.store.list("events", SHOP) if each["reason"] == "Started"]
    assert len(started) == 1
    assert started[0]["count"] >= 3
    shop.store.delete("pods", SHOP, "oven")
    shop.clock.advance(400)
    assert shop.store.list("events", SHOP) == []


def test_services_know_the_addresses_of_ready_pods() -> None:
    shop = settled(replicas=2)
    spec = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    shop.create("services", {"metadata": {"name": "web"}, "spec": spec})
    shop.clock.advance(2)
    [found] = shop.store.list("endpointslices", SHOP)
    assert len(found["endpoints"]) == 2
    assert found["ports"][0]["port"] == 8080
    shop.change("deployments.apps", "web", ("spec", "replicas"), 0)
    shop.clock.advance(60)
    assert shop.store.list("endpointslices", SHOP)[0]["endpoints"] == []


def test_older_clients_find_the_addresses_in_endpoints() -> None:
    shop = settled(replicas=2)
    spec = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    shop.create("services", {"metadata": {"name": "web", "labels": {"a": "b"}}, "spec": spec})
    shop.clock.advance(2)
    found = shop.get("endpoints", "web")
    assert found["metadata"]["labels"]["a"] == "b"
    [subset] = found["subsets"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert {each["ip"] for each in subset["addresses"]} == {each["status"]["podIP"] for each in shop.pods()}
    shop.change("deployments.apps", "web", ("spec", "replicas"), 0)
    shop.clock.advance(60)
    assert "subsets" not in shop.get("endpoints", "web")
    shop.store.delete("services", SHOP, "web")
    shop.clock.advance(2)
    assert shop.store.get("endpoints", SHOP, "web") is None


def test_a_pod_that_is_relabelled_or_has_ended_is_no_endpoint() -> None:
    shop = SmallCluster()
    for name in ("one", "two"):
        body = pod(name, container(script="sleep 20; exit 0"), restartPolicy="Never")
        body["metadata"]["labels"] = {"app": "web"}
        shop.create("pods", body)
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    shop.create("services", {"metadata": {"name": "web"}, "spec": spec})
    shop.clock.advance(10)

    def behind() -> set[str]:
        [found] = shop.store.list("endpointslices", SHOP)
        return {each["targetRef"]["name"] for each in found["endpoints"]}

    assert behind() == {"one", "two"}
    shop.change("pods", "one", ("metadata", "labels"), {"app": "other"})
    shop.clock.advance(1)
    assert behind() == {"two"}
    shop.clock.advance(30)
    assert behind() == set()


def test_a_daemon_set_has_one_pod_and_replaces_it() -> None:
    shop = SmallCluster()
    labels = {"app": "agent"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container()]}}
    shop.create(
        "daemonsets",
        {"metadata": {"name": "agent"}, "spec": {"selector": {"matchLabels": labels}, "template": template}},
    )
    shop.clock.advance(10)
    assert shop.get("daemonsets", "agent")["status"]["numberReady"] == 1
    shop.change(
        "daemonsets", "agent", ("spec", "template", "spec", "containers", 0, "image"), "example.org/app:2.0"
    )
    shop.clock.advance(60)
    assert images(shop) == {"example.org/app:2.0"}
    assert len(shop.pods()) == 1


def test_a_quota_says_what_is_used() -> None:
    shop = SmallCluster()
    shop.create(
        "resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "5", "requests.cpu": "2"}}}
    )
    amounts = {"requests": {"cpu": "250m"}, "limits": {"cpu": "250m"}}
    shop.create("pods", pod("one", container(resources=amounts)))
    shop.clock.advance(5)
    assert shop.get("resourcequotas", "q")["status"]["used"] == {"pods": "1", "requests.cpu": "250m"}


def test_a_new_namespace_is_furnished() -> None:
    shop = SmallCluster()
    shop.store.create("namespaces", {"metadata": {"name": "annex"}}, manager="test")
    shop.clock.advance(1)
    assert shop.store.get("serviceaccounts", "annex", "default")
    assert shop.store.get("configmaps", "annex", "kube-root-ca.crt")


def test_a_container_can_be_made_to_end_from_outside() -> None:
    shop = settled(replicas=1)
    name = shop.pods()[0]["metadata"]["name"]
    assert shop.kubelet.end_container(SHOP, name, "main", 137, reason="OOMKilled")
    shop.clock.advance(5)
    status = shop.get("pods", name)["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert not shop.kubelet.end_container(SHOP, name, "nobody", 1)
    assert not shop.kubelet.end_container(SHOP, "nothing", "main", 1)
