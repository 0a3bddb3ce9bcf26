"""Where the repository is: as the configuration says, else what Flux fetches; and the address behind its name."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.session import Session
from bakeryops.config import Config
from bakeryops.config.schema import Git
from bakeryops.errors import BakeryopsError
from bakeryops.text import clean

__all__ = ["Place", "find"]

_IN_CLUSTER = re.compile(
    r"([a-z0-9]([-a-z0-9]*[a-z0-9])?)\.([a-z0-9]([-a-z0-9]*[a-z0-9])?)\.svc(\.cluster\.local)?\.?"
)
_USERINFO = re.compile(r"^(https?://)[^/@]*@|^(ssh://[^/@:]*):[^/@]*(?=@)")
"""Who to be in an address, of which only the name of an SSH login may stay."""
_PINS = ("commit", "name", "semver", "tag")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """A repository and how this machine reaches it."""

    url: str
    branch: str
    overlay: str
    resolve: str = ""
    """"host:port:address" for a name that only the cluster knows, ""."""
    trouble: str = ""
    """Why such a name could not be turned into an address, ""."""


async def find(config: Config, session: Session | None) -> Place | None:
    """Return where the repository is, None where neither the configuration nor Flux says.

    Raises `KubeError` where the cluster that would know does not answer.
    """
    overlay = config.git.overlay
    if config.git.url:
        place = Place(config.git.url, config.git.branch, overlay)
    elif session is not None:
        found = await _from_flux(session, overlay)
        if found is None:
            return None
        place = found
    else:
        return None
    return await _reached(place, session)


async def _from_flux(session: Session, overlay: str) -> Place | None:
    appliers = [
        each
        for each in await _listed(session, "kustomizations")
        if _text(each, "spec", "sourceRef", "kind") == "GitRepository"
    ]
    appliers.sort(key=lambda each: _folder(_text(each, "spec", "path")) != _folder(overlay))
    for applier in appliers:
        name = _text(applier, "spec", "sourceRef", "name")
        namespace = _text(applier, "spec", "sourceRef", "namespace") or _text(applier, "metadata", "namespace")
        try:
            source = await session.get("gitrepositories", name, namespace)
        except KubeError as error:
            if error.kind in ("not_found", "absent"):
                continue
            raise
        # A password has no place in an address; Flux' own stand in a Secret.
        url = _USERINFO.sub(lambda found: found[1] or found[2], _text(source, "spec", "url"))
        if url:
            branch = _text(source, "spec", "ref", "branch") or _unsaid(source)
            return Place(url, branch, _folder(_text(applier, "spec", "path")) or overlay)
    return None


def _unsaid(source: dict[str, Any]) -> str:
    """Return the branch of a source that names none: Flux' default, or ours where it follows a tag or commit."""
    return Git().branch if any(_text(source, "spec", "ref", each) for each in _PINS) else "master"


async def _listed(session: Session, kind: str) -> list[dict[str, Any]]:
    """Return the objects of a kind; none where the kind is not served."""
    try:
        body = await session.transport.get_bytes(await session.discovery.path(kind, None))
    except KubeError as error:
        if error.kind == "absent":
            return []
        raise
    return _items(body)


async def _reached(place: Place, session: Session | None) -> Place:
    """Return the place with the address of the Service that its host names."""
    try:
        parts = urlsplit(place.url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return place
    found = _IN_CLUSTER.fullmatch(host)
    if found is None or port is None:
        return place
    name, namespace = found[1], found[3]
    where = f"{host} is a name that only the cluster knows"
    if session is None:
        return _without(place, f"{where}, and no cluster is connected")
    try:
        address = await _address(session, name, namespace)
    except BakeryopsError as error:
        return _without(place, f"{where}, and its Service {namespace}/{name} cannot be read: {error}")
    if not address:
        return _without(place, f"{where}, and its Service {namespace}/{name} has no address")
    return Place(place.url, place.branch, place.overlay, f"{host}:{port}:{address}")


def _without(place: Place, trouble: str) -> Place:
    return Place(place.url, place.branch, place.overlay, "", trouble)


async def _address(session: Session, name: str, namespace: str) -> str:
    """Return the address of a Service, or of a ready pod behind one that has none of its own (headless)."""
    service = await session.get("services", name, namespace)
    address = _text(service, "spec", "clusterIP")
    if address and address != "None":
        return address
    path = f"/apis/discovery.k8s.io/v1/namespaces/{quote(namespace)}/endpointslices"
    label = ("labelSelector", f"kubernetes.io/service-name={name}")
    for piece in _items(await session.transport.get_bytes(path, query=[label])):
        for endpoint in piece.get("endpoints") or ():
            conditions = endpoint.get("conditions") if isinstance(endpoint, dict) else None
            if isinstance(conditions, dict) and conditions.get("ready") is False:
                continue
            addresses = endpoint.get("addresses") if isinstance(endpoint, dict) else None
            if isinstance(addresses, list) and addresses and isinstance(addresses[0], str):
                return clean(addresses[0])
    return ""


def _items(body: bytes) -> list[dict[str, Any]]:
    try:
        found = json.loads(body)
    except ValueError:
        return []
    items = found.get("items") if isinstance(found, dict) else None
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []


def _text(value: Any, *path: str) -> str:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return clean(value) if isinstance(value, str) else ""


def _folder(path: str) -> str:
    return path.removeprefix("./").strip("/")
