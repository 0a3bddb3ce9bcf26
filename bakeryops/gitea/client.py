"""Gitea's REST API, the part that is read: pages by number, the token from a private file, versions looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bakeryops.config import Config
from bakeryops.config.secrets import read_secret
from bakeryops.gitea import answers
from bakeryops.gitea.answers import (
    Comparison,
    GitCommit,
    Hook,
    Package,
    RepositoryInfo,
    Status,
    StatusItem,
    Version,
)
from bakeryops.web import Answer, Web, WebError

__all__ = ["Gitea", "gitea_of"]

_PAGE = 50
"""What Gitea gives at most, unless its administrator changed that."""
_MOST_PAGES = 40
_COMPARE = (1, 22, 0)
"""The version since which two commits can be compared."""
_EMPTY_REPOSITORY = 409
_TOKEN = "Write an access token to a file of mode 0600 and name it in gitea.token."  # noqa: S105  no secret


def gitea_of(config: Config) -> Gitea | None:
    """Return the Gitea that the configuration names, None where it names none."""
    if not config.gitea.url:
        return None
    return Gitea(config.gitea.url, token=Path(config.gitea.token) if config.gitea.token else None)


class Gitea:
    """One Gitea; close it when done. Questions raise `WebError`, or `CredentialError` for the token's file."""

    def __init__(self, url: str, *, token: Path | None = None, seconds: float = 10.0) -> None:
        """Take the address, a private file that holds an access token, and the seconds an answer may take."""
        self.url = url.rstrip("/")
        self._web = Web(f"{self.url}/api/v1", "Gitea", seconds=seconds)
        self._file = token
        self._token = ""
        self._version: Version | None = None

    async def close(self) -> None:
        """Close every connection."""
        await self._web.close()

    async def version(self) -> Version:
        """Return Gitea's version."""
        if self._version is None:
            found = await self._json("/version", "tell its version")
            text = found.get("version") if isinstance(found, dict) else None
            if not isinstance(text, str):
                raise WebError(f"what answers at {self.url} is not Gitea", hint="Correct gitea.url.")
            self._version = Version.read(text)
        return self._version

    async def repository(self, owner: str, name: str) -> RepositoryInfo:
        """Return a repository, with what we may do with it."""
        return answers.repository(await self._json(_repo(owner, name), "show the repository"))

    async def commits(
        self, owner: str, name: str, *, sha: str = "", path: str = "", limit: int = _PAGE
    ) -> list[GitCommit]:
        """Return the newest commits, up to `limit`: of a branch or from a commit on, and of a path."""
        query = {"stat": "false", "verification": "false", "files": "false"}
        query |= {key: value for key, value in (("sha", sha), ("path", path)) if value}
        where = f"{_repo(owner, name)}/commits"
        found = await self._pages(
            where, "list commits", query, limit, none=(404, _EMPTY_REPOSITORY) if path else (_EMPTY_REPOSITORY,)
        )
        return [answers.commit(each) for each in found]

    async def combined_status(self, owner: str, name: str, ref: str) -> Status:
        """Return the state of a commit taken together."""
        where = f"{_repo(owner, name)}/commits/{quote(ref, safe='')}/status"
        return answers.status(await self._json(where, "show the state of a commit"))

    async def statuses(self, owner: str, name: str, sha: str, *, limit: int = 100) -> list[StatusItem]:
        """Return every state that was given to a commit, the newest first."""
        where = f"{_repo(owner, name)}/commits/{quote(sha, safe='')}/statuses"
        found = await self._pages(where, "list the states of a commit", {"sort": "recentupdate"}, limit)
        return [answers.status_item(each) for each in found]

    async def hooks(self, owner: str, name: str) -> list[Hook] | None:
        """Return the webhooks of a repository; None where we are not its administrator."""
        try:
            found = await self._pages(f"{_repo(owner, name)}/hooks", "list its webhooks", {}, 200)
        except WebError as error:
            if error.kind == "forbidden":
                return None
            raise
        return [answers.hook(each) for each in found]

    async def compare(self, owner: str, name: str, base: str, head: str) -> Comparison | None:
        """Return what `head` has over `base`; None where this Gitea cannot say (before 1.22)."""
        if (await self.version()).numbers < _COMPARE:
            return None
        where = f"{_repo(owner, name)}/compare/{quote(base, safe='')}...{quote(head, safe='')}"
        return answers.comparison(await self._json(where, "compare commits"))

    async def packages(self, owner: str, *, containing: str = "", limit: int = 1000) -> list[Package]:
        """Return the versions of an owner's images whose names contain a text: tags and digests alike."""
        query = {"type": "container"} | ({"q": containing} if containing else {})
        found = await self._pages(f"/packages/{quote(owner, safe='')}", "list packages", query, limit)
        return [answers.package(each) for each in found]

    async def _json(self, path: str, doing: str, query: Mapping[str, str | int] | None = None) -> Any:
        answer = await self._ask(path, query)
        if answer.status != 200:
            raise self._web.refusal(answer, doing, _TOKEN if answer.status in (401, 403, 404) else "")
        return answer.json()

    async def _pages(
        self, path: str, doing: str, query: Mapping[str, str], limit: int, none: tuple[int, ...] = ()
    ) -> list[dict[str, Any]]:
        """Return the entries of all pages, by number: the addresses in Link headers are not those we came by.

        An answer with a status in `none` means that there are none.
        """
        found: list[dict[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            answer = await self._ask(path, {**query, "page": page, "limit": min(_PAGE, limit)})
            if answer.status in none:
                break
            if answer.status != 200:
                raise self._web.refusal(answer, doing, _TOKEN if answer.status in (401, 403, 404) else "")
            entries = list(answers.mappings(answer.json()))
            found += entries
            total = answer.headers.get("x-total-count", "")
            if not entries or len(found) >= limit or (total.isdigit() and len(found) >= int(total)):
                break
        return found[:limit]

    async def _ask(self, path: str, query: Mapping[str, str | int] | None) -> Answer:
        """Return an answer; after a 401 the token is read again, for it may have been replaced."""
        answer = await self._web.get(path, query=query, headers=await self._headers())
        if answer.status == 401 and self._file is not None:
            before, self._token = self._token, ""
            headers = await self._headers()
            if self._token != before:
                answer = await self._web.get(path, query=query, headers=headers)
        return answer

    async def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self._file is not None:
            if not self._token:
                self._token = await asyncio.to_thread(read_secret, self._file, "gitea.token")
            headers["Authorization"] = f"token {self._token}"
        return headers


def _repo(owner: str, name: str) -> str:
    return f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
