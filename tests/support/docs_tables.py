"""The parts of docs/ that are made from the code; `python -m tests.support.docs_tables` writes them again."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from bakeryops.cli.main import cli
from bakeryops.config import Key, all_keys, show

DOCS = Path(__file__).resolve().parents[2] / "docs"


def between(text: str, name: str) -> str:
    """Return what stands between the marks `<!-- made: NAME -->` and `<!-- end -->`."""
    found = re.search(rf"<!-- made: {name} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert found, f"no marks for {name}"
    return found[1]


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


def config_keys() -> str:
    """Return the table of configuration keys."""
    lines = [
        "",
        "| Key | Default | What it does | What it takes | Option | Variable |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_key(key) for key in all_keys()]
    return "\n".join([*lines, "", ""])


def _key(key: Key) -> str:
    default = "" if key.default is None else f"`{show(key.default)}`"
    flag = f"`{key.flag}`" if key.flag else ""
    return f"| `{key.name}` | {default} | {key.help} | {key.kind.wanted} | {flag} | `{key.variable}` |"


def commands(
    group: click.Group = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command, click.Context]]:
    """Yield every command with its words and a context for its help."""
    context = click.Context(group, info_name=" ".join(("bakeryops", *path)), **cli.context_settings)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command, click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def verbs() -> str:
    """Return a section for each command."""
    parts = [""]
    for path, command, context in commands():
        words = " ".join(("bakeryops", *path))
        synopsis = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
        parts += [
            f"{'#' * (len(path) + 1)} {words}",
            "",
            f"`{words} [OPTIONS]{' ' + synopsis if synopsis else ''}`",
            "",
        ]
        parts += [_prose(command.help or ""), ""]
        parts += [*_options(command, context), ""]
    return "\n".join(parts)


def global_options() -> str:
    """Return the table of options that stand before a command."""
    return "\n".join(
        ["", *_options(cli, click.Context(cli, info_name="bakeryops", **cli.context_settings)), "", ""]
    )


def _prose(text: str) -> str:
    paragraphs = []
    for paragraph in re.split(r"\n\n+", inspect.cleandoc(text)):
        if paragraph.startswith("\b"):
            title, _, body = paragraph.lstrip("\b\n").partition("\n")
            paragraphs.append(f"{title}\n\n```\n{body}\n```")
        else:
            paragraphs.append(" ".join(paragraph.split("\n")))
    return "\n\n".join(paragraphs)


def _options(command: click.Command, context: click.Context) -> list[str]:
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            rows.append(f"| `{escaped(record[0])}` | {escaped(record[1])} |")
    return ["| Option | What it does |", "|---|---|", *rows]


PARTS = {"config.md": {"config-keys": config_keys}, "cli.md": {"global": global_options, "verbs": verbs}}


def main() -> None:
    for file, parts in PARTS.items():
        path = DOCS / file
        text = path.read_text("utf-8")
        for name, make in parts.items():
            head, mark, rest = text.partition(f"<!-- made: {name} -->\n")
            text = f"{head}{mark}{make()}{rest[rest.index('<!-- end -->') :]}"
        path.write_text(text, "utf-8")
        sys.stdout.write(f"{path.name}\n")


if __name__ == "__main__":
    main()
