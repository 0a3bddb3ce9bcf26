"""The monorepo of Bakery-IA: what is in it, and how it came to be in the last two months."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from bakeryops.demo.bakery.monorepo.edits import DOCS, SHARED, Edit, Editor
from bakeryops.demo.bakery.monorepo.failures import no_such_package, out_of_memory, pytest_failure
from bakeryops.demo.bakery.monorepo.history import History, Pushed
from bakeryops.demo.bakery.monorepo.manifests import (
    OVERLAY,
    OWN_IMAGES,
    base_files,
    overlay_text,
    owned_workloads,
    report_archive,
)
from bakeryops.demo.bakery.monorepo.releases import Failing, PastRelease
from bakeryops.demo.bakery.monorepo.source import initial_files
from bakeryops.demo.contracts import Object
from bakeryops.demo.git import BareRepo
from bakeryops.demo.gitea.accounts import OPERATOR, PEOPLE

__all__ = [
    "OVERLAY",
    "OWN_IMAGES",
    "Failing",
    "PastRelease",
    "base_files",
    "make_history",
    "overlay_tags",
    "owned_workloads",
    "report_archive",
]

_DAY = 86_400.0
_MINUTE = 60.0
_AUTHORS = tuple(login for login, _ in PEOPLE)
_LIMITS: tuple[dict[str, int], ...] = (
    {"forecasting-service": 256, "rabbitmq": 384, "redis": 256},
    {"rabbitmq": 384, "redis": 256},
    {"redis": 256},
    {},
)
"""Memory limits that were other than today's, before and after each of three commits."""
_ROOM = 2400.0
"""Seconds between the end of a build and the next push at least: time to write three commits."""

_Step = tuple[float, Callable[[History, float], None]]
"""When, and what happened then."""


def overlay_tags(repo: BareRepo, rev: str = "main") -> dict[str, str]:
    """Return the tag of each own image in the overlay at a revision."""
    found: dict[str, str] = {}
    name = ""
    for line in (repo.read(rev, OVERLAY) or b"").decode().splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "- name":
            name = value.rpartition("/")[2]
        elif key == "newTag":
            found[name] = value.strip('"')
    return found


def make_history(repo: BareRepo, *, now: float, seed: int, extra: Sequence[Object] = ()) -> list[PastRelease]:
    """Write two months of history up to `now` into an empty repository; return the builds, oldest first.

    The same `now` and `seed` give the same shas. `extra` are objects that Flux applies beside the workloads of the
    inventory, such as CronJobs; they are written to the base.
    """
    rng = random.Random(f"repository/{seed}")
    editor = Editor(initial_files(), rng)
    first = dict.fromkeys(OWN_IMAGES, "initial")
    with repo.importer() as importer:
        history = History(importer, editor, rng, first)
        _begin(history, now - 60 * _DAY, extra)
        for when, act in _plan(now, rng, extra):
            # Never before the build of the push before is through and its tags are committed.
            act(history, float(int(max(when, history.quiet + _ROOM))))
        _last_days(history, now)
    for branch in sorted(history.branches):
        repo.update_ref(f"refs/heads/{branch}", "0" * 40)
    return history.releases


def _begin(history: History, when: float, extra: Sequence[Object]) -> None:
    files = (
        history.editor.files | base_files(extra=extra, limits=_LIMITS[0]) | {OVERLAY: overlay_text(history.tags)}
    )
    history.push(Pushed(when, "maria", [Edit("Bring everything into one repository\n", files)]))


def _plan(now: float, rng: random.Random, extra: Sequence[Object]) -> list[_Step]:
    """Return what happened between the first day and the last two, in order."""
    midnight = now // _DAY * _DAY
    steps: list[_Step] = [
        *((midnight - day * _DAY + 34_000.0, act) for day, act in _landmarks(extra)),
        (midnight - 9 * _DAY + 44_000.0, _back_and_forth),
    ]
    for day in range(58, 3, -1):
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            moment = midnight - day * _DAY + rng.uniform(6, 17) * 3600.0
            steps += [(moment, _ordinary)]
    return sorted(steps, key=lambda step: step[0])


def _author(history: History) -> str:
    return _AUTHORS[len(history.releases) * 7 % 11 % len(_AUTHORS)]


def _ordinary(history: History, when: float) -> None:
    """An ordinary push: one to three commits, mostly on one service."""
    editor, number = history.editor, len(history.releases)
    author = _author(history)
    if number % 13 == 5 and (edit := editor.wide()):
        history.push(Pushed(when, author, [edit]))
        return
    if number % 11 == 7:
        history.push(Pushed(when, author, [editor.docs(DOCS[number // 11 % len(DOCS)])]))
        return
    service = editor.anywhere()
    edits = [editor.work_on(service) for _ in range((1, 1, 2, 1, 1, 3)[number % 6])]
    if number % 9 == 4:
        edits.append(editor.work_on(editor.anywhere()))
    history.push(Pushed(when, author, edits))


def _landmarks(extra: Sequence[Object]) -> list[tuple[int, Callable[[History, float], None]]]:
    """Return (days ago, what happened)."""

    def shared(subject: str) -> Callable[[History, float], None]:
        return lambda history, when: _push(history, when, "unai", [history.editor.shared(subject)])

    def limits(stage: int, subject: str) -> Callable[[History, float], None]:
        def act(history: History, when: float) -> None:
            before = base_files(extra=extra, limits=_LIMITS[stage - 1])
            after = base_files(extra=extra, limits=_LIMITS[stage])
            changes = {path: text for path, text in after.items() if before[path] != text}
            _push(history, when, "jonas", [history.editor.apply(f"{subject}\n", changes)])

        return act

    return [
        (52, shared(SHARED[0])),
        (45, limits(1, "Let forecasting have 384Mi")),
        (40, _unknown_package),
        (33, shared(SHARED[1])),
        (30, limits(2, "Let rabbitmq have 512Mi")),
        (27, _merged),
        (20, _too_big),
        (18, limits(3, "Let redis have 512Mi, as its maxmemory is 400")),
        (15, _mistake),
        (12, shared(SHARED[2])),
    ]


def _push(history: History, when: float, author: str, edits: list[Edit], failing: Failing | None = None,
          seconds: float | None = None) -> None:  # fmt: skip
    history.push(Pushed(when, author, edits, failing=failing, seconds=seconds))


def _unknown_package(history: History, when: float) -> None:
    """A package that does not exist fails the build; half an hour later it is one that does."""
    line = "prophet==1.1.7"
    wrong = history.editor.pinned("forecasting", line, "forecasting: take the newest prophet")
    _push(history, when, "lina", [wrong], Failing("build", "forecasting", no_such_package(line)), 214.0)
    right = history.editor.pinned("forecasting", "prophet==1.1.6", "forecasting: prophet 1.1.7 is not out yet")
    _push(history, when + 1800, "lina", [right])


def _too_big(history: History, when: float) -> None:
    """A wheel that is built from source needs more memory than the build may have."""
    wrong = history.editor.pinned("training", "pystan==3.10.0", "training: sample with pystan")
    _push(history, when, "lina", [wrong], Failing("build", "training", out_of_memory(), True), 391.0)
    right = history.editor.pinned("training", "cmdstanpy==1.2.5", "training: take the wheel of cmdstanpy too")
    path = "services/training/requirements.txt"
    text = b"\n".join(line for line in right.changes[path].split(b"\n") if not line.startswith(b"pystan"))  # type: ignore[union-attr]
    mended = history.editor.apply("training: sample with cmdstanpy, whose wheel needs no compiler\n", {path: text})
    _push(history, when + 2400, "lina", [mended])


def _mistake(history: History, when: float) -> None:
    """A test that fails, and its mending."""
    _push(history, when, "tom", [history.editor.broken_test("inventory")],
          Failing("test", "inventory", pytest_failure("inventory")), 138.0)  # fmt: skip
    _push(history, when + 1500, "tom", [history.editor.mended_test("inventory")])


def _merged(history: History, when: float) -> None:
    """A branch of two commits comes in with a merge commit."""
    edits = [
        history.editor.feature("recipes", "Print labels for allergens"),
        history.editor.feature("production", "Send labels to the printer"),
    ]
    title = "Merge pull request 'Labels for allergens' (#41) from amira/labels into main\n\nReviewed by María.\n"
    history.push(Pushed(when, "amira", edits, merge=title))


def _back_and_forth(history: History, when: float) -> None:
    """A release of sales that is rolled back, and reapplied when it turns out to be innocent."""
    _push(history, when, "maria", [history.editor.feature("sales", "Count vouchers as payments")])
    commit = history.roll_back("sales", OPERATOR, when + 2 * 3600)
    history.reapply("sales", commit, OPERATOR, when + 3 * 3600)


def _last_days(history: History, now: float) -> None:
    """The builds of the last two days, which the workloads' own past goes with."""
    editor = history.editor

    def push(minutes: float, author: str, edit: Edit, seconds: float, failing: Failing | None = None) -> None:
        _push(history, now - minutes * _MINUTE, author, [edit], failing, seconds)

    push(2950, "unai", editor.feature("auth", "Sign people out everywhere"), 305.0)
    failing = Failing("test", "orders", pytest_failure("orders"))
    push(1490, "amira", editor.broken_test("orders"), 141.0, failing)
    push(1466, "amira", editor.mended_test("orders"), 298.0)
    push(1010, "jonas", editor.feature("frontend", "カレンダーに祝日を表示する"), 281.0)
    push(640, "tom", editor.docs("Say how to read a failed build"), 24.0)
    push(260, "lina", editor.feature("forecasting", "Keep features of a shop for a day"), 287.0)
    push(97.7, "maria", editor.crash(), 312.0)
    history.edit_by_hand(
        "distribution", "missing", "distribution: try the image of the hotfix\n", "tom", now - 1560.0
    )
