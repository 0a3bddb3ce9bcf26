"""What the options of `bakeryops demo` mean: the names of drills, the feature gates of Flux."""

from __future__ import annotations

import difflib

from bakeryops.cli.output import Out
from bakeryops.errors import UsageError

__all__ = ["checked_scenario", "parsed_gates", "print_scenarios"]


def print_scenarios() -> None:
    """Print the name and the goal of each drill."""
    from bakeryops.demo.drills import DRILLS

    width = max(map(len, DRILLS))
    goals = {
        name: each.goal.format(service="the service", workload="its Deployment") for name, each in DRILLS.items()
    }
    Out().lines([f"{name:<{width}}  {goal[0].upper()}{goal[1:]}" for name, goal in goals.items()])


def checked_scenario(name: str | None) -> str | None:
    """Return the name of a drill, None for none; raises `UsageError` for a name that is none."""
    if name is None:
        return None
    from bakeryops.demo.drills import DRILLS

    if name in DRILLS:
        return name
    near = difflib.get_close_matches(name, DRILLS, 1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(DRILLS)}"
    raise UsageError(f"demo has no scenario {name!r}", hint=hint)


def parsed_gates(text: str | None) -> tuple[str, ...] | None:
    """Return the feature gates that are on, None where nothing is said; raises `UsageError`.

    The text is that of the controller's own flag, such as `CancelHealthCheckOnNewRevision=false`.
    """
    if text is None:
        return None
    on = []
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if not name or value not in ("true", "false"):
            raise UsageError(f"demo --feature-gates takes NAME=true or NAME=false, not {part!r}")
        on += [name] if value == "true" else []
    return tuple(on)
