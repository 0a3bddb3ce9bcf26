from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bakeryops.model.overview import ObjectRef
from bakeryops.model.plan import Plan
from screens import plans
from screens.proposal import Proposal
from screens.replanning import proposal_of

CONSOLE: Any = SimpleNamespace(now=lambda: 1000.0)


async def never() -> Plan:
    raise AssertionError("nothing is computed here")


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []

    def noting(name: str) -> Callable[..., Proposal]:
        def propose(console: object, *args: Any, **options: Any) -> Proposal:
            found.append((name, *args, {key: value for key, value in options.items() if value}))
            return Proposal(name, never)

        return propose

    for name in ("rollback", "rollback_release", "rollback_point", "undo", "hold", "unhold", "rebuild", "rerun",
                 "cancel", "suspend", "restart", "scale"):  # fmt: skip
        monkeypatch.setattr(plans, name, noting(name))
    return found


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("bakeryops rollback auth", ("rollback", "auth", "", {"hold": True})),
        (
            "bakeryops rollback auth --to 51d0e7b --reason 'it crashes' --no-hold --cancel-builds",
            ("rollback", "auth", "51d0e7b", {"reason": "it crashes", "cancel_builds": True}),
        ),
        ("bakeryops rollback auth --undo", ("undo", "auth", {})),
        ("bakeryops rollback --release run-x", ("rollback_release", "run-x", {})),
        ("bakeryops rollback --point 9f3c2a1", ("rollback_point", "9f3c2a1", {})),
        ("bakeryops hold auth --reason why --until 2h", ("hold", "auth", "why", 8200.0, {})),
        ("bakeryops unhold auth tenant", ("unhold", ["auth", "tenant"], {})),
        ("bakeryops rebuild auth tenant --at 9f3c2a1 --wait", ("rebuild", ["auth", "tenant"], "9f3c2a1", {})),
        ("bakeryops builds rerun run-x", ("rerun", "", "run-x", {})),
        ("bakeryops builds cancel run-x --mode now", ("cancel", "", "run-x", "now", {})),
        ("bakeryops builds cancel run-x", ("cancel", "", "run-x", "graceful", {})),
        (
            "bakeryops flux suspend GitRepository/bakery-ia -n flux-system --reason again",
            ("suspend", ObjectRef("gitrepositories", "flux-system", "bakery-ia"), "again", None, {}),
        ),
        (
            "bakeryops workloads scale Deployment/auth 3 -n bakery-ia",
            ("scale", ObjectRef("deployments", "bakery-ia", "auth"), 3, {}),
        ),
        (
            "bakeryops workloads restart StatefulSet/auth-db -n bakery-ia",
            ("restart", ObjectRef("statefulsets", "bakery-ia", "auth-db"), {}),
        ),
    ],
)
def test_a_command_line_is_taken_as_the_command_line_takes_it(
    calls: list[tuple[Any, ...]], command: str, expected: tuple[Any, ...]
) -> None:
    assert proposal_of(CONSOLE, command) is not None
    assert calls == [expected]


def test_flux_lines_name_kustomizations_where_they_name_no_kind() -> None:
    found = proposal_of(CONSOLE, "bakeryops flux resume bakery-ia -n flux-system")
    assert found is not None
    assert found.what == "resume bakery-ia"
    assert found.stamp is not None


@pytest.mark.parametrize(
    "command",
    ["", "bakeryops", "kubectl delete pod x", "bakeryops rollback", "bakeryops workloads scale auth 3", "bakeryops jobs list",
     "bakeryops workloads scale Deployment/auth many -n x", "bakeryops rollback 'unended", "bakeryops --yes"],
)  # fmt: skip
def test_what_is_no_plan_of_the_console_is_none(calls: list[tuple[Any, ...]], command: str) -> None:
    assert proposal_of(CONSOLE, command) is None
    assert calls == []
