"""How to trust a cluster and how to show who we are, as a kubeconfig says it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeryops.cluster.kubeconfig import Entry
from bakeryops.cluster.proxy import wrong_proxy
from bakeryops.errors import CredentialError, UsageError
from bakeryops.text import clean

__all__ = ["ExecPlugin", "Impersonation", "Login", "Trust", "login_of", "trust_of"]


@dataclass(frozen=True, slots=True, repr=False)
class Trust:
    """What a cluster entry says of the way there and of who is believed to be the cluster."""

    ca_data: bytes | None = None
    ca_file: Path | None = None
    insecure: bool = False
    server_name: str = ""
    proxy: str = ""
    exec_config: Any = None
    """What the cluster entry says to exec plugins (extension `client.authentication.k8s.io/exec`)."""


@dataclass(frozen=True, slots=True, repr=False)
class ExecPlugin:
    """A program that prints credentials."""

    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    api_version: str
    folder: Path
    """The folder of the kubeconfig: a command with a slash counts from here."""
    install_hint: str = ""
    provide_cluster: bool = False
    interactive: str = "IfAvailable"


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Whom to act as."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """Everything a user entry says; its repr shows nothing of it."""

    token: str = ""
    token_file: Path | None = None
    username: str = ""
    password: str = ""
    cert_data: bytes | None = None
    key_data: bytes | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    plugin: ExecPlugin | None = None
    impersonate: Impersonation | None = None


def trust_of(entry: Entry) -> Trust:
    """Return what a cluster entry says; refuses what would not be honoured."""
    ca_data, ca_file = _data(entry, "certificate-authority-data"), entry.path("certificate-authority")
    insecure = entry.flag("insecure-skip-tls-verify")
    if insecure and (ca_data or ca_file):
        raise UsageError(
            f"cluster {clean(entry.name)} in {entry.file} names a CA and insecure-skip-tls-verify",
            why="the one says whom to trust, the other to trust anybody",
            hint="remove insecure-skip-tls-verify",
        )
    proxy = entry.text("proxy-url")
    if proxy and (wrong := wrong_proxy(proxy)):
        raise UsageError(
            f"cluster {clean(entry.name)} in {entry.file} has a proxy-url that cannot be used",
            why=wrong,
            hint="use an HTTP proxy, or open a tunnel: ssh -L 16443:HOST:16443 JUMPHOST",
        )
    return Trust(ca_data, ca_file, insecure, entry.text("tls-server-name"), proxy, _exec_config(entry))


def login_of(entry: Entry) -> Login:
    """Return what a user entry says; refuses, with what to do instead, what we cannot do."""
    if entry.mapping("auth-provider") is not None:
        name = clean(str((entry.mapping("auth-provider") or {}).get("name", "")))
        raise CredentialError(
            f"user {clean(entry.name)} in {entry.file} logs in by the auth-provider {name}",
            why="auth-providers were removed from Kubernetes' clients in 1.26",
            hint="use an exec plugin instead (for OIDC: kubectl oidc-login setup), or a token",
        )
    login = Login(
        token=entry.text("token").strip(),
        token_file=entry.path("tokenFile"),
        username=entry.text("username"),
        password=entry.text("password"),
        cert_data=_data(entry, "client-certificate-data"),
        key_data=_data(entry, "client-key-data"),
        cert_file=entry.path("client-certificate"),
        key_file=entry.path("client-key"),
        plugin=_plugin(entry),
        impersonate=_impersonation(entry),
    )
    if bool(login.cert_data or login.cert_file) != bool(login.key_data or login.key_file):
        raise UsageError(
            f"user {clean(entry.name)} in {entry.file} has a client certificate or a key, but not both",
            hint="fetch the kubeconfig again (MicroK8s: microk8s config)",
        )
    if any(not char.isprintable() for char in login.token + login.username + login.password):
        raise UsageError(
            f"user {clean(entry.name)} in {entry.file} has a token or password with a control character"
        )
    return login


def _data(entry: Entry, key: str) -> bytes | None:
    value = entry.text(key)
    if not value:
        return None
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"{entry.file}: {key} of {clean(entry.name)} is not base64") from None


def _exec_config(entry: Entry) -> Any:
    for extension in entry.sequence("extensions"):
        if isinstance(extension, dict) and extension.get("name") == "client.authentication.k8s.io/exec":
            return extension.get("extension")
    return None


def _plugin(entry: Entry) -> ExecPlugin | None:
    body = entry.mapping("exec")
    if body is None:
        return None
    spec = Entry(f"exec of {entry.name}", entry.file, body)
    version = spec.text("apiVersion")
    if version not in ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"):
        raise UsageError(
            f"user {clean(entry.name)} in {entry.file} has an exec plugin that cannot be used",
            why=f"its apiVersion is {clean(version) or 'missing'}, not client.authentication.k8s.io/v1 or v1beta1",
            hint="update the plugin and write the kubeconfig anew with its own command",
        )
    if not spec.text("command"):
        raise UsageError(f"user {clean(entry.name)} in {entry.file} has an exec plugin without a command")
    pairs = [pair for pair in spec.sequence("env") if isinstance(pair, dict)]
    return ExecPlugin(
        command=spec.text("command"),
        args=tuple(str(each) for each in spec.sequence("args")),
        env={str(pair.get("name")): str(pair.get("value") or "") for pair in pairs if pair.get("name")},
        api_version=version,
        folder=entry.file.parent,
        install_hint=clean(spec.text("installHint")),
        provide_cluster=spec.flag("provideClusterInfo"),
        interactive=spec.text("interactiveMode") or "IfAvailable",
    )


def _impersonation(entry: Entry) -> Impersonation | None:
    extra = entry.mapping("as-user-extra") or {}
    found = Impersonation(
        entry.text("as"),
        entry.text("as-uid"),
        tuple(str(group) for group in entry.sequence("as-groups")),
        {str(key): tuple(map(str, value if isinstance(value, list) else [value])) for key, value in extra.items()},
    )
    if found == Impersonation():
        return None
    named = [found.user, found.uid, *found.groups, *(each for values in found.extra.values() for each in values)]
    if not all(each.isprintable() for each in named):
        raise UsageError(f"user {clean(entry.name)} in {entry.file} impersonates a name with a control character")
    if not found.user:
        raise UsageError(
            f"user {clean(entry.name)} in {entry.file} impersonates a group, uid or extra without a user",
            hint="add: as: USER",
        )
    return found
