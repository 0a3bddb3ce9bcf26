"""Gitea's JSON of users, repositories and commits, and the bodies of its webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeryops.demo.controllers.objects import timestamp
from bakeryops.demo.git import BareRepo, GitCommit
from bakeryops.demo.gitea.accounts import Accounts, User
from bakeryops.demo.gitea.push import Push
from bakeryops.demo.gitea.repositories import Repository

__all__ = ["ROOT_URL", "changes_of", "hook_bodies", "permissions_json", "repository_json", "user_json"]

ROOT_URL = "http://gitea.bakery-ia.local/"
"""The address that Gitea believes in; links in answers are built from it, whatever address was asked."""

_LISTED = 5
"""Commits that a push payload lists (FEED_MAX_COMMIT_NUM)."""
_WALKED = 10
"""Commits that are walked for a new branch."""

JSON = dict[str, Any]


def user_json(user: User | None, fallback: str = "") -> JSON:
    """Return a user as the API shows it; one that is gone is the ghost."""
    if user is None:
        user = User(-1, fallback or "Ghost", fallback or "Ghost", "", "")
    return {
        "id": user.id,
        "login": user.login,
        "login_name": "",
        "source_id": 0,
        "full_name": user.full_name,
        "email": user.email,
        "avatar_url": f"{ROOT_URL}avatars/{user.id}",
        "html_url": f"{ROOT_URL}{user.login}",
        "language": "",
        "is_admin": user.is_admin,
        "last_login": "0001-01-01T00:00:00Z",
        "created": "2026-08-01T08:00:00Z",
        "restricted": False,
        "active": user.kind == "User",
        "prohibit_login": False,
        "visibility": "private",
        "username": user.login,
    }


def permissions_json(user: User | None) -> dict[str, bool]:
    """Return what a user may do with a repository."""
    return {
        "admin": user is not None and user.may("admin"),
        "push": user is not None and user.may("write"),
        "pull": user is not None and user.may("read"),
    }


def repository_json(repository: Repository, accounts: Accounts, viewer: User | None, now: float) -> JSON:
    """Return a repository as the API shows it to a viewer."""
    link = f"{ROOT_URL}{repository.full_name}"
    tip = repository.git.commit_object(repository.default_branch)
    return {
        "id": repository.id,
        "owner": user_json(accounts.find(repository.owner), repository.owner),
        "name": repository.name,
        "full_name": repository.full_name,
        "description": repository.description,
        "empty": repository.empty,
        "private": repository.private,
        "fork": False,
        "template": False,
        "mirror": False,
        "size": 1024,
        "language": "Python",
        "languages_url": f"{ROOT_URL}api/v1/repos/{repository.full_name}/languages",
        "html_url": link,
        "url": f"{ROOT_URL}api/v1/repos/{repository.full_name}",
        "link": "",
        "ssh_url": f"git@gitea.bakery-ia.local:{repository.full_name}.git",
        "clone_url": f"{link}.git",
        "original_url": "",
        "website": "",
        "stars_count": 0,
        "forks_count": 0,
        "watchers_count": 1,
        "open_issues_count": 0,
        "open_pr_counter": 0,
        "release_counter": 0,
        "default_branch": repository.default_branch,
        "archived": False,
        "created_at": timestamp(repository.created),
        "updated_at": timestamp(tip.committed if tip else repository.created),
        "archived_at": "1970-01-01T00:00:00Z",
        "permissions": permissions_json(viewer),
        "has_issues": True,
        "has_wiki": False,
        "has_pull_requests": True,
        "has_packages": True,
        "has_actions": False,
        "default_merge_style": "merge",
        "avatar_url": "",
        "internal": False,
        "object_format_name": "sha1",
    }


def changes_of(git: BareRepo, shas: Sequence[str]) -> Mapping[str, list[tuple[str, str]]]:
    """Return the (status, path) pairs that each commit changes against its first parent: A, M or D."""
    raw = git.git(
        "diff-tree", "--stdin", "-r", "-m", "--first-parent", "--root", "-z", "--name-status", "--no-renames",
        data="".join(f"{sha}\n" for sha in shas).encode(), check=False,
    )  # fmt: skip
    found: dict[str, list[tuple[str, str]]] = {sha: [] for sha in shas}
    current: list[tuple[str, str]] = []
    parts = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    for part in parts:
        sha = part[:40]
        if sha in found:
            current = found[sha]
        elif part:
            current.append((part[:1], next(parts, "")))
    return found


def _commit(commit: GitCommit, changes: Sequence[tuple[str, str]], full_name: str, accounts: Accounts) -> JSON:
    def person(name: str, email: str) -> JSON:
        user = accounts.named(name, email)
        return {"name": name, "email": email, "username": user.login if user else ""}

    def paths(status: str) -> list[str]:
        return [path for each, path in changes if each == status]

    return {
        "id": commit.sha,
        "message": commit.message,
        "url": f"{ROOT_URL}{full_name}/commit/{commit.sha}",
        "author": person(commit.author, commit.author_email),
        "committer": person(commit.committer, commit.committer_email),
        "verification": None,
        "timestamp": timestamp(commit.committed),
        "added": paths("A"),
        "removed": paths("D"),
        "modified": paths("M"),
    }


def _push_body(push: Push, repository: Repository, accounts: Accounts, commits: list[JSON], total: int) -> JSON:
    head = None
    tip = None if push.deleted else repository.git.commit_object(push.after)
    if tip is not None:
        head = next((each for each in commits if each["id"] == tip.sha), None) or _commit(
            tip, changes_of(repository.git, [tip.sha])[tip.sha], repository.full_name, accounts
        )
    compare = f"{ROOT_URL}{repository.full_name}/compare/{push.before}...{push.after}"
    return {
        "ref": push.ref,
        "before": push.before,
        "after": push.after,
        "compare_url": "" if push.created or push.deleted else compare,
        "commits": commits[:_LISTED],
        "total_commits": total,
        "head_commit": head,
    }


def hook_bodies(push: Push, repository: Repository, accounts: Accounts, now: float) -> list[tuple[str, JSON]]:
    """Return the (event, body) pairs that follow from a push: push, create, delete.

    A branch that is removed sends no push event, a tag that is removed does. Commits are newest first, at most
    five (services/repository/push.go).
    """
    git = repository.git
    owner = accounts.find(repository.owner)
    pusher = user_json(accounts.find(push.pusher), push.pusher)
    about = {"repository": repository_json(repository, accounts, owner, now), "pusher": pusher, "sender": pusher}
    kind = "branch" if push.branch else "tag"
    name = push.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    found: list[tuple[str, JSON]] = []
    if not (push.deleted and push.branch):
        shas: list[str] = []
        if push.branch and push.created:
            shas = git.log([push.after], limit=_WALKED)
        elif push.before == push.after:
            # A test delivery: nothing moved, and the tip is shown as if it had come.
            shas = [push.after]
        elif push.branch:
            shas = git.log([push.after, f"^{push.before}"])
        changes = changes_of(git, shas[:_LISTED])
        objects = [git.commit_object(sha) for sha in shas[:_LISTED]]
        commits = [_commit(each, changes[each.sha], repository.full_name, accounts) for each in objects if each]
        found.append(("push", _push_body(push, repository, accounts, commits, len(shas)) | about))
    if push.created:
        body = {"sha": git.head(push.after) or push.after, "ref": name, "ref_type": kind}
        found.append(("create", body | {key: about[key] for key in ("repository", "sender")}))
    if push.deleted:
        body = {"ref": name, "ref_type": kind, "pusher_type": "user"}
        found.append(("delete", body | {key: about[key] for key in ("repository", "sender")}))
    return found
