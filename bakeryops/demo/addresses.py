"""What the server allots to Services: cluster addresses and node ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["allot"]

_NETWORK = "10.152.183"
"""The service network of MicroK8s; beyond its 254 addresses the next networks follow."""
_NODE_PORTS = range(30000, 32768)


def allot(store: ObjectStore, service: Object, old: Object | None) -> None:
    """Give a Service its addresses and ports, or those that it had where a write leaves them out."""
    spec = service.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return
    before = (old or {}).get("spec") or {}
    if not spec.get("clusterIP"):
        spec["clusterIP"] = before.get("clusterIP") or _free_address(store)
    spec["clusterIPs"] = spec.get("clusterIPs") or [spec["clusterIP"]]
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        known = {
            (each.get("port"), each.get("protocol")): each.get("nodePort") for each in before.get("ports") or ()
        }
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                port["nodePort"] = known.get((port.get("port"), port.get("protocol"))) or _free_port(store)


def _free_address(store: ObjectStore) -> str:
    taken = {dig(each, "spec", "clusterIP") for each in store.list("services")}
    number = len(taken) + 1
    while True:
        number += 1
        block, last = divmod(number, 254)
        prefix = _NETWORK if not block else f"10.153.{block}"
        address = f"{prefix}.{last + 1}"
        if address not in taken:
            return address


def _free_port(store: ObjectStore) -> int:
    taken = {port.get("nodePort") for each in store.list("services") for port in dig(each, "spec", "ports") or ()}
    start = store.rng.randrange(len(_NODE_PORTS))
    for offset in range(len(_NODE_PORTS)):
        port = _NODE_PORTS[(start + offset) % len(_NODE_PORTS)]
        if port not in taken:
            return port
    raise RuntimeError("all node ports are taken")
