from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeryops.model.plan import Note, Section
from bakeryops.text import clean
from screens.lines import line_text, line_width
from screens.rows_plan import command_lines, plan_heading, plan_lines
from tests.support.acting_values import rollback_plan


def texts(width: int = 100, **changes: object) -> list[str]:
    return [line_text(line).rstrip() for line in plan_lines(rollback_plan(**changes), width)]


def test_what_to_take_care_of_comes_before_what_is_fine() -> None:
    notes = (
        Note("fine", "all is well"),
        Note("unknown", "who knows"),
        Note("bad", "data goes"),
        Note("soon", "take care"),
    )
    shown = "\n".join(texts(notes=notes))
    places = [shown.index(each) for each in ("✖ data goes", "▲ take care", "○ who knows", "✔ all is well")]
    assert places == sorted(places)
    assert shown.index("Commits taken back") < places[0] < shown.index("Git\n")


def test_a_diff_has_one_line_a_file() -> None:
    diff = ("diff --git a/x/kustomization.yaml b/x/kustomization.yaml", "index 1..2 100644", "--- a/x/kustomization.yaml",
            "+++ b/x/kustomization.yaml", "@@ -1 +1 @@", "-    newTag: a", "+    newTag: b", "--- a comment that goes")  # fmt: skip
    shown = texts(sections=(Section("Git", diff, "diff"),))
    at = shown.index(" Git")
    assert shown[at + 1 : at + 5] == [
        "   x/kustomization.yaml",
        "   @@ -1 +1 @@",
        "   -    newTag: a",
        "   +    newTag: b",
    ]
    assert "   --- a comment that goes" in shown


@pytest.mark.parametrize("width", [40, 80, 120])
@given(text=st.text(st.characters(exclude_categories=("Cs",)), max_size=300))
def test_nothing_of_a_section_is_cut_off(width: int, text: str) -> None:
    for form in ("text", "commands", "diff"):
        lines = plan_lines(
            rollback_plan(sections=(Section("All", ("+" + text,), form),), facts=(), notes=()), width
        )
        start = next(at for at, line in enumerate(lines) if line_text(line) == " All")
        end = next(at for at, line in enumerate(lines) if line_text(line).startswith(" Then "))
        shown = "".join(line_text(line)[3 if at == 0 else 5 :] for at, line in enumerate(lines[start + 1 : end]))
        assert shown.replace(" ", "") == clean("+" + text).replace(" ", "")
        assert all(line_width(line) <= width for line in lines)


def test_the_heading_says_what_and_when_and_on_which_commit_as_far_as_there_is_room() -> None:
    wide, narrow = (line_text(plan_heading(rollback_plan(), width)) for width in (120, 60))
    assert "Roll back auth to 51d0e7b?" in wide
    assert "computed 11:06:40 UTC on 9f3c2a1" in wide
    assert rollback_plan().short in narrow
    assert "computed" not in narrow


def test_every_step_shows_its_commands_or_that_there_is_none() -> None:
    shown = "\n".join(line_text(line) for line in command_lines(rollback_plan(), 80))
    assert "git push --porcelain" in shown
    assert shown.count("nothing is sent") == 3
    assert "if it ends here: committed, not applied" in shown
