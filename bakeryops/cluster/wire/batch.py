"""The batch group: work that ends."""

from __future__ import annotations

import msgspec

from bakeryops.cluster.wire.apps import PodTemplate
from bakeryops.cluster.wire.core import ObjectReference
from bakeryops.cluster.wire.meta import AnnotatedMeta, Condition

__all__ = ["CronJob", "CronJobSpec", "CronJobStatus", "Job", "JobSpec", "JobStatus", "JobTemplate"]


class JobSpec(msgspec.Struct, gc=False):
    """What a Job asks for; no `completions` means one success, or any with a parallelism set."""

    completions: int | None = None
    parallelism: int | None = None
    backoffLimit: int | None = None
    activeDeadlineSeconds: int | None = None
    suspend: bool | None = None
    template: PodTemplate | None = None


class JobStatus(msgspec.Struct, gc=False):
    """How far a Job has come; it ended when condition Complete or Failed is True."""

    active: int | None = None
    ready: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    startTime: str | None = None
    completionTime: str | None = None
    conditions: list[Condition] | None = None


class Job(msgspec.Struct, gc=False):
    """A Job."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: JobSpec | None = None
    status: JobStatus | None = None


class JobTemplate(msgspec.Struct, gc=False):
    """The Job that a CronJob makes."""

    spec: JobSpec | None = None


class CronJobSpec(msgspec.Struct, gc=False):
    """When a CronJob makes which Job."""

    schedule: str | None = None
    timeZone: str | None = None
    suspend: bool | None = None
    concurrencyPolicy: str | None = None
    jobTemplate: JobTemplate | None = None


class CronJobStatus(msgspec.Struct, gc=False):
    """Which Jobs of a CronJob run, and when the last began and the last good one ended."""

    active: list[ObjectReference] | None = None
    lastScheduleTime: str | None = None
    lastSuccessfulTime: str | None = None


class CronJob(msgspec.Struct, gc=False):
    """A CronJob."""

    metadata: AnnotatedMeta = msgspec.field(default_factory=AnnotatedMeta)
    spec: CronJobSpec | None = None
    status: CronJobStatus | None = None
