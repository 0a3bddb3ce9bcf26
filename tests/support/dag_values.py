"""Graphs to draw."""

from __future__ import annotations

from screens.widgets.dag_blocks import DagNode

__all__ = ["chain", "matrix_build"]


def matrix_build(services: int, *, bad: int = 0) -> list[DagNode]:
    """Return a build whose tests fan out over services, of which one failed; 5 other tasks."""
    nodes = [
        DagNode("clone", "clone", "clone", "✔", "fine"),
        DagNode("detect", "detect-changes", "detect-changes", "✔", "fine", ("clone",)),
    ]
    for number in range(services):
        name = f"service-{number:02}"
        symbol, tone = ("✖", "bad") if number == bad else ("✔", "fine")
        after = ("detect-changes", "clone")
        nodes.append(DagNode(f"test-{number:02}", "test", f"test {name}", symbol, tone, after, name))
    return [
        *nodes,
        DagNode("build", "build", "build", "○", "unknown", ("test", "detect-changes")),
        DagNode("update-tag", "update-tag", "update-tag", "○", "unknown", ("build", "clone")),
        DagNode("report", "report-status", "report-status", "✔", "fine", last=True),
    ]


def chain(length: int, *, before: str = "") -> list[DagNode]:
    """Return tasks each of which waits for the one before it."""
    nodes = []
    for number in range(length):
        name = f"task-{number}"
        nodes.append(DagNode(name, name, name, "○", "unknown", (before,) if before else ()))
        before = name
    return nodes
