"""Saves what runs of a build before it is stopped: Tekton deletes the pods of a cancelled run within a second."""

from __future__ import annotations

import asyncio
import time

from bakeryops.blackbox.capture import Capture
from bakeryops.cluster.session import Session
from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.model.blackbox import Saved
from bakeryops.read.blackbox_signs import of_taskrun
from bakeryops.read.build_tasks import RUN_LABEL, belongs

__all__ = ["save_running"]


async def save_running(session: Session, store: BlackBoxStore, namespace: str, run: str) -> list[Saved]:
    """Fetch and save logs, objects and events of the tasks of a PipelineRun that run now; return what was saved.

    Raises `KubeError` where the run's tasks cannot be listed; what cannot be had of one says so in what is saved.
    """
    selectors = {"taskruns": f"{RUN_LABEL}={run}"}
    feed = await session.snapshot(("pipelineruns", "taskruns", "events"), namespace=namespace, selectors=selectors)
    found = next((each for each in feed.store("pipelineruns").items.values() if each.metadata.name == run), None)
    events, now = list(feed.store("events").items.values()), time.time()
    signs = [
        sign
        for task in feed.store("taskruns").items.values()
        if found is not None and belongs(task, found)
        for sign in of_taskrun(task, found, stopping=True, now=now)
        if sign.saved.verdict == "cancelled"
    ]
    capture = Capture(session)
    filled = await asyncio.gather(*(capture.fill(sign, events, now) for sign in signs))
    for each in filled:
        await asyncio.to_thread(store.save, session.target.server, each, now)
    return list(filled)
