"""The step that saves the logs of what runs of a build, before the build is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from bakeryops.blackbox.stopping import save_running
from bakeryops.errors import BakeryopsError
from bakeryops.jobs.step import At, Step, registered
from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.read.chain_parts import named

__all__ = ["SaveRunning"]

_PATIENCE = 15.0
"""Seconds after which a build is stopped though not every log is there."""


@registered
class SaveRunning(Step):
    """Save what runs of a build in the black box; what cannot be saved keeps nobody from stopping the build."""

    kind: ClassVar[str] = "build.save"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Fetch and save."""
        store = BlackBoxStore()
        try:
            async with asyncio.timeout(_PATIENCE):
                saved = await save_running(
                    await at.session(), store, str(at.args["namespace"]), str(at.args["name"])
                )
        except (BakeryopsError, TimeoutError) as error:
            return {"trouble": str(error) or f"no end after {_PATIENCE:.0f} s"}
        finally:
            store.close()
        return {"saved": [each.task or each.name for each in saved], "trouble": store.trouble}

    async def verify(self, at: At) -> str:
        """Tell what was saved."""
        trouble, saved = at.output(at.step.id, "trouble"), at.output(at.step.id, "saved") or []
        if trouble:
            return f"not saved: {trouble}"
        return f"saved: {named([str(each) for each in saved])}" if saved else "nothing runs at the moment"
