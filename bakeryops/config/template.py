"""The file that `config init` writes: every key, explained and commented out."""

from __future__ import annotations

from bakeryops.config.schema import Key, keys
from bakeryops.config.values import show

__all__ = ["template"]

_HEAD = """\
# Configuration of bakeryops. Every key is optional; what is commented out shows its default.
# A command-line option wins over a BAKERYOPS_* variable, which wins over this file.
# Check it with: bakeryops config check
# Secrets do not belong here: the kubeconfig holds what connects to the cluster.
"""


def template() -> str:
    """Return the text of a configuration file that changes nothing."""
    lines = [_HEAD]
    section = ""
    for key in keys():
        head, _, name = key.name.rpartition(".")
        if head != section:
            section = head
            lines.append(f"# {head}:")
        lines.append(_entry(key, name, "  " if head else ""))
    return "\n".join(lines) + "\n"


def _entry(key: Key, name: str, indent: str) -> str:
    if isinstance(key.default, tuple):
        value = f"[{', '.join(key.default)}]"
    else:
        value = "" if key.default is None else show(key.default)
    set_by = f"{key.flag} or {key.variable}" if key.flag else key.variable
    return f"# {indent}# {key.help} ({key.kind.wanted}; {set_by})\n# {indent}{name}: {value}".rstrip() + "\n"
