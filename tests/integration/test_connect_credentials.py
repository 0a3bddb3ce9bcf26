"""Credentials as they are fetched, kept, renewed and refused, with real plugins as child processes."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from bakeryops.cluster import exec_plugin
from bakeryops.cluster.credentials import Credentials
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.login import ExecPlugin, Impersonation, Login, Trust
from bakeryops.cluster.target import Target, find_target
from bakeryops.errors import CredentialError
from tests.support.certificates import authority, needs_openssl
from tests.support.fake_api import fake_api, refused, started

V1 = "client.authentication.k8s.io/v1"
UNAUTHORIZED = refused(401, "Unauthorized", "Unauthorized")


def _plugin(folder: Path, body: str, *, command: str = "./plugin", **more) -> ExecPlugin:
    script = folder / "plugin"
    script.write_text(
        f"#!{sys.executable}\nimport json, os, sys, time, pathlib\nhere = pathlib.Path(__file__).parent\n{body}\n"
    )
    script.chmod(0o755)
    return ExecPlugin(command=command, args=(), env={}, api_version=V1, folder=folder, **more)


def _prints(folder: Path, **status) -> str:
    answer = {"apiVersion": V1, "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(answer)!r})"


COUNTS = """
count = here / "count"
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
status = {"token": f"token-{number}"}
"""
ANSWERS = f"""
print(json.dumps({{"apiVersion": "{V1}", "kind": "ExecCredential", "status": status}}))
"""


def _runs(folder: Path) -> int:
    count = folder / "count"
    return int(count.read_text()) if count.exists() else 0


async def _failure(plugin: ExecPlugin, **options) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        await exec_plugin.run(plugin, Target("https://x", source="~/.kube/config"), **options)
    assert all(line.isprintable() for line in caught.value.lines())
    return caught.value


async def test_a_token_is_sent_and_the_plugin_runs_once_for_many_requests(tmp_path: Path) -> None:
    login = Login(plugin=_plugin(tmp_path, COUNTS + ANSWERS))
    async with fake_api() as api, started(api.target(login=login)) as transport:
        api.answer("*", "*", {})
        await asyncio.gather(*(transport.get_bytes(f"/{n}") for n in range(20)))
    assert {each.headers["Authorization"] for each in api.asked} == {"Bearer token-1"}
    assert _runs(tmp_path) == 1


async def test_after_a_401_one_renewal_serves_all_and_each_request_is_sent_once_more(tmp_path: Path) -> None:
    """The library's loader sends the old token for ever."""
    login = Login(plugin=_plugin(tmp_path, COUNTS + ANSWERS))

    async def check(request):
        from aiohttp import web

        good = request.headers["Authorization"] == "Bearer token-2"
        return web.json_response({} if good else UNAUTHORIZED[1], status=200 if good else 401)

    async with fake_api() as api, started(api.target(login=login)) as transport:
        api.answer("*", "*", check)
        await asyncio.gather(*(transport.get_bytes(f"/{n}") for n in range(10)))
    assert _runs(tmp_path) == 2
    assert len(api.asked) == 20


async def test_a_401_that_renewal_does_not_mend_is_told_and_runs_no_storm_of_plugins(tmp_path: Path) -> None:
    login = Login(plugin=_plugin(tmp_path, COUNTS + ANSWERS))
    async with fake_api() as api, started(api.target(login=login)) as transport:
        api.answer("*", "*", UNAUTHORIZED)
        for _ in range(10):
            with pytest.raises(CredentialError) as caught:
                await transport.get_bytes("/x")
        assert isinstance(caught.value, KubeError)
        assert caught.value.kind == "unauthorized"
        assert _runs(tmp_path) == 2
        transport.credentials.forget()
        with pytest.raises(CredentialError):
            await transport.get_bytes("/x")
        assert _runs(tmp_path) == 4


async def test_a_renewal_that_fails_tells_the_plugins_words_every_time(tmp_path: Path) -> None:
    body = f"{COUNTS}\nif number > 1: sys.exit('session expired')\n{ANSWERS}"
    login = Login(plugin=_plugin(tmp_path, body))
    async with fake_api() as api, started(api.target(login=login)) as transport:
        api.answer("*", "*", UNAUTHORIZED)
        for _ in range(3):
            with pytest.raises(CredentialError) as caught:
                await transport.get_bytes("/x")
            assert isinstance(caught.value, KubeError)
            assert caught.value.kind == "unauthorized"
            assert caught.value.message.endswith(": session expired")
    assert _runs(tmp_path) == 2


async def test_a_static_token_that_is_rejected_is_sent_once() -> None:
    async with fake_api() as api, started(api.target()) as transport:
        api.answer("*", "*", UNAUTHORIZED)
        with pytest.raises(CredentialError):
            await transport.get_bytes("/x")
    assert len(api.asked) == 1


async def test_a_kubeconfig_that_was_mended_is_taken_over(tmp_path: Path) -> None:
    async with fake_api() as api:
        file = tmp_path / "config"

        def write(token: str) -> None:
            cluster = {"name": "c", "cluster": {"server": api.url}}
            user = {"name": "c", "user": {"token": token}}
            context = {"name": "c", "context": {"cluster": "c", "user": "c"}}
            file.write_text(json.dumps({"clusters": [cluster], "users": [user], "contexts": [context]}))

        write("first")
        api.answer("GET", "/x", {}, UNAUTHORIZED, {}, UNAUTHORIZED, UNAUTHORIZED, {})
        async with started(find_target(str(file))) as transport:
            await transport.get_bytes("/x")
            write("second")
            await transport.get_bytes("/x")
            file.write_text("broken: [")
            for _ in range(2):
                with pytest.raises(CredentialError):
                    await transport.get_bytes("/x")
            write("third")
            transport.credentials.forget()
            await transport.get_bytes("/x")
    sent = [each.headers["Authorization"].removeprefix("Bearer ") for each in api.asked]
    assert sent == ["first", "first", "second", "second", "second", "third"]


async def test_an_expiring_credential_is_fetched_a_minute_early(tmp_path: Path) -> None:
    now = [1_700_000_000.0]
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now[0] + 300))
    plugin = _plugin(tmp_path, f"{COUNTS}\nstatus['expirationTimestamp'] = '{stamp}'\n{ANSWERS}")
    credentials = Credentials(Target("http://x", login=Login(plugin=plugin)), clock=lambda: now[0])
    assert (await credentials.get()).authorization == "Bearer token-1"
    now[0] += 239
    assert (await credentials.get()).authorization == "Bearer token-1"
    now[0] += 2
    assert (await credentials.get()).authorization == "Bearer token-2"


async def test_a_failing_plugin_is_asked_once_in_a_while_only(tmp_path: Path) -> None:
    now = [0.0]
    plugin = _plugin(tmp_path, COUNTS + "sys.exit(1)")
    credentials = Credentials(Target("http://x", login=Login(plugin=plugin)), clock=lambda: now[0])
    for _ in range(5):
        with pytest.raises(CredentialError):
            await credentials.get()
    assert _runs(tmp_path) == 1
    now[0] += 11
    with pytest.raises(CredentialError):
        await credentials.get()
    assert _runs(tmp_path) == 2
    credentials.forget()
    with pytest.raises(CredentialError):
        await credentials.get()
    assert _runs(tmp_path) == 3


async def test_a_talkative_plugin_gives_nothing_away(tmp_path: Path) -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
    words = (
        f"debug: got {jwt}\\n> Authorization: Bearer hush-hush\\nrefresh_token=hush-hush&x=1\\nPassword: hush-hush"
    )
    error = await _failure(_plugin(tmp_path, f"sys.stderr.write('{words}'); sys.exit(1)"))
    told = " ".join(error.lines())
    assert "hush" not in told
    assert jwt not in told
    assert "debug: got <hidden>" in told


async def test_a_failing_plugins_words_reach_the_person(tmp_path: Path) -> None:
    """The library logs them and goes on as nobody."""
    body = "sys.stderr.write('\\x1b]52;c;aGk=\\x07The SSO session has expired\\nrun: aws sso login\\n'); sys.exit(255)"
    error = await _failure(_plugin(tmp_path, body))
    assert "failed (exit code 255)" in error.message
    assert error.why == "The SSO session has expired / run: aws sso login"
    assert error.exit_code == 4


async def test_a_failing_plugin_reaches_who_asked_through_the_transport(tmp_path: Path) -> None:
    login = Login(plugin=_plugin(tmp_path, "sys.exit('log in first')", install_hint="apt install plugin"))
    async with fake_api() as api, started(api.target(login=login)) as transport:
        with pytest.raises(CredentialError) as caught:
            await transport.get_bytes("/x")
    assert api.asked == []
    assert caught.value.message == "the credential plugin ./plugin failed (exit code 1): log in first"
    assert caught.value.hint == "apt install plugin"


async def test_a_missing_plugin_and_its_install_hint(tmp_path: Path) -> None:
    plugin = ExecPlugin("no-such-plugin", (), {}, V1, tmp_path, install_hint="brew install no-such-plugin")
    error = await _failure(plugin)
    assert error.message == "the credential plugin no-such-plugin is not installed"
    assert error.hint == "brew install no-such-plugin"
    assert "install nothere" in (await _failure(ExecPlugin("nothere", (), {}, V1, tmp_path))).hint


async def test_a_plugin_that_may_not_be_executed(tmp_path: Path) -> None:
    plugin = _plugin(tmp_path, "")
    (tmp_path / "plugin").chmod(0o644)
    assert "cannot be started" in (await _failure(plugin)).message


async def test_a_relative_command_counts_from_the_kubeconfig(tmp_path: Path, monkeypatch) -> None:
    """The library looks it up in the current folder."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    plugin = _plugin(tmp_path, _prints(tmp_path, token="t"))
    assert (await exec_plugin.run(plugin, Target("https://x"))).token == "t"


async def test_a_plugin_that_writes_much_to_both_pipes_does_not_hang(tmp_path: Path) -> None:
    """The library reads one pipe to its end before the other, and waits for ever."""
    body = f"sys.stderr.write('x' * 240_000 + 'end'); sys.stderr.flush()\n{_prints(tmp_path, token='t')}\n"
    plugin = _plugin(tmp_path, body + "print(' ' * 240_000)")
    assert (await exec_plugin.run(plugin, Target("https://x"))).token == "t"


async def test_a_plugin_gets_no_keyboard(tmp_path: Path) -> None:
    """The library hands it the terminal."""
    body = "said = sys.stdin.read()\ntry:\n    open('/dev/tty'); said += 'tty'\nexcept OSError: pass\n"
    plugin = _plugin(tmp_path, f"{body}status = {{'token': 'got:' + said}}\n{ANSWERS}")
    assert (await exec_plugin.run(plugin, Target("https://x"))).token == "got:"


async def test_a_plugin_that_does_not_end_is_ended_with_all_its_children(tmp_path: Path) -> None:
    body = "import subprocess; subprocess.Popen(['sleep', '600']); time.sleep(600)"
    error = await _failure(_plugin(tmp_path, body), seconds=0.5)
    assert "did not end within" in error.message


async def test_what_a_plugin_is_told(tmp_path: Path) -> None:
    body = f"status = {{'token': os.environ['KUBERNETES_EXEC_INFO'] + '|' + os.environ['EXTRA']}}\n{ANSWERS}"
    plugin = _plugin(tmp_path, body, provide_cluster=True)
    plugin = ExecPlugin(plugin.command, (), {"EXTRA": "e"}, V1, tmp_path, provide_cluster=True)
    trust = Trust(ca_data=b"CA", server_name="k", exec_config={"audience": "a"})
    told = (await exec_plugin.run(plugin, Target("https://x:1", trust=trust))).token
    info, extra = told.split("|")
    assert extra == "e"
    assert json.loads(info) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://x:1",
                "tls-server-name": "k",
                "certificate-authority-data": "Q0E=",
                "config": {"audience": "a"},
            },
        },
    }


async def test_an_interactive_plugin_is_refused(tmp_path: Path) -> None:
    error = await _failure(_plugin(tmp_path, "", interactive="Always"))
    assert "wants to talk to you" in error.message


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("print('SECRET')", "not JSON"),
        ("print('{}')", "not an ExecCredential"),
        (f"print({json.dumps({'apiVersion': V1 + 'alpha1', 'kind': 'ExecCredential'})!r})", "it speaks"),
        (f"print({json.dumps({'apiVersion': V1, 'kind': 'ExecCredential'})!r})", "no status"),
        (_prints(Path(), token=""), "neither a token nor"),
        (_prints(Path(), token="a\nb"), "control character"),
        (_prints(Path(), clientCertificateData="x"), "but not both"),
        ("print('[' * 100_000)", "not JSON"),
    ],
)
async def test_output_that_cannot_be_used(tmp_path: Path, body: str, why: str) -> None:
    error = await _failure(_plugin(tmp_path, body))
    assert "printed nothing usable" in error.message
    assert why in error.why
    assert "SECRET" not in " ".join(error.lines())


@needs_openssl
async def test_client_certificates_from_a_plugin_are_shown_and_rotated(tmp_path: Path) -> None:
    """The library never rotates them."""
    ca = authority(tmp_path / "pki")
    for number in (1, 2):
        cert, key = ca.issue(f"user-{number}")
        status = {"clientCertificateData": cert.read_text(), "clientKeyData": key.read_text()}
        (tmp_path / f"status-{number}").write_text(json.dumps(status))
    body = f"{COUNTS}\nstatus = json.loads((here / f'status-{{min(number, 2)}}').read_text())\n{ANSWERS}"
    login, trust = Login(plugin=_plugin(tmp_path, body)), Trust(ca_data=ca.certificate)
    async with (
        fake_api(tls=ca.server(ask=True)) as api,
        started(api.target(login=login, trust=trust)) as transport,
    ):
        api.answer("GET", "/x", {}, UNAUTHORIZED, {})
        await transport.get_bytes("/x")
        await transport.get_bytes("/x")
    assert api.peers == ["user-1", "user-1", "user-2"]


async def test_a_token_file_is_stripped_and_read_again(tmp_path: Path) -> None:
    """The library sends its line break, which aiohttp refuses, and never reads it again."""
    file = tmp_path / "token"
    file.write_text("first\n")
    now = [0.0]
    credentials = Credentials(Target("http://x", login=Login(token_file=file)), clock=lambda: now[0])
    assert (await credentials.get()).authorization == "Bearer first"
    file.write_text("second\n")
    assert (await credentials.get()).authorization == "Bearer first"
    now[0] += 61
    assert (await credentials.get()).authorization == "Bearer second"


async def test_a_token_file_that_changed_mends_a_401_at_once(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    async with fake_api() as api, started(api.target(login=Login(token_file=file))) as transport:
        api.answer("GET", "/x", {}, UNAUTHORIZED, {})
        await transport.get_bytes("/x")
        file.write_text("second\n")
        await transport.get_bytes("/x")
    assert [each.headers["Authorization"] for each in api.asked] == [
        "Bearer first",
        "Bearer first",
        "Bearer second",
    ]


@pytest.mark.parametrize("content", [None, "", "\n", "a\x00b"])
async def test_a_token_file_that_cannot_be_used(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    credentials = Credentials(Target("http://x", login=Login(token_file=tmp_path / "token")))
    with pytest.raises(CredentialError, match="token"):
        await credentials.get()


async def test_basic_authentication_and_impersonation_are_on_the_wire() -> None:
    """The library drops impersonation without a word, and you act as yourself."""
    who = Impersonation("ada", "7", ("ops", "dev"), {"example.com/scope": ("a", "b")})
    login = Login(username="me", password="pass:word", impersonate=who)
    async with fake_api() as api, started(api.target(login=login)) as transport:
        api.answer("*", "*", {})
        await transport.get_bytes("/x")
    headers = api.asked[0].headers
    assert headers["Authorization"] == "Basic bWU6cGFzczp3b3Jk"
    assert headers["Impersonate-User"] == "ada"
    assert headers["Impersonate-Uid"] == "7"
    assert headers.getall("Impersonate-Group") == ["ops", "dev"]
    assert headers.getall("Impersonate-Extra-Example.com%2Fscope") == ["a", "b"]
    assert "pass" not in repr(await transport.credentials.get())
