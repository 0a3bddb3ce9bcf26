"""What a step of the chain knows when it starts: its parameters, its Secrets, the repository it works on."""

from __future__ import annotations

import base64
import random
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from bakeryops.demo.contracts import Object
from bakeryops.demo.git import BareRepo
from bakeryops.demo.gitea.push import GitRefusedError
from bakeryops.demo.gitea.server import Gitea
from bakeryops.demo.store import ObjectStore

__all__ = ["Job"]

_CREDENTIAL = re.compile(r"^https?://([^:@/\s]+):([^@/\s]+)@", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """A TaskRun of the chain."""

    store: ObjectStore
    gitea: Gitea
    run: Object
    """The TaskRun."""
    params: dict[str, Any]

    @classmethod
    def of(cls, store: ObjectStore, gitea: Gitea, run: Object) -> Job:
        """Read a TaskRun's parameters."""
        params = {str(each.get("name")): each.get("value") for each in run["spec"].get("params") or ()}
        return cls(store, gitea, run, params)

    @property
    def pipeline_run(self) -> str:
        """The name of the PipelineRun."""
        labels = self.run["metadata"].get("labels") or {}
        return str(labels.get("tekton.dev/pipelineRun") or self.run["metadata"]["name"])

    @property
    def random(self) -> random.Random:
        """Chance that depends on the TaskRun alone."""
        return random.Random(f"step/{self.run['metadata']['uid']}")

    def text(self, name: str) -> str:
        """Return a parameter as text, "" where it is not given."""
        value = self.params.get(name)
        return value if isinstance(value, str) else ""

    def list(self, name: str) -> list[str]:
        """Return a parameter as a list, empty where it is not given."""
        value = self.params.get(name)
        return [str(each) for each in value] if isinstance(value, list) else []

    def secret(self, workspace: str) -> dict[str, str]:
        """Return the content of the Secret that a workspace is bound to."""
        metadata = self.run["metadata"]
        for each in self.run["spec"].get("workspaces") or ():
            name = (each.get("secret") or {}).get("secretName")
            if each.get("name") == workspace and name:
                found = self.store.get("secrets", metadata["namespace"], name) or {}
                data = found.get("data") or {}
                return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in data.items()}
        return {}

    def login(self) -> tuple[str, str]:
        """Return user and password of the workspace `basic-auth`, "" for none."""
        found = _CREDENTIAL.search(self.secret("basic-auth").get(".git-credentials", ""))
        return (unquote(found[1]), unquote(found[2])) if found else ("", "")

    def clone(self) -> BareRepo:
        """Return the repository at the parameter `url`; raises `GitRefusedError`."""
        return self.gitea.resolve(self.text("url"), *self.login())

    def push_right(self) -> str:
        """Return the login that may push; raises `GitRefusedError` for one that may not."""
        login = self.gitea.accounts.by_password(*self.login())
        if login is None or not login.user.may("write") or not login.has("write", "repository"):
            raise GitRefusedError(403, "remote: User permission denied for writing.")
        return login.user.login

    def place(self) -> tuple[str, str]:
        """Return owner and name of the repository at the parameter `url`."""
        owner, _, name = urlsplit(self.text("url")).path.strip("/").removesuffix(".git").partition("/")
        return owner, name
