"""What is told of image automation, receivers, alerts and providers."""

from __future__ import annotations

from bakeryops.cluster.wire import flux as wire
from bakeryops.read.flux_judge import said

__all__ = ["facts_of"]


def facts_of(spec: wire.FluxObjectSpec, status: wire.FluxObjectStatus) -> tuple[tuple[str, str], ...]:
    """Return label and value of all that is set."""
    scan, latest = status.lastScanResult, status.latestRef
    chosen = ""
    if latest is not None:
        chosen = f"{latest.name or ''}{f':{latest.tag}' if latest.tag else ''}"
    pairs = [
        ("image", status.canonicalImageName or spec.image),
        ("tags", str(scan.tagCount) if scan is not None and scan.tagCount is not None else None),
        ("scanned", scan.scanTime if scan is not None else None),
        ("images of", spec.imageRepositoryRef.name if spec.imageRepositoryRef else None),
        ("chosen", chosen or status.latestImage),
        ("source", spec.sourceRef.name if spec.sourceRef else None),
        ("last run", status.lastAutomationRunTime),
        ("last push", status.lastPushCommit),
        ("pushed", status.lastPushTime),
        ("type", spec.type),
        ("channel", spec.channel),
        ("events", ", ".join(spec.events or ())),
        ("path", status.webhookPath),
        ("for", ", ".join(f"{each.kind or ''}/{each.name}" for each in spec.resources or ())),
        ("of", ", ".join(f"{each.kind or ''}/{each.name}" for each in spec.eventSources or ())),
        ("provider", spec.providerRef.name if spec.providerRef else None),
        ("severity", spec.eventSeverity),
        ("every", spec.interval),
    ]
    return tuple((label, said(value)) for label, value in pairs if value)
