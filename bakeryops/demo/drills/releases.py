"""Builds that a drill begins with: pushed, built and deployed minutes ago, with their runs and their images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bakeryops.demo.bakery.monorepo.history import tag_for
from bakeryops.demo.bakery.monorepo.releases import Failing, PastRelease
from bakeryops.demo.bakery.past import Past
from bakeryops.demo.bakery.pipeline import IMAGES, PIPELINE
from bakeryops.demo.bakery.runs_past import past_runs
from bakeryops.demo.chain.deploy import Release, deploy
from bakeryops.demo.chain.work import ailing
from bakeryops.demo.controllers.objects import digest
from bakeryops.demo.drills.scene import BRANCH, OWNER, REPOSITORY, Scene
from bakeryops.demo.gitea.accounts import BOT

__all__ = ["Change", "crashing", "leaking", "released"]

_BUILD_SECONDS = 290.0
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True)
class Change:
    """What a developer pushed."""

    author: str
    """Login."""
    message: str
    files: Mapping[str, bytes | None]


def crashing(service: str, author: str, subject: str, variable: str) -> Change:
    """Return a change whose image ends at its start: it reads a variable that nobody has set."""
    text = (
        f'"""What {service} is told by its surroundings."""\n\nfrom __future__ import annotations\n\n'
        f'from os import environ\n\n{variable} = environ["{service.upper()}_{variable}"]  # demo: crash\n'
    )
    return Change(author, f"{service}: {subject}\n", {f"services/{service}/app/core/given.py": text.encode()})


def leaking(service: str, author: str, subject: str) -> Change:
    """Return a change whose image needs more memory than its pods may have."""
    text = (
        '"""Everything at hand."""\n\nfrom __future__ import annotations\n\n'
        "ROWS: list[bytes] = []  # demo: oom\n"
        '"""Filled at the start, and never emptied."""\n'
    )
    return Change(author, f"{service}: {subject}\n", {f"services/{service}/app/core/rows.py": text.encode()})


def released(
    scene: Scene, service: str, change: Change, *, ago: float, failing: tuple[str, ...] = (), tell: bool = True
) -> PastRelease:
    """Write a build that ended `ago` seconds before now: its run, image, commit status and deploy commit.

    With `failing`, what pytest printed, its tests failed and nothing was deployed. `tell` has Gitea tell of the
    deploy commit now, so that Flux applies it.
    """
    world, repo = scene.world, scene.repo
    ended = scene.now - ago
    started = ended - _BUILD_SECONDS
    before = scene.head()
    source = scene.commit(change.author, change.message, change.files, started - 40.0)
    tag = tag_for(started + 16.0, source)
    mark = digest(world.gitea.seed, "drill", source)
    run = f"{PIPELINE}-{''.join(_LETTERS[int(mark[at : at + 2], 16) % len(_LETTERS)] for at in range(0, 10, 2))}"
    commits: dict[str, str] = {}
    seen = source
    if not failing:
        world.gitea.registry.put(f"{OWNER}/{service}", tag, when=ended - 20.0)
        if behaviour := ailing(repo, source, service):
            world.images.behaviours[scene.image(service, tag)] = behaviour
        wanted = Release([service], tag, source, run, IMAGES)
        done = deploy(repo, wanted, email=f"{BOT}@bakery-ia.local", when=ended - 9.0, seen=source)
        commits[service] = seen = done.commit
    release = PastRelease(
        run, before, source, change.author, change.message.partition("\n")[0], (service,), tag, started - 2.0,
        started, ended, "failed" if failing else "succeeded", commits,
        Failing("test", service, failing) if failing else None,
    )  # fmt: skip
    past_runs(world.cluster, world.gitea, world.images, [release], Past(world.clock), seed=world.gitea.seed)
    if tell:
        world.gitea.pushed(OWNER, REPOSITORY, BRANCH, before, seen, BOT)
    return release
