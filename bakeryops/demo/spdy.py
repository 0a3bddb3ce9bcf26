"""SPDY/3.1 as far as port-forward needs it: frames of streams, with their compressed headers.

Clients of Kubernetes speak it to this day within a WebSocket (`SPDY/3.1+portforward.k8s.io`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["DICTIONARY", "Frame", "Reader", "Writer"]

_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age "
    "allow authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie "
    "keep-alive origin"
)
_CODES = (
    "100 101 201 202 205 206 300 302 303 304 305 306 307 402 405 406 407 408 409 410 411 412 413 414 415 416 417 "
    "502 504 505"
)
_PHRASES = (
    "203 Non-Authoritative Information", "204 No Content", "301 Moved Permanently", "400 Bad Request",
    "401 Unauthorized", "403 Forbidden", "404 Not Found", "500 Internal Server Error", "501 Not Implemented",
    "503 Service Unavailable",
)  # fmt: skip
_TAIL = (
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _dictionary() -> bytes:
    words = [word.replace("_", " ").encode() for word in _WORDS.split()]
    named = b"".join(struct.pack(">I", len(word)) + word for word in words)
    return named + "".join((*_CODES.split(), *_PHRASES, _TAIL)).encode()


DICTIONARY = _dictionary()
"""What headers are compressed with from the start, fixed by the protocol."""

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
_VERSION = 3
_FIN = 0x01
_LARGEST = 1 << 20
_MOST_HEADERS = 1 << 16


@dataclass(frozen=True)
class Frame:
    """One frame that a client sent; of control frames only the kinds that matter here are told apart."""

    kind: int
    """0 for data, else the type of the control frame."""
    stream: int = 0
    data: bytes = b""
    """Data; of a ping its id."""
    final: bool = False
    """Whether the client says nothing more on the stream."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of a SYN_STREAM."""


class Reader:
    """Cuts bytes into frames."""

    def __init__(self) -> None:
        self._buffer = b""
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are whole by now; raises ValueError for what is no SPDY/3."""
        self._buffer += data
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            length = second & 0xFFFFFF
            if length > _LARGEST:
                raise ValueError("a frame is too large")
            if len(self._buffer) < 8 + length:
                return
            body, self._buffer = self._buffer[8 : 8 + length], self._buffer[8 + length :]
            yield self._frame(first, second >> 24, body)

    def _frame(self, first: int, flags: int, body: bytes) -> Frame:
        final = bool(flags & _FIN)
        if not first & 0x80000000:
            return Frame(0, first, body, final)
        if first >> 16 & 0x7FFF != _VERSION:
            raise ValueError("this is another version of SPDY")
        kind = first & 0xFFFF
        try:
            if kind == SYN_STREAM:
                return Frame(kind, _number(body), b"", final, self._headers(body[10:]))
            stream = _number(body) if kind in (SYN_REPLY, RST_STREAM) else 0
        except (zlib.error, struct.error) as error:
            raise ValueError(f"a frame cannot be read: {error}") from None
        return Frame(kind, stream, body if kind == PING else b"", final)

    def _headers(self, block: bytes) -> dict[str, str]:
        raw = self._inflate.decompress(block, _MOST_HEADERS)
        (count,) = struct.unpack_from(">I", raw)
        found, at = {}, 4
        for _ in range(min(count, 64)):
            texts = []
            for _ in range(2):
                (length,) = struct.unpack_from(">I", raw, at)
                texts.append(raw[at + 4 : at + 4 + length].decode("utf-8", "replace"))
                at += 4 + length
            found[texts[0].lower()] = texts[1]
        return found


class Writer:
    """Writes frames."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def reply(self, stream: int) -> bytes:
        """Return the acceptance of a stream, without headers."""
        block = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return self._control(SYN_REPLY, struct.pack(">I", stream) + block)

    def reset(self, stream: int) -> bytes:
        """Return the refusal of a stream."""
        return self._control(RST_STREAM, struct.pack(">II", stream, 3))

    def ping(self, data: bytes) -> bytes:
        """Return the answer to a ping."""
        return self._control(PING, data)

    def data(self, stream: int, data: bytes, *, final: bool = False) -> bytes:
        """Return data of a stream."""
        return struct.pack(">II", stream, (_FIN if final else 0) << 24 | len(data)) + data

    def _control(self, kind: int, body: bytes) -> bytes:
        return struct.pack(">HHI", 0x8000 | _VERSION, kind, len(body)) + body


def _number(body: bytes) -> int:
    (found,) = struct.unpack_from(">I", body)
    return int(found & 0x7FFFFFFF)
