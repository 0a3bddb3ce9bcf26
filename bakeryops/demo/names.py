"""The names of the cluster's inside: which loopback address answers for a Service's host name."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["Names"]

_PORTS = {"http": 80, "https": 443}


def _short(host: str) -> str:
    """Return a Service's name as `name.namespace`, whichever of its longer forms is given."""
    host = host.lower().rstrip(".")
    for suffix in (".cluster.local", ".svc"):
        host = host.removesuffix(suffix)
    return host


class Names:
    """What the cluster's DNS and Services do for those that live on the host: names become real addresses."""

    def __init__(self) -> None:
        """Know no name."""
        self._bases: dict[str, str] = {}
        self._addresses: dict[str, str] = {}

    def add(self, host: str, url: str, address: str = "") -> None:
        """Let `url` (such as `http://127.0.0.1:3456`) answer for `host`, which may carry a port.

        Without a port it answers on every port. `address` is the cluster IP to be named in error texts. A Service
        given by its full name is found by its shorter ones as well. An earlier entry of that host is replaced.
        """
        name, _, port = host.partition(":")
        name = _short(name)
        self._bases[f"{name}:{port}" if port else name] = url.rstrip("/")
        if address:
            self._addresses[name] = address

    def remove(self, host: str) -> None:
        """Let nothing answer for a host any more; harmless for one that is not known."""
        name, _, port = host.partition(":")
        self._bases.pop(f"{_short(name)}:{port}" if port else _short(name), None)

    def knows(self, host: str) -> bool:
        """Tell whether a host resolves, on whatever port."""
        name = _short(host)
        return any(each.partition(":")[0] == name for each in self._bases)

    def address(self, host: str) -> str:
        """Return the cluster IP of a host, "" when none was given."""
        return self._addresses.get(_short(host), "")

    def find(self, url: str) -> str | None:
        """Return the real URL (path and query kept) of an in-cluster one; None where nothing answers for it."""
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            return None
        name = _short(parts.hostname or "")
        base = self._bases.get(f"{name}:{port}") or self._bases.get(name)
        if base is None:
            return None
        return f"{base}{parts.path}{'?' + parts.query if parts.query else ''}"
