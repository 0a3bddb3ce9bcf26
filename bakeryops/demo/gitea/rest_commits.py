"""REST: commits, their diffs, and what lies between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from bakeryops.demo.controllers.objects import timestamp
from bakeryops.demo.git import EMPTY_TREE, BareRepo, GitCommit
from bakeryops.demo.gitea.payloads import ROOT_URL, changes_of, user_json
from bakeryops.demo.gitea.repositories import Repository
from bakeryops.demo.gitea.rest import LARGEST_PAGE, ApiError, Call, Route, not_found

__all__ = ["ROUTES", "commit_json"]

_STATUS = {"A": "added", "M": "modified", "D": "removed"}


def _person(name: str, email: str, when: float) -> dict[str, str]:
    return {"name": name, "email": email, "date": timestamp(when)}


def _stats(git: BareRepo, shas: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the added and removed lines of each commit against its first parent."""
    raw = git.git(
        "diff-tree", "--stdin", "-r", "-m", "--first-parent", "--root", "--numstat", "--no-renames",
        data="".join(f"{sha}\n" for sha in shas).encode(), check=False,
    )  # fmt: skip
    found = {sha: {"total": 0, "additions": 0, "deletions": 0} for sha in shas}
    current = {"total": 0, "additions": 0, "deletions": 0}
    for line in raw.decode("utf-8", "replace").splitlines():
        parts = line.split("\t")
        if len(parts) < 3:
            current = found.get(line[:40], current)
            continue
        added, removed = (int(each) if each.isdigit() else 0 for each in parts[:2])
        current["additions"] += added
        current["deletions"] += removed
        current["total"] += added + removed
    return found


def commit_json(
    call: Call, repository: Repository, shas: Sequence[str], *, stat: bool, files: bool
) -> list[dict[str, Any]]:
    """Return commits as the API shows them."""
    git, accounts = repository.git, call.gitea.accounts
    stats = _stats(git, shas) if stat and shas else {}
    changes = changes_of(git, shas) if files and shas else {}
    api = f"{ROOT_URL}api/v1/repos/{repository.full_name}"

    def one(commit: GitCommit) -> dict[str, Any]:
        author = accounts.named(commit.author, commit.author_email)
        committer = accounts.named(commit.committer, commit.committer_email)
        link = f"{api}/git/commits/{commit.sha}"
        found: dict[str, Any] = {
            "url": link,
            "sha": commit.sha,
            "created": timestamp(commit.committed),
            "html_url": f"{ROOT_URL}{repository.full_name}/commit/{commit.sha}",
            "commit": {
                "url": link,
                "author": _person(commit.author, commit.author_email, commit.authored),
                "committer": _person(commit.committer, commit.committer_email, commit.committed),
                "message": commit.message,
                "tree": {
                    "url": f"{api}/git/trees/{commit.tree}",
                    "sha": commit.tree,
                    "created": timestamp(commit.committed),
                },
                "verification": None,
            },
            "author": user_json(author) if author else None,
            "committer": user_json(committer) if committer else None,
            "parents": [
                {"url": f"{api}/git/commits/{sha}", "sha": sha, "created": "0001-01-01T00:00:00Z"}
                for sha in commit.parents
            ],
        }
        if files:
            found["files"] = [
                {"filename": path, "status": _STATUS.get(status, "changed")}
                for status, path in changes[commit.sha]
            ]
        if stat:
            found["stats"] = stats[commit.sha]
        return found

    return [one(each) for each in map(git.commit_object, shas) if each]


def _since_and_until(call: Call) -> list[str]:
    if call.gitea.release < (1, 25):
        return []
    return [f"--{name}={call.query(name)}" for name in ("since", "until") if call.query(name)]


def commits(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/commits: with a path the limit is ignored, and no commit at all is a 404."""
    repository = call.repository()
    git = repository.git
    if repository.empty:
        raise ApiError(409, "Git Repository is empty.")
    rev, path = call.query("sha") or repository.default_branch, call.query("path")
    tip = git.head(rev)
    if tip is None:
        raise not_found(f"object does not exist [id: {rev}, rel_path: ]")
    page, limit = call.page()
    paths: list[str] = []
    if path:
        limit, paths = LARGEST_PAGE, [path]
    excluded = call.query("not")
    revisions = [tip, *([f"^{bound}"] if excluded and (bound := git.head(excluded)) else [])]
    options = _since_and_until(call)
    shas = git.log(revisions, paths=paths, limit=limit, skip=(page - 1) * limit, options=options)
    total = len(git.log(revisions, paths=paths, options=options)) if options else git.count(revisions, paths)
    if path and not total:
        raise not_found()
    body = commit_json(call, repository, shas, stat=call.flag("stat"), files=call.flag("files"))
    pages = -(-total // limit)
    headers = {
        "X-Total": str(total),
        "X-Page": str(page),
        "X-PerPage": str(limit),
        "X-PageCount": str(pages),
        "X-HasMore": "true" if page < pages else "false",
    }
    return call.paged(body, total, headers, limit=limit)


def commit(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/git/commits/{sha}, or its .diff or .patch as text."""
    repository, name = call.repository(), call.arg("sha")
    for kind in ("diff", "patch"):
        if name.endswith(f".{kind}"):
            return _text(repository, name.removesuffix(f".{kind}"), kind)
    if not name or name.startswith("-") or ".." in name or any(each in name for each in " ~^:?*[\\"):
        raise ApiError(422, f"no valid ref or sha: {name}")
    sha = repository.git.head(name)
    if sha is None:
        raise not_found(f"object does not exist [id: {name}, rel_path: ]")
    found = commit_json(call, repository, [sha], stat=call.flag("stat"), files=call.flag("files"))
    return web.json_response(found[0])


def _text(repository: Repository, name: str, kind: str) -> web.Response:
    git = repository.git
    found = git.commit_object(name)
    if found is None:
        raise not_found(f"object does not exist [id: {name}, rel_path: ]")
    if kind == "patch":
        text = git.git("format-patch", "--stdout", "--root", "-1", found.sha)
    else:
        text = git.git("diff-tree", "-p", found.parents[0] if found.parents else EMPTY_TREE, found.sha)
    return web.Response(body=text, headers={"Content-Type": "text/plain; charset=utf-8"})


def compare(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/compare/{base}...{head}."""
    repository, pair = call.repository(), call.arg("pair")
    git = repository.git
    base, dots, head = pair.partition("...")
    if not dots:
        base, dots, head = pair.partition("..")
    first, second = git.head(base), git.head(head) if dots else None
    if first is None or second is None:
        raise not_found()
    if call.query("output") in ("diff", "patch") and call.gitea.release >= (1, 27):
        text = git.git("diff-tree", "-p", "-r", "--merge-base", first, second)
        return web.Response(body=text, headers={"Content-Type": "text/plain; charset=utf-8"})
    shas = git.log([second, f"^{first}"])
    body = commit_json(call, repository, shas, stat=True, files=call.flag("files"))
    return web.json_response({"total_commits": len(shas), "commits": body})


ROUTES = (
    Route("GET", "/repos/{owner}/{repo}/commits", commits),
    Route("GET", "/repos/{owner}/{repo}/git/commits/{sha:.+}", commit),
    Route("GET", "/repos/{owner}/{repo}/compare/{pair:.+}", compare, since=(1, 22)),
)
