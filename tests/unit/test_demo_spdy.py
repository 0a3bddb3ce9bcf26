"""SPDY as clients of port-forward speak it."""

from __future__ import annotations

import struct
import zlib

import pytest

from bakeryops.demo import spdy
from tests.support.spdy import Peer


def test_the_dictionary_is_that_of_the_protocol() -> None:
    assert (len(spdy.DICTIONARY), zlib.adler32(spdy.DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_frames_come_out_whole_however_they_are_cut() -> None:
    peer = Peer()
    sent = (
        peer.open(1, final=True, streamtype="error", port="80", requestid="0")
        + peer.open(3, streamtype="data", port="80", requestid="0")
        + struct.pack(">II", 3, 1 << 24 | 5) + b"hello"
        + struct.pack(">HHI", 0x8003, spdy.PING, 4) + b"\x00\x00\x00\x07"
        + struct.pack(">HHI", 0x8003, spdy.RST_STREAM, 8) + struct.pack(">II", 3, 5)
    )  # fmt: skip
    for size in (1, 7, len(sent)):
        reader = spdy.Reader()
        found = [frame for at in range(0, len(sent), size) for frame in reader.feed(sent[at : at + size])]
        assert [(frame.kind, frame.stream, frame.data, frame.final) for frame in found] == [
            (spdy.SYN_STREAM, 1, b"", True),
            (spdy.SYN_STREAM, 3, b"", False),
            (0, 3, b"hello", True),
            (spdy.PING, 0, b"\x00\x00\x00\x07", False),
            (spdy.RST_STREAM, 3, b"", False),
        ]
        assert found[1].headers == {"streamtype": "data", "port": "80", "requestid": "0"}


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">HHI", 0x8002, spdy.PING, 4) + b"\x00\x00\x00\x07",
        struct.pack(">HHI", 0x8003, spdy.SYN_STREAM, 12) + b"\x00" * 12,
        struct.pack(">HHI", 0x8003, spdy.SYN_STREAM, 2) + b"\x00" * 2,
        struct.pack(">HHI", 0x8003, spdy.RST_STREAM, 2) + b"\x00" * 2,
        struct.pack(">II", 1, 0xFFFFFF) + b"x",
    ],
)
def test_what_is_no_spdy_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        list(spdy.Reader().feed(sent))


def test_what_is_written_is_read_again() -> None:
    writer, reader = spdy.Writer(), spdy.Reader()
    sent = (
        writer.reply(5)
        + writer.data(5, b"page")
        + writer.data(5, b"", final=True)
        + writer.reset(7)
        + writer.ping(b"\0\0\0\1")
    )
    kinds = [(frame.kind, frame.stream, frame.data, frame.final) for frame in reader.feed(sent)]
    assert kinds == [
        (spdy.SYN_REPLY, 5, b"", False),
        (0, 5, b"page", False),
        (0, 5, b"", True),
        (spdy.RST_STREAM, 7, b"", False),
        (spdy.PING, 0, b"\0\0\0\1", False),
    ]
