"""Which proxy a request takes: the kubeconfig's, else the environment's, by Go's reading of NO_PROXY."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from bakeryops.errors import UsageError
from bakeryops.text import clean

__all__ = ["proxy_for", "wrong_proxy"]


def proxy_for(server: str, environ: Mapping[str, str]) -> str:
    """Return the proxy's address for `server` as the environment says it, or an empty string for none.

    Loopback is never proxied. NO_PROXY lists hosts (and their subdomains), addresses, networks, with or
    without a port, or `*`, as kubectl reads it: aiohttp and urllib know no networks there.
    """
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    name = f"{parts.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name) or ""
    if not proxy or _excluded(host, port, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return ""
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if wrong := wrong_proxy(proxy):
        raise UsageError(
            f"{name.upper()} names a proxy that cannot be used",
            why=wrong,
            hint=f"except the cluster from it: export NO_PROXY={host}",
        )
    return proxy


def wrong_proxy(address: str) -> str:
    """Return why a proxy's address cannot be used, without a password that it may hold; empty where it can."""
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and (parts.port or 1) > 0 and address.isprintable()
    except ValueError:
        usable = False
    if usable and parts.scheme in ("http", "https"):
        return ""
    scheme = clean(address.partition("://")[0]) if "://" in address else "no scheme"
    if scheme in ("http", "https"):
        return f"it is not of the form {scheme}://HOST:PORT"
    return f"{scheme} is not spoken, only http:// and https:// are"


def _excluded(host: str, port: int, listed: str) -> bool:
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for entry in (each.strip().lower() for each in listed.split(",")):
        if entry == "*":
            return True
        if "/" in entry:
            try:
                if address is not None and address in ipaddress.ip_network(entry, strict=False):
                    return True
            except ValueError:
                continue
            continue
        if entry.count(":") == 1:
            entry, _, wanted = entry.partition(":")
            if wanted != str(port):
                continue
        entry = entry.strip("[]")
        if not entry:
            continue
        if address is not None:
            if _address(entry) == address:
                return True
            continue
        domain = entry.lstrip("*").lstrip(".")
        # A leading dot means the subdomains only; a bare name means itself and them.
        if host.endswith(f".{domain}") or (host == domain and not entry.startswith(".")):
            return True
    return False


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
