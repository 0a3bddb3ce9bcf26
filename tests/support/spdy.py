"""The client's end of SPDY."""

from __future__ import annotations

import struct
import zlib

from bakeryops.demo import spdy

__all__ = ["Peer"]


class Peer:
    """The other end of a connection, written from the protocol's own text."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=spdy.DICTIONARY)

    def open(self, stream: int, *, final: bool = False, **headers: str) -> bytes:
        raw = struct.pack(">I", len(headers))
        for name, value in headers.items():
            raw += struct.pack(">I", len(name)) + name.encode() + struct.pack(">I", len(value)) + value.encode()
        block = self._deflate.compress(raw) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIBB", stream, 0, 0, 0) + block
        return struct.pack(">HHI", 0x8003, spdy.SYN_STREAM, final << 24 | len(body)) + body
