"""Tones: the few ways in which text may differ, mapped to component classes that the theme colours."""

from __future__ import annotations

__all__ = ["SYMBOLS", "TONES", "component_classes", "tone_css"]

TONES = ("fine", "working", "soon", "bad", "unknown", "held", "dim", "accent", "added", "removed")
"""Every tone; the empty tone is ordinary text."""

SYMBOLS = {"fine": "✔", "working": "◐", "soon": "▲", "bad": "✖", "unknown": "○", "held": "⏸"}
"""The symbol that says the same as the tone, for eyes and terminals without colour."""

_COLOURS = {
    "fine": "color: $text-muted;",
    "working": "color: $text-primary;",
    "soon": "color: $text-warning;",
    "bad": "color: $text-error; text-style: bold;",
    "unknown": "color: $text-muted; text-style: italic;",
    "held": "color: $text-secondary;",
    "dim": "color: $text-muted;",
    "accent": "color: $text-accent;",
    "added": "color: $text-success;",
    "removed": "color: $text-error;",
}

_ANSI = {
    "fine": "color: ansi_default;",
    "working": "color: ansi_cyan;",
    "soon": "color: ansi_yellow;",
    "bad": "color: ansi_red; text-style: bold;",
    "unknown": "color: ansi_default; text-style: italic;",
    "held": "color: ansi_magenta;",
    "dim": "color: ansi_default; text-style: dim;",
    "accent": "color: ansi_blue; text-style: bold;",
    "added": "color: ansi_green;",
    "removed": "color: ansi_red;",
}


def component_classes(*extra: str) -> set[str]:
    """Return the component classes of a widget that paints tones, with its own ones."""
    return {f"tone--{tone}" for tone in TONES} | set(extra)


def tone_css(widget: str) -> str:
    """Return the default style rules of every tone for the widget class of this name."""
    rules = [f"{widget} > .tone--{tone} {{ {_COLOURS[tone]} }}" for tone in TONES]
    rules += [f"{widget}:ansi > .tone--{tone} {{ {_ANSI[tone]} }}" for tone in TONES]
    return "\n".join(rules)
