"""The steps of break-glass: record what Git has to be told, set images past it, and take the record away again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bakeryops.actions.marks import marks, stamp
from bakeryops.jobs.step import At, Check, Step, StepFailedError, registered
from bakeryops.read.chain_parts import named
from bakeryops.read.holds import WRITE_BACK, records_in
from bakeryops.read.images import split_image
from bakeryops.text import clean

__all__ = ["WRITE_BACK", "not_in_git", "written_back"]


def written_back(obj: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return what a Kustomization says was set past Git and waits to be written back, by service."""
    metadata = obj.get("metadata")
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    return records_in(notes) if isinstance(notes, dict) else {}


def not_in_git(obj: Mapping[str, Any]) -> tuple[str, str]:
    """Return why a Kustomization must not be resumed yet and what to do, both "" where nothing keeps it."""
    waiting = sorted(written_back(obj))
    if not waiting:
        return "", ""
    what = "was" if len(waiting) == 1 else "were"
    return (
        f"{named(waiting)} {what} set past Git and Git does not know it yet: resuming would undo it",
        f"Write it back first: bakeryops rollback {waiting[0]} --write-back",
    )


async def _kustomization(at: At) -> dict[str, Any]:
    session = await at.session()
    return await session.get("kustomizations", str(at.args["name"]), str(at.args["namespace"]))


async def _annotate(at: At, notes: Mapping[str, str | None]) -> None:
    writer = await at.writer()
    change = {"metadata": {"annotations": {**notes, **marks(at)}}}
    await writer.patch("kustomizations", str(at.args["name"]), str(at.args["namespace"]), change)


@registered
class Record(Step):
    """Record on the Kustomization what is set past Git, where everybody who would resume it sees it."""

    kind = "glass.record"

    async def check(self, at: At) -> Check:
        """Look whether it is recorded."""
        found = written_back(await _kustomization(at)).get(str(at.args["service"]), {})
        same = found.get("job") == at.job
        return Check(same, "recorded on the Kustomization")

    async def apply(self, at: At) -> None:
        """Write the annotation."""
        record = {**at.args["record"], "who": at.who, "at": stamp(at.now()), "job": at.job}
        await _annotate(at, {WRITE_BACK + str(at.args["service"]): json.dumps(record, sort_keys=True)})

    async def verify(self, at: At) -> str:
        """Look whether it is there."""
        if not (await self.check(at)).done:
            raise StepFailedError("the record does not stay on the Kustomization", why="something has removed it")
        return "recorded on the Kustomization: it has to be written back before Flux is resumed"


@registered
class SetImage(Step):
    """Set the image of workloads, past Git."""

    kind = "glass.image"

    async def check(self, at: At) -> Check:
        """Look whether all have it."""
        for each in at.args["workloads"]:
            if str(each["image"]) not in [image for _, image in await self._images(at, each)]:
                return Check(False)
        return Check(True, self._evidence(at))

    async def apply(self, at: At) -> None:
        """Patch the containers that run the image."""
        name = str(at.args["image_name"])
        writer = await at.writer()
        for each in at.args["workloads"]:
            mine = [box for box, image in await self._images(at, each) if split_image(image).name == name]
            if not mine:
                raise StepFailedError(f"{each['kind']} {each['name']} has no container of the image {clean(name)}")
            containers = [{"name": box, "image": str(each["image"])} for box in mine]
            change = {
                "metadata": {"annotations": marks(at)},
                "spec": {"template": {"spec": {"containers": containers}}},
            }
            plural = f"{str(each['kind']).lower()}s"
            await writer.patch(plural, str(each["name"]), str(each["namespace"]), change, patch_type="strategic")

    async def verify(self, at: At) -> str:
        """Look whether it stayed."""
        if not (await self.check(at)).done:
            raise StepFailedError("the image does not stay", why="something has set it back: is Flux suspended?")
        return self._evidence(at)

    async def _images(self, at: At, workload: Mapping[str, Any]) -> list[tuple[str, str]]:
        session = await at.session()
        plural = f"{str(workload['kind']).lower()}s"
        obj = await session.get(plural, str(workload["name"]), str(workload["namespace"]))
        spec = ((obj.get("spec") or {}).get("template") or {}).get("spec") or {}
        return [(str(each.get("name")), str(each.get("image") or "")) for each in spec.get("containers") or ()]

    def _evidence(self, at: At) -> str:
        each = at.args["workloads"][0]
        return f"{each['name']} wants {split_image(str(each['image'])).tag or each['image']}"


@registered
class Settle(Step):
    """Take the record away: Git knows by now."""

    kind = "glass.settle"

    async def check(self, at: At) -> Check:
        """Look whether it is gone."""
        return Check(str(at.args["service"]) not in written_back(await _kustomization(at)), "nothing is recorded")

    async def apply(self, at: At) -> None:
        """Remove the annotation."""
        await _annotate(at, {WRITE_BACK + str(at.args["service"]): None})

    async def verify(self, at: At) -> str:
        """Look whether it is gone."""
        if not (await self.check(at)).done:
            raise StepFailedError("the record does not go away", why="something sets it again")
        return "Git and cluster say the same"
