"""The tests for real clusters must hold for the embedded one too: they keep each other honest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli_child import ROOT, serving

pytestmark = pytest.mark.slow


def test_the_real_cluster_tests_pass_against_the_embedded_cluster(tmp_path: Path) -> None:
    with serving(tmp_path) as demo:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/real"],
            cwd=ROOT,
            env={**os.environ, "BAKERYOPS_TEST_KUBECONFIG": str(demo.folder / "kubeconfig")},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
