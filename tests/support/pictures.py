"""Makes the pictures of README from the running demo: `python -m tests.support.pictures [folder]`."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from bakeryops.cluster.target import find_target
from bakeryops.config import load
from screens.app import BakeryOpsApp
from tests.support.cli_child import serving
from tests.support.snapshot import picture, text_of

ROOT = Path(__file__).resolve().parents[2]


async def make(demo: Path, folder: Path) -> None:
    """Walk through the console on the demo whose files are in `demo`, and keep what it shows."""
    config = load(demo / "config.yaml", environ={}).config
    app = BakeryOpsApp(find_target(str(demo / "kubeconfig")), config=config, demo=True)
    async with app.run_test(size=(120, 36)) as pilot:

        async def wait_for(text: str) -> None:
            async with asyncio.timeout(60):
                while text not in " ".join(text_of(picture(app))):
                    await pilot.pause(0.2)

        def keep(name: str) -> None:
            (folder / f"{name}.svg").write_text(picture(app), encoding="utf-8")

        await wait_for("pos-service")
        # Three polls of the usage, so that there are curves to see.
        await pilot.pause(45)
        keep("overview")
        await pilot.press("l")
        await wait_for("KeyError")
        await pilot.pause(1)
        keep("logs")
        await pilot.press("escape", "4")
        await wait_for("workloads")
        await pilot.pause(1)
        keep("workloads")
        await pilot.press("j", "j", "enter")
        await pilot.pause(2)
        keep("object")
        await pilot.press("3")
        await wait_for("Kustomization")
        await pilot.press("j")
        await pilot.pause(1)
        keep("gitops")
        await pilot.press("2")
        await wait_for("succeeded")
        keep("builds")
        await pilot.press("slash", *"failed", "enter")
        await pilot.pause(1)
        await pilot.press("j", "enter")
        await wait_for("report-status")
        await pilot.pause(1)
        keep("build")
        await pilot.press("escape", "escape", "F")
        await wait_for("applied")
        await pilot.pause(1)
        keep("follow")


async def make_rollback(demo: Path, folder: Path) -> None:
    """Roll a red service back on a demo with the drill bad-deploy, and keep preview, job and history."""
    config = load(demo / "config.yaml", environ={}).config
    app = BakeryOpsApp(find_target(str(demo / "kubeconfig")), config=config, demo=True)
    async with app.run_test(size=(120, 36)) as pilot:

        async def wait_for(text: str) -> None:
            async with asyncio.timeout(90):
                while text not in " ".join(text_of(picture(app))):
                    await pilot.pause(0.2)

        def keep(name: str) -> None:
            (folder / f"{name}.svg").write_text(picture(app), encoding="utf-8")

        await wait_for("tenant-service")
        await wait_for("CrashLoopBackOff +")
        await pilot.pause(8)
        await pilot.press("j", "R")
        await wait_for("Roll back tenant to")
        await wait_for("Objects that change")
        await pilot.pause(1)
        keep("confirm")
        await pilot.press("tab", "enter")
        await wait_for("stays ready")
        await pilot.pause(12)
        keep("job")
        await wait_for("took")
        await pilot.press("5")
        await wait_for("History")
        await pilot.pause(2)
        keep("history")


def main() -> None:
    """Start a demo and take the pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as demo:
        asyncio.run(make(demo.folder, folder))
    with tempfile.TemporaryDirectory() as home, serving(Path(home), "--scenario", "bad-deploy") as demo:
        os.environ["XDG_STATE_HOME"] = f"{home}/state"
        asyncio.run(make_rollback(demo.folder, folder))


if __name__ == "__main__":
    main()
