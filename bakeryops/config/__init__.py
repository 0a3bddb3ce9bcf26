"""The configuration: `$XDG_CONFIG_HOME/bakeryops/config.yaml`, variables and options, read as one."""

from __future__ import annotations

from bakeryops.config.loading import Loaded, check, load
from bakeryops.config.schema import THEMES, Budgets, Config, Key, Logs, Namespaces, all_keys
from bakeryops.config.template import template
from bakeryops.config.values import Bytes, show

__all__ = [
    "THEMES",
    "Budgets",
    "Bytes",
    "Config",
    "Key",
    "Loaded",
    "Logs",
    "Namespaces",
    "all_keys",
    "check",
    "load",
    "show",
    "template",
]
