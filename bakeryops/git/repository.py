"""One repository, read through a private bare mirror: never the user's own clone, never written to the origin."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bakeryops.config.secrets import secret_text
from bakeryops.git.commits import FIELDS, Change, changes
from bakeryops.git.errors import GitError
from bakeryops.git.lock import held
from bakeryops.git.objects import Found, batch
from bakeryops.git.process import Git, Output
from bakeryops.locations import private_folder, state_folder
from bakeryops.model.code import Commit
from bakeryops.text import clean_lines, decode

__all__ = ["Repository"]

_REVISION = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z._/^~-]{0,200}")
_MARK = "bakeryops-fetched"
_FETCH = 60.0
_FIRST_FETCH = 900.0
_MOST_FILES = 5000
_MOST_BYTES = 32 << 20
_REMAKE = frozenset({"corrupt", "locked", "missing"})


class Repository:
    """One branch of a repository; `refresh` fetches it, everything else reads the mirror on disk."""

    def __init__(
        self,
        url: str,
        branch: str = "main",
        *,
        credentials: Path | None = None,
        resolve: str = "",
        folder: Path | None = None,
    ) -> None:
        """Take the origin, the branch and where mirrors are kept (the state folder when None).

        `credentials` is a file in the format of git's credential store; `resolve` is "host:port:address".
        Raises `GitError` for an address with a password in it, or one that git could take for something else.
        """
        self.url = url
        self.branch = branch
        self._credentials = credentials
        parts = _checked(url, branch)
        root = folder if folder is not None else state_folder() / "git"
        name = hashlib.sha256(url.encode()).hexdigest()[:24]
        self.mirror = root / f"{name}.git"
        self._git = Git(self.mirror, credentials=credentials, resolve=resolve, files=parts == "file")
        self._head = ""

    @property
    def runs(self) -> int:
        """How many git processes it has started."""
        return self._git.runs

    async def refresh(self) -> bool:
        """Fetch the branch and return whether it moved; raises `GitError` or `CredentialError`.

        Waits while another console fetches into the same mirror. A mirror that is damaged is made anew.
        """
        await self.check_credentials()
        before = self._head or await self.head()
        try:
            private_folder(self.mirror.parent)
        except OSError as error:
            raise _no_folder(self.mirror.parent, error) from None
        async with held(self.mirror.with_suffix(".lock")):
            try:
                await self._fetch()
            except GitError as error:
                if error.kind not in _REMAKE:
                    raise
                await asyncio.to_thread(shutil.rmtree, self.mirror, ignore_errors=True)
                await self._fetch()
            await asyncio.to_thread((self.mirror / _MARK).touch)
        self._head = ""
        return await self.head() != before

    async def remake(self) -> None:
        """Throw the mirror away and fetch it anew; raises `GitError`."""
        async with held(self.mirror.with_suffix(".lock")):
            await asyncio.to_thread(shutil.rmtree, self.mirror, ignore_errors=True)
        await self.refresh()

    def fetched(self) -> float | None:
        """Return when any console last fetched into the mirror (seconds since the epoch), None if never."""
        try:
            return (self.mirror / _MARK).stat().st_mtime
        except OSError:
            return None

    async def head(self) -> str:
        """Return the commit at the branch's tip as last fetched, "" where nothing was fetched yet."""
        if not self._head and await asyncio.to_thread(self._exists):
            name = f"refs/heads/{self.branch}^{{commit}}"
            found = await self._git.run(
                "rev-parse", "--verify", "--quiet", name, doing="reading the mirror", codes=(0, 1, 128)
            )
            self._head = decode(found.out).strip() if found.code == 0 else ""
        return self._head

    async def walk(self, limit: int = 800, *, until: str = "") -> list[Change]:
        """Return commits of the branch with the paths they change, newest first; those not in `until`'s history.

        A merge counts with what it brings to its first parent. Raises `GitError`.
        """
        return await self._log(limit, f"refs/heads/{self.branch}", *([f"^{_revision(until)}"] if until else []))

    async def log(self, limit: int = 100, path: str = "") -> list[Commit]:
        """Return the newest commits of the branch, those that change `path` where given; raises `GitError`."""
        found = await self._log(limit, f"refs/heads/{self.branch}", paths=[path] if path else [])
        return [each.commit for each in found]

    async def between(self, older: str, newer: str, paths: Sequence[str], limit: int) -> list[Change]:
        """Return commits of `newer` that `older` has not and that change any of the paths, newest first.

        No paths are all of them. Raises `GitError`.
        """
        return await self._log(limit, _revision(newer), f"^{_revision(older)}", paths=paths)

    async def show(self, sha: str) -> Change:
        """Return one commit (by full or short sha) with the paths it changes; raises `GitError`."""
        found = await self._log(1, f"{_revision(sha)}^{{commit}}")
        if not found:
            raise GitError(f"there is no commit {sha}", kind="missing")
        return found[0]

    async def commits(self, revisions: Sequence[str]) -> list[Change]:
        """Return these commits, those that exist; raises `GitError`."""
        names = [each for each in revisions if _REVISION.fullmatch(each)]
        return await self._log(len(names), *names, walk=False) if names else []

    async def diff(self, revision: str, path: str = "", *, most: int = 1 << 20) -> str:
        """Return a unified diff as clean lines: of one commit against its first parent, or of "a..b".

        More than `most` bytes are cut off, and the last line says so. Raises `GitError`.
        """
        first, dots, second = revision.partition("..")
        names = [_revision(first), _revision(second)] if dots else [_revision(first)]
        options = ["--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--unified=3"]
        command = ["diff", *options] if dots else ["show", *options, "--format=", "--diff-merges=first-parent"]
        limits = ["--", f":(literal,top){path}"] if path else ["--"]
        found = await self._git.run(
            *command, "--end-of-options", *names, *limits, doing=f"reading the changes of {revision}", most=most
        )
        text = clean_lines(decode(found.out).expandtabs(4))
        return f"{text}\n… more is left out" if found.cut else text

    async def changed(self, one: str, other: str, folder: str = "") -> tuple[str, ...]:
        """Return the paths of the files below a folder that differ between two commits; raises `GitError`."""
        found = await self._git.run(
            "diff", "--name-only", "-z", "--no-renames", "--end-of-options", _revision(one), _revision(other),
            "--",
            *([f":(literal,top){folder.strip('/')}"] if folder.strip("/") else []),
            doing=f"comparing {one[:12]} with {other[:12]}",
        )  # fmt: skip
        return tuple(decode(each) for each in found.out.split(b"\0") if each)

    async def files(self, revision: str, folder: str = "") -> dict[str, bytes]:
        """Return the files below a folder of a commit or tree by path from the root, without links and submodules.

        Raises `GitError`, also where they are more than 5,000 or 32 MiB.
        """
        doing = f"reading {folder or 'the files'} at {revision}"
        listed = await self._git.run(
            "ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", f"{_revision(revision)}^{{tree}}",
            *([f"{folder.strip('/')}/"] if folder else []),
            doing=doing,
        )  # fmt: skip
        paths: list[str] = []
        names: list[str] = []
        size = 0
        for line in listed.out.split(b"\0"):
            head, _, path = line.partition(b"\t")
            fields = head.split()
            if len(fields) == 4 and fields[0].startswith(b"100"):
                size += int(fields[3]) if fields[3].isdigit() else 0
                paths.append(path.decode("utf-8", "surrogateescape"))
                names.append(decode(fields[2]))
        if len(paths) > _MOST_FILES or size > _MOST_BYTES:
            raise GitError(f"{doing}: {len(paths)} files of {size >> 20} MiB are too much to read")
        found = await self.blobs(names)
        return {path: blob for path, blob in zip(paths, found, strict=True) if blob is not None}

    async def blobs(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the contents of objects by name (`SHA`, `SHA:PATH`), None for each that does not exist."""
        found = await self.objects(names)
        return [each.data if each is not None and each.kind == "blob" else None for each in found]

    async def objects(self, names: Sequence[str]) -> list[Found | None]:
        """Return objects of any kind by name (`SHA`, `SHA:PATH`), None for each that does not exist."""
        asked = [name for name in names if "\n" not in name]
        if not asked:
            return [None] * len(names)
        stdin = "".join(f"{name}\n" for name in asked).encode("utf-8", "surrogateescape")
        found = await self._git.run("cat-file", "--batch", doing="reading the mirror", stdin=stdin, seconds=60.0)
        contents = dict(zip(asked, batch(found.out, len(asked)), strict=True))
        return [contents.get(name) for name in names]

    async def run(
        self,
        *arguments: str,
        doing: str,
        stdin: bytes = b"",
        seconds: float = 30.0,
        codes: Sequence[int] = (0,),
    ) -> Output:
        """Run one git on the mirror, for what this class does not offer; raises `GitError`."""
        return await self._git.run(*arguments, doing=doing, stdin=stdin, seconds=seconds, codes=codes)

    async def check_credentials(self) -> None:
        """Raise `CredentialError` where the file with the credentials is not to be used."""
        if self._credentials is not None:
            await asyncio.to_thread(secret_text, self._credentials, "git.credentials")

    async def folders(self, revision: str, folder: str) -> tuple[str, ...]:
        """Return the names of the folders in a folder at a revision; raises `GitError`."""
        listed = await self._git.run(
            "ls-tree", "-z", "-d", "--full-tree", "--name-only", "--end-of-options",
            f"{_revision(revision)}^{{commit}}", f"{folder.strip('/')}/",
            doing=f"reading {folder} at {revision}",
        )  # fmt: skip
        return tuple(decode(each).rpartition("/")[2] for each in listed.out.split(b"\0") if each)

    async def is_ancestor(self, first: str, second: str) -> bool:
        """Return whether `first` is in the history of `second`; raises `GitError` where either is unknown."""
        found = await self._git.run(
            "merge-base", "--is-ancestor", _revision(first), _revision(second), doing="reading the mirror",
            codes=(0, 1),
        )  # fmt: skip
        return found.code == 0

    async def _log(self, limit: int, *names: str, paths: Sequence[str] = (), walk: bool = True) -> list[Change]:
        mark = secrets.token_hex(12)
        found = await self._git.run(
            "log", "-z", "--name-only", "--no-renames", "--diff-merges=first-parent", "--no-color",
            *([] if walk else ["--no-walk=unsorted", "--ignore-missing"]),
            f"--max-count={limit}", f"--format={mark}%x00{FIELDS}", "--end-of-options", *names, "--",
            *(f":(literal,top){path}" for path in paths),
            doing="reading the history",
        )  # fmt: skip
        return list(changes(found.out, mark.encode()))

    async def _fetch(self) -> None:
        """Fetch into the mirror, which is made where it is not there."""
        doing = f"fetching {self.branch} from {self.url}"
        first = not await asyncio.to_thread(self._exists)
        if first:
            await asyncio.to_thread(shutil.rmtree, self.mirror, ignore_errors=True)
            await self._git.run(
                "init", "--quiet", "--bare", "--template=", str(self.mirror), doing="making a mirror", bare=False
            )
            try:
                private_folder(self.mirror)
            except OSError as error:
                raise _no_folder(self.mirror, error) from None
        name = f"refs/heads/{self.branch}"
        await self._git.run(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",
            "--update-head-ok", "--", self.url, f"+{name}:{name}",
            doing=doing, seconds=_FIRST_FETCH if first else _FETCH,
        )  # fmt: skip

    def _exists(self) -> bool:
        return (self.mirror / "HEAD").is_file() and (self.mirror / "objects").is_dir()


def _checked(url: str, branch: str) -> str:
    """Return the scheme of an origin; raises `GitError` for one that is not to be used."""
    try:
        parts = urlsplit(url) if "://" in url else None
        password = parts.password if parts else None
    except ValueError:
        raise GitError("the address of the repository cannot be read", kind="not_found") from None
    userinfo = parts is not None and parts.scheme != "ssh" and "@" in parts.netloc
    if password is not None or userinfo:
        raise GitError(
            "the address of the repository holds a user name or password, and is not used",
            kind="unauthorized",
            why="whoever lists processes or reads a log would see it",
            hint="Take it out of the address, and name a credentials file in git.credentials.",
        )
    scheme = parts.scheme if parts else "ssh"
    if url.startswith("-") or scheme not in ("http", "https", "ssh", "file") or "\0" in url + branch:
        raise GitError("the repository is to be reached by http, https or ssh", kind="not_found")
    if branch.startswith(("-", "+")) or ":" in branch:
        raise GitError(f"{branch} is not the name of a branch", kind="branch")
    return scheme


def _revision(text: str) -> str:
    """Return a name of a revision that git cannot take for an option or a range; raises `GitError`."""
    if not _REVISION.fullmatch(text) or ".." in text:
        raise GitError(f"{text[:80]!r} is not the name of a commit", kind="missing")
    return text


def _no_folder(folder: Path, error: OSError) -> GitError:
    kind = "disk" if error.errno == 28 else "other"
    return GitError(f"no mirror can be kept in {folder}: {error.strerror or error}", kind=kind)  # type: ignore[arg-type]
