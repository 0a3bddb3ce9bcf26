"""Builds against those of the real kubectl, object by object and in order."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bakeryops.kustomize import build, load_documents
from tests.support.overlays import OVERLAYS, files_of

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")


def kubectl_build(top: Path, folder: str) -> list[object]:
    done = subprocess.run(
        ["kubectl", "kustomize", str(top / folder)], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return load_documents(done.stdout)


@pytest.mark.parametrize("name", sorted(OVERLAYS))
def test_builds_what_kubectl_builds(name: str, tmp_path: Path) -> None:
    files = files_of(name)
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert build(files, "over") == kubectl_build(tmp_path, "over")


def test_builds_the_manifests_of_this_repository() -> None:
    top = Path(__file__).parents[2] / "manifests"
    files = {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}
    assert build(files, "console-rbac") == kubectl_build(top, "console-rbac")
