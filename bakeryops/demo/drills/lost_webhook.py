"""A push that nobody was told of."""

from __future__ import annotations

from bakeryops.demo.bakery.tasks import CI
from bakeryops.demo.bakery.triggering import LISTENER
from bakeryops.demo.drills.base import Drill
from bakeryops.demo.drills.scene import OWNER, REPOSITORY
from bakeryops.demo.gitea.webhooks import Hook
from bakeryops.demo.triggers import host_of

__all__ = ["LostWebhook"]

_WRONG = f"http://el-bakery-ia-listener.{CI}.svc.cluster.local:8080"


class LostWebhook(Drill):
    """The webhook names a listener that is not there, so a push started no build."""

    name = "lost-webhook"
    title = "A push to {service} that started no build"
    story = (
        "Unai pushed a change to {service} and waits for it. There is no build of his commit, neither a failed "
        "one nor one in the queue. Somebody tidied up Gitea's settings this morning."
    )
    goal = "Unai's change to {service} runs in production."
    hints = (
        "Where does the chain end? The commit is in Git, and there is no PipelineRun for it.",
        "Gitea keeps the last deliveries of each webhook, with the answer. The one to the EventListener has none.",
        "Build it by hand: bakeryops rebuild {service}. And set the webhook's URL to "
        f"http://{host_of(CI, LISTENER)}, or the next push is lost too.",
    )

    _commit = ""

    def begin(self) -> None:
        """Turn the webhook away, and push."""
        for hook in self._hooks():
            hook.url = _WRONG
        path = f"services/{self.service}/app/core/greeting.py"
        text = b'"""How a shop is greeted."""\n\nGREETING = "Egun on"\n'
        self._commit = self.scene.push("unai", f"{self.service}: greet in Basque\n", {path: text})

    def reached(self) -> str:
        """Return the commit that deployed the change, once the pods run it."""
        return self.scene.came_by(self.service) if self.scene.runs_commit(self.service, self._commit) else ""

    def remarks(self) -> list[str]:
        """Say so where the next push would be lost too."""
        right = host_of(CI, LISTENER)
        found = self.scene.world.gitea.find(OWNER, REPOSITORY)
        hooks = found.hooks if found is not None else []
        if any(hook.active and right in hook.url for hook in hooks):
            return []
        return ["the webhook still names a listener that is not there: the next push is lost too"]

    def _hooks(self) -> list[Hook]:
        """Return the webhooks to the EventListener."""
        found = self.scene.world.gitea.find(OWNER, REPOSITORY)
        return [hook for hook in found.hooks if host_of(CI, LISTENER) in hook.url] if found is not None else []
