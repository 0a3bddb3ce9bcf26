"""What becomes of an event: each Trigger's interceptors, bindings and template, then objects."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bakeryops.demo import strict
from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import uid
from bakeryops.demo.status import StatusError
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.triggers.expressions import BindingError, Event, fill
from bakeryops.demo.triggers.interceptors import StoppedError, intercept
from bakeryops.demo.triggers.journal import Journal
from bakeryops.demo.triggers.template import resources_of

__all__ = ["Firing"]

LABELS = "triggers.tekton.dev"
_MANAGER = "eventlistenersink"


@dataclass(frozen=True)
class _Trigger:
    name: str
    namespace: str
    spec: Object


class _FaultError(Exception):
    """A Trigger cannot be processed; the text is what the EventListener logs."""


class Firing:
    """Processes events."""

    def __init__(self, store: ObjectStore, journal: Journal, seed: random.Random) -> None:
        """Take where objects are created, where is said what happens, and what names are made from."""
        self._store = store
        self._journal = journal
        self._random = seed

    def process(self, listener: Object, event: Event) -> None:
        """Let every Trigger of an EventListener act on an event; each failure is logged and stops nothing else."""
        for trigger in self._triggers(listener, event):
            try:
                self._fire(listener, trigger, replace(event, extensions={}))
            except StoppedError as error:
                self._say(listener, str(error), "info", trigger.name, event)
            except (_FaultError, BindingError) as error:
                self._say(listener, str(error), "error", trigger.name, event)

    def _say(self, listener: Object, text: str, level: str, trigger: str, event: Event) -> None:
        self._journal.say(listener, text, level=level, trigger=trigger, event=event.identity)

    def _triggers(self, listener: Object, event: Event) -> Iterator[_Trigger]:
        namespace = listener["metadata"]["namespace"]
        for entry in (listener.get("spec") or {}).get("triggers") or ():
            name = entry.get("triggerRef")
            if not name:
                yield _Trigger(str(entry.get("name", "")), namespace, entry)
                continue
            found = self._store.get("triggers", namespace, name)
            if found is None:
                text = f'unable to find the Trigger: trigger.triggers.tekton.dev "{name}" not found'
                self._say(listener, text, "error", str(name), event)
            else:
                yield _Trigger(found["metadata"]["name"], namespace, found["spec"])

    def _fire(self, listener: Object, trigger: _Trigger, event: Event) -> None:
        for entry in trigger.spec.get("interceptors") or ():
            intercept(self._store, trigger.namespace, entry, event)
        template = self._template(trigger)
        params = self._params(trigger, template, event)
        listed = " ".join(f"{{Name:{name} Value:{value}}}" for name, value in params.items())
        self._say(listener, f"ResolvedParams : [{listed}]", "info", trigger.name, event)
        for body in resources_of(template, params, uid(self._random)):
            self._create(listener, trigger, event, body)

    def _template(self, trigger: _Trigger) -> Object:
        entry = trigger.spec.get("template") or {}
        if entry.get("spec"):
            spec: Object = entry["spec"]
            return spec
        name = str(entry.get("ref") or "")
        found = self._store.get("triggertemplates", trigger.namespace, name)
        if found is None:
            raise _FaultError(f'failed to resolve trigger: error getting TriggerTemplate "{name}": not found')
        resolved: Object = found["spec"]
        return resolved

    def _params(self, trigger: _Trigger, template: Object, event: Event) -> dict[str, str]:
        defaults = {
            each["name"]: str(each["default"]) for each in template.get("params") or () if "default" in each
        }
        params: dict[str, str] = {}
        for name, value in self._bound(trigger):
            if name in params:
                raise _FaultError(f"failed to merge bindings: duplicate param name: {name}")
            try:
                params[name] = fill(value, event)
            except BindingError as error:
                if name not in defaults:
                    text = f"failed to replace JSONPath value for param {name}: {value}: {error}"
                    raise BindingError(text) from None
                params[name] = defaults[name]
        return params

    def _bound(self, trigger: _Trigger) -> Iterator[tuple[str, str]]:
        for entry in trigger.spec.get("bindings") or ():
            if "ref" not in entry:
                yield str(entry.get("name", "")), str(entry.get("value", ""))
                continue
            cluster = entry.get("kind") == "ClusterTriggerBinding"
            plural = "clustertriggerbindings" if cluster else "triggerbindings"
            found = self._store.get(plural, None if cluster else trigger.namespace, str(entry["ref"]))
            if found is None:
                kind = "ClusterTriggerBinding" if cluster else "TriggerBinding"
                raise _FaultError(f'failed to resolve trigger: error getting {kind} "{entry["ref"]}": not found')
            for each in found["spec"].get("params") or ():
                yield str(each.get("name", "")), str(each.get("value", ""))

    def _create(self, listener: Object, trigger: _Trigger, event: Event, body: Object) -> None:
        api_version, kind = str(body.get("apiVersion", "")), str(body.get("kind", ""))
        resource = self._store.registry.owner(api_version, kind)
        if resource is None:
            raise _FaultError(f'problem creating object: no matches for kind "{kind}" in version "{api_version}"')
        try:
            strict.check(resource, api_version.rpartition("/")[2], body, "Ignore")
        except StatusError as error:
            raise _FaultError(f"problem creating object: {error}") from None
        metadata = body.setdefault("metadata", {})
        metadata["labels"] = {
            **(metadata.get("labels") or {}),
            f"{LABELS}/eventlistener": listener["metadata"]["name"],
            f"{LABELS}/trigger": trigger.name,
            f"{LABELS}/triggers-eventid": event.identity,
        }
        if not trigger.name:
            del metadata["labels"][f"{LABELS}/trigger"]
        namespace = metadata.get("namespace") or trigger.namespace
        try:
            made = self._store.create(resource.key, body, manager=_MANAGER, namespace=namespace)
        except StatusError as error:
            raise _FaultError(f"problem creating object: {error}") from None
        text = f"Generating resource: kind: {kind}, name: {made['metadata']['name']}"
        self._say(listener, text, "info", trigger.name, event)
