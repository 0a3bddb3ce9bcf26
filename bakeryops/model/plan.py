"""A plan: all that a change would do, computed without doing it, shown, confirmed, carried out as shown."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from bakeryops.errors import UsageError

__all__ = ["Fact", "Note", "Permission", "Plan", "PlanStep", "Section", "decode_plan", "encode_plan"]

VERSION = 1
"""Of the shape of a saved plan; another one is not carried out."""


class Permission(msgspec.Struct, frozen=True, gc=False):
    """A right in the cluster that a plan needs; `resource` is a plural, its subresource after a slash."""

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""
    group: str = ""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """A line of the preview: a label and what is so; `tone` is that of `model.health.Health`, "" for plain."""

    label: str
    text: str
    tone: str = ""


class Note(msgspec.Struct, frozen=True, gc=False):
    """Something to know before confirming; `tone` is fine, soon (take care), bad or unknown."""

    tone: str
    text: str


class Section(msgspec.Struct, frozen=True, gc=False):
    """A part of the preview with lines of its own; `form` is text, diff or commands."""

    title: str
    lines: tuple[str, ...]
    form: str = "text"


class PlanStep(msgspec.Struct, frozen=True):
    """One step. `kind` names the code that carries it out, with nothing but `args`, config and earlier outputs."""

    id: str
    """Unique within the plan."""
    kind: str
    title: str
    args: dict[str, Any] = msgspec.field(default_factory=dict)
    """Plain JSON values; secrets are named (a file, a Secret), never given."""
    shows: tuple[str, ...] = ()
    """The exact commands, requests or objects, for people."""
    changes: bool = True
    """False where it only waits or looks."""
    partial: str = ""
    """What the world is called when this step is done and a later one fails, as in "committed, not applied"."""
    seconds: float | None = None
    """How long it usually takes."""


class Plan(msgspec.Struct, frozen=True):
    """A change, whole. `created` is seconds since the epoch."""

    action: str
    """Id of the action, as in "rollback"; `jobs` and the audit log call it so."""
    title: str
    """What it does, as a heading: "Roll back auth to 51d0e7b"."""
    button: str
    """What a person presses: "Roll back"."""
    subject: str
    """What it is about, for lists: "auth"."""
    created: float
    steps: tuple[PlanStep, ...]
    scope: tuple[str, ...] = ()
    """What is locked meanwhile, as in "service/auth"; sorted."""
    command: str = ""
    """The `bakeryops …` line that does the same."""
    undo: str = ""
    """The `bakeryops …` line that takes it back, "" where there is none."""
    facts: tuple[Fact, ...] = ()
    notes: tuple[Note, ...] = ()
    sections: tuple[Section, ...] = ()
    typed: str = ""
    """What a person has to type to confirm; "" where a key press is enough."""
    why_typed: str = ""
    """Why it has to be typed."""
    needs: tuple[Permission, ...] = ()
    usual: float | None = None
    """Seconds that it usually takes."""
    basis: dict[str, str] = msgspec.field(default_factory=dict)
    """What it was computed from (head, revision, tag), for telling whether it still holds."""
    blocked: str = ""
    """Why it cannot be carried out at all, "" where it can; it is shown all the same."""
    hint: str = ""
    """What to do where it is blocked."""
    version: int = VERSION

    @property
    def hash(self) -> str:
        """The SHA-256 over everything but the time, as 64 digits."""
        timeless = msgspec.structs.replace(self, created=0.0)
        return hashlib.sha256(msgspec.json.encode(timeless, order="sorted")).hexdigest()

    @property
    def short(self) -> str:
        """The first eight digits of the hash."""
        return self.hash[:8]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps and not self.blocked


def encode_plan(plan: Plan) -> bytes:
    """Return a plan as JSON."""
    return msgspec.json.encode(plan, order="sorted")


def decode_plan(data: bytes) -> Plan:
    """Return a saved plan; raises `UsageError` for one that this version does not understand."""
    try:
        plan = msgspec.json.decode(data, type=Plan)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError("the saved plan cannot be read", why=str(error)) from None
    if plan.version != VERSION:
        raise UsageError(
            f"the plan was saved in version {plan.version} of its form, this bakeryops knows {VERSION}",
            hint="Make the plan anew.",
        )
    return plan
