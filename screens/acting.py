"""What a screen lets a person change: each key asks what has to be asked, and opens the preview of the plan."""

from __future__ import annotations

from textual import work

from bakeryops.errors import BakeryopsError
from bakeryops.model.build import Build
from bakeryops.model.sync import Sync
from screens.acting_objects import ObjectActions
from screens.acting_state import build_refusals, flux_refusals, rollback_refusals
from screens.ask import AskScreen
from screens.asking import CANCEL_MODES, reason_and_end, until_of
from screens.choose import Choice, ChooseScreen
from screens.delivery import FluxView

__all__ = ["ActingScreen"]


class ActingScreen(ObjectActions):
    """Says what the keys are about; a screen overrides that where its selection does not tell."""

    def acting_service(self) -> str:
        """Return the service that is meant, "" where the selection tells none."""
        return self.service_of(self.selected())

    def acting_release(self) -> str:
        """Return the tag of the deployment to go back to, "" for the one before what is live."""
        return ""

    def acting_run(self) -> str:
        """Return the name of the build whose deployments are meant, all together; "" for one service."""
        return ""

    def acting_build(self) -> Build | None:
        """Return the build that is meant."""
        ref = self.selected()
        if ref is None or ref.plural != "pipelineruns":
            return None
        return self.console.picture.builds.get(f"{ref.namespace}/{ref.name}")

    def acting_flux(self) -> FluxView | None:
        """Return the Flux object that is meant."""
        return None

    def acting_refusals(self) -> dict[str, str]:
        """Return by command id why something cannot be changed at this moment."""
        code, now = self.console.code.view, self.commands
        found: dict[str, str] = {}
        if "rollback.service" in now:
            service = self.acting_service()
            found |= rollback_refusals(code, service, choosing=self.NAME == "gitops")
        if "build.cancel" in now:
            found |= build_refusals(self.acting_build())
        if "flux.suspend" in now:
            found |= flux_refusals(self.acting_flux())
        return found | super().acting_refusals()

    # Services.

    def do_rollback_service(self) -> None:
        """Show the plan of putting the service back."""
        service, run = self.acting_service(), self.acting_run()
        if run:
            from screens.plans import rollback_release

            self.console.propose(rollback_release(self.console, run))
        elif service:
            self._roll_back(service, self.acting_release())
        else:
            self._choose_service()

    def _roll_back(self, service: str, release: str) -> None:
        from screens.plans import rollback

        proposal = rollback(self.console, service, release)
        self.console.propose(self.console.warm.ready(proposal, service) if not release else proposal)

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def _choose_service(self) -> None:
        code = self.console.code.view
        newest = {each.service: each for each in reversed(code.deployments)}
        choices = [Choice(name, name, f"{newest[name].tag}  {newest[name].author}") for name in sorted(newest)]
        chosen = await self.app.push_screen_wait(ChooseScreen("Roll back which service?", choices))
        if chosen:
            self._roll_back(chosen, "")

    def do_rollback_undo(self) -> None:
        """Show the plan of taking a rollback back."""
        from screens.plans import undo

        self.console.propose(undo(self.console, self.acting_service()))

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def do_hold_toggle(self) -> None:
        """Hold the service, with a reason; or lift the hold."""
        from screens import plans

        service = self.acting_service()
        try:
            held = await self.console.is_held(service)
        except BakeryopsError as error:
            self.say(f"hold: {' '.join(error.lines())}", severity="error")
            return
        if held:
            self.console.propose(plans.unhold(self.console, [service]))
            return
        title = f"Hold {service}: builds go on, and deploy nothing new of it"
        answers = await self.app.push_screen_wait(AskScreen(title, reason_and_end(self.console.now())))
        if answers is not None:
            reason, until = answers[0], until_of(answers[1], self.console.now())
            self.console.propose(plans.hold(self.console, service, reason, until))

    # Builds.

    def do_build_again(self) -> None:
        """Run the selected build again; without one, build the service."""
        from screens import plans

        build = self.acting_build()
        if build is not None:
            self.console.propose(plans.rerun(self.console, build.namespace, build.name))
        else:
            self.console.propose(plans.rebuild(self.console, [self.acting_service()]))

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def do_build_cancel(self) -> None:
        """Ask how, and show the plan of cancelling the build."""
        from screens.plans import cancel

        build = self.acting_build()
        if build is None:
            return
        mode = await self.app.push_screen_wait(ChooseScreen(f"Cancel {build.name}", CANCEL_MODES))
        if mode is not None:
            self.console.propose(cancel(self.console, build.namespace, build.name, mode))

    # Flux.

    def do_flux_reconcile(self) -> None:
        """Show the plan of fetching and applying now."""
        from screens.plans import reconcile

        view = self.acting_flux()
        if view is not None:
            self.console.propose(reconcile(self.console, view.ref))

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def do_flux_suspend(self) -> None:
        """Suspend, with a reason; or resume what is suspended."""
        from screens import plans

        view = self.acting_flux()
        if view is None:
            return
        if view.suspended:
            first = isinstance(view, Sync) and view.kind == "Kustomization" and view.applied is None
            self.console.propose((plans.approve if first else plans.resume)(self.console, view.ref))
            return
        title = f"Suspend {view.kind} {view.name}: Flux leaves it alone until it is resumed"
        answers = await self.app.push_screen_wait(AskScreen(title, reason_and_end(self.console.now())))
        if answers is not None:
            until = until_of(answers[1], self.console.now())
            self.console.propose(plans.suspend(self.console, view.ref, answers[0], until))

    def do_flux_approve(self) -> None:
        """Show all that a first apply would do."""
        from screens.plans import approve

        view = self.acting_flux()
        if isinstance(view, Sync):
            self.console.propose(approve(self.console, view.ref))
