"""Starting a container: its image, its configuration, and the Events that tell of each step."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from bakeryops.demo.controllers.container import BACKOFF_FIRST, BACKOFF_MOST, Container

if TYPE_CHECKING:
    from bakeryops.demo.controllers.podworker import PodWorker

__all__ = ["launch", "missing_volume"]


def launch(
    worker: PodWorker, container: Container, watch: Callable[[Container], None]
) -> Generator[float, None, bool]:
    """Take a container from its image to running, yielding the seconds each step takes; tells whether it runs.

    When it cannot run, the container's `reason` and `message` say why, and the worker goes round again later.
    """
    image = str(container.spec.get("image", ""))
    if not (yield from _fetch(worker, container, image)):
        return False
    if problem := _missing_reference(worker, container):
        again = container.reason == "CreateContainerConfigError"
        container.reason, container.message = "CreateContainerConfigError", problem
        worker.event("Warning", "Failed", f"Error: {problem}", container)
        worker.sync_soon(_pause(worker) if again else 0.8)
        return False
    jitter = worker.kubelet.cluster.random.random()
    yield 0.012 + 0.01 * jitter
    worker.event("Normal", "Created", f"Created container: {container.name}", container)
    yield 0.04 + 0.02 * jitter
    if worker.is_ending:
        return False
    worker.event("Normal", "Started", f"Started container {container.name}", container)
    container.run(worker.now(), worker.uid, worker.kubelet.images.image_id(image))
    watch(container)
    yield 0.01
    return True


def missing_volume(worker: PodWorker) -> str:
    """Return why a volume of the pod cannot be mounted, or ""."""
    if worker.is_ending:
        return ""
    store = worker.kubelet.cluster.store
    for volume in worker.pod["spec"].get("volumes") or ():
        for source, plural, field in (("configMap", "configmaps", "name"), ("secret", "secrets", "secretName")):
            wanted = volume.get(source)
            if not wanted or wanted.get("optional") or store.get(plural, worker.namespace, wanted.get(field, "")):
                continue
            what = f'{source.lower()} "{wanted.get(field, "")}" not found'
            return f'MountVolume.SetUp failed for volume "{volume["name"]}" : {what}'
    return ""


def _fetch(worker: PodWorker, container: Container, image: str) -> Generator[float, None, bool]:
    images, now = worker.kubelet.images, worker.now()
    policy = container.spec.get("imagePullPolicy") or "IfNotPresent"
    problem = images.problem(image, policy)
    if problem is None:
        if images.needs_pull(image, policy) and image not in images.present:
            size = images.size(image)
            took = 0.4 + size / 150_000_000 * (0.8 + 0.4 * worker.kubelet.cluster.random.random())
            worker.event("Normal", "Pulling", f'Pulling image "{image}"', container)
            yield took
            text = f'Successfully pulled image "{image}" in {took:.3f}s ({took:.3f}s including waiting). '
            worker.event("Normal", "Pulled", f"{text}Image size: {size} bytes.", container)
            images.present.add(image)
        else:
            worker.event("Normal", "Pulled", f'Container image "{image}" already present on machine', container)
        container.pull_backoff = 0.0
        return True
    reason, message = problem
    if reason != "ErrImagePull":
        again = container.reason == reason
        container.reason, container.message = reason, message
        worker.event("Warning", "Failed", f"Error: {reason}", container)
        worker.sync_soon(_pause(worker) if again else 0.15)
        return False
    if container.pull_backoff and now - container.pull_failed_at < container.pull_backoff:
        container.reason = "ImagePullBackOff"
        container.message = f'Back-off pulling image "{image}": ErrImagePull: {message}'
        worker.event("Normal", "BackOff", f'Back-off pulling image "{image}"', container)
        worker.event("Warning", "Failed", "Error: ImagePullBackOff", container)
        worker.sync_soon(_pause(worker))
        return False
    first = not container.pull_backoff
    container.pull_backoff = BACKOFF_FIRST if first else min(BACKOFF_MOST, container.pull_backoff * 2)
    container.pull_failed_at = now
    worker.event("Normal", "Pulling", f'Pulling image "{image}"', container)
    yield 0.02
    worker.event("Warning", "Failed", f'Failed to pull image "{image}": {message}', container)
    worker.event("Warning", "Failed", "Error: ErrImagePull", container)
    container.reason, container.message = "ErrImagePull", message
    worker.sync_soon(0.15 if first else _pause(worker))
    return False


def _pause(worker: PodWorker) -> float:
    return 11.0 + 2.0 * worker.kubelet.cluster.random.random()


def _missing_reference(worker: PodWorker, container: Container) -> str:
    """Return what the container's environment takes from and is not there, or ""."""
    store = worker.kubelet.cluster.store
    wanted = []
    for source in container.spec.get("envFrom") or ():
        wanted.append(("configmaps", "configmap", source.get("configMapRef"), ""))
        wanted.append(("secrets", "secret", source.get("secretRef"), ""))
    for variable in container.spec.get("env") or ():
        source = variable.get("valueFrom") or {}
        for plural, word, reference in (
            ("configmaps", "configmap", source.get("configMapKeyRef")),
            ("secrets", "secret", source.get("secretKeyRef")),
        ):
            wanted.append((plural, word, reference, (reference or {}).get("key", "")))
    for plural, word, reference, key in wanted:
        if not reference or reference.get("optional"):
            continue
        found = store.get(plural, worker.namespace, reference.get("name", ""))
        if found is None:
            return f'{word} "{reference.get("name", "")}" not found'
        if key and key not in {**(found.get("data") or {}), **(found.get("stringData") or {})}:
            kind = "ConfigMap" if plural == "configmaps" else "Secret"
            return f"couldn't find key {key} in {kind} {worker.namespace}/{reference.get('name', '')}"
    return ""
