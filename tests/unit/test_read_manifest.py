"""Objects as YAML: secrets hidden in every corner they hide in, the rest untouched."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.masking import mask_text, names_a_secret
from bakeryops.read.manifest import to_yaml
from bakeryops.read.secrets import mask
from bakeryops.text import clean_lines

PASSWORD = "fl0ur-and-water"


def back(raw: dict[str, Any], **more: Any) -> Any:
    return yaml.safe_load(to_yaml(raw, **more))


def secret() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db", "managedFields": [{"manager": "kubectl"}]},
        "data": {"password": b64encode(PASSWORD.encode()).decode(), "odd": "%%%"},
        "stringData": {"user": PASSWORD},
        "type": "Opaque",
    }


def test_a_secrets_data_is_hidden_and_its_length_told() -> None:
    text = to_yaml(secret())
    assert PASSWORD not in text
    assert b64encode(PASSWORD.encode()).decode() not in text
    shown = yaml.safe_load(text)
    assert shown["data"] == {"password": "<hidden, 15 bytes>", "odd": "<hidden>"}
    assert shown["stringData"] == {"user": "<hidden, 15 bytes>"}
    assert shown["type"] == "Opaque"


def test_the_secrets_of_a_list_need_not_say_what_they_are() -> None:
    bare = {key: value for key, value in secret().items() if key not in ("apiVersion", "kind")}
    text = to_yaml({"apiVersion": "v1", "kind": "SecretList", "metadata": {}, "items": [bare]})
    assert PASSWORD not in text
    assert b64encode(PASSWORD.encode()).decode() not in text


def test_it_is_shown_when_asked_for() -> None:
    assert back(secret(), show_secrets=True)["data"] == secret()["data"]


def test_managed_fields_are_left_out_unless_asked_for() -> None:
    assert "managedFields" not in to_yaml(secret())
    assert "managedFields" in to_yaml(secret(), managed_fields=True)
    assert "managedFields" not in to_yaml({"kind": "List", "items": [secret()]})


def test_the_object_itself_is_not_changed() -> None:
    raw = secret()
    to_yaml(raw)
    to_yaml(raw, show_secrets=True)
    assert raw == secret()


def test_secrets_in_a_list_and_in_the_last_applied_annotation() -> None:
    applied = {"kind": "ConfigMap", "metadata": {"annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(secret())}}}  # fmt: skip
    text = to_yaml({"kind": "List", "items": [secret(), applied]})
    assert PASSWORD not in text
    assert b64encode(PASSWORD.encode()).decode() not in text
    assert '"type":"Opaque"' in text
    broken = {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": f"{{{PASSWORD}"}}}
    assert PASSWORD not in to_yaml(broken)


@pytest.mark.parametrize(
    "container",
    [
        {"env": [{"name": "DB_PASSWORD", "value": PASSWORD}]},
        {"env": [{"name": "DATABASE_URL", "value": f"postgresql://auth:{PASSWORD}@db:5432/auth"}]},
        {"args": [f"--db-password={PASSWORD}"]},
        {"args": ["--token", PASSWORD]},
        {"command": ["sh", "-c", f"curl -H 'Authorization: Bearer {PASSWORD}' x"]},
        {"env": [{"name": "HOOK", "value": f"https://gitea/hook?token={PASSWORD}&x=1"}]},
        {"params": [{"name": "gitea-token", "value": [PASSWORD]}]},
    ],
)
def test_secrets_where_they_should_not_be(container: dict[str, Any]) -> None:
    raw = {"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [container]}}
    text = to_yaml(raw)
    assert PASSWORD not in text
    assert "<hidden>" in text
    assert PASSWORD in to_yaml(raw, show_secrets=True)


@pytest.mark.parametrize(
    "text",
    [
        f"[database]\nHOST = db\nPASSWD = {PASSWORD}\n",
        f"users:\n- token: {PASSWORD}\n",
        "k: |\n-----BEGIN RSA PRIVATE KEY-----\nfl0ur-and-water\n-----END RSA PRIVATE KEY-----\n",
        f"-----BEGIN PRIVATE KEY-----\n{PASSWORD}",
    ],
)
def test_secrets_in_files_of_a_configmap(text: str) -> None:
    shown = to_yaml({"kind": "ConfigMap", "metadata": {}, "data": {"app.ini": text}})
    assert PASSWORD not in shown
    assert "<hidden>" in shown


def test_tokens_are_known_by_their_look() -> None:
    token = "eyJhbGciOiJSUzI1NiIs.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl"
    assert token not in mask_text(f"got {token} from it")
    assert "ghp_" not in mask_text("ghp_abcdefghijklmnopqrstuvwxyz0123456789")
    assert mask_text("https://abcdefabcdefabcdef0123@gitea/x.git") == "https://<hidden>@gitea/x.git"
    assert mask_text("ssh://git@gitea/x.git") == "ssh://git@gitea/x.git"
    assert (
        mask({"kind": "TokenRequest", "metadata": {}, "status": {"token": "abc"}})["status"]["token"] == "<hidden>"
    )


@pytest.mark.parametrize(
    "fragment",
    [
        {"secretName": "tls"},
        {"secretRef": {"name": "db"}},
        {"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
        {"imagePullSecrets": [{"name": "gitea"}]},
        {"automountServiceAccountToken": True},
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"rules": [{"resources": ["secrets", "tokenreviews"], "verbs": ["get"]}]},
        {"image": "r/token-service:1"},
        {"message": 'secret "db" not found'},
    ],
)
def test_what_only_speaks_of_secrets_is_left_alone(fragment: dict[str, Any]) -> None:
    assert mask(fragment) == fragment


def test_names() -> None:
    assert names_a_secret("POSTGRES_PASSWORD")
    assert names_a_secret("apiKey")
    assert not names_a_secret("tokenPath")
    assert not names_a_secret("image")


def test_text_of_several_lines_is_a_block() -> None:
    assert "|" in to_yaml({"data": {"a": "one\ntwo\n"}})


def test_hostile_text_comes_out_clean_and_whole() -> None:
    shown = to_yaml({"metadata": {"name": "a\x1b]52;c;eA==\x07b", "\x1b[2J": "\u202ex"}})
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert clean_lines(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        f"password: {PASSWORD}",
        json.dumps({"password": PASSWORD, "user": "baker"}),
        json.dumps({"db": json.dumps({"password": f"it's \"{PASSWORD}"})}),
        f"postgres://baker:{PASSWORD[:4]}@{PASSWORD}@db/bakery",
        f"sh -c 'serve --db-password {PASSWORD}'",
    ],
)
def test_a_password_in_one_line(text: str) -> None:
    assert PASSWORD not in mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        'secret "db" not found',
        "failed to fetch anonymous token: unexpected status 401",
        '{"secretName":"db","tokenFile":"/run/token"}',
        "serve --token-file /run/token",
        "waits for the auth-token of gitea",
        "http://gitea:3000/baker@home",
    ],
)
def test_what_only_speaks_of_a_secret_stays(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        '"',
        "--",
        "--password ",
        '"password":"',
        '\\"',
        "a",
        "token",
        "token ",
        "eyJ",
        "eyJ.",
        "\n",
        "- ",
        "://",
        "a://b@",
        "passwd=",
        "Basic ",
        "-----BEGIN ",
        "'",
    ],
)
def test_length_without_end(piece: str) -> None:
    assert mask_text(piece * (400_000 // len(piece)) + "\nend")


def test_depth_without_end() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    assert "…" in to_yaml(deep)
    assert "…" in to_yaml(deep, show_secrets=True)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["kind", "metadata", "data", "spec", "items", "status"]), anything))
def test_nothing_makes_it_raise(raw: dict[str, Any]) -> None:
    for more in ({}, {"show_secrets": True}, {"managed_fields": True}):
        shown = to_yaml(raw, **more)
        assert clean_lines(shown) == shown


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=20), st.text(min_size=8, alphabet="qwxzQWXZ"), max_size=5))
def test_no_value_of_a_secret_ever_gets_through(data: dict[str, str]) -> None:
    shown = to_yaml({"kind": "Secret", "metadata": {"name": "a"}, "data": data, "stringData": data})
    assert all(value not in shown for value in data.values() if not any(value in key for key in data))
