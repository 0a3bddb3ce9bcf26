"""Images: name, tag, commit; and why one cannot be pulled."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from bakeryops.text import clean
from bakeryops.units import parse_time

__all__ = ["Image", "cannot_pull", "split_image"]


class Image(msgspec.Struct, frozen=True, gc=False):
    """An image reference taken apart; `commit` and `built` (seconds since the epoch) come from a dated tag."""

    name: str
    tag: str
    digest: str
    commit: str
    built: float | None


_DATED = re.compile(r"(\d{4})(\d\d)(\d\d)-?(\d\d)(\d\d)(\d\d)?-([0-9a-f]{7,40})")
_BARE = re.compile(r"(?:.*[-_.])?(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])([0-9a-f]{7,40})")


@lru_cache(maxsize=4096)
def split_image(reference: str) -> Image:
    """Return an image reference taken apart; the tag is "latest" where neither tag nor digest is given."""
    reference = clean(reference)
    rest, _, digest = reference.partition("@")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        name, tag = rest, ""
    if not tag and not digest and name:
        tag = "latest"
    commit, built = "", None
    if found := _DATED.fullmatch(tag):
        year, month, day, hour, minute, second, commit = found.groups()
        built = parse_time(f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}Z")
    elif found := _BARE.fullmatch(tag):
        commit = found[1]
    return Image(name, tag, digest, commit, built)


_CAUSES = tuple(
    (re.compile(pattern, re.IGNORECASE), cause)
    for pattern, cause in (
        ("no such host|server misbehaving|failure in name resolution", "the registry's name does not resolve"),
        ("x509|certificate|tls:", "the registry's certificate is not trusted by the node"),
        ("HTTP response to HTTPS client", "the registry speaks HTTP and the node expects HTTPS"),
        (
            "40[13] |unauthorized|authorization failed|denied|insufficient_scope|forbidden",
            "the registry refuses the credentials, or there are none (imagePullSecrets)",
        ),
        ("not found|manifest unknown|name unknown|404", "the registry has no such image or tag"),
        ("429|toomanyrequests|rate limit", "the registry limits the rate of pulls"),
        (
            "connection refused|i/o timeout|no route to host|network is unreachable|deadline exceeded|EOF",
            "the registry cannot be reached",
        ),
        ("no space left", "the node's disk is full"),
    )
)


def cannot_pull(reason: str, message: str, image: str) -> str:
    """Return a sentence that says which image cannot be had and why, as far as the message tells."""
    shown = clean(image) or "its image"
    if reason == "InvalidImageName":
        return f"{shown} is not a valid image name"
    if reason == "ErrImageNeverPull":
        return f"{shown} is not on the node, and pulling is switched off (imagePullPolicy: Never)"
    # The image's own name must not be taken for a cause.
    text = message.replace(image, "") if image else message
    for pattern, cause in _CAUSES:
        if pattern.search(text):
            return f"cannot pull {shown}: {cause}"
    return f"cannot pull {shown}"
