"""The client layer: list, watch, store and memory, beside the library's own ways of doing the same."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.support import api_server, cpu_seconds, post, rss_mib, ticker

MEASURES = ("ours", "json", "aio-typed", "watch", "load")


async def ours(kubeconfig: Path, _url: str, _pods: int) -> dict[str, Any]:
    """List every pod into the store through a session, as a screen does."""
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.target import find_target

    session = Session(find_target(str(kubeconfig)))
    await session.start()
    gc.collect()
    base = rss_mib()
    async with ticker() as stalls:
        began = time.perf_counter()
        feed = session.feed(["pods"])
        first = None
        async for _ in feed.changes(50):
            if first is None and feed.store("pods").items:
                first = time.perf_counter() - began
            if feed.store("pods").state.phase == "live":
                break
        wall = time.perf_counter() - began
    kept = rss_mib() - base
    count = len(feed.store("pods").items)
    await session.close()
    return {"objects": count, "wall_ms": _ms(wall), "first_rows_ms": _ms(first), "kept_mib": round(kept, 1),
            "worst_stall_ms": stalls.worst_ms}  # fmt: skip


async def as_json(_kubeconfig: Path, url: str, _pods: int) -> dict[str, Any]:
    """List every pod with aiohttp and the json module."""
    import aiohttp

    async with aiohttp.ClientSession() as session:
        base = rss_mib()
        async with ticker() as stalls:
            began = time.perf_counter()
            async with session.get(f"{url}/api/v1/pods") as answer:
                items = json.loads(await answer.read())["items"]
            wall = time.perf_counter() - began
            await asyncio.sleep(0.02)
        return {"objects": len(items), "wall_ms": _ms(wall), "kept_mib": round(rss_mib() - base, 1),
                "worst_stall_ms": stalls.worst_ms}  # fmt: skip


async def aio_typed(_kubeconfig: Path, url: str, _pods: int) -> dict[str, Any]:
    """List every pod with the typed models of kubernetes.aio."""
    from kubernetes.aio.client import ApiClient, Configuration, CoreV1Api

    configuration = Configuration(host=url)
    async with ApiClient(configuration) as client:
        api = CoreV1Api(client)
        base = rss_mib()
        async with ticker() as stalls:
            began = time.perf_counter()
            found = await api.list_pod_for_all_namespaces()
            wall = time.perf_counter() - began
            await asyncio.sleep(0.02)
        return {"objects": len(found.items), "wall_ms": _ms(wall), "kept_mib": round(rss_mib() - base, 1),
                "worst_stall_ms": stalls.worst_ms}  # fmt: skip


async def watch(kubeconfig: Path, url: str, _pods: int) -> dict[str, Any]:
    """Take in a burst of 20,000 watch events."""
    import os

    from bakeryops.cluster.session import Session
    from bakeryops.cluster.target import find_target

    events = 20_000
    session = Session(find_target(str(kubeconfig)))
    await session.start()
    feed = session.feed(["pods"])
    await feed.settled(120)
    batches = 0
    async with ticker() as stalls:
        before, began = cpu_seconds(os.getpid()), time.perf_counter()
        sender = asyncio.to_thread(post, f"{url}/bench?burst={events}")
        task = asyncio.create_task(sender)
        seen = session.cost
        target = seen.events + events
        async for _ in feed.changes(10):
            batches += 1
            if seen.events >= target:
                break
        wall, used = time.perf_counter() - began, cpu_seconds(os.getpid()) - before
        await task
    await session.close()
    return {"events": events, "events_per_second": round(events / wall), "us_cpu_per_event": round(used / events * 1e6, 1),
            "batches": batches, "worst_stall_ms": stalls.worst_ms}  # fmt: skip


async def load(kubeconfig: Path, url: str, _pods: int) -> dict[str, Any]:
    """Stand 500 events a second for 8 s and stay responsive."""
    import os

    from bakeryops.cluster.session import Session
    from bakeryops.cluster.target import find_target

    session = Session(find_target(str(kubeconfig)))
    await session.start()
    feed = session.feed(["pods"])
    await feed.settled(120)
    await asyncio.to_thread(post, f"{url}/bench?rate=500")
    async with ticker() as stalls:
        before, began = cpu_seconds(os.getpid()), time.perf_counter()
        async for _ in feed.changes(10):
            if time.perf_counter() - began > 8:
                break
        share = (cpu_seconds(os.getpid()) - before) / (time.perf_counter() - began)
    await session.close()
    return {"rate": 500, "cpu_percent": round(share * 100, 1), "worst_stall_ms": stalls.worst_ms}


RUN = {"ours": ours, "json": as_json, "aio-typed": aio_typed, "watch": watch, "load": load}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("measure", choices=MEASURES)
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    gc.set_threshold(50_000, 50, 1000)
    with api_server(options.pods, options.folder) as (url, kubeconfig):
        found = asyncio.run(RUN[options.measure](kubeconfig, url, options.pods))
    print(json.dumps({"measure": options.measure, "pods": options.pods, **found}))


if __name__ == "__main__":
    main()
