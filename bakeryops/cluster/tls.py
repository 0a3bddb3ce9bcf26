"""TLS contexts from certificates in a kubeconfig, without a secret touching the disk."""

from __future__ import annotations

import base64
import binascii
import os
import re
import ssl
from datetime import UTC, datetime
from pathlib import Path

from bakeryops.cluster.login import Trust
from bakeryops.errors import CredentialError, UsageError

__all__ = ["expires", "ssl_context"]

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def ssl_context(trust: Trust, cert: bytes | None = None, key: bytes | None = None) -> ssl.SSLContext:
    """Return a context that trusts what `trust` says and shows the client certificate `cert` (PEM), if any.

    Reads files, and for a cluster without a CA of its own the system's certificates (tens of milliseconds):
    call it in a thread. Raises `UsageError` or `CredentialError`.
    """
    # Not create_default_context: it asks for X.509 strictness from Python 3.13 on, and the CAs that MicroK8s
    # and kubeadm make have no key identifiers.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    ca = trust.ca_data or (_read(trust.ca_file) if trust.ca_file else None)
    if trust.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca is not None:
        try:
            context.load_verify_locations(cadata=ca.decode("ascii"))
        except (ssl.SSLError, ValueError):
            where = trust.ca_file or "certificate-authority-data"
            raise UsageError(
                f"the CA certificate in {where} cannot be read",
                why="it is not a PEM certificate",
                hint="fetch the kubeconfig again (MicroK8s: microk8s config)",
            ) from None
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if cert is not None and key is not None:
        _show(context, cert, key)
    return context


def expires(cert: bytes) -> datetime | None:
    """Return when the first certificate in `cert` (PEM) ends to be valid, or None where that cannot be read."""
    found = _PEM.search(cert)
    if found is None:
        return None
    try:
        return _not_after(base64.b64decode(found.group(1)))
    except (binascii.Error, ValueError, IndexError):
        return None


def _show(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    # OpenSSL loads a chain from a file only; one in memory leaves no key behind, whatever happens to us.
    descriptor = os.memfd_create("client", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(cert.rstrip() + b"\n" + key)
        # Without an answer here OpenSSL asks the terminal for the password of an encrypted key.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError) as error:
        text = str(getattr(error, "reason", "") or "").replace("_", " ").lower()
        raise CredentialError(
            "the client certificate or its key cannot be used",
            why=text or "the key is encrypted, or not a PEM key",
            hint="fetch the kubeconfig again (MicroK8s: microk8s config); an encrypted key cannot be used",
        ) from None
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"the CA certificate {path} cannot be read", why=error.strerror or "") from None


def _not_after(der: bytes) -> datetime:
    # SEQUENCE { tbs SEQUENCE { [0] version?, serial, algorithm, issuer, validity { from, to } … (RFC 5280)
    at, _ = _enter(der, 0)
    at, _ = _enter(der, at)
    if der[at] == 0xA0:
        at = _after(der, at)
    for _skipped in range(3):
        at = _after(der, at)
    at, _ = _enter(der, at)
    at = _after(der, at)
    start, end = _enter(der, at)
    text = der[start:end].decode("ascii")
    if der[at] == 0x17:  # UTCTime has two digits of the year: 50 to 99 are of the last century
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _enter(der: bytes, at: int) -> tuple[int, int]:
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[start : start + count]), start + count
    if start + length > len(der):
        raise ValueError("cut short")
    return start, start + length


def _after(der: bytes, at: int) -> int:
    return _enter(der, at)[1]
