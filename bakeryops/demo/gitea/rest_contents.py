"""REST: files read and written, each writing a real commit with the blob's sha as its lock."""

from __future__ import annotations

import base64
from typing import Any

from aiohttp import web

from bakeryops.demo.git import ZERO, GitFailedError, TreeEntry
from bakeryops.demo.gitea.accounts import User
from bakeryops.demo.gitea.payloads import ROOT_URL
from bakeryops.demo.gitea.repositories import Repository
from bakeryops.demo.gitea.rest import ApiError, Call, Route, not_found
from bakeryops.demo.gitea.rest_commits import commit_json

__all__ = ["ROUTES"]

_KINDS = {"blob": "file", "tree": "dir", "commit": "submodule"}


def _entry_json(repository: Repository, ref: str, entry: TreeEntry, content: bytes | None) -> dict[str, Any]:
    api = f"{ROOT_URL}api/v1/repos/{repository.full_name}"
    link = f"{api}/contents/{entry.path}?ref={ref}"
    last = repository.git.log([repository.git.head(ref) or ref], paths=[entry.path], limit=1)
    page = f"{ROOT_URL}{repository.full_name}/src/branch/{ref}/{entry.path}"
    return {
        "name": entry.path.rpartition("/")[2],
        "path": entry.path,
        "sha": entry.sha,
        "last_commit_sha": last[0] if last else "",
        "type": _KINDS[entry.kind],
        "size": entry.size or 0,
        "encoding": None if content is None else "base64",
        "content": None if content is None else base64.b64encode(content).decode(),
        "target": None,
        "url": link,
        "html_url": page,
        "git_url": f"{api}/git/{entry.kind}s/{entry.sha}",
        "download_url": page.replace("/src/", "/raw/") if entry.kind == "blob" else None,
        "submodule_git_url": None,
        "_links": {"self": link, "git": f"{api}/git/{entry.kind}s/{entry.sha}", "html": page},
    }


def _find(repository: Repository, ref: str, path: str) -> TreeEntry | None:
    folder, _, name = path.rpartition("/")
    return next((each for each in repository.git.tree(ref, folder) if each.path == path), None) if name else None


def read(call: Call) -> web.Response:
    """GET /repos/{owner}/{repo}/contents/{path}: a file with its content, or a folder's entries without."""
    repository = call.repository()
    ref = call.query("ref") or repository.default_branch
    path = call.request.match_info.get("path", "").strip("/")
    if repository.git.head(ref) is None:
        raise not_found(f"object does not exist [id: {ref}, rel_path: ]")
    entry = _find(repository, ref, path)
    if entry is not None and entry.kind == "blob":
        return web.json_response(_entry_json(repository, ref, entry, repository.git.read(ref, path) or b""))
    if entry is None and path:
        raise not_found(f"object does not exist [id: , rel_path: {path}]")
    entries = repository.git.tree(ref, path)
    return web.json_response([_entry_json(repository, ref, each, None) for each in entries])


def _decoded(content: object) -> bytes:
    if not isinstance(content, str):
        raise ApiError(422, "[Content]: Required")
    try:
        return base64.b64decode(content, validate=True)
    except ValueError as error:
        raise ApiError(422, f"illegal base64 data: {error}") from None


def _check_lock(entry: TreeEntry, sha: object) -> None:
    if not sha:
        raise ApiError(422, "[SHA]: Required")
    if sha != entry.sha:
        raise ApiError(422, f"sha does not match [given: {sha}, expected: {entry.sha}]")


def _check_parents(repository: Repository, branch: str, path: str) -> None:
    """Refuse a path below a file: writing it would take the file away."""
    parts = path.split("/")
    for count in range(1, len(parts)):
        parent = "/".join(parts[:count])
        found = _find(repository, branch, parent)
        if found is None:
            return
        if found.kind != "tree":
            raise ApiError(422, f"{parent} is not a directory, it is a file [path: {path}]")


def _change(repository: Repository, branch: str, operation: str, path: str, body: dict[str, Any]) -> bytes | None:
    """Return the content a path gets (None: none any more), after all that may stand against it."""
    entry = _find(repository, branch, path)
    if operation == "create":
        if entry is not None:
            raise ApiError(422, f"repository file already exists [path: {path}]")
        _check_parents(repository, branch, path)
        return _decoded(body.get("content"))
    if entry is None:
        raise ApiError(404, f"repository file does not exist [path: {path}]")
    _check_lock(entry, body.get("sha"))
    return None if operation == "delete" else _decoded(body.get("content"))


def _commit(
    call: Call, repository: Repository, body: dict[str, Any], changes: dict[str, bytes | None], default: str
) -> str:
    """Commit and tell of the push; returns the sha."""
    git, doer = repository.git, call.signed_in().user
    base = str(body.get("branch") or repository.default_branch)
    branch = str(body.get("new_branch") or base)
    if git.head(f"refs/heads/{base}") is None and not repository.empty:
        raise ApiError(404, f"branch does not exist [name: {base}]")
    before = git.head(f"refs/heads/{branch}") or ZERO
    if branch != base and before != ZERO:
        raise ApiError(422, f"branch already exists [name: {branch}]")
    name, email = _identity(body, doer)
    message = str(body.get("message") or default)
    if body.get("signoff"):
        message += f"\n\nSigned-off-by: {name} <{email}>"
    try:
        sha = git.commit(branch, changes, f"{message}\n", name, email, call.gitea.clock.now(), base=base)
    except GitFailedError as error:
        raise ApiError(422, f"repository file path is invalid: {error}") from None
    call.gitea.pushed(repository.owner, repository.name, f"refs/heads/{branch}", before, sha, doer.login)
    return sha


def _identity(body: dict[str, Any], doer: User) -> tuple[str, str]:
    author = body.get("author")
    given = author if isinstance(author, dict) else {}
    return str(given.get("name") or doer.full_name or doer.login), str(given.get("email") or doer.email)


def _written(call: Call, repository: Repository, sha: str) -> dict[str, Any]:
    commit = commit_json(call, repository, [sha], stat=False, files=False)[0]
    verification = {"verified": False, "reason": "gpg.error.not_signed_commit", "signature": "", "payload": ""}
    return {"commit": commit | commit["commit"] | {"sha": sha}, "verification": verification}


def _write(call: Call, operation: str) -> web.Response:
    repository, body, path = call.repository("write"), call.body(), call.arg("path").strip("/")
    branch = str(body.get("branch") or repository.default_branch)
    made = operation == "create"
    if operation == "update" and call.gitea.release >= (1, 26) and not body.get("sha"):
        made = True
        operation = "create"
    content = _change(repository, branch, operation, path, body)
    words = {"create": "Add", "update": "Update", "delete": "Delete"}
    sha = _commit(call, repository, body, {path: content}, f"{words[operation]} {path}")
    entry = _find(repository, sha, path)
    shown = _entry_json(repository, sha, entry, content) if entry else None
    status = 201 if made else 200
    return web.json_response({"content": shown, **_written(call, repository, sha)}, status=status)


def create(call: Call) -> web.Response:
    """POST /repos/{owner}/{repo}/contents/{path}."""
    return _write(call, "create")


def update(call: Call) -> web.Response:
    """PUT /repos/{owner}/{repo}/contents/{path}: `sha` is the blob that is to be replaced."""
    return _write(call, "update")


def delete(call: Call) -> web.Response:
    """DELETE /repos/{owner}/{repo}/contents/{path}."""
    return _write(call, "delete")


def several(call: Call) -> web.Response:
    """POST /repos/{owner}/{repo}/contents: many files, one commit."""
    repository, body = call.repository("write"), call.body()
    branch = str(body.get("branch") or repository.default_branch)
    files = body.get("files")
    if not isinstance(files, list) or not files:
        raise ApiError(422, "[Files]: Required")
    changes: dict[str, bytes | None] = {}
    for each in files:
        operation = each.get("operation") if isinstance(each, dict) else None
        if operation not in ("create", "update", "delete") or not isinstance(each.get("path"), str):
            raise ApiError(422, f"invalid operation: {operation}")
        changes[each["path"].strip("/")] = _change(repository, branch, operation, each["path"].strip("/"), each)
    sha = _commit(call, repository, body, changes, "Update files")
    entries = [(_find(repository, sha, path), content) for path, content in changes.items()]
    shown = [_entry_json(repository, sha, entry, content) if entry else None for entry, content in entries]
    return web.json_response({"files": shown, **_written(call, repository, sha)}, status=201)


_PATH = "/repos/{owner}/{repo}/contents"
ROUTES = (
    Route("GET", _PATH, read),
    Route("POST", _PATH, several, since=(1, 20)),
    Route("GET", _PATH + "/{path:.*}", read),
    Route("POST", _PATH + "/{path:.+}", create),
    Route("PUT", _PATH + "/{path:.+}", update),
    Route("DELETE", _PATH + "/{path:.+}", delete),
)
