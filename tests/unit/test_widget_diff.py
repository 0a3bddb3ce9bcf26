from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from screens.widgets.diff import DiffLine, diff_lines


def text(line: DiffLine) -> str:
    return "".join(piece for piece, _ in line)


def test_what_goes_and_what_comes_have_signs_and_tones() -> None:
    found = diff_lines(["@@ -1 +1 @@", " spec:", "-  a: 1", "+  b: 22"])
    assert [text(line) for line in found] == ["@@ -1 +1 @@", " spec:", "-  a: 1", "+  b: 22"]
    assert [line[0][1] for line in found] == ["dim", "", "removed", "added"]


def test_within_a_changed_line_only_what_differs_is_marked() -> None:
    old, new = diff_lines(["-  image: gitea/auth:one", "+  image: gitea/auth:two-2"], "  ")
    assert text(old) == "  -  image: gitea/auth:one"
    assert [piece for piece, tone in old if tone == "accent"] == ["one"]
    assert [piece for piece, tone in new if tone == "accent"] == ["two-2"]


def test_lines_that_go_without_as_many_that_come_are_not_paired() -> None:
    found = diff_lines(["-a: long enough 1", "-b: long enough", "+a: long enough 2"])
    assert not any(tone == "accent" for line in found for _, tone in line)


def test_headers_of_files_are_quiet_and_not_taken_for_changes() -> None:
    found = diff_lines(["--- a/file", "+++ b/file"])
    assert [line[0][1] for line in found] == ["dim", "dim"]


def test_hostile_text_is_drawn_plainly() -> None:
    (line,) = diff_lines(["+\x1b[31mred\x1b[0m\x07"])
    assert "\x1b" not in text(line)
    assert "red" in text(line)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])).map(lambda each: f"+{each}")))
def test_no_line_is_lost_or_made_up(lines: list[str]) -> None:
    other = [f"-{line[1:]}x" for line in lines]
    found = diff_lines([*other, *lines])
    assert [text(line) for line in found] == [
        text(each) for line in [*other, *lines] for each in diff_lines([line])
    ]
