"""Flux' objects as shown: sources, appliers, and what else its controllers keep."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bakeryops.cluster.wire import flux as wire
from bakeryops.cluster.wire.meta import AnnotatedMeta
from bakeryops.model.health import Health
from bakeryops.model.overview import ObjectRef
from bakeryops.model.sync import FluxObject, InventoryEntry, Past, Revision, Source, Sync
from bakeryops.read.flux_facts import facts_of
from bakeryops.read.flux_held import with_notes
from bakeryops.read.flux_judge import Judged, Seen, conditions_of, judge, said
from bakeryops.read.flux_revisions import inventory_entry, parse_revision
from bakeryops.text import clean
from bakeryops.units import parse_duration, parse_time

__all__ = ["OBJECTS", "SOURCES", "SYNCS", "flux_key", "object_of", "source_of", "sync_of", "trace"]

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "gitrepositories": "GitRepository",
        "ocirepositories": "OCIRepository",
        "helmrepositories": "HelmRepository",
        "helmcharts": "HelmChart",
        "buckets": "Bucket",
    }
)
"""Plural -> kind of what is fetched."""

SYNCS: Mapping[str, str] = MappingProxyType({"kustomizations": "Kustomization", "helmreleases": "HelmRelease"})
"""Plural -> kind of what is applied."""

OBJECTS: Mapping[str, str] = MappingProxyType(
    {
        "imagerepositories": "ImageRepository",
        "imagepolicies": "ImagePolicy",
        "imageupdateautomations": "ImageUpdateAutomation",
        "receivers": "Receiver",
        "alerts": "Alert",
        "providers": "Provider",
    }
)
"""Plural -> kind of everything else."""

_PLURAL = {kind: plural for each in (SOURCES, SYNCS, OBJECTS) for plural, kind in each.items()}
_DEPENDENCY = re.compile(r"dependency '([^'/]+)/([^']+)'")
_UNDER_WAY = re.compile(r" for revision (\S+)")
_INVENTORY_MOST = 20_000
_HISTORY_MOST = 50
_WELL = frozenset({"ReconciliationSucceeded", "deployed", "superseded"})
_AWAY = frozenset({"HealthCheckCanceled", "uninstalled", "uninstalling"})


def flux_key(plural: str, namespace: str, name: str) -> str:
    """Return the key of a Flux object: "PLURAL/NAMESPACE/NAME"."""
    return f"{plural}/{namespace}/{name}"


def source_of(plural: str, raw: wire.Source, *, now: float | None = None) -> Source:
    """Return a source as shown; `now`, in seconds since the epoch, tells whether `next` can still be foretold."""
    meta, spec, status = raw.metadata, raw.spec or wire.SourceSpec(), raw.status or wire.SourceStatus()
    token = clean(status.lastHandledReconcileAt or "")
    artifact = status.artifact
    if _is_address(plural, raw):
        why = "only an address: charts are fetched by what uses it"
        judged = Judged("static", Health.FINE, "", "", why, None)
        if spec.suspend or meta.deletionTimestamp:
            judged = judge(_seen(meta, status, spec.suspend, "fetching"))
    else:
        judged = judge(_seen(meta, status, spec.suspend, "fetching"))
        if (
            judged.health is Health.FINE
            and (artifact is None or not artifact.revision)
            and not _is_oci(plural, spec)
        ):
            judged = judged._replace(
                state="waiting", health=Health.UNKNOWN, why="says ready, but has nothing in store"
            )
    fetched = parse_time(artifact.lastUpdateTime) if artifact is not None else None
    interval = _seconds(spec.interval)
    namespace, name = clean(meta.namespace), clean(meta.name)
    shown = Source(
        key=flux_key(plural, namespace, name),
        ref=ObjectRef(plural, namespace, name),
        kind=SOURCES.get(plural, plural),
        namespace=namespace,
        name=name,
        state=judged.state,
        health=judged.health,
        reason=judged.reason,
        message=judged.message,
        why=judged.why,
        url=_address(spec),
        wants=_wants(plural, spec),
        revision=parse_revision(artifact.revision) if artifact is not None else None,
        fetched=fetched,
        interval=interval,
        next=_next(_latest(status, token, fetched), interval, bool(spec.suspend), now),
        suspended=bool(spec.suspend),
        token=token,
        since=judged.since,
        conditions=conditions_of(status.conditions),
    )
    return with_notes(shown, meta.annotations)


def sync_of(plural: str, raw: wire.Kustomization | wire.HelmRelease, *, now: float | None = None) -> Sync:
    """Return a Kustomization or HelmRelease as shown; `now` as for `source_of`."""
    meta, namespace, name = raw.metadata, clean(raw.metadata.namespace), clean(raw.metadata.name)
    chart = isinstance(raw, wire.HelmRelease)
    spec = raw.spec or (wire.HelmReleaseSpec() if chart else wire.KustomizationSpec())
    status = raw.status or (wire.HelmReleaseStatus() if chart else wire.KustomizationStatus())
    history = _history(status.history)
    applied = parse_revision(status.lastAppliedRevision)
    if applied is None and isinstance(raw, wire.HelmRelease):
        applied = _deployed(status.history)
    attempted = parse_revision(status.lastAttemptedRevision)
    judged = judge(_seen(meta, status, spec.suspend, "applying", generations=not chart))
    judged = _with_revisions(judged, applied, attempted, chart=chart)
    depends = tuple(
        dict.fromkeys(
            flux_key(plural, clean(each.namespace or meta.namespace), clean(each.name))
            for each in spec.dependsOn or ()
        )
    )
    token = clean(status.lastHandledReconcileAt or "")
    last = history[0].last if history and history[0].last is not None else None
    last = last if last is not None and not chart else _latest(status, token, last)
    interval = _seconds(spec.interval)
    every = interval
    if isinstance(spec, wire.KustomizationSpec) and judged.state in ("failing", "blocked", "waiting"):
        every = _seconds(spec.retryInterval) or interval
    entries = (status.inventory.entries if status.inventory else None) or ()
    shown = Sync(
        key=flux_key(plural, namespace, name),
        ref=ObjectRef(plural, namespace, name),
        kind=SYNCS.get(plural, plural),
        namespace=namespace,
        name=name,
        state=judged.state,
        health=judged.health,
        reason=judged.reason,
        message=judged.message,
        why=judged.why,
        source=_source_key(raw, namespace),
        path=_path(raw),
        applied=applied,
        attempted=attempted,
        interval=interval,
        timeout=_seconds(spec.timeout),
        last=last,
        next=_next(last, every, bool(spec.suspend), now),
        suspended=bool(spec.suspend),
        prune=chart or bool(isinstance(spec, wire.KustomizationSpec) and spec.prune),
        wait=chart or bool(isinstance(spec, wire.KustomizationSpec) and spec.wait),
        token=token,
        since=judged.since,
        depends_on=depends,
        blocked_by=_blocked(plural, judged, depends),
        inventory=_inventory(entries),
        history=history,
        conditions=conditions_of(status.conditions),
    )
    return with_notes(shown, meta.annotations)


def object_of(plural: str, raw: wire.FluxObject) -> FluxObject:
    """Return any other Flux object as shown."""
    meta, spec, status = raw.metadata, raw.spec or wire.FluxObjectSpec(), raw.status or wire.FluxObjectStatus()
    if (
        plural in ("alerts", "providers")
        and raw.status is None
        and not spec.suspend
        and not meta.deletionTimestamp
    ):
        judged = Judged(
            "static", Health.FINE, "", "", "has no state of its own: what it sends is in the log", None
        )
    else:
        judged = judge(_seen(meta, status, spec.suspend, "looking"))
    namespace, name = clean(meta.namespace), clean(meta.name)
    shown = FluxObject(
        key=flux_key(plural, namespace, name),
        ref=ObjectRef(plural, namespace, name),
        kind=OBJECTS.get(plural, plural),
        namespace=namespace,
        name=name,
        state=judged.state,
        health=judged.health,
        reason=judged.reason,
        message=judged.message,
        why=judged.why,
        suspended=bool(spec.suspend),
        since=judged.since,
        facts=facts_of(spec, status),
    )
    return with_notes(shown, meta.annotations)


def trace(labels: Mapping[str, str] | None) -> str:
    """Return the key of the Kustomization or HelmRelease that owns an object, told from its labels; "" for none.

    Kustomize comes first, as in Flux' own trace: a HelmRelease's objects may carry both.
    """
    for group, plural in (("kustomize", "kustomizations"), ("helm", "helmreleases")):
        start = f"{group}.toolkit.fluxcd.io"
        name, namespace = (labels or {}).get(f"{start}/name"), (labels or {}).get(f"{start}/namespace")
        if name and namespace:
            return flux_key(plural, clean(namespace), clean(name))
    return ""


_Status = wire.SourceStatus | wire.KustomizationStatus | wire.HelmReleaseStatus | wire.FluxObjectStatus


def _seen(
    meta: AnnotatedMeta, status: _Status, suspended: bool | None, noun: str, *, generations: bool = True
) -> Seen:
    token = clean(status.lastHandledReconcileAt or "")
    observed = status.observedGeneration
    return Seen(meta, status.conditions or (), observed, bool(suspended), token, noun, generations)


def _is_oci(plural: str, spec: wire.SourceSpec) -> bool:
    return plural == "helmrepositories" and spec.type == "oci"


def _is_address(plural: str, raw: wire.Source) -> bool:
    """Return whether it is a HelmRepository of type oci, which no controller looks at and which has no status."""
    return raw.spec is not None and _is_oci(plural, raw.spec) and not (raw.status and raw.status.conditions)


def _address(spec: wire.SourceSpec) -> str:
    if spec.bucketName or spec.endpoint:
        return said("/".join(each for each in (spec.endpoint, spec.bucketName) if each))
    if spec.chart:
        return said(spec.chart)
    return said(spec.url)


def _wants(plural: str, spec: wire.SourceSpec) -> str:
    if spec.chart:
        return clean(spec.version or "*")
    ref = spec.ref
    if ref is not None:
        for value in (ref.digest, ref.commit, ref.name, ref.semver, ref.tag, ref.branch):
            if value:
                return clean(value)
    return {"gitrepositories": "master", "ocirepositories": "latest"}.get(plural, "")


def _seconds(text: str | None) -> float | None:
    return parse_duration(text[:40]) if text else None


def _latest(status: _Status, token: str, more: float | None) -> float | None:
    """Return the last moment at which it is known to have looked."""
    times = [parse_time(token), more]
    times += [parse_time(each.lastTransitionTime) for each in status.conditions or () if each.type == "Ready"]
    return max((each for each in times if each is not None), default=None)


def _next(last: float | None, interval: float | None, suspended: bool, now: float | None) -> float | None:
    """Return when it looks again; None once a whole interval has gone by without a sign of it."""
    if last is None or not interval or interval < 0 or suspended:
        return None
    following = last + interval
    return None if now is not None and following < now else following


def _with_revisions(
    judged: Judged, applied: Revision | None, attempted: Revision | None, *, chart: bool
) -> Judged:
    found = _UNDER_WAY.search(judged.message) if judged.health is Health.WORKING else None
    attempted = (parse_revision(found[1]) if found else None) or attempted
    if attempted is None or (applied is not None and attempted.text == applied.text):
        if judged.health is Health.FINE and applied is None and not chart:
            return judged._replace(
                state="applying", health=Health.WORKING, why="its first revision is not applied yet"
            )
        return judged
    if judged.health is Health.FINE and not chart:
        why = f"{attempted.short} is on its way"
        return judged._replace(state="applying", health=Health.WORKING, why=why)
    if judged.state == "failing":
        done = "its objects are applied already" if judged.reason.startswith("HealthCheck") else "not applied"
        kept = f"; {applied.short} was the last that went well" if applied is not None else ""
        return judged._replace(why=f"{attempted.short}: {judged.why}; {done}{kept}")
    if judged.health is Health.WORKING and judged.state != "deleting":
        return judged._replace(why=f"{attempted.short} is on its way: {judged.why}")
    return judged


def _blocked(plural: str, judged: Judged, depends: tuple[str, ...]) -> tuple[str, ...]:
    if judged.state != "blocked":
        return ()
    named = [flux_key(plural, each[1], each[2]) for each in _DEPENDENCY.finditer(judged.message)]
    return tuple(dict.fromkeys(named)) or depends


def _source_key(raw: wire.Kustomization | wire.HelmRelease, namespace: str) -> str:
    spec = raw.spec
    if spec is None:
        return ""
    if isinstance(spec, wire.KustomizationSpec):
        return _named(spec.sourceRef, namespace)
    if spec.chartRef is not None:
        return _named(spec.chartRef, namespace)
    made = raw.status.helmChart if isinstance(raw, wire.HelmRelease) and raw.status is not None else None
    if made:
        where, _, name = clean(made).rpartition("/")
        return flux_key("helmcharts", where or namespace, name)
    return _named(spec.chart.spec.sourceRef if spec.chart and spec.chart.spec else None, namespace)


def _named(ref: wire.ObjectName | None, namespace: str) -> str:
    if ref is None or not ref.name:
        return ""
    plural = _PLURAL.get(ref.kind or "GitRepository", clean(ref.kind or "").lower())
    return flux_key(plural, clean(ref.namespace or "") or namespace, clean(ref.name))


def _path(raw: wire.Kustomization | wire.HelmRelease) -> str:
    spec = raw.spec
    if isinstance(spec, wire.KustomizationSpec):
        return clean(spec.path or "./")
    if spec is None or spec.chart is None or spec.chart.spec is None:
        return clean(spec.chartRef.name) if spec is not None and spec.chartRef is not None else ""
    chart = spec.chart.spec
    return clean(f"{chart.chart or ''} {chart.version or ''}").strip()


def _inventory(entries: Sequence[wire.InventoryEntry]) -> tuple[InventoryEntry, ...]:
    found = (inventory_entry(each.id) for each in entries[:_INVENTORY_MOST])
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _history(entries: Sequence[wire.History] | None) -> tuple[Past, ...]:
    found = []
    for each in (entries or ())[:_HISTORY_MOST]:
        status = clean(each.lastReconciledStatus or each.status or "")
        revision = (each.metadata.revision if each.metadata else None) or each.chartVersion or ""
        shown = parse_revision(revision)
        found.append(
            Past(
                revision=shown.text if shown is not None else "",
                status=status,
                health=_past_health(status),
                first=parse_time(each.firstReconciled or each.firstDeployed),
                last=parse_time(each.lastReconciled or each.lastDeployed),
                seconds=parse_duration(each.lastReconciledDuration),
                times=each.totalReconciliations,
            )
        )
    return tuple(sorted(found, key=lambda past: -(past.last or 0.0)))


def _past_health(status: str) -> Health:
    if status in _WELL:
        return Health.FINE
    if status in _AWAY:
        return Health.HELD
    if status.startswith("pending"):
        return Health.WORKING
    return Health.BAD if status.lower().endswith("failed") else Health.UNKNOWN


def _deployed(history: Sequence[wire.History] | None) -> Revision | None:
    """Return the chart version that is installed: newer HelmReleases say it in their history alone."""
    found = next((each for each in history or () if each.status == "deployed"), None)
    return parse_revision(found.chartVersion) if found is not None else None
