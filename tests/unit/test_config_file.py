from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops import config
from bakeryops.config.document import parse
from bakeryops.errors import ConfigError


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    file = tmp_path / "config.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return [line.removeprefix(f"{file}") for line in config.check(file)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("theme: drak\n", ":1:1: theme: 'drak' is not one of dark, light, ansi, contrast; did you mean 'dark'?"),
        ("\nkubecofig: x\n", ":2:1: kubecofig: unknown key; did you mean kubeconfig?"),
        ("logs:\n  tial: 3\n", ":2:3: logs.tial: unknown key; did you mean logs.tail?"),
        ("tail: 3\n", ":1:1: tail: unknown key; did you mean logs.tail?"),
        ("xyzzy: 3\n", ":1:1: xyzzy: unknown key; see: bakeryops config show"),
        ("logs: 3\n", ":1:1: logs: a section, not a value; it holds tail, lines, memory"),
        ("theme:\n  dark: 1\n", ":2:3: theme.dark: theme takes a value, not keys of its own"),
        ("logs:\n  tail: many\n", ":2:3: logs.tail: 'many' is not a whole number from 0 to 1000000"),
        ("logs:\n  tail: -1\n", ":2:3: logs.tail: '-1' is not a whole number from 0 to 1000000"),
        ("refresh: .nan\n", ":1:1: refresh: '.nan' is not a number from 0.1 to 30"),
        ("refresh: nan\n", ":1:1: refresh: 'nan' is not a number from 0.1 to 30"),
        ("read_only: maybe\n", ":1:1: read_only: 'maybe' is not true or false"),
        ("read_only: [true]\n", ":1:1: read_only: a list where true or false is wanted"),
        (
            "budgets: {gitea: 768MB}\n",
            ":1:11: budgets.gitea: '768MB' is not a size such as 768Mi, from 1Mi to 1024Ti; did you mean '768Mi'?",
        ),
        (
            "namespaces:\n  app: [Bakery_IA]\n",
            ":2:3: namespaces.app: 'Bakery_IA' is not a namespace name (lower-case letters, digits and '-')",
        ),
        ("context: a\ncontext: b\n", ":2:1: context: set twice; the first is in line 1"),
        ("logs: {tail: 1}\nlogs: {tail: 2}\n", ":2:1: logs: set twice; the first is in line 1"),
        ("logs:\n\ttail: 3\n", ":2:1: a tab; YAML is indented by spaces only"),
        ("a: &x 1\n", ":1:4: an anchor (&x) has no use here; leave it out"),
        ("context: *x\n", ":1:10: an alias (*x); write the value out"),
        ("context: !!python/name:os.system x\n", ":1:10: a tag (tag:yaml.org,2002:python/name:os.system)"),
        ("- context\n", ":1:1: the file must be made of lines KEY: VALUE"),
        ("hello\n", ":1:1: the file must be made of lines KEY: VALUE"),
        ("context: a\n---\ncontext: b\n", ":2:1: a second document; the file holds only one"),
        ("? [a]\n: b\n", ":1:3: a key must be a plain word"),
        ("namespaces: {app: [[a]]}\n", ":1:20: namespaces.app: a list of plain words is wanted"),
        ("context: a: b\n", ":1:11: a second ':' in one line"),
        ("context: a\ntheme\n", ":2:1: no ':' after the key"),
        ("context: 'a\n", ":1:10: a quote that is opened here is never closed"),
        (b"context: a\ntheme: \xff\n", ":2:1: not UTF-8 text"),
        ("context: \x1b[2J\n", "not YAML"),
        ('context: "\\e]52;c;aGk=\\a"\n', ":1:1: context: contains characters that do not print"),
        ('context: "\\UFFFFFFFF"\n', "not YAML"),
        ("a: [" * 3000, "a list of plain words"),
        ("a: " + "{b: " * 3000, "nested too deeply"),
        ("# " + "x" * 70_000, ": larger than 64 KiB"),
        ("token: abc\n", ":1:1: token: secrets are never kept in this file"),
        ("gitea:\n  password: abc\n", ":2:3: gitea.password: secrets are never kept in this file"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_right(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    found = problems(tmp_path, text)
    assert any(expected in line for line in found), found
    with pytest.raises(ConfigError):
        config.load(tmp_path / "config.yaml", environ={})


def test_every_mistake_is_told_in_the_order_of_the_lines(tmp_path: Path) -> None:
    found = problems(tmp_path, "theme: drak\nlogs:\n  tail: x\ncontext: a\ncontext: b\n")
    assert [line.split(":")[1] for line in found] == ["1", "3", "5"]


def test_a_secret_written_by_mistake_is_not_repeated(tmp_path: Path) -> None:
    assert "hunter2" not in " ".join(problems(tmp_path, "token: hunter2\n"))


def test_billion_laughs_cost_nothing(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    assert "an anchor" in problems(tmp_path, bomb)[0]


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "---\n...\n", "~\n", "logs:\n", "context:\nlogs: {}\n", "\ufeff# bom\n"]
)
def test_an_empty_file_is_the_defaults(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []
    assert config.load(tmp_path / "config.yaml", environ={}).config == config.Config()


def test_names_that_look_like_other_types_stay_text(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("context: 1234\nnamespace: 'on'\nread_only: yes\nlogs: {tail: 1_000}\n")
    read = config.load(file, environ={}).config
    assert (read.context, read.namespace, read.read_only, read.logs.tail) == ("1234", "on", True, 1000)


def test_the_template_changes_nothing_and_every_key_in_it_can_be_uncommented(tmp_path: Path) -> None:
    text = config.template()
    assert problems(tmp_path, text) == []
    lines = [re.sub(r"^#((  )?\w+:( |$))", r"\1", line) for line in text.split("\n")]
    file = tmp_path / "config.yaml"
    file.write_text("\n".join(lines))
    loaded = config.load(file, environ={})
    assert loaded.config == config.Config()
    without_default = {key.name for key in config.all_keys() if key.default is None}
    assert {name for name, origin in loaded.origins.items() if origin == "default"} == without_default


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.text(alphabet="ab:{}[]&*!|>'\"\\ \n\t-?,#%@`\x00\x85é", max_size=200).map(str.encode),
    )
)
def test_no_bytes_make_the_reader_fail(data: bytes) -> None:
    leaves, found = parse(data)
    assert all(problem.text for problem in found)
    assert all(leaf.name is not None for leaf in leaves)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        config.load(tmp_path / "none.yaml", environ={})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        config.load(tmp_path, environ={})
