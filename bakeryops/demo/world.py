"""The whole embedded cluster in one call: objects, controllers, life, and what answers for kubelet and metrics."""

from __future__ import annotations

import random
import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bakeryops.demo import gc
from bakeryops.demo.bakery.build import build
from bakeryops.demo.bakery.crowd import crowd
from bakeryops.demo.bakery.flux_past import settle_flux
from bakeryops.demo.bakery.inventory import NODE, REGISTRY
from bakeryops.demo.bakery.jobs import cron_jobs
from bakeryops.demo.bakery.past import Past
from bakeryops.demo.bakery.pipeline import GIT_URL
from bakeryops.demo.bakery.recent import recent_events
from bakeryops.demo.bakery.registry_past import fill_registry
from bakeryops.demo.bakery.repository import make_history
from bakeryops.demo.bakery.runs_past import past_runs
from bakeryops.demo.bakery.story import read_story
from bakeryops.demo.chain import ChainSources, ChainWork
from bakeryops.demo.chain.hooks import add_hooks
from bakeryops.demo.chain.registries import ChainRegistry
from bakeryops.demo.chain.sockets import Sockets
from bakeryops.demo.contracts import Clock
from bakeryops.demo.controllers import Cluster, Images, Kubelet, start_controllers
from bakeryops.demo.controllers.events import Recorder
from bakeryops.demo.execs import Execs
from bakeryops.demo.flux import Flux, start_flux
from bakeryops.demo.flux.kustomization import CANCEL_ON_NEW_REVISION
from bakeryops.demo.gitea.accounts import ADMIN
from bakeryops.demo.gitea.server import Gitea
from bakeryops.demo.life import Life
from bakeryops.demo.logs import Logs
from bakeryops.demo.names import Names
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.tekton import Tekton, start_tekton
from bakeryops.demo.triggers import Front, Listeners
from bakeryops.demo.usage import Usage

__all__ = ["GATES", "LARGE_PODS", "World", "build_world"]

GATES = (CANCEL_ON_NEW_REVISION,)
"""Feature gates of kustomize-controller that are on where nothing else is said."""
LARGE_PODS = 5000
"""Pods of the size "large"."""
_WITHOUT_SOCKET = "http://127.0.0.1:9"
"""Where nothing listens: Gitea's address until its socket is open."""
_LARGE_RUNS = 500
"""Finished PipelineRuns that the size "large" has more."""
_LARGE_CHURN = 20.0
"""Watch events a second that the size "large" makes by replacing pods."""


@dataclass(frozen=True)
class World:
    """A running cluster without its API server."""

    store: ObjectStore
    clock: Clock
    logs: Logs
    usage: Usage
    execs: Execs
    kubelet: Kubelet
    """For drills and tests: `end_container` and the workers of pods."""
    cluster: Cluster
    images: Images
    gitea: Gitea
    listeners: Listeners
    tekton: Tekton
    flux: Flux
    sockets: Sockets
    """What of it is reached over HTTP beside the API; closed until `sockets.open()`."""
    spared: set[str]
    """Services (names of folders) that the life of the cluster leaves alone; a drill adds its own."""
    clean_up: Callable[[], object]
    """Ends git's child and removes the repositories; what is never called is done when the world is forgotten."""


def build_world(
    clock: Clock, *, seed: int = 0, size: str = "normal", life: bool = True, churn: float | None = None,
    pods: int | None = None, folder: Path | None = None, gates: Sequence[str] = GATES,
) -> World:  # fmt: skip
    """Build Bakery-IA, settled, and start its controllers.

    `size` is "normal" or "large" (`pods` pods in all, 5,000 by default); `life` lets things happen by themselves;
    `churn` is the number of watch events a second made by replacing pods of the load (20 for "large"). Git's
    repositories are kept in a folder of their own within `folder`, that for temporary files by default. `gates`
    are the feature gates of kustomize-controller that are on. Raises `FileNotFoundError` where git is not
    installed.
    """
    if size not in ("normal", "large"):
        raise ValueError(f'the size of the cluster is "normal" or "large", not "{size}"')
    large = size == "large"
    store = ObjectStore(clock, seed=seed)
    past = Past(clock)
    now = clock.now()
    images = Images(own_registry=REGISTRY)
    names = Names()
    place = Path(tempfile.mkdtemp(prefix="bakeryops-gitea-", dir=folder))
    gitea = Gitea(place, clock, seed=seed, names=names)
    repo = gitea.repo(ADMIN, "bakery-ia")
    # Within this process it is reached by its name whether its socket is open or not.
    gitea.url = _WITHOUT_SOCKET
    names.add(urlsplit(GIT_URL).netloc, gitea.url)
    clean_up = weakref.finalize(gitea, _clean_up, repo.close, place)
    story = read_story(repo, make_history(repo, now=now, seed=seed, extra=cron_jobs()))
    fill_registry(gitea, repo, images, story)
    store.clock = past
    try:
        settler = build(store, past, images, story, seed=seed, cpu=640 if large else 8,
                        memory_gib=2048 if large else 16, pods=20_000 if large else 110)  # fmt: skip
    finally:
        store.clock = clock
    gc.install(store)
    events = Recorder(store, clock, NODE)
    recent_events(store, events)
    cluster = Cluster(store, clock, NODE, events, random.Random(f"controllers/{seed}"))
    sources = ChainSources(gitea)
    settle_flux(cluster, sources, story)
    past_runs(cluster, gitea, images, story.releases, past, seed=seed, more=_LARGE_RUNS if large else 0)
    if large:
        store.clock = past
        crowd(settler, store, max(0, (pods or LARGE_PODS) - len(store.list("pods"))))
        store.clock = clock
    kubelet = start_controllers(cluster, images, first_pod=settler.next_number)
    tekton = start_tekton(cluster, kubelet, ChainWork(cluster, gitea, images))
    flux = start_flux(cluster, sources, registry=ChainRegistry(gitea), gates=gates)
    listeners = Listeners(cluster, seed=seed)
    listeners.start()
    add_hooks(gitea, seed)
    usage = Usage(store, clock, seed=seed)
    spared: set[str] = set()
    if life:
        rate = churn if churn is not None else _LARGE_CHURN if large else 0.0
        Life(cluster, kubelet, usage, gitea, seed=seed, churn=rate, spared=spared).start()
    logs = Logs(store, clock, seed=seed, book=cluster.book, by_image=images.behaviours)
    sockets = Sockets(gitea, Front(cluster, listeners, names), flux, names)
    return World(store, clock, logs, usage, Execs(clock), kubelet, cluster, images, gitea, listeners, tekton, flux,
                 sockets, spared, clean_up)  # fmt: skip


def _clean_up(close: Callable[[], None], folder: Path) -> None:
    close()
    shutil.rmtree(folder, ignore_errors=True)
