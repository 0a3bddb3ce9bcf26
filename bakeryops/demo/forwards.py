"""What answers on the ports of a pod: a page where a running container declares the port, nothing elsewhere."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.objects import digest

__all__ = ["Listener", "refusal"]

_MOST = 64 * 1024
"""Bytes of a request's head that are waited for."""


class Listener:
    """One connection to a port that listens: takes a request in, gives a page back."""

    def __init__(self, pod: Object, port: int) -> None:
        """Take the pod and the port that was connected to."""
        self._pod = pod
        self._port = port
        self._head = b""

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes of a request; return the whole answer once its head is complete, None before."""
        self._head += data
        if b"\r\n\r\n" not in self._head and len(self._head) < _MOST:
            return None
        words = self._head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        meta = self._pod["metadata"]
        path = words[1].decode("ascii", "replace").replace("<", "%3C")
        page = (
            f"<!doctype html>\n<title>{meta['name']}</title>\n"
            f"<p>Pod {meta['namespace']}/{meta['name']} of the embedded cluster, port {self._port}, path {path}\n"
        ).encode()
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
            f"Content-Length: {len(page)}\r\nConnection: close\r\n\r\n"
        ).encode()
        return head + (b"" if words[0] == b"HEAD" else page)


def refusal(pod: Object, port: int) -> str:
    """Return why nothing can be reached on a port, as a kubelet on containerd says it; "" where it listens."""
    running = {
        each["name"]
        for each in (pod.get("status") or {}).get("containerStatuses") or ()
        if "running" in (each.get("state") or {})
    }
    for container in pod["spec"]["containers"]:
        ports = [
            each.get("containerPort") for each in container.get("ports") or () if each.get("protocol") != "UDP"
        ]
        if container["name"] in running and port in ports:
            return ""
    sandbox = digest("sandbox", pod["metadata"].get("uid", ""))
    head = f"error forwarding port {port} to pod {sandbox}, uid : "
    if not running:
        return f"{head}failed to find sandbox {sandbox[:13]!r} in store: not found"
    return (
        f'{head}failed to execute portforward in network namespace "/var/run/netns/cni-{sandbox[:8]}": failed to '
        f'connect to localhost:{port} inside namespace "{sandbox}", IPv4: dial tcp4 127.0.0.1:{port}: connect: '
        f"connection refused IPv6 dial tcp6 [::1]:{port}: connect: connection refused "
    )
