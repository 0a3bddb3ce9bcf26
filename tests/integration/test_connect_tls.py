"""TLS as kubeconfigs ask for it, against a server with certificates of its own."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from aiohttp import web

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.exec import run
from bakeryops.cluster.login import Login, Trust
from bakeryops.errors import CredentialError
from tests.support.certificates import Authority, authority, encrypted, needs_openssl
from tests.support.fake_api import fake_api, raw_server, started

pytestmark = needs_openssl


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("other"), "stranger")


async def _get(server_tls: ssl.SSLContext, trust: Trust, login: Login | None = None) -> tuple[bytes, list[str]]:
    async with fake_api(tls=server_tls) as api, started(api.target(trust=trust, login=login)) as transport:
        api.answer("GET", "/version", {"ok": 1})
        return await transport.get_bytes("/version"), api.peers


async def _failure(server_tls: ssl.SSLContext, trust: Trust, login: Login | None = None) -> KubeError:
    with pytest.raises(KubeError) as caught:
        await _get(server_tls, trust, login)
    return caught.value


async def test_the_ca_of_the_kubeconfig_is_trusted_as_data_and_as_file(ca: Authority) -> None:
    assert await _get(ca.server(), Trust(ca_data=ca.certificate))
    assert await _get(ca.server(), Trust(ca_file=ca.folder / "ca.crt"))


async def test_client_certificates_as_data_and_as_files(ca: Authority) -> None:
    cert, key = ca.issue("operator")
    data = Login(cert_data=cert.read_bytes(), key_data=key.read_bytes())
    for login in (data, Login(cert_file=cert, key_file=key)):
        _, peers = await _get(ca.server(ask=True), Trust(ca_data=ca.certificate), login)
        assert peers == ["operator"]


async def test_a_ca_that_is_not_the_servers(ca: Authority, stranger: Authority) -> None:
    error = await _failure(ca.server(), Trust(ca_data=stranger.certificate))
    assert error.kind == "tls"
    assert "not signed by the CA that ~/.kube/config names" in error.message
    assert "microk8s config" in error.hint


async def test_a_server_certificate_that_has_expired(ca: Authority) -> None:
    error = await _failure(ca.server(end="20210101000000Z"), Trust(ca_data=ca.certificate))
    assert error.kind == "tls"
    assert "has expired" in error.message
    assert "refresh-certs" in error.hint


async def test_a_certificate_for_another_name_and_tls_server_name(ca: Authority) -> None:
    other = ca.server(names="DNS:kubernetes.default")
    error = await _failure(other, Trust(ca_data=ca.certificate))
    assert "is for another name" in error.message
    assert "tls-server-name" in error.hint
    assert await _get(other, Trust(ca_data=ca.certificate, server_name="kubernetes.default"))


async def test_insecure_skip_tls_verify(ca: Authority) -> None:
    assert await _get(ca.server(names="DNS:elsewhere", end="20210101000000Z"), Trust(insecure=True))


async def test_a_client_certificate_that_the_server_does_not_accept(ca: Authority, stranger: Authority) -> None:
    cert, key = stranger.issue("intruder")
    login = Login(cert_data=cert.read_bytes(), key_data=key.read_bytes())
    error = await _failure(ca.server(ask=True), Trust(ca_data=ca.certificate), login)
    # The server may cut the connection before its alert is read: both are this error, never a success.
    assert error.kind in ("tls", "unreachable")
    if error.kind == "tls":
        assert "does not accept our client certificate" in error.message


async def test_an_expired_client_certificate_is_named_in_a_401(ca: Authority) -> None:
    cert, key = ca.issue("operator", end="20210101000000Z")
    login = Login(cert_data=cert.read_bytes(), key_data=key.read_bytes())
    async with (
        fake_api(tls=ca.server()) as api,
        started(api.target(trust=Trust(ca_data=ca.certificate), login=login)) as transport,
    ):
        api.answer(
            "GET", "/version", (401, {"kind": "Status", "message": "Unauthorized", "reason": "Unauthorized"})
        )
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/version")
    assert caught.value.why == "the client certificate ended on 2021-01-01"


async def test_a_server_that_speaks_no_tls() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with raw_server(greet) as url, fake_api() as api:
        target = api.target(url=url.replace("http://", "https://"), trust=Trust(insecure=True))
        async with started(target) as transport:
            with pytest.raises(KubeError) as caught:
                await transport.get_bytes("/version")
    assert caught.value.kind == "tls"
    assert "does not speak TLS" in caught.value.message


@pytest.mark.parametrize(
    ("trust", "login", "kind"),
    [
        (Trust(ca_data=b"no certificate"), Login(), "tls"),
        (Trust(ca_file=Path("/nowhere/ca.crt")), Login(), "tls"),
        (Trust(insecure=True), Login(cert_data=b"x", key_data=b"y"), "unauthorized"),
        (Trust(insecure=True), Login(cert_file=Path("/nowhere/c"), key_file=Path("/nowhere/k")), "unauthorized"),
    ],
)
async def test_certificates_that_cannot_be_used(trust, login, kind) -> None:
    async with (
        fake_api() as api,
        started(api.target(url="https://127.0.0.1:1", trust=trust, login=login)) as transport,
    ):
        with pytest.raises(KubeError) as caught:
            await transport.get_bytes("/version")
    assert caught.value.kind == kind
    assert ": " in caught.value.message


async def test_an_encrypted_key_is_refused_and_nothing_asks_the_terminal(ca: Authority) -> None:
    cert, key = ca.issue("operator")
    login = Login(cert_data=cert.read_bytes(), key_data=encrypted(key))
    async with fake_api() as api, started(api.target(url="https://127.0.0.1:1", login=login)) as transport:
        with pytest.raises(CredentialError, match="cannot be used"):
            await transport.get_bytes("/version")


async def test_commands_run_over_tls_with_a_client_certificate_and_another_name(ca: Authority) -> None:
    """The library's websocket client knows no tls-server-name."""

    async def talk(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await socket.prepare(request)
        await socket.send_bytes(b"\x01hi")
        await socket.send_bytes(b'\x03{"status": "Success"}')
        return socket

    cert, key = ca.issue("operator")
    login = Login(cert_data=cert.read_bytes(), key_data=key.read_bytes())
    trust = Trust(ca_data=ca.certificate, server_name="kubernetes")
    tls = ca.server(names="DNS:kubernetes", ask=True)
    async with fake_api(tls=tls) as api, started(api.target(trust=trust, login=login)) as transport:
        api.answer("GET", "/api/v1/namespaces/a/pods/b/exec", talk)
        result = await run(transport, "a", "b", ["true"])
    assert (result.exit_code, result.stdout, api.peers) == (0, b"hi", ["operator"])
