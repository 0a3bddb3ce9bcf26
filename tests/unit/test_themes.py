from __future__ import annotations

import pytest
from textual.color import Color

from screens.themes import CONTRAST, DARK, LIGHT, THEMES, choose_theme, unicode_terminal


@pytest.mark.parametrize("theme", [DARK, LIGHT, CONTRAST], ids=lambda theme: theme.name)
@pytest.mark.parametrize(
    "name",
    ["foreground", "text-muted", "text-primary", "text-secondary", "text-accent", "text-warning", "text-error"],
)
@pytest.mark.parametrize("under", ["background", "surface", "panel", "primary-muted"])
def test_every_tone_can_be_read_on_every_ground(theme: object, name: str, under: str) -> None:
    def colour(key: str) -> Color:
        variables = theme.variables  # type: ignore[attr-defined]
        return Color.parse(variables[key] if key in variables else getattr(theme, key))

    def lightness(value: Color) -> float:
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in value.normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((lightness(colour(name)), lightness(colour(under))))
    needed = 4.0 if under == "primary-muted" else 4.5
    assert (high + 0.05) / (low + 0.05) >= (7 if theme is CONTRAST and under == "background" else needed)


@pytest.mark.parametrize(
    ("wanted", "environ", "name"),
    [
        ("auto", {"TERM": "xterm-256color"}, "dark"),
        ("auto", {"TERM": "xterm", "COLORTERM": "truecolor"}, "dark"),
        ("auto", {"TERM": "xterm"}, "ansi"),
        ("auto", {"TERM": "linux"}, "ansi"),
        ("light", {"TERM": "xterm-256color"}, "light"),
        ("contrast", {"TERM": "linux"}, "contrast"),
        ("dark", {"TERM": "xterm-256color", "NO_COLOR": "1"}, "ansi"),
        ("light", {"TERM": "xterm-256color", "NO_COLOR": "1"}, "ansi-light"),
        ("no such theme", {"TERM": "xterm-256color"}, "dark"),
    ],
)
def test_the_theme_suits_the_terminal(wanted: str, environ: dict[str, str], name: str) -> None:
    assert choose_theme(wanted, environ=environ) == THEMES[name]


def test_unicode_is_read_from_the_locale() -> None:
    assert unicode_terminal({"LANG": "de_DE.UTF-8"})
    assert unicode_terminal({"LC_ALL": "C.utf8", "LANG": "C"})
    assert not unicode_terminal({"LC_ALL": "C", "LANG": "de_DE.UTF-8"})
    assert not unicode_terminal({})
