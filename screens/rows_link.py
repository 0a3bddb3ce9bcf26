"""Title bar, banner and connection text: what a person must know of the link to the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len

from bakeryops.units import format_age
from screens.lines import Line, Span, cut, line_width, pad, wrap

__all__ = ["LinkView", "banner_lines", "connect_lines", "state_span", "title_lines"]

CLOCK = 10
"""Cells of the time."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """The link at one moment, in words and seconds."""

    phase: str
    """connecting, live, stale or unauthorized."""
    reason: str = ""
    hint: str = ""
    since: float | None = None
    """Seconds the phase has lasted."""
    next_try: float | None = None
    """Seconds until the next try."""
    data_age: float | None = None
    """Seconds since anything was heard, None when nothing ever was."""
    version: str = ""
    kind: str = ""
    """The kind of the error behind the reason, as in `KubeError.kind`."""


_ADVICE = {
    "unreachable": (
        "The cluster does not answer",
        ("On the node itself: microk8s status --wait-ready   (is it running?)",
         "From elsewhere: check the address, the VPN and the firewall of port 16443."),
    ),
    "timeout": (
        "The cluster is too slow to answer",
        ("On the node: microk8s inspect, and look at the disk's load (dqlite waits for it).",),
    ),
    "tls": (
        "The cluster's certificate is not trusted",
        ("The certificate authority in the kubeconfig belongs to another cluster, or was renewed:",
         "take a fresh file with: microk8s config > ~/.kube/config"),
    ),
    "unauthorized": (
        "The credentials are expired or refused",
        ("Log in again, or take fresh ones with: microk8s config > ~/.kube/config",),
    ),
    "forbidden": (
        "The credentials work but may not read the cluster",
        ("Ask for the viewer role of the console; what is allowed shows: kubectl auth can-i --list",),
    ),
    "unavailable": (
        "The cluster answers, but is not ready",
        ("It may be starting: on the node, microk8s status --wait-ready waits until it is up.",),
    ),
    "server": (
        "The cluster answers with a failure of its own",
        ("On the node: journalctl -u snap.microk8s.daemon-kubelite -n 50 says which.",),
    ),
    "protocol": (
        "What answers there is not a Kubernetes API server",
        ("Check the server's address in the kubeconfig: a proxy or a login page may have answered instead.",),
    ),
    "CredentialError": ("There are no usable credentials", ()),
    "UsageError": ("The kubeconfig cannot be used", ()),
    "ConfigError": ("The configuration cannot be used", ()),
    "UnreachableError": ("No cluster was found", ()),
}  # fmt: skip


def title_lines(
    width: int, *, context: str, link: LinkView, clock: float, user: str, read_only: bool, demo: bool,
    namespace: str = "", place: str = "", seconds: bool = True, job: Span = ("", ""),
) -> tuple[Line, Line, Line]:  # fmt: skip
    """Return the title bar in three parts: which cluster and how live, the time, and who may do what."""
    right: list[Span] = []
    if user and width >= 70:
        right.append((f"{cut(user, 18)}  ", "dim"))
    right.append(("read-only " if read_only else "rw ", "held" if read_only else "dim"))
    state = state_span(link)
    working: Line = ((f"{cut(job[0], max(16, width // 3))}  ", job[1]),) if job[0] else ()
    room = width - CLOCK - line_width(tuple(right)) - cell_len(state[0]) - line_width(working)
    left: list[Span] = [(" bakeryops", "title"), ("  ", ""), (context or "no cluster", "")]
    if demo:
        left.append((" DEMO, an embedded cluster" if width >= 90 else " DEMO", "accent"))
    if link.version:
        left.append((f" · k8s {_short_version(link.version)}", "dim"))
    if namespace:
        left.append((f" · {namespace}", "accent"))
    if place:
        left.append((f" · {place}", ""))
    shown = datetime.fromtimestamp(clock).astimezone().strftime("%H:%M:%S" if seconds else "%H:%M")
    return (*pad(tuple(left), max(0, room)), *working, state), ((f" {shown:^8} ", ""),), tuple(right)


def state_span(link: LinkView) -> Span:
    """Return symbol and word of the link's state."""
    if link.phase == "live":
        return ("● live", "fine")
    if link.phase == "connecting":
        return ("◐ connecting", "working")
    if link.phase == "unauthorized":
        return ("✖ refused", "bad")
    age = format_age(link.data_age) if link.data_age is not None else "?"
    return (f"▲ stale {age}", "bad")


def banner_lines(width: int, link: LinkView, reasons: Sequence[str] = (), *, held: bool = False) -> list[Line]:
    """Return what the banner says, nothing when all is well; `reasons` is what the node itself knows."""
    lines: list[Line] = []
    if link.phase in ("stale", "unauthorized"):
        symbol = "✖" if link.phase == "unauthorized" else "▲"
        what = "refused" if link.phase == "unauthorized" else "lost"
        since = f" {format_age(link.since)} ago" if link.since is not None else ""
        text = f" {symbol} Cluster {what}{since}: {link.reason or 'no answer'}"
        lines += wrap(text, max(20, width - 1), "bad")[:2]
        tail: list[Span] = [("   what you see is ", ""), (_data_age(link), "")]
        if link.next_try is not None:
            tail.append((f" · next try in {max(0, round(link.next_try))} s", ""))
        tail.append((" · ", ""))
        tail += [("r", "key"), (" tries now", "")]
        lines.append(tuple(tail))
        if link.hint:
            lines.append(((f"   {link.hint}", ""),))
        for reason in reasons:
            said = wrap(f"on this node: {reason}", max(20, width - 4), "soon")[:2]
            lines += [(("   ", ""), *part) for part in said]
    elif held:
        lines.append((("   The terminal takes data slowly: the console repaints less often.", "soon"),))
    return [(_cut_line(line, width)) for line in lines]


def connect_lines(
    width: int, *, host: str, kind: str, message: str, why: str, hint: str, tried: str = "", waiting: bool = False
) -> list[Line]:
    """Return the text of the connection screen: what is wrong, why, the mend, and what to press."""
    inner = max(20, width - 6)
    if waiting:
        return [(), (("   ◐ ", "working"), (f"connecting to {host}" if host else "looking for a cluster", "")), ()]
    title, advice = _ADVICE.get(kind, ("The cluster cannot be used", ()))
    lines: list[Line] = [(), ((" ✖ ", "bad"), (title, "bad"))]
    if host:
        lines.append((("   ", ""), (host, "dim")))
    lines.append(())
    for part in (message, why):
        if part:
            lines += [(("   ", ""), *line) for line in wrap(part, inner)]
    mends = (hint,) if hint else advice
    if mends:
        lines += [(), (("   To mend it", "title"),)]
        for part in mends:
            if part not in (message, why):
                lines += [(("     ", ""), *line) for line in wrap(part, inner - 2, "accent")]
    if tried:
        lines += [(), *((("   ", ""), *line) for line in wrap(tried, inner, "dim"))]
    lines += [(), (("   r", "key"), (" try again   ", ""), ("K", "key"), (" another cluster   ", ""), ("?", "key"),
               (" help   ", ""), ("q", "key"), (" quit", ""))]  # fmt: skip
    return lines


def _data_age(link: LinkView) -> str:
    return "nothing yet" if link.data_age is None else f"{format_age(link.data_age)} old"


def _short_version(version: str) -> str:
    return ".".join(version.removeprefix("v").split("+")[0].split("-")[0].split(".")[:2])


def _cut_line(line: Line, width: int) -> Line:
    spans: list[Span] = []
    left = width
    for text, tone in line:
        shown = cut(text, left)
        spans.append((shown, tone))
        if shown != text:
            break
        left -= len(text)
    return tuple(spans)
