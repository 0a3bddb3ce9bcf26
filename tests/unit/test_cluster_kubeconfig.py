"""Which cluster is found, and what is said when none can be used."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
import yaml

from bakeryops.cluster.target import Places, find_target, list_contexts
from bakeryops.errors import BakeryopsError, CredentialError, UnreachableError, UsageError


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(
        home=tmp_path / "home",
        microk8s=tmp_path / "snap" / "client.config",
        service_account=tmp_path / "serviceaccount",
        environ={},
    )


def _with(places: Places, **environ: str) -> Places:
    return Places(places.home, places.microk8s, places.service_account, environ)


def _write(
    path: Path,
    name: str = "one",
    *,
    current: str | None = None,
    user: dict | None = None,
    cluster: dict | None = None,
    namespace: str = "",
) -> Path:
    context = {"cluster": name, "user": name, **({"namespace": namespace} if namespace else {})}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name if current is None else current,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443/", **(cluster or {})}}],
        "users": [{"name": name, "user": user if user is not None else {"token": f"token-{name}"}}],
        "contexts": [{"name": name, "context": context}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_order_of_search(places: Places, tmp_path: Path) -> None:
    given, env = _write(tmp_path / "given", "given"), _write(tmp_path / "env", "env")
    service = places.service_account
    service.mkdir()
    (service / "token").write_text("t\n")
    (service / "namespace").write_text("ci\n")
    inside = _with(places, KUBERNETES_SERVICE_HOST="10.152.183.1", KUBERNETES_SERVICE_PORT="443")
    found = find_target(places=inside)
    assert (found.server, found.namespace, found.context) == ("https://10.152.183.1:443", "ci", "in-cluster")
    _write(places.microk8s, "microk8s")
    assert find_target(places=inside).server == "https://microk8s:6443"
    _write(places.home, "home")
    assert find_target(places=places).context == "home"
    assert find_target(places=_with(places, KUBECONFIG=str(env))).context == "env"
    assert find_target(str(given), places=_with(places, KUBECONFIG=str(env))).context == "given"


def test_nothing_anywhere(places: Places) -> None:
    with pytest.raises(UnreachableError) as caught:
        find_target(places=places)
    assert caught.value.message == "no cluster found"
    assert "--kubeconfig" in caught.value.hint
    assert "bakeryops demo" in caught.value.hint


def test_an_empty_home_file_is_passed_over(places: Places) -> None:
    places.home.write_text("")
    _write(places.microk8s, "microk8s")
    assert find_target(places=places).context == "microk8s"
    places.home.write_text("apiVersion: v1\nkind: Config\nclusters: null\n")
    assert find_target(places=places).context == "microk8s"


def test_a_context_is_looked_for_in_every_file(places: Places) -> None:
    _write(places.home, "home")
    _write(places.microk8s, "microk8s")
    assert find_target(context="microk8s", places=places).server == "https://microk8s:6443"
    with pytest.raises(UsageError) as caught:
        find_target(context="x\x1b[31m", places=places)
    assert caught.value.message == "there is no context x"
    assert caught.value.why == "known contexts: home, microk8s"


def test_files_are_merged_and_the_first_holds(places: Places, tmp_path: Path) -> None:
    first = _write(tmp_path / "a" / "config", "one", current="")
    second = _write(tmp_path / "b" / "config", "one", user={"token": "second"})
    third = _write(tmp_path / "b" / "third", "two", namespace="orders")
    listed = os.pathsep.join(["", str(tmp_path / "absent"), str(first), str(second), str(third)])
    env = _with(places, KUBECONFIG=listed)
    found = find_target(places=env)
    assert found.context == "one"
    assert found.login.token == "token-one"
    assert found.source == str(first)
    assert find_target(context="two", places=env).namespace == "orders"
    contexts = list_contexts(places=env)
    assert [(each.name, each.current) for each in contexts] == [("one", True), ("two", False)]
    assert contexts[1].namespace == "orders"


def test_the_only_context_needs_no_current_context(places: Places) -> None:
    _write(places.home, "only", current="")
    assert find_target(places=places).context == "only"


def test_several_contexts_and_none_is_current(places: Places, tmp_path: Path) -> None:
    a, b = _write(tmp_path / "a", "one", current=""), _write(tmp_path / "b", "two", current="")
    with pytest.raises(UsageError) as caught:
        find_target(places=_with(places, KUBECONFIG=f"{a}{os.pathsep}{b}"))
    assert "one, two" in caught.value.why
    assert "--context" in caught.value.hint


def test_relative_paths_count_from_their_own_file(places: Places) -> None:
    user = {"client-certificate": "certs/me.crt", "client-key": "/abs/me.key"}
    _write(places.home, "one", user=user, cluster={"certificate-authority": "ca.crt"})
    found = find_target(places=places)
    assert found.trust.ca_file == places.home.parent / "ca.crt"
    assert found.login.cert_file == places.home.parent / "certs/me.crt"
    assert found.login.key_file == Path("/abs/me.key")


def test_no_secret_is_shown(places: Places) -> None:
    key = base64.b64encode(b"PRIVATE").decode()
    user = {"token": "SECRET", "password": "HIDDEN", "username": "me", "client-key-data": key}
    user["client-certificate-data"] = key
    _write(places.home, "one", user=user)
    found = find_target(places=places)
    shown = repr(found) + repr(found.login) + repr(found.trust) + str(found) + f"{found.login}"
    for secret in ("SECRET", "HIDDEN", "PRIVATE", key):
        assert secret not in shown


def test_not_in_the_microk8s_group(places: Places) -> None:
    _write(places.microk8s, "microk8s")
    places.microk8s.parent.chmod(0)
    try:
        if os.access(places.microk8s, os.R_OK):
            pytest.skip("this user may read everything")
        with pytest.raises(CredentialError) as caught:
            find_target(places=places)
        assert "usermod -a -G microk8s" in caught.value.hint
        _write(places.home, "home")
        assert find_target(places=places).context == "home"
    finally:
        places.microk8s.parent.chmod(0o700)


def test_the_text_for_those_outside_the_group(places: Places, monkeypatch) -> None:
    def unreadable(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", unreadable)
    monkeypatch.setattr(places.home.__class__, "exists", lambda self: False)
    with pytest.raises(CredentialError):
        find_target(places=_with(places, KUBECONFIG="x"))
    monkeypatch.setattr(
        Path, "read_bytes", lambda self: unreadable(self) if "snap" in str(self) else self.open("rb").read()
    )
    with pytest.raises(CredentialError) as caught:
        find_target(places=places)
    assert "microk8s group" in caught.value.message
    assert "newgrp microk8s" in caught.value.hint
    with pytest.raises(CredentialError):
        find_target(context="microk8s", places=places)
    assert list_contexts(places=places) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b: c", ":1 is not YAML"),
        ("- a", "is not a kubeconfig"),
        ("\x00", "is not YAML"),
        ("clusters: {}", "clusters must be a list"),
        ("users: [{user: {}}]", "an entry of users has no name"),
        ("contexts: [{name: a, context: b}]", "context a must be a mapping"),
        ("current-context: a\ncontexts: [{name: b}]", "has no context a"),
        ("contexts: [{name: b}]", "names no usable cluster"),
        ("contexts: [{name: b, context: {cluster: 5}}]", "cluster of b must be text"),
        ("", "is empty"),
    ],
)
def test_files_that_are_no_kubeconfig(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        find_target(str(path))
    assert said in caught.value.message


def test_a_token_in_a_broken_file_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("users:\n- name: a\n  user:\n    token: SECRET: x\n")
    with pytest.raises(UsageError) as caught:
        find_target(str(path))
    assert "SECRET" not in " ".join(caught.value.lines())
    assert ":4" in caught.value.message


def test_a_file_that_does_not_exist(places: Places, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        find_target(str(tmp_path / "absent"))
    with pytest.raises(UsageError, match="KUBECONFIG"):
        find_target(places=_with(places, KUBECONFIG=str(tmp_path / "absent")))


PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "command": "x"}


@pytest.mark.parametrize(
    ("user", "cluster", "said"),
    [
        ({"auth-provider": {"name": "oidc"}}, {}, "auth-provider oidc"),
        ({"exec": {**PLUGIN, "apiVersion": "client.authentication.k8s.io/v1alpha1"}}, {}, "exec plugin"),
        ({"exec": {**PLUGIN, "command": ""}}, {}, "without a command"),
        ({"exec": {**PLUGIN, "args": "no"}}, {}, "args of exec of one must be a list"),
        ({"client-certificate-data": "eA=="}, {}, "but not both"),
        ({"client-key-data": "%"}, {}, "is not base64"),
        ({"token": "a\x07b"}, {}, "control character"),
        ({"as-groups": ["g"]}, {}, "impersonates"),
        ({"token": 5}, {}, "must be text"),
        ({}, {"proxy-url": "socks5://localhost:1080"}, "proxy-url"),
        ({}, {"insecure-skip-tls-verify": True, "certificate-authority-data": "eA=="}, "names a CA and"),
        ({}, {"insecure-skip-tls-verify": "yes"}, "must be true or false"),
        ({}, {"server": "ftp://x"}, "server address"),
        ({}, {"server": "https://x:99999999"}, "server address"),
        ({}, {"server": "https://user:password@x"}, "server address"),
        ({}, {"server": "https://[::1"}, "server address"),
        ({}, {"proxy-url": "http://user:password@[::1"}, "proxy-url"),
        ({}, {"proxy-url": "http://proxy:many"}, "proxy-url"),
        ({}, {"certificate-authority": "a\0b"}, "control character"),
        ({"as": "a\r\nb: c"}, {}, "control character"),
        ({"as": "a", "as-groups": ["a\nb"]}, {}, "control character"),
    ],
)
def test_what_is_refused_is_refused_in_words(places: Places, user: dict, cluster: dict, said: str) -> None:
    _write(places.home, "one", user=user, cluster=cluster)
    with pytest.raises(BakeryopsError) as caught:
        find_target(places=places)
    assert said in caught.value.message
    assert "password@" not in " ".join(caught.value.lines())
    assert caught.value.exit_code in (2, 4)


def test_a_list_of_contexts_shows_no_password(places: Places) -> None:
    _write(places.home, "one", cluster={"server": "https://user:hush@x:6443"})
    assert [each.server for each in list_contexts(places=places)] == ["https://x:6443"]


def test_a_path_in_the_home_of_nobody(places: Places) -> None:
    _write(places.home, "one", cluster={"certificate-authority": "~nobody-at-all/ca.crt"})
    assert str(find_target(places=places).trust.ca_file).endswith("/~nobody-at-all/ca.crt")


def test_a_context_without_user_and_an_address_without_scheme(places: Places) -> None:
    """The library's loader ends in a TypeError for the former."""
    document = {
        "clusters": [{"name": "c", "cluster": {"server": "127.0.0.1:8080"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c"}}],
    }
    places.home.write_text(yaml.safe_dump(document))
    found = find_target(places=places)
    assert (found.server, found.user, found.local) == ("http://127.0.0.1:8080", "", True)


def test_everything_a_user_can_say(places: Places) -> None:
    user = {
        "tokenFile": "token",
        "as": "ada",
        "as-uid": "7",
        "as-groups": ["ops", "dev"],
        "as-user-extra": {"Scopes": ["a", "b"]},
        "exec": {
            **PLUGIN,
            "args": ["get", 5],
            "env": [{"name": "A", "value": "b"}],
            "installHint": "get it\x1b[0m",
            "provideClusterInfo": True,
            "interactiveMode": "Never",
        },
    }
    cluster = {
        "tls-server-name": "kubernetes",
        "proxy-url": "http://proxy:3128",
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}],
    }
    _write(places.home, "one", user=user, cluster=cluster)
    found = find_target(places=places)
    assert found.login.token_file == places.home.parent / "token"
    assert found.login.impersonate is not None
    assert found.login.impersonate.groups == ("ops", "dev")
    assert found.login.impersonate.extra == {"Scopes": ("a", "b")}
    plugin = found.login.plugin
    assert plugin is not None
    assert (plugin.args, plugin.env, plugin.install_hint) == (("get", "5"), {"A": "b"}, "get it")
    assert (found.trust.server_name, found.trust.proxy) == ("kubernetes", "http://proxy:3128")
    assert found.trust.exec_config == {"audience": "x"}


def test_a_user_without_a_home_is_no_crash(monkeypatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(BakeryopsError):
        find_target(places=Places(microk8s=Path("/nowhere"), service_account=Path("/nowhere"), environ={}))


def test_the_proxy_of_the_kubeconfig_else_of_the_environment(places: Places) -> None:
    _write(places.home, "one")
    assert find_target(places=_with(places, HTTPS_PROXY="http://env:1")).proxy == "http://env:1"
    assert find_target(places=_with(places, HTTPS_PROXY="http://env:1", NO_PROXY="one")).proxy == ""
    with pytest.raises(UsageError, match="HTTPS_PROXY"):
        find_target(places=_with(places, HTTPS_PROXY="socks5://env:1"))
    _write(places.home, "one", cluster={"proxy-url": "http://me:SECRET@own:1"})
    found = find_target(places=_with(places, HTTPS_PROXY="http://env:1"))
    assert found.proxy == "http://me:SECRET@own:1"
    assert "SECRET" not in repr(found)
