"""The file that `config init` writes: every key, explained and commented out."""

from __future__ import annotations

from bakeryops.config.schema import Key, all_keys
from bakeryops.config.values import show

__all__ = ["template"]

_HEAD = """\
# Configuration of bakeryops. Every key is optional: the lines that begin with '#key' show the defaults;
# to set one, remove the '#' (and that of its section) and change the value.
# A command-line option wins over a BAKERYOPS_* variable, which wins over this file.
# Check it with: bakeryops config check
# Secrets do not belong here: the kubeconfig holds what connects to the cluster.
"""


def template() -> str:
    """Return the text of a configuration file that changes nothing."""
    lines = [_HEAD]
    section = ""
    for key in all_keys():
        head, _, name = key.name.rpartition(".")
        if head != section:
            section = head
            lines.append(f"#{head}:")
        lines.append(_entry(key, name, "  " if head else ""))
    return "\n".join(lines) + "\n"


def _entry(key: Key, name: str, indent: str) -> str:
    value = f"[{show(key.default)}]" if isinstance(key.default, tuple) else show(key.default)
    set_by = f"{key.flag} or {key.variable}" if key.flag else key.variable
    setting = f"#{indent}{name}:" + ("" if key.default is None else f" {value}")
    return f"# {key.help}\n# {key.kind.wanted[0].upper()}{key.kind.wanted[1:]}; also {set_by}.\n{setting}\n"
