"""The registry's HTTP API: tags of an image, and the digest behind one. Never a catalogue, never a change."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from bakeryops.config import Config
from bakeryops.config.secrets import read_secret
from bakeryops.text import clean
from bakeryops.web import Answer, Web, WebError

__all__ = ["Registry", "registry_of", "stored_tags"]

_MANIFESTS = ", ".join((
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
))  # fmt: skip
_PAGE = 200
_MOST_PAGES = 100
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_DIGEST = re.compile(r"[a-z0-9+._-]+:[0-9a-fA-F]{32,}")
_HINT = "Set registry.user, and name a file with an access token (read:package) in gitea.token."


def registry_of(config: Config) -> Registry | None:
    """Return the registry that the configuration names, Gitea's own where it names none; None without either."""
    url = config.registry.url or config.gitea.url
    if not url:
        return None
    return Registry(
        url, user=config.registry.user or "", token=Path(config.gitea.token) if config.gitea.token else None
    )


async def stored_tags(config: Config, image: str) -> list[str] | None:
    """Return the tags that the registry has of an image; None where none is configured or none is meant.

    Raises what `Registry.tags` raises.
    """
    registry = registry_of(config) if image else None
    if registry is None:
        return None
    try:
        name = image.partition("@")[0]
        place, slash, last = name.rpartition("/")
        return await registry.tags(place + slash + last.partition(":")[0])
    finally:
        await registry.close()


class Registry:
    """One registry; close it when done. Questions raise `WebError`, or `CredentialError` for the file."""

    def __init__(self, url: str, *, user: str = "", token: Path | None = None, seconds: float = 10.0) -> None:
        """Take the address, who we are, and a private file with the password or access token."""
        self.url = url.rstrip("/")
        self._web = Web(self.url, "the registry", seconds=seconds)
        self._user = user
        self._file = token
        self._grants: dict[str, str] = {}

    async def close(self) -> None:
        """Close every connection."""
        await self._web.close()

    async def tags(self, image: str) -> list[str]:
        """Return the tags of an image ("owner/name", or as in a manifest); none where there is no such image."""
        name = self._name(image)
        found: list[str] = []
        last = ""
        for _ in range(_MOST_PAGES):
            query = {"n": str(_PAGE)} | ({"last": last} if last else {})
            answer = await self._ask("GET", f"/v2/{name}/tags/list?{urlencode(query)}", name)
            if answer.status == 404:
                break
            if answer.status != 200:
                raise self._web.refusal(answer, f"list the tags of {name}", _HINT)
            body = answer.json()
            tags = body.get("tags") if isinstance(body, dict) else None
            fresh = [clean(each) for each in tags if isinstance(each, str)] if isinstance(tags, list) else []
            # The last page points on to one more all the same: only an empty one is the end.
            if not fresh or fresh[-1] == last:
                break
            found += fresh
            last = fresh[-1]
        return list(dict.fromkeys(found))

    async def has(self, image: str, tag: str) -> str | None:
        """Return the digest behind a tag ("" where the registry does not say), None where there is no such tag."""
        name = self._name(image)
        path = f"/v2/{name}/manifests/{quote(tag, safe=':')}"
        answer = await self._ask("HEAD", path, name)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._web.refusal(answer, f"look for {name}:{tag}", _HINT)
        digest = answer.headers.get("docker-content-digest", "")
        return digest if _DIGEST.fullmatch(digest) else ""

    def _name(self, image: str) -> str:
        """Return the name of an image within the registry, quoted."""
        first, slash, rest = image.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            image = rest
        return quote(image, safe="/")

    async def _ask(self, method: str, path: str, name: str) -> Answer:
        """Return an answer, after having shown who we are where that is asked for."""
        headers = {"Accept": _MANIFESTS if method == "HEAD" else "application/json"}
        grant = self._grants.get(name, "")
        answer = await self._send(method, path, headers | ({"Authorization": grant} if grant else {}))
        if answer.status != 401:
            return answer
        grant = await self._granted(answer.headers.get("www-authenticate", ""), name)
        if not grant:
            return answer
        answer = await self._send(method, path, headers | {"Authorization": grant})
        if answer.status == 401 and not grant.startswith("Basic"):
            grant = await self._basic()
            if grant:
                answer = await self._send(method, path, headers | {"Authorization": grant})
        if answer.status != 401:
            self._grants[name] = grant
        return answer

    async def _send(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        return await self._web.get(path, method="HEAD" if method == "HEAD" else "GET", headers=headers)

    async def _granted(self, challenge: str, name: str) -> str:
        """Return an Authorization header for an image: a token of the realm, or the password itself.

        The password goes to the registry's own host only, whatever realm it names: before 1.26 Gitea names its
        ROOT_URL, which need not be an address that this machine reaches.
        """
        basic = await self._basic()
        asked = dict(_CHALLENGE.findall(challenge))
        realm = urlsplit(asked.get("realm", ""))
        if not challenge.lower().startswith("bearer") or realm.netloc != urlsplit(self.url).netloc:
            return basic
        query = {"service": asked.get("service", ""), "scope": f"repository:{name}:pull"}
        try:
            answer = await self._web.get(
                f"{realm.path}?{urlencode(query)}", headers={"Authorization": basic} if basic else {}
            )
            body = answer.json() if answer.status == 200 else None
        except WebError:
            return basic
        token = (body.get("token") or body.get("access_token")) if isinstance(body, dict) else None
        return f"Bearer {token}" if isinstance(token, str) and token.isascii() and token.isprintable() else basic

    async def _basic(self) -> str:
        if self._file is None or not self._user:
            return ""
        secret = await asyncio.to_thread(read_secret, self._file, "gitea.token")
        return f"Basic {base64.b64encode(f'{self._user}:{secret}'.encode()).decode()}"
