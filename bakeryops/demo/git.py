"""A bare git repository of the embedded cluster, kept by git itself and spoken to through its plumbing.

Every call is synchronous and takes milliseconds: one child process lives on to read objects (`cat-file --batch`),
and commits are written by `fast-import`. No configuration of the user or the system is read, and no hook runs.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bakeryops.demo.git_objects import CommitInfo, GitCommit, TreeEntry, parse_commit

__all__ = ["EMPTY_TREE", "ZERO", "BareRepo", "CommitInfo", "GitCommit", "GitFailedError", "Importer", "TreeEntry"]

ZERO = "0" * 40
"""The sha of a ref that is not there."""
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The sha of the tree without entries."""

_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.logAllRefUpdates": "false",
    "core.fsync": "none",
    "gc.auto": "0",
    "http.receivepack": "true",
    "receive.autogc": "false",
    "receive.advertisePushOptions": "true",
    "receive.denyCurrentBranch": "ignore",
    "repack.writeBitmaps": "false",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
}


class GitFailedError(Exception):
    """Git refused; the text is its own."""


def _encoded(text: str) -> bytes:
    """Return text as git's bytes; what was no text when git gave it becomes what it was."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _quoted(path: str) -> bytes:
    """Return a path as fast-import reads it; `GitFailedError` for one that git would not check out."""
    if "\0" in path or any(part in ("", ".", "..") or part.lower() == ".git" for part in path.split("/")):
        raise GitFailedError(f"{path!r} is no path of a repository")
    out = bytearray(b'"')
    for byte in _encoded(path):
        if byte in (0x22, 0x5C):
            out += bytes((0x5C, byte))
        elif byte < 0x20 or byte > 0x7E:
            out += b"\\%03o" % byte
        else:
            out.append(byte)
    return bytes(out + b'"')


def _person(name: str, email: str, when: float, zone: str) -> bytes:
    plain = " ".join("".join(each for each in name if each not in "<>\0").split()) or "nobody"
    address = "".join(each for each in email if each not in "<>\0\n")
    return _encoded(f"{plain} <{address}> {int(when)} {zone}")


class Importer:
    """Writes many commits through one `fast-import`; use `BareRepo.importer`."""

    def __init__(self, pipe_in: IO[bytes], pipe_out: IO[bytes]) -> None:
        """Take the two pipes of the child."""
        self._in = pipe_in
        self._out = pipe_out
        self._marks: dict[str, int] = {}

    def commit(
        self,
        branch: str,
        changes: Mapping[str, bytes | None],
        message: str,
        author: str,
        email: str,
        when: float,
        *,
        parents: Sequence[str] | None = None,
        committer: tuple[str, str] | None = None,
        zone: str = "+0000",
    ) -> str:
        """Write a commit on a branch and return its sha; a path whose content is None is deleted.

        `parents` are shas, of commits of this import or of the repository; None continues the branch as this
        import left it. `committer` is (name, email) where it is another than the author.
        """
        if not branch.isprintable() or " " in branch or branch.startswith("-"):
            raise GitFailedError(f"{branch!r} is no name of a branch")
        mark = len(self._marks) + 1
        text = _encoded(message)
        lines = [b"commit refs/heads/" + _encoded(branch), b"mark :%d" % mark]
        lines.append(b"author " + _person(author, email, when, zone))
        lines.append(b"committer " + _person(*(committer or (author, email)), when, zone))
        lines.append(b"data %d\n%s" % (len(text), text))
        for index, parent in enumerate(parents or ()):
            known = self._marks.get(parent)
            lines.append((b"merge " if index else b"from ") + (b":%d" % known if known else _encoded(parent)))
        for path, content in changes.items():
            if content is None:
                lines.append(b"D " + _quoted(path))
            else:
                lines.append(b"M 100644 inline " + _quoted(path) + b"\ndata %d\n%s" % (len(content), content))
        lines.append(b"\nget-mark :%d\n" % mark)
        try:
            self._in.write(b"\n".join(lines))
            self._in.flush()
        except BrokenPipeError:
            raise GitFailedError("fast-import ended") from None
        sha = self._out.readline().decode().strip()
        if len(sha) != 40:
            raise GitFailedError("fast-import refused the commit")
        self._marks[sha] = mark
        return sha


class BareRepo:
    """A bare repository in a folder."""

    def __init__(self, path: Path) -> None:
        """Take the folder of the repository; `create` makes one."""
        self.path = path
        self._reader: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, path: Path, *, branch: str = "main") -> BareRepo:
        """Make an empty repository whose HEAD is `branch`; the folder must not be there yet."""
        repo = cls(path)
        for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (path / name).mkdir(parents=True)
        (path / "HEAD").write_text(f"ref: refs/heads/{branch}\n", encoding="utf-8")
        sections = ["[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"]
        for key, value in _CONFIG.items():
            section, _, name = key.partition(".")
            sections.append(f"[{section}]\n\t{name} = {value}\n")
        (path / "config").write_text("".join(sections), encoding="utf-8")
        return repo

    def environment(self) -> dict[str, str]:
        """Return the whole environment for a git child: nothing of the user's configuration is in reach."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.path),
            "XDG_CONFIG_HOME": str(self.path),
            "GIT_DIR": str(self.path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "LC_ALL": "C",
            "TZ": "UTC",
        }

    def git(self, *arguments: str, data: bytes = b"", check: bool = True) -> bytes:
        """Run a git command and return its output; `GitFailedError` when it fails, or "" with `check` off."""
        trouble = "an argument holds a NUL byte"
        if not any("\0" in each for each in arguments):
            done = subprocess.run(
                ["git", *arguments], input=data, capture_output=True, env=self.environment(), check=False
            )
            if not done.returncode:
                return done.stdout
            trouble = done.stderr.decode("utf-8", "replace").strip()
        if check:
            raise GitFailedError(trouble or f"git {arguments[0]} failed")
        return b""

    def close(self) -> None:
        """End the child that reads objects; the next reading starts another."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            for pipe in (reader.stdin, reader.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except BrokenPipeError:
                        continue
            reader.wait()

    # Reading

    def object(self, name: str) -> tuple[str, str, bytes] | None:
        """Return (sha, kind, content) of what a name such as `main:README.md` means, None when nothing."""
        if not name or "\n" in name or "\0" in name:
            return None
        for attempt in (1, 2):
            if self._reader is None:
                self._reader = subprocess.Popen(
                    ["git", "cat-file", "--batch"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=self.environment(),
                )
            assert self._reader.stdin is not None
            assert self._reader.stdout is not None
            try:
                self._reader.stdin.write(_encoded(name) + b"\n")
                self._reader.stdin.flush()
                head = self._reader.stdout.readline().decode("utf-8", "replace").split()
            except BrokenPipeError:
                head = []
            if head:
                break
            self.close()
            if attempt == 2:
                return None
        if len(head) != 3 or not head[2].isdigit() or len(head[0]) != 40:
            return None
        content = self._reader.stdout.read(int(head[2]))  # type: ignore[union-attr]
        self._reader.stdout.read(1)  # type: ignore[union-attr]
        return head[0], head[1], content

    def head(self, ref: str = "main") -> str | None:
        """Return the sha of the commit that a branch, tag or sha means, None when there is none."""
        found = self.object(f"{ref}^{{commit}}")
        return found[0] if found else None

    def refs(self) -> dict[str, str]:
        """Return the sha of every ref by its full name."""
        lines = (
            self.git("for-each-ref", "--format=%(objectname) %(refname)").decode("utf-8", "replace").splitlines()
        )
        return {name: sha for sha, _, name in (line.partition(" ") for line in lines)}

    def read(self, rev: str, path: str) -> bytes | None:
        """Return the content of a file at a revision, None where there is no such file."""
        found = self.object(f"{rev}:{path}")
        return found[2] if found and found[1] == "blob" else None

    def tree(self, rev: str, folder: str = "", *, recursive: bool = False) -> list[TreeEntry]:
        """Return the entries of a folder at a revision, [] where there is none; paths begin at the root."""
        sha = self.head(rev)
        if sha is None:
            return []
        options = ["-r"] if recursive else []
        where = [folder.strip("/") + "/"] if folder.strip("/") else []
        raw = self.git("ls-tree", "-z", "--long", "--full-tree", *options, sha, "--", *where, check=False)
        found = []
        for line in raw.decode("utf-8", "surrogateescape").split("\0"):
            facts, _, path = line.partition("\t")
            if path:
                mode, kind, blob, size = facts.split()
                found.append(TreeEntry(mode, kind, blob, int(size) if size.isdigit() else None, path))
        return found

    def files(self, rev: str, folder: str = "") -> dict[str, bytes]:
        """Return the files below a folder at a revision by their path from the root of the repository."""
        found = {}
        for entry in self.tree(rev, folder, recursive=True):
            if entry.kind == "blob" and (blob := self.object(entry.sha)) is not None:
                found[entry.path] = blob[2]
        return found

    def commit_object(self, rev: str) -> GitCommit | None:
        """Return a commit with all that is in it, None where the name means no commit."""
        found = self.object(f"{rev}^{{commit}}")
        return None if found is None else parse_commit(found[0], found[2])

    def commit_info(self, rev: str) -> CommitInfo:
        """Return who made a commit, when and why; `GitFailedError` where the name means no commit."""
        found = self.commit_object(rev)
        if found is None:
            raise GitFailedError(f"{rev} is no commit of this repository")
        return CommitInfo(found.author, found.author_email, found.authored, found.message)

    def changed(self, before: str, after: str) -> list[str]:
        """Return the paths that differ between two commits, sorted; a `before` of zeros is the empty tree."""
        start = EMPTY_TREE if before == ZERO else before
        raw = self.git("diff-tree", "-r", "-z", "--name-only", "--no-renames", start, after)
        return sorted(each for each in raw.decode("utf-8", "surrogateescape").split("\0") if each)

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Tell whether one commit is another or lies before it; False where one of them is not there."""
        first, second = self.head(ancestor), self.head(descendant)
        if first is None or second is None:
            return False
        if first == second:
            return True
        return self.git("rev-list", "-n1", first, f"^{second}", check=False) == b""

    def log(
        self, revisions: Sequence[str], *, paths: Sequence[str] = (), limit: int = 0, skip: int = 0,
        options: Sequence[str] = (),
    ) -> list[str]:  # fmt: skip
        """Return the shas that `rev-list` walks, newest first; `limit` 0 is no limit."""
        cut = [f"--max-count={limit}"] if limit else []
        arguments = ["rev-list", *cut, f"--skip={skip}", *options, *revisions, "--", *paths]
        return self.git(*arguments, check=False).decode().split()

    def count(self, revisions: Sequence[str], paths: Sequence[str] = ()) -> int:
        """Return how many commits `log` would give."""
        raw = self.git("rev-list", "--count", *revisions, "--", *paths, check=False)
        return int(raw or 0)

    # Writing

    @contextmanager
    def importer(self) -> Iterator[Importer]:
        """Write commits through one child; branches move when the block ends well, and not before."""
        child = subprocess.Popen(
            ["git", "fast-import", "--quiet", "--done"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield Importer(child.stdin, child.stdout)
            _, trouble = child.communicate(b"done\n")
        except BaseException:
            child.kill()
            child.communicate()
            raise
        if child.returncode:
            raise GitFailedError(trouble.decode("utf-8", "replace").strip().splitlines()[-1])

    def commit(
        self,
        branch: str,
        changes: Mapping[str, bytes | None],
        message: str,
        author: str,
        email: str,
        when: float,
        *,
        base: str | None = None,
    ) -> str:
        """Commit changes on top of a branch and return the sha; a path whose content is None is deleted.

        A branch that is not there begins at `base`, or with this commit. `when` is seconds since the epoch.
        """
        start = self.head(f"refs/heads/{branch}") or (self.head(base) if base else None)
        with self.importer() as importer:
            parents = [start] if start else []
            return importer.commit(branch, changes, message, author, email, when, parents=parents)

    def update_ref(self, ref: str, sha: str) -> None:
        """Set a ref, or delete it with a sha of zeros."""
        if sha == ZERO:
            self.git("update-ref", "-d", ref)
        else:
            self.git("update-ref", ref, sha)
