from __future__ import annotations

import stat
from pathlib import Path

import click
import pytest

from bakeryops.cli import main
from bakeryops.cli.logs_names import containers_of, pods_named, split_name
from bakeryops.cli.options import _Duration
from bakeryops.cluster.wire.core import Pod
from bakeryops.errors import BakeryopsError, RefusedError, UsageError
from bakeryops.read.workloads import read_all


def outcome(monkeypatch: pytest.MonkeyPatch, error: BaseException, tmp_path: Path) -> int:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    with pytest.raises(SystemExit) as ended:
        main.run([])
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RefusedError("no", why="because", hint="try"), 5),
        (BakeryopsError("failed"), 1),
        (click.UsageError("wrong"), 2),
        (click.exceptions.Abort(), 130),
    ],
)
def test_every_end_has_its_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException, code: int
) -> None:
    assert outcome(monkeypatch, error, tmp_path) == code


def test_an_error_is_told_with_cause_and_mend(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome(monkeypatch, RefusedError("no \x1b[2J", why="because", hint="try"), tmp_path)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "bakeryops: no \n  because\n  try\n")


def test_a_fault_of_ours_leaves_a_private_report_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(monkeypatch, ZeroDivisionError("x\x1b]0;t\x07"), tmp_path) == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError: x" in told
    assert "Traceback" not in told
    assert "\x1b" not in told
    (report,) = (tmp_path / "bakeryops").glob("crash-*.txt")
    assert "Traceback" in report.read_text()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("1d12h", 129_600), ("0", 0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert _Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "x", "-5m", "d", "5 apples", "1.5d", "1e9d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        _Duration().convert(text, None, None)


def pod(name: str, namespace: str = "shop", *, service: str = "", containers: tuple[str, ...] = ("main",)) -> Pod:
    import msgspec

    return msgspec.convert(
        {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": f"{namespace}-{name}",
                "labels": {"app.kubernetes.io/name": service} if service else {},
            },
            "spec": {"containers": [{"name": each} for each in containers], "initContainers": [{"name": "setup"}]},
            "status": {"phase": "Running"},
        },
        Pod,
    )


def test_a_name_is_a_pod_before_a_service() -> None:
    index = read_all(
        {"pods": [pod("auth", service="other"), pod("auth-1", service="auth"), pod("auth-2", service="auth")]}
    )
    assert [each.name for each in pods_named(index, "auth")] == ["auth"]
    assert [each.name for each in pods_named(index, "service/auth")] == ["auth-1", "auth-2"]
    assert [each.name for each in pods_named(index, "pod/auth-2")] == ["auth-2"]


def test_the_short_name_of_a_service_will_do() -> None:
    index = read_all({"pods": [pod("a", service="auth-service")]})
    assert [each.name for each in pods_named(index, "auth")] == ["a"]


def test_a_name_in_two_namespaces_asks_which() -> None:
    index = read_all({"pods": [pod("auth", "one"), pod("auth", "two")]})
    with pytest.raises(UsageError, match="one, two"):
        pods_named(index, "auth")


def test_a_name_that_is_nothing_suggests_another() -> None:
    index = read_all({"pods": [pod("gateway")]})
    with pytest.raises(BakeryopsError) as unknown:
        pods_named(index, "gatewya")
    assert unknown.value.hint == "Did you mean gateway?"
    assert not isinstance(unknown.value, UsageError)


def test_kinds_in_names() -> None:
    assert split_name("auth") == (None, "auth")
    assert split_name("deploy/auth") == ("Deployment", "auth")
    for wrong in ("secret/x", "pod/", "a/b/c"):
        with pytest.raises(UsageError):
            split_name(wrong)


def test_init_containers_only_when_named() -> None:
    index = read_all({"pods": [pod("auth", containers=("main", "proxy"))]})
    pods = pods_named(index, "auth")
    assert [each.container for each in containers_of(pods, None)] == ["main", "proxy"]
    assert [each.container for each in containers_of(pods, "setup")] == ["setup"]
    with pytest.raises(UsageError) as wrong:
        containers_of(pods, "nope")
    assert "setup" in wrong.value.hint
