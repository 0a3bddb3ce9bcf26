"""`bakeryops completion`: what a shell must read to complete verbs and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from bakeryops.cli.options import EXIT_CODES, Call, pass_call

__all__ = ["command"]


@click.command("completion", epilog=EXIT_CODES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_call
def command(call: Call, shell: str) -> None:
    """Print the completion script of a SHELL: bash, zsh or fish.

    \b
    Examples:
      source <(bakeryops completion bash)                     for this shell (bash 4.4 or later)
      bakeryops completion bash > ~/.local/share/bash-completion/completions/bakeryops
      bakeryops completion zsh > ~/.zfunc/_bakeryops          a folder in $fpath
      bakeryops completion fish > ~/.config/fish/completions/bakeryops.fish
    """
    from bakeryops.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    call.out().write(kind(cli, {}, "bakeryops", "_BAKERYOPS_COMPLETE").source().rstrip() + "\n")
