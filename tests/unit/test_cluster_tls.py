"""When a certificate ends, read without a library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeryops.cluster.tls import expires


def _sequence(*parts: bytes, tag: int = 0x30) -> bytes:
    body = b"".join(parts)
    length = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + length + body


def _certificate(end: bytes, tag: int, *, version: bool = True) -> bytes:
    validity = _sequence(_sequence(b"200101000000Z", tag=0x17), _sequence(end, tag=tag))
    head = [_sequence(b"\x02\x01\x02", tag=0xA0)] if version else []
    issuer = _sequence(b"x" * 200)
    der = _sequence(_sequence(*head, b"\x02\x01\x05", _sequence(b""), issuer, validity, _sequence(b"more")))
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("version", [True, False])
@pytest.mark.parametrize(
    ("end", "tag", "year"),
    [(b"360102030405Z", 0x17, 2036), (b"990102030405Z", 0x17, 1999), (b"20600102030405Z", 0x18, 2060)],
)
def test_both_notations_of_time(end: bytes, tag: int, year: int, version: bool) -> None:
    assert expires(_certificate(end, tag, version=version)) == datetime(year, 1, 2, 3, 4, 5, tzinfo=UTC)


@given(st.binary(max_size=300))
def test_anything_else_is_unknown_never_a_crash(data: bytes) -> None:
    pem = b"-----BEGIN CERTIFICATE-----" + base64.b64encode(data) + b"-----END CERTIFICATE-----"
    assert expires(pem) is None or data
    expires(data)


def test_a_certificate_that_is_cut_short() -> None:
    pem = _certificate(b"360102030405Z", 0x17)
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    for length in range(0, len(der) - 6, 7):
        cut = b"-----BEGIN CERTIFICATE-----" + base64.b64encode(der[:length]) + b"-----END CERTIFICATE-----"
        assert expires(cut) is None
