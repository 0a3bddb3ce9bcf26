"""The commands against the embedded cluster: shapes, filters, exit codes, pipes and signals."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.cli_child import Serving, call, end, lines_until, serving
from tests.support.shapes import faults

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("home"), "--seed", "1") as running:
        yield running


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("status", ["status"], 3),
        ("workloads", ["workloads"], 3),
        ("pods", ["workloads", "--pods"], 3),
        ("events", ["events"], 0),
        ("config show", ["config", "show"], 0),
        ("config check", ["config", "check"], 0),
        ("version", ["version"], 0),
    ],
)
def test_json_and_yaml_have_the_documented_shape(
    demo: Serving, name: str, arguments: list[str], code: int
) -> None:
    for form, load in (("json", json.loads), ("yaml", yaml.safe_load)):
        done = demo.bakeryops(*arguments, "-o", form)
        assert done.code == code, done
        assert faults(name, load(done.out)) == []


def test_log_lines_have_the_documented_shape(demo: Serving) -> None:
    done = demo.bakeryops("logs", "gateway", "--tail", "5", "-o", "json")
    assert done.code == 0, done
    documents = [json.loads(line) for line in done.out.splitlines()]
    assert documents
    for document in documents:
        assert faults("logs", document) == []
    done = demo.bakeryops("logs", "gateway", "--tail", "2", "-o", "yaml")
    for document in yaml.safe_load_all(done.out):
        assert faults("logs", document) == []


def test_changes_have_the_documented_shape(tmp_path: Path) -> None:
    with serving(tmp_path, "--seed", "1", "--speed", "30") as demo:
        check_changes(demo)


def check_changes(demo: Serving) -> None:
    for verb, noun, name in (("workloads", "workload", "workloads"), ("events", "event", "events")):
        child = demo.start(verb, "--watch", "-o", "json")
        lines = lines_until(child, lambda lines: len(lines) >= 10)
        assert end(child, signal.SIGINT).code == 130
        changes = [json.loads(line) for line in lines]
        assert {change["change"] for change in changes} <= {"added", "changed", "removed"}
        assert changes[0]["change"] == "added"
        assert faults(name, [change[noun] for change in changes if change["change"] != "removed"]) == []


def test_status_watched_is_one_document_a_line(demo: Serving) -> None:
    child = demo.start("status", "-w", "-o", "json")
    (line,) = lines_until(child, lambda lines: True)[:1]
    done = end(child, signal.SIGINT)
    assert (done.code, done.err) == (130, "") or "Traceback" not in done.err
    assert faults("status", json.loads(line)) == []


def test_the_bakery_is_counted_at_full_size(demo: Serving) -> None:
    document = demo.bakeryops("status", "-o", "json").json()
    assert document["context"] == "admin"
    assert document["databases"]["total"] == 22
    assert {part["name"] for part in document["parts"] if part["present"]} == {
        "Gitea", "Tekton", "Flux", "SigNoz", "App",
    }  # fmt: skip
    assert document["cicd"]["budget"] >= 2 << 30


def test_status_for_people_says_the_worst_first(demo: Serving) -> None:
    done = demo.bakeryops("status")
    assert done.code == 3
    assert done.out.startswith("✖ bad  admin  https://127.0.0.1:")
    for title in ("NEEDS YOU", "PART", "NODE", "workloads "):
        assert title in done.out
    assert "\x1b" not in done.out


def test_filters(demo: Serving) -> None:
    def names(*arguments: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = demo.bakeryops("workloads", "-o", "json", *arguments).json()
        return found

    everything = names()
    assert {each["namespace"] for each in names("-n", "gitea")} == {"gitea"}
    assert {each["health"] for each in names("-p")} & {"fine"} == set()
    assert len(names("-p")) < len(everything)
    auth = names("-s", "auth")
    assert auth
    assert all(each["service"].startswith("auth") or each["name"].startswith("auth") for each in auth)
    healthy = [each["service"] for each in everything if each["health"] == "fine" and each["service"]]
    pods = names("-s", healthy[0], "--pods")
    assert pods
    assert {each["service"] for each in pods} == {healthy[0]}
    warnings = demo.bakeryops("events", "-p", "-o", "json").json()
    assert {each["type"] for each in warnings} == {"Warning"}
    assert demo.bakeryops("events", "--since", "0", "-o", "json").json() == []


def test_what_is_fine_alone_exits_with_0(demo: Serving) -> None:
    done = demo.bakeryops("workloads", "-n", "flux-system")
    assert done.code == 0, done
    assert done.out.splitlines()[0].split()[:3] == ["NAMESPACE", "NAME", "KIND"]


def test_a_namespace_of_the_configuration_holds_and_can_be_undone(demo: Serving) -> None:
    more = {"BAKERYOPS_NAMESPACE": "gitea"}
    found = json.loads(demo.bakeryops("workloads", "-o", "json", more=more).out)
    assert {each["namespace"] for each in found} == {"gitea"}
    found = json.loads(demo.bakeryops("workloads", "-A", "-o", "json", more=more).out)
    assert len({each["namespace"] for each in found}) > 3


def test_who_may_see_one_namespace_only_is_told_so(demo: Serving) -> None:
    refused = demo.bakeryops("workloads", "--context", "nsviewer")
    assert refused.code == 5, refused
    assert "-n bakery-ia" in refused.err
    assert refused.out == ""
    assert demo.bakeryops("workloads", "--context", "nsviewer", "-n", "bakery-ia").code == 3
    status = demo.bakeryops("status", "--context", "nsviewer", "-n", "bakery-ia", "-o", "json")
    assert status.code == 3, status
    assert any("nodes" in sentence for sentence in status.json()["unknown"])


def test_logs_of_a_service_of_a_pod_and_of_a_container(demo: Serving) -> None:
    done = demo.bakeryops("logs", "gateway", "--tail", "3")
    assert done.code == 0
    lines = done.out.splitlines()
    assert all(line.startswith("[gateway-") for line in lines)
    pod = lines[0][1:].split()[0]
    alone = demo.bakeryops("logs", f"pod/{pod}", "--tail", "2", "-t")
    assert len(alone.out.splitlines()) == 2
    assert all(line.startswith("20") for line in alone.out.splitlines())
    assert demo.bakeryops("logs", f"deploy/{pod.rsplit('-', 2)[0]}", "--tail", "1", "--no-prefix").code == 0


def test_several_logs_are_in_the_order_of_time(demo: Serving) -> None:
    done = demo.bakeryops("logs", "gateway", "--tail", "200", "-o", "json")
    times = [json.loads(line)["time"] for line in done.out.splitlines()]
    pods = {json.loads(line)["pod"] for line in done.out.splitlines()}
    assert len(pods) > 1
    from bakeryops.cluster.logbuffer import nanoseconds

    stamps = [nanoseconds(time) for time in times]
    assert None not in stamps
    assert stamps == sorted(stamps)  # type: ignore[type-var]


def test_logs_followed_go_on_until_interrupted(demo: Serving) -> None:
    child = demo.start("logs", "gateway", "-f", "--tail", "1")
    lines_until(child, lambda lines: len(lines) >= 6)
    done = end(child, signal.SIGINT)
    assert done.code == 130
    assert "Traceback" not in done.err
    assert "Unclosed" not in done.err


def test_the_log_before_a_restart(demo: Serving) -> None:
    pods = demo.bakeryops("workloads", "--pods", "-o", "json").json()
    crashed = next(pod for pod in pods if pod["restarts"] and pod["status"] == "CrashLoopBackOff")
    done = demo.bakeryops("logs", crashed["name"], "-p", "--tail", "5")
    assert done.code == 0, done
    assert done.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["logs", "gatewy"], 1, "Did you mean gateway"),
        (["logs", "gateway", "-c", "nope"], 2, "Its containers: gateway"),
        (["logs", "secret/x"], 2, "no kind that has logs"),
        (["logs", "gateway", "--tail", "x"], 2, "neither a number of lines nor 'all'"),
        (["logs", "gateway", "--since", "yesterday"], 2, "not a duration"),
        (["workloads", "--context", "nope"], 2, "admin"),
        (["workloads", "--theme", "x"], 2, "No such option"),
        (["workloads", "-o", "xml"], 2, "xml"),
        (["--theme", "drak", "status"], 2, "did you mean 'dark'"),
        (["nope"], 2, "No such command"),
    ],
)
def test_mistakes_are_told_with_what_mends_them(
    demo: Serving, arguments: list[str], code: int, words: str
) -> None:
    done = demo.bakeryops(*arguments)
    assert done.code == code, done
    assert words in done.err
    assert done.out == ""
    assert "Traceback" not in done.err


def test_credentials_that_are_refused(demo: Serving, tmp_path: Path) -> None:
    config = yaml.safe_load((demo.folder / "kubeconfig").read_text())
    for user in config["users"]:
        user["user"]["token"] = "hunter2-wrong"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    for arguments in (["status"], ["workloads", "-w"], ["logs", "gateway", "-f"]):
        done = demo.bakeryops("--kubeconfig", str(path), *arguments)
        assert done.code == 4, done
        assert "hunter2" not in done.err + done.out
        assert done.out == ""


def test_a_cluster_that_is_not_there(demo: Serving, tmp_path: Path) -> None:
    config = yaml.safe_load((demo.folder / "kubeconfig").read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    for arguments in (["status"], ["status", "-w"], ["events", "-o", "json"], ["logs", "gateway", "-f"]):
        done = demo.bakeryops("--kubeconfig", str(path), *arguments)
        assert done.code == 4, done
        assert "127.0.0.1:9" in done.err
        assert done.out == ""


def test_no_cluster_at_all(tmp_path: Path) -> None:
    done = call(tmp_path, "status")
    if "MicroK8s" not in done.err:
        pytest.skip("this machine has a cluster of its own")
    assert done.code == 4
    assert "bakeryops demo" in done.err


def test_a_reader_that_leaves_is_no_error(demo: Serving) -> None:
    child = demo.start("logs", "gateway", "-f", "--tail", "500")
    lines_until(child, lambda lines: len(lines) >= 1)
    assert child.stdout is not None
    child.stdout.close()
    child.stdout = None
    _, err = child.communicate(timeout=120)
    assert (child.returncode, err) == (0, "")


def test_rows_that_change_are_lines_in_a_pipe(demo: Serving) -> None:
    child = demo.start("workloads", "--pods", "--watch")
    first = lines_until(child, lambda lines: len(lines) >= 20)
    done = end(child, signal.SIGINT)
    assert first[0].split()[0] == "NAMESPACE"
    assert sum(line.split()[:2] == ["NAMESPACE", "NAME"] for line in [*first, *done.out.splitlines()]) == 1
    assert "\x1b" not in "".join(first)


def test_a_cluster_that_is_lost_while_watching_is_told_and_so_is_its_return(tmp_path: Path) -> None:
    with serving(tmp_path) as own:
        watches = [own.start("status", "-w"), own.start("workloads", "-w", "-o", "json")]
        for child in watches:
            lines_until(child, lambda lines: True)
        own.child.send_signal(signal.SIGSTOP)
        try:
            said = [error_until(child, ": stale: ") for child in watches]
        finally:
            own.child.send_signal(signal.SIGCONT)
        assert all("https://127.0.0.1:" in text for text in said)
        for child in watches:
            error_until(child, ": live")
            assert end(child, signal.SIGINT).code == 130


def error_until(child: subprocess.Popen[str], words: str) -> str:
    """Return the line of standard error that holds these words."""
    assert child.stderr is not None
    for line in child.stderr:
        if words in line:
            return line
    raise AssertionError(f"never said: {words}")
