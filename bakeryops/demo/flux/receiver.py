"""notification-controller: Receivers get a path, and what is posted there asks for reconciles."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key
from bakeryops.demo.controllers.objects import micro_time
from bakeryops.demo.flux.conditions import Draft, is_true
from bakeryops.demo.flux.durations import seconds_of
from bakeryops.demo.flux.loop import Loop, Outcome, Steps
from bakeryops.demo.flux.watching import REQUESTED_AT, add_finalizer, drop_finalizer, handle_token, watch
from bakeryops.demo.objects import dig

__all__ = ["ReceiverController", "webhook_path"]

RECEIVERS = "receivers.notification.toolkit.fluxcd.io"
_MANAGER = "notification-controller"
_INTERVAL = 600.0
_LONGEST = 10 * 1024 * 1024
_GROUPS = {
    "GitRepository": "source", "OCIRepository": "source", "Bucket": "source", "HelmRepository": "source",
    "HelmChart": "source", "Kustomization": "kustomize", "HelmRelease": "helm", "ImageRepository": "image",
    "ImagePolicy": "image", "ImageUpdateAutomation": "image",
}  # fmt: skip
"""What a receiver may name, and the group it belongs to."""


def webhook_path(token: str, name: str, namespace: str) -> str:
    """Return the path of a receiver: a hash of its token, name and namespace."""
    return f"/hook/{hashlib.sha256(f'{token}{name}{namespace}'.encode()).hexdigest()}"


class ReceiverController:
    """Keeps the paths of receivers and takes what is posted to them."""

    def __init__(self, cluster: Cluster) -> None:
        """Take the cluster."""
        self._cluster = cluster
        self.loop = Loop(cluster.clock, self._reconcile)

    def start(self) -> None:
        """Follow receivers."""
        watch(self._cluster, RECEIVERS, self.loop)

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take a webhook; returns the HTTP status of the answer.

        404: no receiver has the path. 503: it is suspended or not ready. 400: the signature or the event is wrong.
        500: something it names is not there. 200: reconciles have been asked for.
        """
        receiver = next(
            (each for each in self._cluster.store.list(RECEIVERS) if dig(each, "status", "webhookPath") == path),
            None,
        )
        if receiver is None:
            return 404
        if receiver["spec"].get("suspend") or not is_true(receiver, "Ready"):
            return 503
        named = {name.lower(): value for name, value in headers.items()}
        if len(body) > _LONGEST or not self._accepts(receiver, named, body):
            return 400
        complete = True
        for reference in receiver["spec"].get("resources") or ():
            found = list(self._targets(receiver, reference))
            complete = complete and bool(found)
            for plural, obj in found:
                self._request(plural, obj)
        return 200 if complete else 500

    def _accepts(self, receiver: Object, headers: Mapping[str, str], body: bytes) -> bool:
        kind = receiver["spec"].get("type")
        token = self._token(receiver)
        if token is None:
            return False
        if kind == "generic":
            return True
        if kind == "generic-hmac":
            return _signed(token, headers.get("x-signature", ""), body)
        if kind == "github":
            signature = headers.get("x-hub-signature-256") or headers.get("x-hub-signature") or ""
            wanted = [str(each).lower() for each in receiver["spec"].get("events") or ()]
            event = headers.get("x-github-event", "").lower()
            return _signed(token, signature, body) and (not wanted or event in wanted)
        return False

    def _targets(self, receiver: Object, reference: Object) -> Iterator[tuple[str, Object]]:
        """Yield what a receiver wants to be reconciled; a name of `*` stands for all with some labels."""
        kind = str(reference.get("kind"))
        resource = next(
            (each for each in self._cluster.store.registry
             if each.kind == kind and each.group == f"{_GROUPS.get(kind)}.toolkit.fluxcd.io"), None
        )  # fmt: skip
        if resource is None:
            return
        namespace = reference.get("namespace") or receiver["metadata"]["namespace"]
        if reference.get("name") == "*":
            for obj in self._cluster.store.list(resource.key, namespace, reference.get("matchLabels") or {}):
                yield resource.key, obj
        elif (one := self._cluster.store.get(resource.key, namespace, str(reference.get("name")))) is not None:
            yield resource.key, one

    def _request(self, plural: str, obj: Object) -> None:
        stamp = micro_time(self._cluster.clock.now())

        def annotate(live: Object) -> Object:
            live["metadata"]["annotations"] = {**(live["metadata"].get("annotations") or {}), REQUESTED_AT: stamp}
            return live

        metadata = obj["metadata"]
        self._cluster.store.mutate(plural, metadata["namespace"], metadata["name"], annotate, manager=_MANAGER)

    def _reconcile(self, key: Key) -> Steps:
        receiver = self._cluster.store.get(RECEIVERS, *key)
        if receiver is None:
            return Outcome()
        if receiver["metadata"].get("deletionTimestamp"):
            drop_finalizer(self._cluster, RECEIVERS, receiver, _MANAGER)
            return Outcome()
        if add_finalizer(self._cluster, RECEIVERS, receiver, _MANAGER):
            return Outcome(after=0.01)
        if receiver["spec"].get("suspend"):
            return Outcome()
        yield 0.01
        draft = Draft(self._cluster, RECEIVERS, receiver, manager=_MANAGER)
        handle_token(receiver, draft.status)
        token = self._token(receiver)
        if token is None:
            draft.status.pop("webhookPath", None)
            where = f"{key[0]}/{dig(receiver, 'spec', 'secretRef', 'name')}"
            why = f"unable to read token from secret '{where}'"
            draft.set("Ready", "False", "TokenNotFound", why)
            draft.set("Reconciling", "True", "ProgressingWithRetry", "reconciliation in progress")
            self._cluster.events.record(receiver, "Warning", "TokenNotFound", why, component=_MANAGER)
            draft.patch()
            return Outcome(backoff=True)
        path = webhook_path(token, key[1], key[0])
        message = f"Receiver initialized for path: {path}"
        draft.status["webhookPath"] = path
        draft.drop("Reconciling")
        draft.set("Ready", "True", "Succeeded", message)
        draft.status["observedGeneration"] = receiver["metadata"]["generation"]
        draft.patch()
        return Outcome(after=seconds_of(receiver["spec"].get("interval"), _INTERVAL))

    def _token(self, receiver: Object) -> str | None:
        name = dig(receiver, "spec", "secretRef", "name")
        secret = self._cluster.store.get("secrets", receiver["metadata"]["namespace"], str(name))
        value = dig(secret, "data", "token")
        try:
            return base64.b64decode(str(value), validate=True).decode() if value else None
        except ValueError:
            return None


def _signed(token: str, signature: str, body: bytes) -> bool:
    """Tell whether a signature such as `sha256=<hex>` is that of a body."""
    kind, _, digits = signature.partition("=")
    if kind not in ("sha1", "sha256", "sha512") or not digits:
        return False
    right = hmac.new(token.encode(), body, kind).hexdigest()
    return hmac.compare_digest(right.encode(), digits.lower().encode())
