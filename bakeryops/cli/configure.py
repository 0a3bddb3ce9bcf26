"""`bakeryops config`: write, show and check the configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from bakeryops.cli.options import EXIT_CODES, Call, connection_options, console_options, output_option, pass_call
from bakeryops.cli.output import Column, Out, Table, say
from bakeryops.errors import BakeryopsError, ConfigError, RefusedError
from bakeryops.text import clean

__all__ = ["command"]

_file_option = click.option("--config", "named", metavar="FILE", help="Use this file instead of the usual one.")


def _file(call: Call, named: str | None) -> Path:
    from bakeryops.locations import config_file, expanded

    return expanded(named or call.file or config_file())


@click.group("config", epilog=EXIT_CODES)
def command() -> None:
    """Write, show and check the configuration file.

    An option on the command line wins over a BAKERYOPS_* variable, which wins over the file, which wins over the
    default. All keys are in docs/config.md and in the file that `config init` writes.

    \b
    Examples:
      bakeryops config init            write a file with every key, commented out
      bakeryops config show            what is in force, and where each value comes from
      bakeryops config check           find mistakes; exit code 2 when there are any
    """


@command.command("init")
@_file_option
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@pass_call
def init(call: Call, named: str | None, force: bool) -> None:
    """Write a configuration file that explains every key and changes nothing."""
    from bakeryops.config import template

    path = _file(call, named)
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as stream:
            stream.write(template())
    except FileExistsError:
        raise RefusedError(
            f"{path} is there already", hint="Edit it, or replace it with: bakeryops config init --force"
        ) from None
    except OSError as error:
        raise BakeryopsError(f"{path}: cannot be written: {error.strerror}") from None
    call.out().lines([clean(str(path))])
    say("Written. Every key in it is commented out; edit it, then: bakeryops config check")


@command.command("show")
@connection_options
@console_options
@output_option
@pass_call
def show(call: Call) -> None:
    """Print the configuration in force, and where each value comes from."""
    from bakeryops.config import all_keys
    from bakeryops.config import show as shown

    loaded = call.load()
    out = call.out()
    values: dict[str, Any] = {}
    table = Table([Column("KEY", 9), Column("VALUE", 8), Column("FROM", 7), Column("VARIABLE", 3)])
    for key in all_keys():
        value: Any = loaded.config
        for part in key.name.split("."):
            value = getattr(value, part)
        origin = loaded.origins[key.name]
        values[key.name] = {"value": _plain(value), "from": origin}
        table.add(
            key.name, clean(shown(value)), (clean(origin), "dim" if origin == "default" else ""), key.variable
        )
    if out.form == "table":
        out.table(table)
        say(f"file: {loaded.file}" + ("" if loaded.found else " (not there)"))
    else:
        out.document({"file": str(loaded.file), "found": loaded.found, "keys": values})


def _plain(value: Any) -> Any:
    match value:
        case tuple():
            return list(value)
        case bool() | None:
            return value
        case int():
            return int(value)
        case _:
            return value


@command.command("check")
@_file_option
@output_option
@pass_call
def check(call: Call, named: str | None) -> None:
    """Find what is wrong in the configuration file; exit code 2 when there is anything."""
    from bakeryops.config import check as problems_of

    path = _file(call, named)
    problems = problems_of(path)
    out = call.out()
    if out.form != "table":
        out.document({"file": str(path), "ok": not problems, "problems": problems})
    if problems:
        _complain(out, problems)
    elif out.form == "table":
        out.lines([f"{clean(str(path))}: fine"])


def _complain(out: Out, problems: list[str]) -> None:
    if out.form == "table":
        out.lines(problems)
    count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
    raise ConfigError(f"{count} in the configuration", hint="The keys are explained in docs/config.md")


@command.command("path")
@_file_option
@pass_call
def path(call: Call, named: str | None) -> None:
    """Print the path of the configuration file, whether it is there or not."""
    call.out().lines([clean(str(_file(call, named)))])
