"""Plans and jobs as the console shows them, without a cluster: a rollback before, while and after it is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from bakeryops.config import Config
from bakeryops.jobs.journal import Entry, Journal
from bakeryops.jobs.settings import Settings
from bakeryops.jobs.store import JobStore
from bakeryops.model.plan import Fact, Note, Permission, Plan, PlanStep, Section
from screens.proposal import Proposal
from tests.support.fake_session import NOW

__all__ = ["DIFF", "Planner", "journaled", "rollback_plan"]

DIFF = (
    "--- a/infrastructure/kubernetes/overlays/prod/kustomization.yaml",
    "+++ b/infrastructure/kubernetes/overlays/prod/kustomization.yaml",
    "@@ -8,5 +8,5 @@ images:",
    "   - name: auth",
    "-    newTag: 20261118-1056-9f3c2a1",
    "+    newTag: 20261117-1640-51d0e7b",
)
_TITLES = (
    "Commit and push", "Flux source fetched d20be44", "Flux applied d20be44", "auth 1/1 ready on sha256:51ab",
    "stays ready 30 s",
)  # fmt: skip


def rollback_plan(**changes: Any) -> Plan:
    """Return the plan of rolling auth back; `changes` are other values of its fields."""
    shows = (
        ("git push --porcelain origin 'd20be44:refs/heads/main'",),
        ("kubectl annotate gitrepositories bakery-ia",),
    )
    values: dict[str, Any] = {
        "action": "rollback",
        "title": "Roll back auth to 51d0e7b",
        "button": "Roll back",
        "subject": "auth",
        "created": NOW,
        "steps": tuple(
            PlanStep(
                f"s{at}",
                "test.step",
                title,
                shows=shows[at] if at < 2 else (),
                changes=at < 3,
                partial="committed, not applied" if not at else "",
            )
            for at, title in enumerate(_TITLES)
        ),
        "scope": ("service/auth",),
        "command": "bakeryops rollback auth --to 51d0e7b",
        "undo": "bakeryops rollback auth --undo",
        "facts": (
            Fact("now", "20261118-1056-9f3c2a1  dev-one  14 min ago   0/1 ready", "bad"),
            Fact("to", "20261117-1640-51d0e7b  dev-one  10 h ago   ran 9 h 50 min, image still in the registry"),
            Fact("Commits taken back", "2  fix(auth): token ttl · chore(auth): bump jose"),
        ),
        "sections": (
            Section("Git", DIFF, "diff"),
            Section("Objects that change", ("Deployment bakery-ia/auth  image", "deleted: none")),
        ),
        "notes": (
            Note("fine", "no migrations between the two"),
            Note("soon", "auth will be held: no new deploy until you lift it"),
        ),
        "needs": (Permission("patch", "kustomizations", "flux-system", "", "kustomize.toolkit.fluxcd.io"),),
        "usual": 40.0,
        "basis": {"head": "9f3c2a1d20be44"},
    }
    return Plan(**(values | changes))


class Planner:
    """Gives the plans it is told to, one after the other, and counts how often it was asked."""

    def __init__(self, *plans: Plan | Exception) -> None:
        self.plans = list(plans)
        self.asked = 0
        self.stamp: object = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def make(self) -> Plan:
        self.asked += 1
        await self.gate.wait()
        found = self.plans[min(self.asked, len(self.plans)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    def proposal(self, **options: Any) -> Proposal:
        return Proposal("roll back auth", self.make, lambda: self.stamp, **options)


def journaled(entries: Sequence[Entry], plan: Plan | None = None, *, store: JobStore | None = None) -> str:
    """Save a job with a journal that somebody else has written, and return its id."""
    store = store or JobStore()
    job = store.create(plan or rollback_plan(), Settings(Config()), "ops@bakery-vps")
    more(job, entries, store=store)
    return job


def more(job: str, entries: Sequence[Entry], *, store: JobStore | None = None) -> None:
    """Go on with a journal."""
    journal = Journal((store or JobStore()).folder(job) / "journal.jsonl")
    for entry in entries:
        journal.append(entry)
    journal.close()


def under_way(now: float | None = None) -> list[Entry]:
    """Return the journal of a rollback that waits for Flux."""
    at = time.time() if now is None else now
    return [
        Entry(at - 15, "run"),
        Entry(at - 15, "lock", text="service/auth", state="held"),
        Entry(at - 15, "step", "s0", "checking"),
        Entry(at - 14, "step", "s0", "done", "main 9f3c2a1 -> d20be44"),
        Entry(at - 14, "step", "s1", "checking"),
        Entry(at - 12, "step", "s1", "done", "GitRepository bakery-ia has d20be44"),
        Entry(at - 12, "step", "s2", "checking"),
        Entry(at - 12, "step", "s2", "applying"),
        Entry(at - 2, "tell", "s2", text="health check of 9f3c2a1 ends in 41 s at most"),
        Entry(at - 1, "progress", "s2", text="pods", data={"done": 1, "total": 3, "rate": 0.5, "eta": 4}),
    ]


def ended(state: str = "done", now: float | None = None, **fields: Any) -> list[Entry]:
    """Return how a rollback goes on to its end."""
    at = time.time() if now is None else now
    done = (
        [Entry(at, "step", f"s{each}", "done", f"step {each} is seen") for each in range(2, 5)]
        if state == "done"
        else []
    )
    values: dict[str, Any] = {
        "text": "auth runs 51d0e7b, 1/1 ready",
        "data": {"code": 0, "evidence": ["digest sha256:51ab"]},
    }
    return [*done, Entry(at, "end", state=state, **(values | fields))]
