"""Who acts: the name in commits, locks and the audit log."""

from __future__ import annotations

import os
import pwd
import re
import socket
from dataclasses import dataclass

from bakeryops.config import Config
from bakeryops.text import clean

__all__ = ["Operator", "operator"]

_UNFIT = re.compile(r"[<>\n\r]")


@dataclass(frozen=True, slots=True)
class Operator:
    """A person at a machine."""

    name: str
    email: str
    host: str

    @property
    def label(self) -> str:
        """Who and where: "dev-one@bakery-vps"."""
        return f"{self.name}@{self.host}"


def operator(config: Config) -> Operator:
    """Return who acts: as the configuration says, else the login name, through sudo too."""
    host = socket.gethostname().partition(".")[0] or "localhost"
    name = config.person.name or os.environ.get("SUDO_USER") or _login()
    name = _UNFIT.sub("", clean(name)).strip()[:60] or "somebody"
    email = _UNFIT.sub("", clean(config.person.email or "")).strip()[:100]
    return Operator(name, email or f"{name.replace(' ', '.')}@{host}", host)


def _login() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return os.environ.get("USER") or str(os.getuid())
