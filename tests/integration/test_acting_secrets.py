"""Secrets of files, of the cluster and of messages: while a rollback runs and after it they are nowhere they must not be."""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml

from bakeryops.cli.crash import crash_report
from bakeryops.cluster.writes import Writer
from tests.support.cli_child import Serving, call, environment
from tests.support.killed import OVERLAY, Shop, served_shop, shop
from tests.support.killed_clone import Clone
from tests.support.killed_console import confirm
from tests.support.pty import Terminal
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

IN_MESSAGE = "ghp_Pl4ntedInAMessage0123456789abcdef"
IN_CLUSTER = "pl4nted-in-the-cluster-7f3a9c"
IN_URL = "pl4nted-in-an-address-51d0e7"
_NOT_SECRET = re.compile(
    r"ca\.crt|username|known_hosts|tls\.crt|identity\.pub|namespace|config\.ya?ml|type|name|release"
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with served_shop(tmp_path_factory.mktemp("home"), speed=30) as running:
        yield running


@pytest.fixture
async def bakery(demo: Serving) -> AsyncIterator[Shop]:
    async with shop(demo) as found:
        yield found


class Watch:
    """Looks at every process of this machine as fast as it can, for texts in arguments and environments."""

    def __init__(self, secrets: set[bytes], home: Path) -> None:
        self._secrets = secrets
        self._home = str(home).encode()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.found: set[str] = set()
        self.gits: set[bytes] = set()

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.002):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    arguments = (process / "cmdline").read_bytes()
                    environ = (process / "environ").read_bytes()
                except OSError:
                    continue
                ours = self._home + b"/state" in arguments or b"HOME=" + self._home + b"/state" in environ
                if ours and b"git" in arguments:
                    self.gits.add(arguments.split(b"\0")[0])
                for secret in self._secrets:
                    if secret in arguments or (ours and secret in environ):
                        self.found.add(f"{arguments!r}")


async def planted(bakery: Shop) -> set[bytes]:
    """Return every secret there is: of files, and of the cluster."""
    folder = bakery.demo.folder
    writer = Writer(bakery.session.transport, bakery.session.discovery)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "planted"},
        "stringData": {"key": IN_CLUSTER},
    }
    await writer.create(secret, namespace="bakery-ia")
    found = {IN_MESSAGE, IN_CLUSTER, IN_URL, (folder / "gitea-token").read_text().strip()}
    for line in (folder / "git-credentials").read_text().split():
        found.add(line.partition("://")[2].partition("@")[0].partition(":")[2])
    for user in yaml.safe_load((folder / "kubeconfig").read_text())["users"]:
        found |= {str(value) for key, value in user["user"].items() if key in ("token", "password")}
    items = json.loads(await bakery.session.transport.get_bytes("/api/v1/secrets"))["items"]
    for item in items:
        for key, value in (item.get("data") or {}).items():
            text = base64.b64decode(value).decode("utf-8", "replace").strip()
            if not _NOT_SECRET.fullmatch(key) and len(text) >= 10 and item["type"] != "helm.sh/release.v1":
                found |= {text, value}
    assert len(found) > 10
    return {each.encode() for each in found if len(each) >= 10}


async def test_secrets_are_in_no_argument_no_environment_no_file_and_no_output(
    bakery: Shop, tmp_path: Path
) -> None:
    demo, outputs = bakery.demo, list[bytes]()

    def run(*arguments: str, code: int = 0) -> str:
        done = demo.bakeryops(*arguments)
        assert done.code == code, done
        outputs.append((done.out + done.err).encode())
        return done.out

    secrets = await planted(bakery)
    before = bakery.git("show", f"main:{OVERLAY}")
    clone = Clone(demo, tmp_path / "work")
    message = f"auth: take the new key {IN_MESSAGE}\n\npassword={IN_MESSAGE}"
    assert clone.pushed("services/auth/app/planted.py", "KEY = None\n", message)
    wait_until(lambda: _auth(bakery.git("show", f"main:{OVERLAY}")) != _auth(before), 120.0)
    with Watch(secrets, demo.home) as watch:
        run("rollback", "auth", "--dry-run")
        run("rollback", "auth", "--dry-run", "-o", "json")
        job = json.loads(run("rollback", "auth", "--yes", "--watch", "1", "-o", "json"))["id"]
        run("rebuild", "tenant", "--yes")
        console(demo, outputs)
        run("jobs", "cancel", bakery.store.ids()[0])
    for verb in (["jobs"], ["jobs", "list"], ["jobs", "attach", job], ["history"]):
        run(*verb)
        run(*verb, "-o", "json")
    assert "whole" in run("history", "verify")
    assert watch.found == set()
    assert watch.gits, "the processes of git were seen"
    for secret in secrets:
        assert not any(secret in output for output in outputs), secret
    looked = 0
    for path in (demo.home / "state").rglob("*"):
        if path.is_file() and ".git/" not in str(path):
            looked += 1
            data = path.read_bytes()
            assert not [secret for secret in secrets if secret in data], path
    assert looked > 8


def test_a_crash_report_names_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    try:
        raise ValueError(f"cannot read http://operator:{IN_URL}@gitea.example/x")
    except ValueError as error:
        said = crash_report(error)
    report = next((tmp_path / "bakeryops").glob("crash-*"))
    assert "cannot read http://operator:<hidden>@gitea.example/x" in report.read_text()
    assert IN_URL not in report.read_text() + "".join(said)


def console(demo: Serving, outputs: list[bytes]) -> None:
    """See the preview and the job of a rollback in the console, and keep all that it writes."""
    environ = {name: value for name, value in environment(demo.home).items() if name != "TERM"}
    command = [sys.executable, "-m", "bakeryops", "--config", str(demo.folder / "config.yaml")]
    with Terminal(command, columns=150, lines=50, environ=environ) as term:
        term.wait_for("live", 30)
        term.wait_for("R roll back")
        confirm(term)
        term.wait_for("main has")
        outputs.extend(["\n".join(term.text()).encode(), term.raw])


def _auth(overlay: str) -> str:
    return overlay.partition("bakery-admin/auth\n")[2].partition("\n")[0]


def test_an_address_with_a_password_is_refused_and_not_repeated(demo: Serving, tmp_path: Path) -> None:
    config = yaml.safe_load((demo.folder / "config.yaml").read_text())
    config["kubeconfig"] = str(demo.folder / "kubeconfig")
    config["git"]["url"] = config["git"]["url"].replace("http://", f"http://operator:{IN_URL}@")
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    for verb in (["rollback", "auth", "--dry-run"], ["rollback", "auth", "--yes"], ["config", "check"]):
        done = call(tmp_path, "--config", str(file), *verb)
        assert done.code != 0, done
        assert IN_URL not in done.out + done.err
    for path in tmp_path.rglob("*"):
        assert path == file or not path.is_file() or IN_URL.encode() not in path.read_bytes(), path
