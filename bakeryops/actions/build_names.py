"""Names, labels and folders of a PipelineRun that bakeryops makes: chosen by the plan, so that it is made once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "JOB",
    "LABEL_MOST",
    "RERUN_OF",
    "kept_marks",
    "label_value",
    "own_folders",
    "rebuild_name",
    "rerun_name",
]

JOB = "bakeryops.dev/job"
"""Annotation with the id of the job that made an object."""
RERUN_OF = "dashboard.tekton.dev/rerunOf"
LABEL_MOST = 63

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes random names of: no vowels, no digits that look like letters."""
_SUFFIX = 5
_RERUN = re.compile(r"-r-[a-z0-9]{5}$")
_IDENTIFIER = re.compile(r"[0-9a-f-]{8,36}")
_NOT_LABEL = re.compile(r"[^A-Za-z0-9._-]+")
_KEPT_PREFIXES = ("bakery.dev/", "app.kubernetes.io/")
_KEPT = frozenset({"app"})


def _suffix(seed: str) -> str:
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])
    letters = []
    for _ in range(_SUFFIX):
        number, at = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[at])
    return "".join(letters)


def _named(root: str, middle: str, seed: str) -> str:
    room = LABEL_MOST - len(middle) - _SUFFIX
    return f"{root[:room].rstrip('-.')}{middle}{_suffix(seed)}"


def rebuild_name(root: str, *seed: object) -> str:
    """Return the name of a new run of a pipeline; the same seed gives the same name."""
    return _named(root.rstrip("-."), "-", "\0".join(str(each) for each in seed))


def rerun_name(name: str, *seed: object) -> str:
    """Return the name of a run that repeats another: its root, "-r-" and five letters from the seed."""
    return _named(_RERUN.sub("", name), "-r-", "\0".join(str(each) for each in seed))


def label_value(text: str) -> str:
    """Return a text as Kubernetes takes it for the value of a label."""
    return _NOT_LABEL.sub("-", text)[:LABEL_MOST].strip("-._")


def kept_marks(marks: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the labels or annotations that a copy of a run keeps: ours of the bakery and those of the app.

    Whatever a controller wrote would tie the copy to what the first run did (`tekton.dev/…`, the id of the event,
    what was applied last, signatures), so that only known names are kept.
    """
    return {
        key: str(value) for key, value in (marks or {}).items() if key in _KEPT or key.startswith(_KEPT_PREFIXES)
    }


def own_folders(spec: dict[str, Any], old: str, new: str, others: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """Give a copied spec folders of its own in the claims that runs share; return the changes as sentences.

    Two runs in one folder would overwrite each other's checkouts, while folders that all runs share (caches) are
    meant to be shared. `others` are specs of other runs of the pipeline: a folder that these have too is shared.
    Without them a folder that bears an identifier, or the name of the run, is taken for its own.
    """
    shared = {(name, folder) for other in others for name, folder in _folders(other)}
    told = []
    for name, folder in _folders(spec):
        if (name, folder) in shared or not (others or _IDENTIFIER.fullmatch(folder) or old in folder):
            continue
        mine = hashlib.sha256(f"{new}/{folder}".encode()).hexdigest()[:16]
        changed = folder.replace(old, new) if old in folder else mine
        for workspace in spec["workspaces"]:
            if workspace.get("name") == name:
                workspace["subPath"] = changed
        told.append(f"The workspace {name} gets a folder of its own: {changed}")
    return told


def _folders(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the folders in claims that a spec names, by workspace."""
    return [
        (str(each.get("name")), str(each["subPath"]))
        for each in spec.get("workspaces") or ()
        if each.get("subPath") and "persistentVolumeClaim" in each
    ]
