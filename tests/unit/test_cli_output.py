from __future__ import annotations

import io
import json
import sys

import pytest
import yaml

from bakeryops.cli.output import Column, Out, ReaderGoneError, Table, cell_width, cut, to_json, to_yaml

HOSTILE = "a\x1b]52;c;aGk=\x07b\u202ec\u2028d\x9be\ud800\U000e0041"


def table() -> Table:
    made = Table([Column("NAME", 9), Column("STATUS", 8), Column("AGE", 3, right=True), Column("MESSAGE", 5)])
    made.add("auth", ("Running", "fine"), "5m", "all is well with this one, and it says so at length")
    made.add("日本語-service", ("Crash", "bad"), "12m", "-")
    return made


def test_a_pipe_gets_everything_plain_and_aligned() -> None:
    lines = table().lines()
    assert lines[0] == "NAME            STATUS   AGE  MESSAGE"
    assert lines[1] == "auth            Running   5m  all is well with this one, and it says so at length"
    assert lines[2] == "日本語-service  Crash    12m  -"


@pytest.mark.parametrize("width", range(20, 100))
def test_a_terminal_gets_lines_that_fit(width: int) -> None:
    lines = table().lines(width=width)
    assert all(cell_width(line) <= width for line in lines), lines
    assert lines[1].startswith("auth")


def test_the_least_worth_columns_go_first() -> None:
    assert table().lines(width=60)[0].split() == ["NAME", "STATUS", "AGE", "MESSAGE"]
    assert table().lines(width=52)[0].split() == ["NAME", "STATUS", "MESSAGE"]
    assert table().lines(width=24)[0].split() == ["NAME", "STATUS"]


def test_colours_do_not_shift_columns() -> None:
    plain = table().lines(width=80)
    painted = table().lines(width=80, colour=True)
    assert "\x1b[31mCrash\x1b[0m" in painted[2]
    for before, after in zip(plain, painted, strict=True):
        for code in ("\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"):
            after = after.replace(code, "")
        assert before == after


def test_cut_never_splits_a_wide_character() -> None:
    assert cut("日本語", 4) == "日…"
    assert cut("日本語", 3) == "日…"
    assert cut("abc", 0) == ""
    assert cut("abc", 3) == "abc"


def test_json_and_yaml_lose_nothing_and_are_harmless() -> None:
    document = {"name": HOSTILE[:-3] + "é ✔", "n": [1, None, True]}
    for text in (to_json(document), to_json(document, compact=True), to_yaml(document)):
        assert not any(mark in text for mark in "\x1b\x07\x9b\u202e\u2028\x7f")
    assert json.loads(to_json(document)) == document
    assert yaml.safe_load(to_yaml(document)) == document
    assert "é ✔" in to_json(document)
    assert "é ✔" in to_yaml({"a": "é ✔"})
    assert "\n" not in to_json(document, compact=True)


def test_json_takes_surrogates_and_tags() -> None:
    text = to_json({"name": HOSTILE})
    assert text.encode("utf-8")
    assert json.loads(text)["name"] == HOSTILE


def test_a_change_that_changes_nothing_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    out = Out("json")
    for document in ({"a": 1}, {"a": 1}, {"a": 2}):
        out.change(document)
    assert capsys.readouterr().out == '{"a": 1}\n{"a": 2}\n'


def test_yaml_changes_are_documents_of_one_stream(capsys: pytest.CaptureFixture[str]) -> None:
    out = Out("yaml")
    out.change({"a": 1})
    out.change({"a": 2})
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == [{"a": 1}, {"a": 2}]


def test_redraw_goes_over_the_last_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "5")
    monkeypatch.setenv("COLUMNS", "80")
    out = Out()
    out.redraw(["a", "b"])
    out.redraw(["c"])
    assert capsys.readouterr().out == "a\x1b[K\nb\x1b[K\n\x1b[J\x1b[2Fc\x1b[K\n\x1b[J"
    out.redraw([str(n) for n in range(9)])
    assert capsys.readouterr().out.endswith("2\x1b[K\n… 6 more lines\x1b[K\n\x1b[J")


@pytest.mark.parametrize(
    ("terminal", "environment", "asked", "expected"),
    [
        (True, {}, None, True),
        (False, {}, None, False),
        (True, {"NO_COLOR": "1"}, None, False),
        (True, {"NO_COLOR": ""}, None, True),
        (True, {"TERM": "dumb"}, None, False),
        (True, {}, False, False),
        (False, {}, True, False),
    ],
)
def test_colours_only_on_a_terminal_that_wants_them(
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    environment: dict[str, str],
    asked: bool | None,
    expected: bool,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    assert Out(colour=asked).colour is expected


def test_log_lines_keep_colours_only_where_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    out = Out()
    out.log("\x1b[31mred\x1b[0m \x1b]0;title\x07text")
    assert capsys.readouterr().out == "red text\n"
    out.colour = True
    out.log("\x1b[31mred\x1b[0m\x1b]0;title\x07")
    assert capsys.readouterr().out == "\x1b[31mred\x1b[0m\n"


def test_a_closed_pipe_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(ReaderGoneError):
        Out().lines(["x"])
