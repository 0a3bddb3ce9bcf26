"""A small real Git repository to fetch from, written by `git fast-import`: quick, and every date is given."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

OVERLAY = "infrastructure/kubernetes/overlays/prod/kustomization.yaml"
REGISTRY = "gitea.bakery-ia.local/bakery-admin"
START = 1_760_000_000


class Origin:
    """A bare repository; each commit is one call, a minute after the one before."""

    def __init__(self, path: Path, branch: str = "main") -> None:
        self.path = path
        self.branch = branch
        self.when = START
        self._stream: list[bytes] = []
        self._marks = 0
        self.git("init", "--quiet", "--bare", f"--initial-branch={branch}", str(path), bare=False)

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def git(self, *arguments: str, stdin: bytes = b"", bare: bool = True) -> str:
        where = ["--git-dir", str(self.path)] if bare else []
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        done = subprocess.run(
            ["git", *where, *arguments], input=stdin, capture_output=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "replace").strip()

    def plan(
        self,
        files: Mapping[str, str | bytes | None],
        message: str | bytes,
        *,
        author: str = "dev-one",
        parents: tuple[str, ...] = (),
        branch: str = "",
        when: int | None = None,
    ) -> None:
        """Add a commit to those that `write` makes; `parents` are shas or branches (its branch's tip otherwise)."""
        self.when = when if when is not None else self.when + 60
        text = message.encode() if isinstance(message, str) else message
        who = f"{author} <{author}@example.org> {self.when} +0000"
        lines = [f"commit refs/heads/{branch or self.branch}\nauthor {who}\ncommitter {who}\n".encode()]
        lines.append(b"data %d\n%b\n" % (len(text), text))
        for index, parent in enumerate(parents):
            lines.append(f"{'merge' if index else 'from'} {parent}\n".encode())
        for path, content in files.items():
            if content is None:
                lines.append(f"D {path}\n".encode())
            else:
                data = content.encode() if isinstance(content, str) else content
                lines.append(f'M 100644 inline "{path}"\n'.encode() + b"data %d\n%b\n" % (len(data), data))
        self._stream += lines

    def write(self) -> str:
        """Make the planned commits and return the branch's tip."""
        first = self.tip()
        stream = b"".join(self._stream)
        if first and b"\nfrom " not in stream.partition(b"commit ")[2].partition(b"commit ")[0]:
            head, newline, rest = stream.partition(b"data ")
            size, _, rest = rest.partition(b"\n")
            message, rest = rest[: int(size)], rest[int(size) + 1 :]
            stream = head + newline + size + b"\n" + message + b"\n" + f"from {first}\n".encode() + rest
        self._stream = []
        self.git("fast-import", "--quiet", "--force", stdin=stream)
        return self.tip()

    def commit(self, files: Mapping[str, str | bytes | None], message: str | bytes, **more: object) -> str:
        self.plan(files, message, **more)  # type: ignore[arg-type]
        return self.write()

    def tip(self, branch: str = "") -> str:
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch or self.branch}")


def overlay(tags: Mapping[str, str]) -> str:
    """Return the text of an overlay with these tags by service."""
    lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", "resources:", "  - ../../base"]
    lines += ["images:  # written by the pipeline"]
    for service, tag in tags.items():
        lines += [f"  - name: {REGISTRY}/{service}", f"    newTag: {tag}"]
    return "\n".join([*lines, ""])


def tag_of(sha: str, stamp: str = "20261122025800") -> str:
    return f"{stamp}-{sha[:12]}"


def deploy_message(service: str, tag: str, source: str, run: str = "bakery-ia-ci-ab12c") -> str:
    trailers = f"Bakery-Service: {service}\nBakery-Source-Commit: {source}\nBakery-PipelineRun: {run}"
    return f"deploy({service}): {tag}\n\n{trailers}\n"
