from __future__ import annotations

import pathlib

import click
import pytest

from bakeryops.cli.main import cli
from bakeryops.commands import (
    ANYWHERE,
    COMMANDS,
    GROUPS,
    Command,
    State,
    availability,
    commands_of,
    footer,
    keys_table,
)
from screens.app import BakeryOpsApp
from screens.blackbox import BlackBoxScreen, SavedScreen
from screens.build import BuildScreen
from screens.builds import BuildsScreen
from screens.confirm import ConfirmScreen
from screens.connect import ConnectScreen
from screens.diff import DiffScreen
from screens.events import EventsScreen
from screens.follow import FollowScreen
from screens.frame import footer_line
from screens.gitops import GitOpsScreen
from screens.help import help_lines
from screens.history import HistoryScreen
from screens.job import JobScreen
from screens.jobs import JobsScreen
from screens.lines import line_text, line_width
from screens.logs import LogsScreen
from screens.machine import MachineScreen
from screens.object import ObjectScreen
from screens.overview import OverviewScreen
from screens.service import ServiceScreen
from screens.sync import SyncScreen
from screens.workloads import WorkloadsScreen

SCREENS = {
    screen.NAME: screen
    for screen in (
        OverviewScreen,
        BuildsScreen,
        BuildScreen,
        GitOpsScreen,
        SyncScreen,
        ServiceScreen,
        FollowScreen,
        DiffScreen,
        WorkloadsScreen,
        HistoryScreen,
        BlackBoxScreen,
        SavedScreen,
        EventsScreen,
        ObjectScreen,
        LogsScreen,
        MachineScreen,
        ConfirmScreen,
        JobScreen,
        JobsScreen,
        ConnectScreen,
    )
}
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "keys.md"


def test_every_command_is_whole() -> None:
    ids = [command.id for command in COMMANDS]
    assert len(ids) == len(set(ids))
    for command in COMMANDS:
        assert command.title
        assert command.help.endswith(".")
        assert command.keys
        assert command.group in GROUPS
        assert command.screens <= {*SCREENS, ANYWHERE}


@pytest.mark.parametrize("name", SCREENS)
def test_no_key_means_two_things_on_a_screen(name: str) -> None:
    keys = [key for command in commands_of(name) for key in command.keys]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.changes], ids=lambda each: each.id)
def test_what_changes_something_has_a_command_line_a_help_and_a_docs_row(command: Command) -> None:
    found: click.Command | None = cli
    for word in command.verb.split():
        assert isinstance(found, click.Group), f"{command.id}: bakeryops {command.verb} is no command"
        found = found.get_command(click.Context(found), word)
        assert found is not None, f"{command.id}: bakeryops {command.verb} is no command"
    assert command.verb
    assert command.help.endswith(".")
    assert command.help in DOCS.read_text("utf-8")


def test_what_takes_something_away_is_confirmed() -> None:
    assert [command.id for command in COMMANDS if command.danger and not command.confirm] == []
    assert [command.id for command in COMMANDS if command.danger and not command.changes] == []


def test_read_only_refuses_all_that_changes() -> None:
    for command in COMMANDS:
        if command.changes:
            name = next(iter(command.screens - {ANYWHERE}))
            assert "read-only" in availability(command, State(name, "pods", read_only=True)).reason


@pytest.mark.parametrize("name", SCREENS)
def test_every_command_of_a_screen_is_done_by_it_or_the_application(name: str) -> None:
    for command in commands_of(name):
        method = "do_" + command.id.replace(".", "_")
        assert hasattr(SCREENS[name], method) or hasattr(BakeryOpsApp, method), f"{name} has no {method}"


@pytest.mark.parametrize("name", SCREENS)
def test_bindings_come_from_the_registry(name: str) -> None:
    bound = {binding.id for binding in SCREENS[name].BINDINGS}
    assert bound == {command.id for command in commands_of(name)}


def test_keys_page_is_in_step() -> None:
    assert DOCS.read_text("utf-8") == keys_table(SCREENS), (
        "docs/keys.md is old: python -m tests.ui.test_app_commands writes it again"
    )


def test_unavailable_says_why() -> None:
    logs = next(command for command in COMMANDS if command.id == "object.logs")
    assert availability(logs, State("overview")).reason == "nothing is selected"
    assert not availability(logs, State("overview", selected_kind="nodes")).ok
    assert availability(logs, State("overview", selected_kind="pods")).ok
    refused = State("overview", selected_kind="pods", refusals={"object.logs": "you may not"})
    assert availability(logs, refused).reason == "you may not"
    assert availability(logs, State("overview", "pods", connected=False)).reason == "no cluster is connected"


def test_read_only_refuses_every_change() -> None:
    change = Command("pod.delete", "delete", "Delete.", ("x",), "Object", frozenset({ANYWHERE}), changes=True)
    verdict = availability(change, State("overview", read_only=True))
    assert not verdict.ok
    assert "read-only" in verdict.reason
    assert availability(change, State("overview")).ok


def test_footer_shows_only_what_works_and_always_help() -> None:
    nothing = State("workloads", connected=True)
    assert "object.logs" not in {command.id for command in footer(nothing)}
    for width in (40, 80, 120, 200):
        line, places = footer_line(footer(State("workloads", "pods")), width)
        assert line_width(line) <= width
        assert places[-1][1] == "console.help"
    assert "logs" in line_text(line)


def test_help_explains_every_key_and_says_why_not_now() -> None:
    text = "\n".join(line_text(line) for line in help_lines(State("workloads")))
    for command in commands_of("workloads"):
        assert command.help in text
    assert "not now: nothing is selected" in text


if __name__ == "__main__":
    DOCS.write_text(keys_table(SCREENS), "utf-8")
