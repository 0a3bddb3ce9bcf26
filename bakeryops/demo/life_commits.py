"""People at work while somebody looks: now and then one of them pushes a change, and some changes are wrong."""

from __future__ import annotations

import random
from collections.abc import Set

from bakeryops.demo.bakery.monorepo.edits import DOCS
from bakeryops.demo.chain.changes import folder_of
from bakeryops.demo.git import BareRepo, GitFailedError
from bakeryops.demo.gitea.accounts import ADMIN, PEOPLE
from bakeryops.demo.gitea.server import Gitea

__all__ = ["Commits"]

_SUBJECTS = (
    "Round prices half up",
    "Say which shop an error is about",
    "Ask for the next page only when it is needed",
    "Name the day in local time",
    "Take the shorter way for empty lists",
    "Keep what was typed when a form fails",
    "Retry once when the broker is away",
    "Count what is returned",
)
_BRANCH = "refs/heads/main"


class Commits:
    """Pushes commits in the names of the developers, in Gitea's own way, so that webhooks follow."""

    def __init__(self, gitea: Gitea, services: list[str], seed: int, spared: Set[str] = frozenset()) -> None:
        """Take the server and the folders' names of the services that people work on, those in `spared` not."""
        self._gitea = gitea
        self._services = services
        self._spared = spared
        self._random = random.Random(f"commits/{seed}")
        self._broken: str | None = None
        """The file that makes tests fail until somebody takes it away."""
        self._count = 0

    def push(self) -> None:
        """Push one change; nothing happens where somebody else pushes at the same moment, or Gitea is away."""
        if self._gitea.faults.down:
            return
        self._count += 1
        if self._broken is not None:
            path, self._broken = self._broken, None
            self._commit({path: None}, f"{_service_of(path)}: leave the sketch out until it works\n")
        elif self._count % 9 == 5:
            self._docs()
        elif self._count % 6 == 4:
            self._sketch()
        else:
            self._change()

    def _change(self) -> None:
        service, subject = self._service(), self._random.choice(_SUBJECTS)
        path = f"{folder_of(service)}/app/notes.py"
        name = subject.lower().replace(" ", "_").replace(",", "")
        lines = (self._read(path) or b'"""What was learned."""\n').splitlines(keepends=True)[-40:]
        line = f"{name.upper()} = {self._count}\n".encode()
        self._commit({path: b"".join(lines) + line}, f"{service}: {subject[0].lower()}{subject[1:]}\n")

    def _sketch(self) -> None:
        service = self._service()
        path = f"{folder_of(service)}/app/sketch.py"
        self._broken = path
        self._commit({path: b'"""Half of an idea."""\n\n# demo: fail tests\n'}, f"{service}: begin with an idea\n")

    def _service(self) -> str:
        return self._random.choice([each for each in self._services if each not in self._spared])

    def _docs(self) -> None:
        subject = self._random.choice(DOCS)
        text = f"# {subject}\n\nWritten down on the way, note {self._count}.\n".encode()
        self._commit({f"docs/notes-{self._count}.md": text}, f"docs: {subject[0].lower()}{subject[1:]}\n")

    def _commit(self, changes: dict[str, bytes | None], message: str) -> None:
        login, _ = self._random.choice(PEOPLE)
        user = self._gitea.accounts.find(login)
        repo = self._repo()
        before = repo.head(_BRANCH)
        if user is None or before is None:
            return
        present = {path: content for path, content in changes.items() if content is not None or self._read(path)}
        if not present:
            return
        try:
            sha = repo.commit("main", present, message, user.full_name, user.email, self._gitea.clock.now())
        except GitFailedError:
            return
        self._gitea.pushed(ADMIN, "bakery-ia", _BRANCH, before, sha, login)

    def _repo(self) -> BareRepo:
        return self._gitea.repo(ADMIN, "bakery-ia")

    def _read(self, path: str) -> bytes | None:
        return self._repo().read(_BRANCH, path)


def _service_of(path: str) -> str:
    head, _, rest = path.partition("/")
    return rest.partition("/")[0] if head == "services" else head
