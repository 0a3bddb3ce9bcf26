"""Outcomes that a commit asks for: `demo: fail tests` and the like in a file of a service."""

from __future__ import annotations

import re

from bakeryops.demo.chain.changes import folder_of
from bakeryops.demo.git import BareRepo

__all__ = ["MARKS", "marks_of"]

MARKS = ("fail tests", "flaky tests", "fail build", "oom build", "oom", "crash", "slow")
"""What may follow `demo:` on a line of a file of a service."""
_MARK = re.compile(rb"\bdemo:[ \t]*(" + b"|".join(mark.encode() for mark in MARKS) + rb")\b")


def marks_of(repo: BareRepo, revision: str, service: str) -> dict[str, str]:
    """Return the marks of a service at a revision, each with the path of the first file that holds it."""
    found: dict[str, str] = {}
    for path, content in sorted(repo.files(revision, folder_of(service)).items()):
        for match in _MARK.finditer(content):
            found.setdefault(match[1].decode(), path)
    return found
