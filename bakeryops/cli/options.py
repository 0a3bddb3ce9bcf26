"""Options that several commands share, and what they add up to."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bakeryops.cli.output import Out

if TYPE_CHECKING:
    from bakeryops.config import Loaded

__all__ = [
    "EXIT_CODES", "Call", "connection_options", "moment_of", "output_option", "pass_call", "watch_option",
]  # fmt: skip

EXIT_CODES = """\b
Exit codes:
  0    fine
  1    the action failed
  2    wrong usage, or a file that cannot be used
  3    looked, and found something unhealthy
  4    the cluster cannot be reached, or refuses the credentials
  5    refused: read-only, forbidden, not confirmed, locked
  130  interrupted
"""
"""The end of every help text."""

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(slots=True)
class Call:
    """What was asked for on the command line; one object for the group and its verbs."""

    file: Path | None = None
    flags: dict[str, str] = field(default_factory=dict)
    """Texts given as options, by configuration key."""
    form: str = "table"
    colour: bool | None = None
    """False when --no-color was given."""
    all_namespaces: bool = False
    _loaded: Loaded | None = None

    def load(self) -> Loaded:
        """Return the configuration in force; raises `ConfigError`."""
        if self._loaded is None:
            from bakeryops.config import load

            self._loaded = load(self.file, flags=self.flags)
        return self._loaded

    def out(self) -> Out:
        """Return the writer of results in the form asked for."""
        return Out(self.form, colour=self.colour)

    @property
    def namespace(self) -> str | None:
        """The only namespace to look at, None for all."""
        return None if self.all_namespaces else self.load().config.namespace


pass_call = click.make_pass_decorator(Call, ensure=True)


def _flag(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Return a callback that notes an option as the text of a configuration key."""

    def note(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is not None:
            call = context.ensure_object(Call)
            call.flags[key] = ("true" if value else "false") if isinstance(value, bool) else str(value)

    return note


def _note_file(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Call).file = Path(value)


def _note_colour(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Call).colour = False


def _note_form(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Call).form = value


def _note_all(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Call).all_namespaces = True


def _option(*names: str, callback: Callable[..., None], text: str, **more: Any) -> Callable[[_F], _F]:
    return click.option(*names, callback=callback, expose_value=False, help=text, **more)


_CONNECTION = (
    _option("--config", callback=_note_file, metavar="FILE", text="Read this configuration file."),
    _option("--kubeconfig", callback=_flag("kubeconfig"), metavar="FILE", text="Connect with this kubeconfig."),
    _option("--context", callback=_flag("context"), metavar="NAME", text="Use this context of the kubeconfig."),
    _option("-n", "--namespace", callback=_flag("namespace"), metavar="NAME", text="Look at this namespace only."),
    _option("--no-color", callback=_note_colour, is_flag=True, text="Print without colours, like NO_COLOR=1."),
)


def connection_options(command: _F) -> _F:
    """Add the options that say where to connect; they work before and after the verb."""
    for option in reversed(_CONNECTION):
        command = option(command)
    return command


def console_options(command: _F) -> _F:
    """Add the options of the console."""
    for option in (
        _option(
            "--theme", callback=_flag("theme"), metavar="NAME", text="Colours: dark, light, ansi or contrast."
        ),
        _option(
            "--low-bandwidth/--no-low-bandwidth",
            callback=_flag("low_bandwidth"),
            default=None,
            text="Repaint at most once a second, for slow links.",
        ),
        _option(
            "--read-only/--no-read-only",
            callback=_flag("read_only"),
            default=None,
            text="Refuse every change to the cluster.",
        ),
    ):
        command = option(command)
    return command


def all_namespaces_option(command: _F) -> _F:
    """Add -A, which undoes a namespace set in the configuration."""
    return _option(
        "-A", "--all-namespaces", callback=_note_all, is_flag=True, text="Look at all namespaces (the default)."
    )(command)


def output_option(command: _F) -> _F:
    """Add -o, the form of the output."""
    return _option(
        "-o",
        "--output",
        callback=_note_form,
        type=click.Choice(["table", "json", "yaml"]),
        text="Form of the output; json and yaml are stable and documented in docs/json.md.",
    )(command)


def watch_option(command: _F) -> _F:
    """Add -w, which goes on printing changes; the command takes `watch`."""
    return click.option(
        "-w", "--watch", is_flag=True, help="Go on and print every change, until interrupted with ctrl+c."
    )(command)


_DAYS = re.compile(r"([0-9]{1,5})d(.*)")


class _Duration(click.ParamType[float]):
    """How long ago: "90s", "10m", "1h30m", "2d"."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        from bakeryops.units import parse_duration

        if isinstance(value, float):
            return value
        text = str(value).strip()
        found = _DAYS.fullmatch(text)
        days, rest = found.groups() if found else (None, text)
        seconds = float(text[:20]) if text.isdecimal() else parse_duration(rest) if rest or days is None else 0.0
        if seconds is not None and days is not None:
            seconds += int(days) * 86_400.0
        if seconds is None or seconds < 0:
            self.fail(f"{value!r} is not a duration such as 90s, 10m, 1h30m or 2d", param, ctx)
        return seconds


def moment_of(text: str) -> float:
    """Return a time, or how long from now, as seconds since the epoch; raises `UsageError`."""
    from bakeryops.errors import UsageError
    from bakeryops.units import parse_duration, parse_time

    if "-" in text and (moment := parse_time(text)) is not None:
        return moment
    days, _, rest = text.rpartition("d")
    seconds = parse_duration(rest) if rest else 0.0
    if seconds is None or (days and not days.isdecimal()) or seconds < 0 or not text.strip("d"):
        raise UsageError(f"{text!r} is no time", hint="Say 2h, 30m, 1d, or 2026-11-24T18:00:00Z.")
    return time.time() + seconds + int(days or 0) * 86_400.0


def since_option(command: _F) -> _F:
    """Add --since, a duration; the command takes `since` in seconds."""
    return click.option(
        "--since", type=_Duration(), metavar="DURATION", help="Only what is not older than this: 90s, 10m, 2d."
    )(command)
