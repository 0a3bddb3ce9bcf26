"""Certificates for tests, made with the openssl command where there is one."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on this machine")

_CONFIG = """
[ca]
default_ca = here
[here]
dir = .
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
email_in_dn = no
unique_subject = no
[any]
commonName = supplied
organizationName = optional
"""


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder."""

    folder: Path
    name: str

    @property
    def certificate(self) -> bytes:
        """Its own certificate, PEM."""
        return (self.folder / f"{self.name}.crt").read_bytes()

    def issue(self, common_name: str, *, names: str = "", end: str = "20360101000000Z") -> tuple[Path, Path]:
        """Return the files (certificate, key) of a new certificate; `names` are its alternative names."""
        file = f"{self.name}-{common_name.replace(' ', '-')}-{end}"
        key, request, cert = (self.folder / f"{file}.{suffix}" for suffix in ("key", "csr", "crt"))
        _openssl(self.folder, "req", "-new", *_key(key), "-subj", f"/CN={common_name}", "-out", str(request))
        (self.folder / "extensions").write_text(
            f"subjectAltName={names}\n" if names else "keyUsage=digitalSignature\n"
        )
        _openssl(
            self.folder, "ca", "-batch", "-config", "ca.cnf", "-notext", "-in", str(request), "-out", str(cert),
            "-cert", f"{self.name}.crt", "-keyfile", f"{self.name}.key", "-extfile", "extensions",
            "-startdate", "20200101000000Z", "-enddate", end,
        )  # fmt: skip
        return cert, key

    def server(
        self, *, names: str = "IP:127.0.0.1", end: str = "20360101000000Z", ask: bool = False
    ) -> ssl.SSLContext:
        """Return the context of a server; with `ask` it wants a client certificate of this authority."""
        cert, key = self.issue("server", names=names, end=end)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        if ask:
            context.load_verify_locations(cadata=self.certificate.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def authority(folder: Path, name: str = "ca") -> Authority:
    """Make a certificate authority."""
    folder.mkdir(exist_ok=True)
    (folder / "ca.cnf").write_text(_CONFIG)
    (folder / "index.txt").touch()
    crt = str(folder / f"{name}.crt")
    key = _key(folder / f"{name}.key")
    _openssl(folder, "req", "-x509", *key, "-days", "3650", "-subj", f"/CN=test {name}", "-out", crt)
    return Authority(folder, name)


def encrypted(key: Path) -> bytes:
    """Return a key locked with a password."""
    argv = ["openssl", "pkcs8", "-topk8", "-in", str(key), "-passout", "pass:secret"]
    return subprocess.run(argv, check=True, capture_output=True).stdout


def _key(path: Path) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)]


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
