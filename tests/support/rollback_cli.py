"""The command line as a process of its own, on a cluster that runs in the test's event loop."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import yaml

from tests.support.cli_child import ROOT, Done, environment
from tests.support.rollback import Matrix

__all__ = ["call"]


async def call(made: Matrix, *arguments: str) -> Done:
    """Run `bakeryops` to its end, as the person of the cluster's tests."""
    home = made.folder / "home"
    home.mkdir(exist_ok=True)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bakeryops", "--config", str(_config(made)), *arguments,
        cwd=ROOT, env=environment(home), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(90):
            out, err = await child.communicate()
    except TimeoutError:
        child.kill()
        out, err = await child.communicate()
        raise AssertionError(f"{arguments} did not end:\n{out.decode()}\n{err.decode()}") from None
    return Done(child.returncode or 0, out.decode(), err.decode())


def _config(made: Matrix) -> Path:
    path, config = made.folder / "config.yaml", made.config
    values = {
        "kubeconfig": config.kubeconfig,
        "git": {"url": config.git.url, "credentials": config.git.credentials},
        "gitea": {"url": config.gitea.url, "token": config.gitea.token},
        "registry": {"user": config.registry.user},
        "person": {"name": "tester", "email": "tester@example.org"},
    }
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path
