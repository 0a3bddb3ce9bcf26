"""What people hold back on the way: tags that a hold keeps from Git, and what Flux is told to leave alone."""

from __future__ import annotations

from collections.abc import Collection

from bakeryops.model.build import Build
from bakeryops.model.chain import Leg
from bakeryops.model.code import Commit
from bakeryops.model.health import Health
from bakeryops.model.hold import Hold
from bakeryops.model.sync import Source, Sync
from bakeryops.read.chain_parts import Situation, named

__all__ = ["held_leg", "holds_on", "suspended"]


def holds_on(
    at: Situation, change: Commit | None, build: Build, service: str, missing: Collection[str] | None
) -> list[Hold]:
    """Return the holds that kept tags of a build from Git, where they tell of all that are missing.

    `missing` is None where the build does not say of which services it is: then its commit tells.
    """
    if missing is None:
        missing = [service] if service else at.touched(change.sha) if change is not None else ()
    when = build.ended if build.ended is not None else build.created
    found = [at.holds[each] for each in missing if each in at.holds and at.holds[each].at(when)]
    return found if len(found) == len(missing) else []


def held_leg(build: Build, holds: Collection[Hold], made: str) -> Leg:
    """Return the leg of images whose tags people keep from Git: that is no fault.

    `made` says which were written all the same, "" for none.
    """
    names = named([each.service for each in holds])
    reasons = [each.reason for each in holds if each.reason]
    why = f"{names} {'is' if len(holds) == 1 else 'are'} held by {named(dict.fromkeys(h.owner for h in holds))}"
    why += f": {reasons[0]}" if len(holds) == 1 and reasons else ""
    why += f"; the tag {build.tag} is not deployed" if build.tag else ""
    if made:
        return Leg("images", "images", "done", Health.HELD, made, why, build.ended, build.ended)
    return Leg("images", "images", "held", Health.HELD, "held", why)


def suspended(view: Source | Sync) -> str:
    """Return "suspended" with by whom and why, as far as that was kept."""
    found = view.suspension
    by = f" by {found.owner}" if found is not None and found.owner else ""
    return f"suspended{by}" + (f": {found.reason}" if found is not None and found.reason else "")
