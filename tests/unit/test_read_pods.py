"""Pods read: the word, the sentence, and when time alone changes them."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.model.health import Health
from bakeryops.model.workload import PodView
from bakeryops.read.images import cannot_pull, split_image
from bakeryops.read.pods import pod, with_usage
from bakeryops.units import parse_time
from tests.support.reading import NOW, decode, ended, not_ready, raw_pod, running, stamp


def read(raw: dict[str, Any], *, later: float = 0.0) -> PodView:
    return pod(decode("pods", raw), now=NOW + later)


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {
        "name": "auth",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
        **more,
    }


def test_a_healthy_pod() -> None:
    view = read(raw_pod())
    assert (view.health, view.status, view.reason) == (Health.FINE, "Running", "")
    assert (view.ready, view.total, view.restarts) == (1, 1, 0)
    assert view.workload == "Deployment/bakery-ia/auth"
    assert view.service == "auth"
    assert view.containers[0].tag == "20261122-0258-9f3c2a1"
    assert view.qos == "Burstable"
    assert view.recheck is None


def test_two_readings_at_different_times_are_equal_where_nothing_changed() -> None:
    assert read(raw_pod()) == read(raw_pod(), later=3600)


def test_one_restart_is_a_warning_for_ten_minutes() -> None:
    raw = raw_pod(containerStatuses=[running("auth", 30, restarts=1, lastState=ended(3, 31, ran=4000))])
    view = read(raw)
    assert (view.health, view.status, view.reason) == (Health.SOON, "Running", "was restarted: exit 3")
    assert view.restarted == NOW - 31
    assert view.recheck == NOW - 30 + 600
    assert read(raw, later=571).health is Health.FINE


def test_a_loop_is_bad_also_while_its_container_runs_for_a_moment() -> None:
    raw = raw_pod(containerStatuses=[running("auth", 5, restarts=7, lastState=ended(1, 300, ran=2))])
    view = read(raw)
    assert (view.health, view.status) == (Health.BAD, "CrashLoopBackOff")
    assert view.reason == "crash-looping: exit 1, 7 restarts"
    assert view.recheck == NOW - 5 + 60
    later = read(raw, later=56)
    assert (later.health, later.status) == (Health.SOON, "Running")
    assert read(raw, later=600).health is Health.FINE


def test_a_crash_after_a_long_run_is_no_loop() -> None:
    status = {"name": "auth", "ready": False, "restartCount": 1, "state": ended(1, 2, ran=90_000)}
    view = read(raw_pod(conditions=not_ready(2), containerStatuses=[status]))
    assert (view.health, view.status) == (Health.BAD, "Error")
    assert view.reason == "ended, will be started again: exit 1"


def test_an_out_of_memory_kill_names_the_limit() -> None:
    raw = raw_pod(containerStatuses=[running("auth", 5, restarts=1, lastState=ended(137, 6, reason="OOMKilled"))])
    raw["spec"]["containers"][0]["resources"] = {"limits": {"memory": "256Mi"}}
    view = read(raw)
    assert view.reason == "was restarted: out of memory at its limit of 256M"
    assert view.oom_kills == 1
    assert view.containers[0].oom


@pytest.mark.parametrize(
    ("code", "words"),
    [(137, "exit 137 (killed)"), (139, "exit 139 (segmentation fault)"), (127, "exit 127 (command not found)")],
)
def test_exit_codes_are_explained(code: int, words: str) -> None:
    status = {"name": "auth", "ready": False, "restartCount": 3, "state": ended(code, 2)}
    assert words in read(raw_pod(containerStatuses=[status])).reason


def test_the_termination_message_is_part_of_the_reason() -> None:
    state = ended(1, 2)
    state["terminated"]["message"] = "KeyError: 'JWT_TTL'\n\x1b[31m"
    status = {"name": "auth", "ready": False, "restartCount": 3, "state": state}
    assert (
        read(raw_pod(containerStatuses=[status])).reason
        == "crash-looping: exit 1: KeyError: 'JWT_TTL', 3 restarts"
    )


def test_waiting_for_configuration() -> None:
    status = waiting("CreateContainerConfigError", 'secret "db" not found')
    view = read(raw_pod(phase="Pending", containerStatuses=[status]))
    assert (view.health, view.status) == (Health.BAD, "CreateContainerConfigError")
    assert view.reason == 'waits for configuration: secret "db" not found'
    assert view.since == NOW - 7200, "it never ran, so since the pod began"


def test_an_unknown_waiting_reason_is_bad_and_shown() -> None:
    view = read(raw_pod(phase="Pending", containerStatuses=[waiting("FancyNewError", "no flour")]))
    assert (view.health, view.status, view.reason) == (Health.BAD, "FancyNewError", "cannot start: no flour")


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("dial tcp: lookup gitea.local: no such host", "name does not resolve"),
        ("x509: certificate signed by unknown authority", "certificate is not trusted"),
        ("http: server gave HTTP response to HTTPS client", "speaks HTTP"),
        ("unexpected status from HEAD request to https://r/v2/a: 401 Unauthorized", "refuses the credentials"),
        ("pull access denied, repository does not exist or may require authorization", "refuses the credentials"),
        ('rpc error: code = NotFound: "r/a:1": not found', "no such image or tag"),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "cannot be reached"),
        ("write /var/lib: no space left on device", "disk is full"),
        ("toomanyrequests: You have reached your pull rate limit", "limits the rate"),
    ],
)
def test_why_an_image_cannot_be_pulled(message: str, cause: str) -> None:
    assert cause in cannot_pull("ErrImagePull", message, "r/a:1")


def test_the_name_of_an_image_is_no_cause() -> None:
    assert cannot_pull("ImagePullBackOff", 'Back-off pulling image "eof/not found:404"', "eof/not found:404") == (
        "cannot pull eof/not found:404"
    )


@pytest.mark.parametrize(
    ("reference", "name", "tag", "commit"),
    [
        ("gitea.local:5000/bakery/auth:20261122-0258-9f3c2a1", "gitea.local:5000/bakery/auth", "20261122-0258-9f3c2a1",
         "9f3c2a1"),
        ("r/auth:20261122025811-9f3c2a1b44d0", "r/auth", "20261122025811-9f3c2a1b44d0", "9f3c2a1b44d0"),
        ("r/auth:main-9f3c2a1", "r/auth", "main-9f3c2a1", "9f3c2a1"),
        ("postgres:17.2", "postgres", "17.2", ""),
        ("postgres:20250101", "postgres", "20250101", ""),
        ("localhost:5000/auth", "localhost:5000/auth", "latest", ""),
        ("r/auth@sha256:abcd", "r/auth", "", ""),
        ("", "", "", ""),
    ],
)  # fmt: skip
def test_images_are_taken_apart(reference: str, name: str, tag: str, commit: str) -> None:
    image = split_image(reference)
    assert (image.name, image.tag, image.commit) == (name, tag, commit)


def test_a_dated_tag_says_when_it_was_built() -> None:
    assert split_image("r/auth:20261122-0258-9f3c2a1").built == parse_time("2026-11-22T02:58:00Z")
    assert split_image("r/auth:20261399-9958-9f3c2a1").built is None


def test_unschedulable_is_bad_after_a_moment() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available.",
        "lastTransitionTime": stamp(3),
    }
    raw = raw_pod(phase="Pending", conditions=[condition], containerStatuses=None)
    assert read(raw).health is Health.WORKING
    view = read(raw, later=30)
    assert (view.health, view.reason) == (Health.BAD, "fits on no node: 1 Insufficient memory")


def test_readiness_that_never_comes() -> None:
    raw = raw_pod(conditions=not_ready(25), containerStatuses=[running("auth", 20, ready=False)])
    raw["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/"}}
    view = read(raw)
    assert (view.health, view.status, view.reason) == (Health.WORKING, "NotReady", "runs, not ready yet")
    view = read(raw, later=101)
    assert view.health is Health.BAD
    assert view.reason == "runs but does not become ready: its readiness probe fails"


def test_readiness_that_was_lost() -> None:
    raw = raw_pod(conditions=not_ready(10), containerStatuses=[running("auth", 5000, ready=False)])
    assert read(raw).health is Health.SOON
    assert read(raw, later=51).health is Health.BAD


def test_a_startup_probe_is_given_time() -> None:
    raw = raw_pod(conditions=not_ready(205), containerStatuses=[running("auth", 200, ready=False, started=False)])
    raw["spec"]["containers"][0]["startupProbe"] = {"httpGet": {"path": "/"}}
    assert read(raw).health is Health.WORKING
    assert read(raw, later=101).health is Health.BAD


def test_containers_that_are_never_created() -> None:
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(10)}]
    raw = raw_pod(phase="Pending", conditions=conditions, containerStatuses=[waiting("ContainerCreating")])
    assert read(raw).health is Health.WORKING
    assert read(raw, later=291).health is Health.SOON


def test_a_pod_that_will_not_go() -> None:
    raw = raw_pod()
    raw["metadata"] |= {"deletionTimestamp": stamp(-10), "deletionGracePeriodSeconds": 30}
    view = read(raw)
    assert (view.health, view.status, view.terminating) == (Health.WORKING, "Terminating", NOW - 20)
    late = read(raw, later=41)
    assert (late.health, late.status) == (Health.BAD, "Terminating")
    raw["metadata"]["finalizers"] = ["bakery.example/handover"]
    assert "finalizer bakery.example/handover" in read(raw, later=41).reason


def test_an_evicted_pod() -> None:
    raw = raw_pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    view = read(raw)
    assert (view.health, view.status) == (Health.BAD, "Evicted")
    assert view.reason == "evicted from its node: The node was low on resource: memory."


def test_a_node_that_is_silent_makes_a_pod_unknown() -> None:
    conditions = [{"type": "Ready", "status": "Unknown", "lastTransitionTime": stamp(60)}]
    assert read(raw_pod(conditions=conditions)).health is Health.UNKNOWN
    assert read(raw_pod(reason="NodeLost")).health is Health.UNKNOWN


@pytest.mark.parametrize("status", [None, {}, {"phase": None}, {"phase": "Baking"}, {"phase": "Running"}])
def test_a_status_that_says_nothing_is_unknown(status: dict[str, Any] | None) -> None:
    raw = raw_pod()
    raw["status"] = status
    view = read(raw)
    assert view.health is Health.UNKNOWN
    assert view.reason


def test_ready_containers_of_a_pod_that_is_not() -> None:
    conditions = [{"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"}]
    view = read(raw_pod(conditions=conditions))
    assert (view.health, view.reason) == (Health.SOON, "not ready: ReadinessGatesNotReady")


def test_an_init_container_that_fails() -> None:
    raw = raw_pod(
        phase="Pending",
        containerStatuses=[waiting("PodInitializing")],
        initContainerStatuses=[{"name": "migrate", "restartCount": 2, "state": ended(1, 2)}],
    )
    raw["spec"]["initContainers"] = [{"name": "migrate", "image": "r/auth:1"}]
    view = read(raw)
    assert (view.health, view.status) == (Health.BAD, "Init:CrashLoopBackOff")
    assert view.reason == "migrate: crash-looping: exit 1, 2 restarts"


def test_what_a_pod_reserves() -> None:
    raw = raw_pod()
    raw["spec"]["containers"] = [
        {
            "name": "auth",
            "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}},
        },
        {"name": "side", "resources": {"requests": {"cpu": "50m", "memory": "16Mi"}}},
    ]
    raw["spec"]["initContainers"] = [{"name": "migrate", "resources": {"requests": {"cpu": "1"}}}]
    amounts = read(raw).amounts
    assert amounts.cpu_request == 1.0
    assert amounts.memory_request == 80 * 2**20
    assert amounts.memory_limit is None, "one container without a limit leaves the pod without"


def test_usage_comes_and_goes() -> None:
    metrics = decode(
        "podmetrics",
        {"metadata": {}, "containers": [{"name": "auth", "usage": {"cpu": "12m", "memory": "100Ki"}}]},
    )
    view = pod(decode("pods", raw_pod()), now=NOW, usage=metrics)
    assert view.amounts.cpu_used == pytest.approx(0.012)
    assert view.containers[0].amounts.memory_used == 102_400
    assert with_usage(view, metrics) is view
    assert with_usage(view, None).amounts.memory_used is None


def test_hostile_text_comes_out_clean() -> None:
    evil = "a\x1b]52;c;ZXZpbA==\x07\u202eb\nc"
    raw = raw_pod(phase="Pending", containerStatuses=[waiting("ErrImagePull", evil)])
    raw["metadata"] |= {"name": evil, "namespace": evil, "labels": {"app": evil}}
    raw["spec"]["containers"][0] |= {"image": evil}
    raw["spec"]["nodeName"] = evil
    view = read(raw)
    for text in (view.key, view.name, view.reason, view.node, view.service, view.containers[0].image):
        assert text.isprintable()
        assert "\u202e" not in text
