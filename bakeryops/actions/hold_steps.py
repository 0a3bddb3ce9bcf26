"""The steps that hold services and lift holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeryops.actions.hold_store import put, read_holds
from bakeryops.errors import UnreachableError
from bakeryops.jobs.step import At, Check, Step, StepFailedError, registered
from bakeryops.model.hold import Hold
from bakeryops.read.chain_parts import named
from bakeryops.read.holds import hold_text

__all__ = ["HoldServices", "LiftHolds"]


def _services(at: At) -> list[str]:
    return [str(each) for each in at.args["services"]]


@registered
class HoldServices(Step):
    """Hold services, so that no build writes a new tag for them; a hold of somebody else's stays as it is.

    With the argument `patient` a cluster that is away is no failure: a later step of the same kind makes sure.
    """

    kind = "hold.set"

    async def check(self, at: At) -> Check:
        """Look which of them are held already."""
        try:
            held = await read_holds(await at.session(), str(at.args["namespace"]))
        except UnreachableError:
            return Check(False)
        missing = [each for each in _services(at) if each not in held or held[each].over(at.now())]
        return Check(not missing, "" if missing else self._held(at))

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Write the holds that are missing."""
        try:
            session = await at.session()
            namespace = str(at.args["namespace"])
            held = await read_holds(session, namespace)
            until = at.args.get("until")
            fresh: dict[str, Hold | None] = {
                each: Hold(each, at.who, str(at.args["reason"]), at.now(), float(until) if until else None, at.job)
                for each in _services(at)
                if each not in held or held[each].over(at.now())
            }
            await put(await at.writer(), namespace, fresh)
        except UnreachableError as error:
            if not at.args.get("patient"):
                raise
            at.tell(f"it cannot be held yet: {error.message}")
            return {"held": False}
        return {"held": True}

    async def verify(self, at: At) -> str:
        """Look whether they are held."""
        if at.output(at.step.id, "held") is False:
            return "not held yet: the API server does not answer"
        held = await read_holds(await at.session(), str(at.args["namespace"]))
        missing = [each for each in _services(at) if each not in held]
        if missing:
            raise StepFailedError(f"{named(missing)}: the hold does not stay", why="somebody lifted it at once")
        return self._held(at)

    def _held(self, at: At) -> str:
        services = _services(at)
        return f"{named(services)} {'is' if len(services) == 1 else 'are'} held: no build deploys over this"


@registered
class LiftHolds(Step):
    """Lift the holds of services; one that somebody has set anew since the plan was made stays."""

    kind = "hold.lift"

    async def check(self, at: At) -> Check:
        """Look whether any is held."""
        held = await read_holds(await at.session(), str(at.args["namespace"]))
        left = [each for each in _services(at) if each in held]
        return Check(not left, f"{named(_services(at))}: not held")

    async def apply(self, at: At) -> None:
        """Take the holds away."""
        namespace, known = str(at.args["namespace"]), at.args.get("holds") or {}
        held = await read_holds(await at.session(), namespace)
        for each in _services(at):
            if each in held and known.get(each, held[each].mark) != held[each].mark:
                raise StepFailedError(
                    f"{each} is held anew meanwhile: {hold_text(held[each], at.now())}",
                    why="what somebody has set since is not lifted with the former hold",
                    hint=f"Lift it all the same: bakeryops unhold {each}",
                    outcome="refused",
                )
        await put(await at.writer(), namespace, dict.fromkeys(_services(at), None))

    async def verify(self, at: At) -> str:
        """Look whether they are gone."""
        found = await self.check(at)
        if not found.done:
            raise StepFailedError("the hold is still there", why="somebody has set it again")
        return f"{named(_services(at))}: builds deploy again"
