"""Gitea as its clients see it: one HTTP server on loopback and what stands behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

from aiohttp import web

from bakeryops.demo.contracts import Clock
from bakeryops.demo.controllers.objects import timestamp
from bakeryops.demo.git import BareRepo
from bakeryops.demo.gitea.accounts import ADMIN, OPERATOR, Accounts
from bakeryops.demo.gitea.faults import GiteaFaults
from bakeryops.demo.gitea.http_git import add_git_routes
from bakeryops.demo.gitea.payloads import ROOT_URL, hook_bodies
from bakeryops.demo.gitea.push import GitRefusedError, Push
from bakeryops.demo.gitea.registry import Registry
from bakeryops.demo.gitea.registry_http import add_registry_routes
from bakeryops.demo.gitea.repositories import CommitStatus, Repository
from bakeryops.demo.gitea.rest import add_routes
from bakeryops.demo.gitea.rest_commits import ROUTES as COMMITS
from bakeryops.demo.gitea.rest_contents import ROUTES as CONTENTS
from bakeryops.demo.gitea.rest_hooks import ROUTES as HOOKS
from bakeryops.demo.gitea.rest_packages import ROUTES as PACKAGES
from bakeryops.demo.gitea.rest_repos import ROUTES as REPOS
from bakeryops.demo.gitea.rest_statuses import ROUTES as STATUSES
from bakeryops.demo.gitea.rest_users import ROUTES as USERS
from bakeryops.demo.gitea.webhooks import Hook, Webhooks
from bakeryops.demo.names import Names

__all__ = ["HOST", "Gitea"]

HOST = urlsplit(ROOT_URL).netloc
"""The name under which the node, the pods and the operator reach it."""
_SERVICE = "gitea-http.gitea.svc.cluster.local"
_BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)

_ROUTES = (*USERS, *STATUSES, *COMMITS, *CONTENTS, *HOOKS, *PACKAGES, *REPOS)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gitea:
    """The server with its users, repositories, webhooks and images."""

    def __init__(self, folder: Path, clock: Clock, *, seed: int, names: Names, version: str = "1.25.2") -> None:
        """Make it in a folder, with the empty repository bakery-admin/bakery-ia; `start` opens its socket."""
        self.folder = folder
        self.clock = clock
        self.seed = seed
        self.names = names
        self.version = version
        """May be changed at any time; what came with a later version is not served."""
        self.accounts = Accounts(seed)
        self.faults = GiteaFaults()
        self.webhooks = Webhooks(clock, names, seed=seed)
        self.on_push: list[Callable[[Push], None]] = []
        """Called with each ref that was moved, before webhooks are sent."""
        self.url = ""
        """Address of the running server, without a slash at the end."""
        self._repositories: dict[tuple[str, str], Repository] = {}
        self._numbers = 0
        self._runner: web.AppRunner | None = None
        self.registry = Registry(clock, self.number)
        """The container images; see `Registry.put`."""
        self.create_repo(ADMIN, "bakery-ia")

    # Life

    async def start(self, port: int = 0) -> None:
        """Serve on a port of loopback, any free one by default; OSError where it is taken."""
        app = web.Application(middlewares=[self._faulty], client_max_size=64 << 20)
        add_registry_routes(app, self)
        app.router.add_get("/api/healthz", self._health)
        add_routes(app, self, _ROUTES)
        add_git_routes(app, self)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        for name in (HOST, f"{_SERVICE}:3000"):
            self.names.add(name, self.url)
        await self.webhooks.open()

    async def close(self) -> None:
        """Stop serving and delivering, and end git's children."""
        await self.webhooks.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for name in (HOST, f"{_SERVICE}:3000"):
            self.names.remove(name)
        for repository in self._repositories.values():
            repository.git.close()

    @web.middleware
    async def _faulty(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if self.faults.delay:
            await asyncio.sleep(self.faults.delay)
        if self.faults.down == "closed":
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
        if self.faults.down:
            return web.Response(status=502, text=_BAD_GATEWAY, content_type="text/html")
        return await handler(request)

    async def _health(self, _request: web.Request) -> web.Response:
        check = {"status": "pass", "time": timestamp(self.clock.now())}
        checks = {"cache:ping": [check], "database:ping": [check]}
        body = {"status": "pass", "description": "Gitea: Git with a cup of tea", "checks": checks}
        return web.json_response(body)

    # Repositories

    def create_repo(
        self, owner: str, name: str, *, private: bool = True, description: str = "", branch: str = "main"
    ) -> Repository:
        """Make an empty repository; ValueError where there is one of that name."""
        if self.find(owner, name) is not None:
            raise ValueError(f"there is a repository {owner}/{name} already")
        folder = self.folder / owner.lower()
        folder.mkdir(parents=True, exist_ok=True)
        git = BareRepo.create(folder / f"{name.lower()}.git", branch=branch)
        made = Repository(self.number(), owner, name, git, private, self.clock.now(), description, branch)
        self._repositories[owner.lower(), name.lower()] = made
        return made

    def find(self, owner: str, name: str) -> Repository | None:
        """Return a repository, whatever the case of its name."""
        return self._repositories.get((owner.lower(), name.lower()))

    def repositories(self) -> list[Repository]:
        """Return all repositories, oldest first."""
        return list(self._repositories.values())

    def repo(self, owner: str, name: str) -> BareRepo:
        """Return the git side of a repository; KeyError where there is none."""
        return self._repositories[owner.lower(), name.lower()].git

    def number(self) -> int:
        """Return the next id of whatever is made."""
        self._numbers += 1
        return self._numbers

    # What clients need

    def credentials(self, login: str = OPERATOR) -> str:
        """Return the text of a file as git's credential store keeps it, with a token of a user."""
        user = self.accounts.find(login)
        if user is None or not user.tokens:
            raise KeyError(login)
        return f"http://{user.login}:{quote(user.tokens[0].secret, safe='')}@{urlsplit(self.url).netloc}\n"

    def token(self, login: str = OPERATOR) -> str:
        """Return the first token of a user; KeyError where there is none."""
        user = self.accounts.find(login)
        if user is None or not user.tokens:
            raise KeyError(login)
        return user.tokens[0].secret

    def resolve(self, url: str, username: str, password: str) -> BareRepo:
        """Return the repository that a git client in the cluster gets, or raise `GitRefusedError`."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise GitRefusedError(0, str(error)) from None
        if not self.names.knows(host):
            raise GitRefusedError(0, f"dial tcp: lookup {host} on 10.152.183.10:53: no such host")
        real = self.names.find(url)
        where = f"{self.names.address(host) or host}:{port}"
        if real is None or not self.url or not real.startswith(f"{self.url}/") or self.faults.down == "closed":
            raise GitRefusedError(0, f"dial tcp {where}: connect: connection refused")
        if self.faults.down:
            raise GitRefusedError(502, "unexpected client error: 502 Bad Gateway")
        login = self.accounts.by_password(username, password) if username or password else None
        owner, _, name = parts.path.strip("/").removesuffix(".git").partition("/")
        repository = self.find(owner, name)
        if login is None and (username or password or repository is None or repository.private):
            raise GitRefusedError(401, "authentication required: Unauthorized")
        if repository is None or (login is not None and repository.private and not login.user.may("read")):
            raise GitRefusedError(404, "repository not found: Repository not found")
        if login is not None and not login.has("read", "repository"):
            raise GitRefusedError(403, "authorization failed: User permission denied")
        return repository.git

    # What happens

    def pushed(self, owner: str, name: str, ref: str, before: str, after: str, pusher: str) -> Push:
        """Tell everybody of a ref that has been moved: `on_push`, then webhooks in the background.

        `before` and `after` are full shas, zeros where the ref was made or removed.
        """
        repository = self._repositories[owner.lower(), name.lower()]
        push = Push(repository.owner, repository.name, ref, before, after, pusher, self.clock.now())
        if before == after:
            return push
        for call in list(self.on_push):
            call(push)
        if self.faults.hooks and any(hook.active for hook in repository.hooks):
            for event, body in hook_bodies(push, repository, self.accounts, self.clock.now()):
                for hook in list(repository.hooks):
                    if hook.wants(event, ref):
                        self.webhooks.send(hook, event, body, self.release)
        return push

    def add_hook(
        self, owner: str, name: str, url: str, *, secret: str = "", events: tuple[str, ...] = ("push",),
        branch_filter: str = "", active: bool = True,
    ) -> Hook:  # fmt: skip
        """Give a repository a webhook."""
        now = self.clock.now()
        hook = Hook(self.number(), url, secret, events, active, branch_filter, created=now, updated=now)
        self._repositories[owner.lower(), name.lower()].hooks.append(hook)
        return hook

    def set_status(
        self, owner: str, repo: str, sha: str, state: str, context: str, description: str, target_url: str,
        creator: str, when: float | None = None,
    ) -> CommitStatus:  # fmt: skip
        """Say something of a commit, now unless `when` says otherwise; KeyError for a sha that is not there."""
        repository = self._repositories[owner.lower(), repo.lower()]
        full = repository.git.head(sha)
        if full is None:
            raise KeyError(sha)
        moment = self.clock.now() if when is None else when
        index = sum(each.sha == full for each in repository.statuses) + 1
        status = CommitStatus(index, full, state, context, description, target_url, creator, moment)
        repository.statuses.append(status)
        return status

    @property
    def release(self) -> tuple[int, int]:
        """The version's first two numbers."""
        numbers = [int(part) for part in self.version.split("-")[0].split("+")[0].split(".")[:2]]
        return numbers[0], numbers[1]
