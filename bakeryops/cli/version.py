"""`bakeryops version`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

import click

from bakeryops import __version__
from bakeryops.cli.options import EXIT_CODES, Call, output_option, pass_call

__all__ = ["command"]

_LIBRARIES = ("textual", "kubernetes", "aiohttp", "msgspec")


def _installed(name: str) -> str:
    try:
        return installed(name)
    except PackageNotFoundError:
        return "missing"


@click.command("version", epilog=EXIT_CODES)
@output_option
@pass_call
def command(call: Call) -> None:
    """Print the version of bakeryops, of Python and of the libraries that matter in a report.

    \b
    Examples:
      bakeryops version
      bakeryops version -o json
    """
    out = call.out()
    libraries = {name: _installed(name) for name in _LIBRARIES}
    if out.form != "table":
        out.document({"bakeryops": __version__, "python": platform.python_version(), "libraries": libraries})
        return
    names = ", ".join(f"{name} {number}" for name, number in libraries.items())
    out.lines([f"bakeryops {__version__}", f"python {platform.python_version()}, {names}"])
