"""The docs say what the code does: every command, option, key and exit code."""

from __future__ import annotations

import re

import pytest

from bakeryops.cli.main import cli
from bakeryops.cli.options import EXIT_CODES
from bakeryops.config import all_keys
from tests.support import docs_tables

PARTS = [(file, name) for file, parts in docs_tables.PARTS.items() for name in parts]


@pytest.mark.parametrize(("file", "name"), PARTS)
def test_what_is_made_from_the_code_is_current(file: str, name: str) -> None:
    text = (docs_tables.DOCS / file).read_text("utf-8")
    assert docs_tables.between(text, name) == docs_tables.PARTS[file][name](), (
        "write it again with: python -m tests.support.docs_tables"
    )


def test_every_command_and_option_explains_itself() -> None:
    silent = []
    for path, command, context in docs_tables.commands():
        if not command.help or (not command.help.endswith((".", "…")) and "\b" not in command.help):
            silent.append(" ".join(path))
        for parameter in command.get_params(context):
            if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False):
                record = parameter.get_help_record(context)
                if not record or not record[1].strip():
                    silent.append(f"{' '.join(path)} {parameter.name}")
    assert silent == []


def test_every_verb_shows_examples() -> None:
    without = [
        " ".join(path)
        for path, command, _ in docs_tables.commands()
        if len(path) == 1 and "Examples:" not in (command.help or "")
    ]
    assert without == []


def test_the_exit_codes_are_the_same_everywhere() -> None:
    told = set(re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE))
    page = (docs_tables.DOCS / "cli.md").read_text("utf-8")
    assert set(re.findall(r"^\| (\d+) \|", page, re.MULTILINE)) == told
    from bakeryops import errors

    raised = {str(getattr(errors, name).exit_code) for name in errors.__all__}
    assert raised <= told


def test_every_flag_of_a_key_exists() -> None:
    known: set[str] = set()
    for _, command, _ in [((), cli, None), *docs_tables.commands()]:
        for parameter in command.params:
            known.update(parameter.opts)
    assert {key.flag for key in all_keys() if key.flag} <= known


def test_every_key_of_the_configuration_is_read_by_something() -> None:
    root = docs_tables.DOCS.parent
    sources = [
        path.read_text("utf-8")
        for folder in ("bakeryops", "screens")
        for path in (root / folder).rglob("*.py")
        if "bakeryops/config/" not in str(path)
    ]
    text = "\n".join(sources)

    def is_read(name: str) -> bool:
        # `refresh` and `low_bandwidth` are read through `max_hz`.
        section, _, attribute = {"refresh": "max_hz", "low_bandwidth": "max_hz"}.get(name, name).rpartition(".")
        whole = rf"\bconfig\.{section or attribute}\b"
        return bool(re.search(whole, text) and re.search(rf"\.{attribute}\b", text))

    assert [key.name for key in all_keys() if not is_read(key.name)] == []


def test_links_between_pages_lead_somewhere() -> None:
    dead = [
        f"{page.name}: {target}"
        for page in docs_tables.DOCS.glob("*.md")
        for target in re.findall(r"\]\(([^)#:]+\.md)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert dead == []
