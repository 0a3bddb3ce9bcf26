"""Which cluster, as whom: the search order, and one context resolved into a `Target`."""

from __future__ import annotations

import grp
import ipaddress
import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bakeryops.cluster import kubeconfig as files
from bakeryops.cluster.kubeconfig import Kubeconfig
from bakeryops.cluster.login import Login, Trust, login_of, trust_of
from bakeryops.cluster.proxy import proxy_for
from bakeryops.errors import CredentialError, UnreachableError, UsageError
from bakeryops.locations import expanded
from bakeryops.text import clean

__all__ = ["ContextInfo", "Places", "Target", "find_target", "list_contexts"]


@dataclass(frozen=True, slots=True)
class Target:
    """One cluster and who we are to it; its repr shows no secret."""

    server: str
    """The address, without a slash at its end."""
    context: str = ""
    cluster: str = ""
    user: str = ""
    namespace: str = "default"
    source: str = ""
    """Where it was found, for people."""
    proxy: str = field(default="", repr=False)
    """The proxy on the way there; its address may hold a password."""
    trust: Trust = field(default_factory=Trust, repr=False)
    login: Login = field(default_factory=Login, repr=False)
    again: Callable[[], Target] | None = field(default=None, repr=False, compare=False)
    """Reads the same context of the same files anew; None where it came from no file."""

    @property
    def host(self) -> str:
        """The server's name or address, without port."""
        return urlsplit(self.server).hostname or ""

    @property
    def local(self) -> bool:
        """Whether the server's address is this machine's loopback."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class ContextInfo:
    """One context that could be used."""

    name: str
    cluster: str
    user: str
    namespace: str
    server: str
    source: str
    current: bool


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look; tests look elsewhere."""

    home: Path = field(default_factory=lambda: _expanded("~/.kube/config"))
    microk8s: Path = Path("/var/snap/microk8s/current/credentials/client.config")
    service_account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


def find_target(
    kubeconfig: str | None = None, context: str | None = None, *, places: Places | None = None
) -> Target:
    """Return the cluster to work on.

    Looked for in `kubeconfig`, else in `$KUBECONFIG`, `~/.kube/config`, MicroK8s' client configuration and the
    service account of the pod we run in; the first that has a context (the one named, if one is) holds. Only
    files are read. Raises `UsageError`, `CredentialError` or `UnreachableError`, each with what mends it.
    """
    places = places or Places()
    known: list[str] = []
    refused: CredentialError | None = None
    for config in _candidates(kubeconfig, places):
        if isinstance(config, CredentialError):
            refused = refused or config
            continue
        known += [name for name in config.contexts if name not in known]
        if context is not None and context not in config.contexts:
            continue
        if context is None and not config.contexts and not kubeconfig:
            continue
        found = _resolve(config, context, places.environ)
        return replace(found, again=partial(_resolve_again, config.files, found.context, places.environ))
    if context is not None:
        if refused is not None and not known:
            raise refused
        names = ", ".join(map(clean, known)) or "none"
        raise UsageError(f"there is no context {clean(context)}", why=f"known contexts: {names}")
    if refused is not None:
        raise refused
    in_cluster = _in_cluster(places)
    if in_cluster is not None:
        return in_cluster
    raise UnreachableError(
        "no cluster found",
        why=f"neither --kubeconfig nor $KUBECONFIG is set, and neither {places.home} nor MicroK8s is there",
        hint="name one with --kubeconfig FILE, or install MicroK8s: sudo snap install microk8s --classic;"
        " to look around without a cluster: bakeryops demo",
    )


def list_contexts(kubeconfig: str | None = None, *, places: Places | None = None) -> list[ContextInfo]:
    """Return the contexts that `--context` may name, those that win first; unreadable files are passed over."""
    found: dict[str, ContextInfo] = {}
    has_current = False
    for config in _candidates(kubeconfig, places or Places()):
        if isinstance(config, CredentialError):
            continue
        for name, entry in config.contexts.items():
            cluster = config.clusters.get(entry.text("cluster"))
            current = not has_current and name == (config.current_context or _only(config))
            info = ContextInfo(
                name,
                entry.text("cluster"),
                entry.text("user"),
                entry.text("namespace") or "default",
                _shown(cluster.text("server")) if cluster else "",
                str(entry.file),
                current,
            )
            found.setdefault(name, info)
        has_current = has_current or bool(config.contexts)
    return list(found.values())


def _candidates(kubeconfig: str | None, places: Places) -> Iterator[Kubeconfig | CredentialError]:
    if kubeconfig:
        config = files.load([_expanded(kubeconfig)], must_exist=True)
        if config is None:
            raise UsageError(f"the kubeconfig {kubeconfig} is empty")
        yield config
        return
    listed = places.environ.get("KUBECONFIG", "")
    if listed:
        paths = [_expanded(part) for part in listed.split(os.pathsep) if part]
        config = files.load(dict.fromkeys(paths))
        if config is None:
            raise UsageError(
                "$KUBECONFIG names no file that says anything",
                why=f"it is set to {clean(listed)}",
                hint="correct it, or: unset KUBECONFIG",
            )
        yield config
    else:
        config = files.load([places.home])
        if config is not None:
            yield config
    try:
        config = files.load([places.microk8s])
    except CredentialError:
        yield _not_in_group(places.microk8s)
        return
    if config is not None:
        yield config


def _not_in_group(path: Path) -> CredentialError:
    user = pwd.getpwuid(os.getuid()).pw_name if _known_user() else str(os.getuid())
    try:
        member = user in grp.getgrnam("microk8s").gr_mem
    except KeyError:
        member = False
    if member:
        return CredentialError(
            "this login does not know yet that you are in the microk8s group",
            why=f"{path} may not be read",
            hint="log in again, or: newgrp microk8s",
        )
    return CredentialError(
        f"{user} is not in the microk8s group",
        why=f"MicroK8s is installed, but {path} may be read by that group only",
        hint=f"run: sudo usermod -a -G microk8s {user}   then log in again, or: newgrp microk8s",
    )


def _known_user() -> bool:
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return True


def _expanded(path: str) -> Path:
    return expanded(path).absolute()


def _only(config: Kubeconfig) -> str:
    return next(iter(config.contexts)) if len(config.contexts) == 1 else ""


def _resolve(config: Kubeconfig, wanted: str | None, environ: Mapping[str, str]) -> Target:
    name = wanted or config.current_context or _only(config)
    names = ", ".join(clean(each) for each in config.contexts) or "none"
    if not name:
        raise UsageError(
            f"{config.source} has no current context",
            why=f"its contexts: {names}",
            hint="name one with --context, or: kubectl config use-context NAME",
        )
    context = config.contexts.get(name)
    if context is None:
        raise UsageError(
            f"{config.source} has no context {clean(name)}",
            why=f"its contexts: {names}",
            hint="name one with --context, or: kubectl config use-context NAME",
        )
    cluster = config.clusters.get(context.text("cluster"))
    if cluster is None or not cluster.text("server"):
        raise UsageError(
            f"context {clean(name)} in {context.file} names no usable cluster",
            why=f"there is no server address for cluster {clean(context.text('cluster')) or '(none)'}",
        )
    user = config.users.get(context.text("user"))
    if context.text("user") and user is None:
        raise UsageError(
            f"context {clean(name)} in {context.file} names the user {clean(context.text('user'))}",
            why="no file has an entry for that user",
        )
    trust = trust_of(cluster)
    server = _server(cluster.text("server"), trust, str(cluster.file))
    return Target(
        server=server,
        context=clean(name),
        cluster=clean(cluster.name),
        user=clean(user.name) if user else "",
        namespace=clean(context.text("namespace")) or "default",
        source=str(context.file),
        proxy=trust.proxy or proxy_for(server, environ),
        trust=trust,
        login=login_of(user) if user else Login(),
    )


def _resolve_again(paths: tuple[Path, ...], context: str, environ: Mapping[str, str]) -> Target:
    config = files.load(paths)
    if config is None:
        raise UsageError(f"{', '.join(map(str, paths))} went away")
    return _resolve(config, context, environ)


def _shown(address: str) -> str:
    # What will be refused for holding a password is listed without it.
    scheme, mark, rest = clean(address).rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def _server(address: str, trust: Trust, source: str) -> str:
    if "://" not in address:
        secured = trust.insecure or trust.ca_data or trust.ca_file
        address = f"{'https' if secured else 'http'}://{address}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        usable = usable and parts.username is None
    except ValueError:
        usable = False
    if not usable or not address.isprintable():
        raise UsageError(f"the server address in {source} cannot be used", why="it must be https://HOST:PORT")
    return address.rstrip("/")


def _in_cluster(places: Places) -> Target | None:
    host, port = places.environ.get("KUBERNETES_SERVICE_HOST"), places.environ.get("KUBERNETES_SERVICE_PORT")
    token_file = places.service_account / "token"
    if not host or not port or not os.access(token_file, os.R_OK):
        return None
    try:
        namespace = (places.service_account / "namespace").read_text("utf-8").strip()
    except (OSError, ValueError):
        namespace = ""
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    return Target(
        server=server,
        context="in-cluster",
        cluster="in-cluster",
        user="service account",
        namespace=clean(namespace) or "default",
        source=f"the service account at {places.service_account}",
        proxy=proxy_for(server, places.environ),
        trust=Trust(ca_file=places.service_account / "ca.crt"),
        login=Login(token_file=token_file),
    )
