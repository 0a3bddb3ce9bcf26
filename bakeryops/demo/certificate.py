"""A certificate for a server on loopback, made without other tools: kubectl sends tokens over TLS only.

A fresh authority signs a fresh server certificate each time (ECDSA on P-256, X.509 in DER); both keys live as long
as the server. The arithmetic is plain Python and not hardened against timing: the demo guards nothing real.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

__all__ = ["ServerCertificate", "make_certificate", "server_context"]

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_Point = tuple[int, int] | None

_OID_EC_KEY, _OID_P256, _OID_SIGNED = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2"
_OID_NAME, _OID_SERVER_AUTH = "2.5.4.3", "1.3.6.1.5.5.7.3.1"
_SUBJECT_KEY, _KEY_USAGE, _ALT_NAMES, _CONSTRAINTS, _AUTHORITY_KEY, _EXTENDED_USAGE = (
    "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37",
)  # fmt: skip
_LIFE = timedelta(days=3650)


@dataclass(frozen=True)
class ServerCertificate:
    """What a server needs, and what its clients need to trust it; PEM texts."""

    authority: str
    certificate: str
    key: str

    def __repr__(self) -> str:
        return "ServerCertificate(…)"


# ---- elliptic curve ----


def _add(one: _Point, other: _Point) -> _Point:
    if one is None:
        return other
    if other is None:
        return one
    if one[0] == other[0]:
        if (one[1] + other[1]) % _P == 0:
            return None
        slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, _P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _P)
    x = (slope * slope - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


def _multiply(factor: int) -> tuple[int, int]:
    found: _Point = None
    step: _Point = _BASE
    while factor:
        if factor & 1:
            found = _add(found, step)
        step = _add(step, step)
        factor >>= 1
    assert found is not None
    return found


class _Key:
    def __init__(self) -> None:
        self.secret = 1 + secrets.randbelow(_ORDER - 1)
        x, y = _multiply(self.secret)
        self.public = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")

    def sign(self, message: bytes) -> bytes:
        digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
        while True:
            nonce = 1 + secrets.randbelow(_ORDER - 1)
            r = _multiply(nonce)[0] % _ORDER
            s = pow(nonce, -1, _ORDER) * (digest + r * self.secret) % _ORDER
            if r and s:
                return _sequence(_integer(r), _integer(s))

    def pem(self) -> str:
        body = _sequence(
            _integer(1),
            _tagged(0x04, self.secret.to_bytes(32, "big")),
            _tagged(0xA0, _oid(_OID_P256)),
            _tagged(0xA1, _bits(self.public)),
        )
        return _pem("EC PRIVATE KEY", body)


# ---- DER ----


def _tagged(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(body: bytes, unused: int = 0) -> bytes:
    return _tagged(0x03, bytes([unused]) + body)


def _oid(text: str) -> bytes:
    first, second, *rest = (int(part) for part in text.split("."))
    body = bytearray([40 * first + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | (number & 0x7F))
        body += bytes(reversed(groups))
    return _tagged(0x06, bytes(body))


def _pem(label: str, body: bytes) -> str:
    text = base64.b64encode(body).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _name(common: str) -> bytes:
    return _sequence(_tagged(0x31, _sequence(_oid(_OID_NAME), _tagged(0x0C, common.encode()))))


def _time(when: datetime) -> bytes:
    return _tagged(0x17, when.strftime("%y%m%d%H%M%SZ").encode())


def _extension(oid: str, body: bytes, *, critical: bool = False) -> bytes:
    flag = _tagged(0x01, b"\xff") if critical else b""
    return _sequence(_oid(oid), flag, _tagged(0x04, body))


def _key_id(key: _Key) -> bytes:
    return hashlib.sha1(key.public, usedforsecurity=False).digest()


def _certificate(subject: str, key: _Key, issuer: str, issuer_key: _Key, extensions: list[bytes]) -> str:
    now = datetime.now(UTC)
    algorithm = _sequence(_oid(_OID_SIGNED))
    body = _sequence(
        _tagged(0xA0, _integer(2)),
        _integer(1 + secrets.randbits(120)),
        algorithm,
        _name(issuer),
        _sequence(_time(now - timedelta(days=1)), _time(now + _LIFE)),
        _name(subject),
        _sequence(_sequence(_oid(_OID_EC_KEY), _oid(_OID_P256)), _bits(key.public)),
        _tagged(0xA3, _sequence(*extensions)),
    )
    return _pem("CERTIFICATE", _sequence(body, algorithm, _bits(issuer_key.sign(body))))


# ---- what is offered ----


def make_certificate(host: str) -> ServerCertificate:
    """Return a certificate for an IP address of this machine (and `localhost`) and the authority behind it."""
    authority, server = _Key(), _Key()
    ca_name, server_name = "bakeryops demo authority", "bakeryops demo"
    identity = _sequence(_tagged(0x80, _key_id(authority)))
    root = _certificate(
        ca_name, authority, ca_name, authority,
        [
            _extension(_CONSTRAINTS, _sequence(_tagged(0x01, b"\xff")), critical=True),
            _extension(_KEY_USAGE, _bits(b"\x06", 1), critical=True),
            _extension(_SUBJECT_KEY, _tagged(0x04, _key_id(authority))),
        ],
    )  # fmt: skip
    names = _sequence(_tagged(0x82, b"localhost"), _tagged(0x87, ip_address(host).packed))
    leaf = _certificate(
        server_name, server, ca_name, authority,
        [
            _extension(_CONSTRAINTS, _sequence(), critical=True),
            _extension(_KEY_USAGE, _bits(b"\x80", 7), critical=True),
            _extension(_EXTENDED_USAGE, _sequence(_oid(_OID_SERVER_AUTH))),
            _extension(_SUBJECT_KEY, _tagged(0x04, _key_id(server))),
            _extension(_AUTHORITY_KEY, identity),
            _extension(_ALT_NAMES, names),
        ],
    )  # fmt: skip
    return ServerCertificate(root, leaf, server.pem())


def server_context(certificate: ServerCertificate) -> ssl.SSLContext:
    """Return the TLS settings of a server; the key touches the disk in a private folder for a moment only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="bakeryops-") as folder:
        path = Path(folder, "server.pem")
        path.touch(mode=0o600)
        path.write_text(certificate.key + certificate.certificate, encoding="ascii")
        context.load_cert_chain(path)
    return context
