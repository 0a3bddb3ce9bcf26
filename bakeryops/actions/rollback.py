"""Rollback: a service, a release or the whole overlay back to an earlier image, by a commit; and its undo."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from dataclasses import replace

import msgspec

from bakeryops.actions.breakglass_steps import not_in_git
from bakeryops.actions.git_steps import CHANGE
from bakeryops.actions.ground import Ground
from bakeryops.actions.hold import holds_of
from bakeryops.actions.overlay_edit import Edit, Made, make
from bakeryops.actions.rollback_look import Delivery, Images, delivery_of, failed_images, images_of, writers
from bakeryops.actions.rollback_plan import AWAY, finished_plan
from bakeryops.actions.rollback_preview import Seen, objects_of, pasts_of
from bakeryops.actions.rollback_target import Target, of_point, of_release, of_service, of_undo
from bakeryops.actions.rollback_wish import Wish
from bakeryops.actions.rollback_words import commit_message, shown
from bakeryops.errors import BakeryopsError, CredentialError, UnreachableError, UsageError
from bakeryops.git.editing import Editor
from bakeryops.git.errors import GitError
from bakeryops.git.overlay import NAMES
from bakeryops.git.repository import Repository
from bakeryops.masking import mask_lines
from bakeryops.model.plan import Plan
from bakeryops.read.chain_parts import named
from bakeryops.registry.client import stored_tags

__all__ = ["AWAY", "Wish", "plan_rollback", "plan_undo"]


async def plan_rollback(ground: Ground, wish: Wish) -> Plan:
    """Return the plan of a rollback; raises `BakeryopsError` for what is not known or cannot be read.

    While Gitea does not answer, the plan says so and cannot be carried out: see `actions.breakglass`.
    """
    repository = _repository(ground)
    if wish.service:
        stored, failed = await asyncio.gather(_stored(ground, wish.service), failed_images(ground, wish.service))
        target = of_service(ground, wish.service, wish.to, stored=stored, failed=failed)
    elif wish.release:
        target = of_release(ground, wish.release)
    elif wish.point:
        target = await of_point(ground, repository, wish.point)
    else:
        raise UsageError("say what is to be rolled back", hint="bakeryops rollback SERVICE")
    return await _plan(ground, repository, target, wish, "rollback")


async def plan_undo(ground: Ground, service: str, *, reason: str = "", watch: float = 30.0) -> Plan:
    """Return the plan that takes a service's last rollback back and lifts its hold; raises `BakeryopsError`."""
    repository = _repository(ground)
    target = of_undo(ground, service)
    return await _plan(
        ground, repository, target, Wish(service, reason=reason, hold=False, watch=watch), "reapply"
    )


def _repository(ground: Ground) -> Repository:
    if ground.repository is None or not ground.code.head:
        hint = ground.code.hint or "Set git.url in the configuration."
        if ground.code.reason:
            hint += " In an emergency: bakeryops rollback SERVICE --break-glass"
        raise BakeryopsError("nothing can be rolled back: Git is not known", why=ground.code.reason, hint=hint)
    return ground.repository


async def _stored(ground: Ground, service: str) -> Collection[str] | None:
    """Return the tags that the registry has of a service, None where that cannot be known."""
    image = next((each for each in ground.code.images if each.service == service), None)
    if image is None:
        return None
    try:
        return await stored_tags(ground.config, image.new_name or image.name)
    except BakeryopsError:
        return None


async def _plan(ground: Ground, repository: Repository, target: Target, wish: Wish, verb: str) -> Plan:
    editor = Editor(repository)
    head = ground.code.head
    services = [move.service for move in target.moves]
    edit = _edit(ground, target, wish, verb)
    outcome, images, automation, holds, pushable = await asyncio.gather(
        _made(repository, editor, head, edit, target),
        images_of(ground, target.moves),
        writers(ground),
        holds_of(ground),
        _pushable(repository, editor),
    )
    edit, made, why_set = outcome
    delivery = delivery_of(ground, services)
    pasts, objects = await asyncio.gather(
        pasts_of(ground, repository, target), objects_of(ground, repository, delivery, head, made)
    )
    past_git = await _past_git(ground, delivery)
    diff, others = await _diff(repository, head, made, ground.code.overlay)
    seen = Seen(
        ground=ground,
        wish=wish,
        verb=verb,
        target=target,
        edit=edit,
        change=_change(edit),
        made=made,
        why_set=why_set,
        images=_merged(images, target),
        automation=tuple(automation),
        holds=holds,
        pushable=pushable[0],
        away=pushable[1],
        delivery=delivery,
        pasts=pasts,
        objects=objects,
        diff=diff,
        others=others,
        push_command=editor.push_command(made.commit, expect=head) if made.state == "made" else "",
        past_git=past_git,
    )
    return finished_plan(seen)


async def _past_git(ground: Ground, delivery: Delivery) -> tuple[str, str]:
    """Return why a suspended Kustomization must not be resumed yet and what to do, both "" where nothing does."""
    sync = delivery.sync
    if sync is None or not sync.suspended or ground.session is None:
        return "", ""
    return not_in_git(await ground.session.get("kustomizations", sync.name, sync.namespace))


def _merged(images: Images, target: Target) -> Images:
    return replace(images, gone={**target.missing, **images.gone})


def _edit(ground: Ground, target: Target, wish: Wish, verb: str) -> Edit:
    """Return the edit that a target asks for: a revert where one comes to the same, else set tags."""
    who = ground.who
    moves = target.moves
    if len(moves) == 1:
        move = moves[0]
        subject = f"{verb}({move.service}): {shown(move.before)} -> {shown(move.after)}"
    elif wish.release:
        subject = f"{verb}({target.what}): {named([each.service for each in moves], 6)}"
    else:
        subject = f"{verb}({target.what}): {len(moves)} services"
    edit = Edit(
        overlay=ground.code.overlay,
        mode="revert" if target.reverts else "set",
        commits=target.reverts,
        before={each.name: each.before for each in moves},
        after={each.name: each.after for each in moves},
        message="",
        author=who.name,
        email=who.email,
        when=int(ground.now),
    )
    reverts = target.reverts or tuple(dict.fromkeys(each.now.commit for each in moves if each.now is not None))
    message = commit_message(
        subject,
        reason=wish.reason,
        services=[each.service for each in moves],
        reverts=reverts,
        who=who,
        more=((CHANGE, _change(edit)),),
    )
    return msgspec.structs.replace(edit, message=message)


def _change(edit: Edit) -> str:
    """Return a name for a change, by which its commit is known again."""
    bare = msgspec.structs.replace(edit, message="", mode="set", commits=())
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()[:16]


async def _made(
    repository: Repository, editor: Editor, head: str, edit: Edit, target: Target
) -> tuple[Edit, Made, str]:
    """Make the commit, by setting tags where a revert does not come to the same; return also why."""
    if not target.moves:
        return edit, Made("done", head), ""
    why = target.why_set
    if edit.mode == "revert":
        try:
            made = await make(repository, editor, head, edit)
        except GitError as error:
            if error.kind != "git":
                raise
            why = f"{error.message}, so the tag is set"
        else:
            if made.state != "conflict":
                return edit, made, ""
            why = f"{made.text}, so the tag is set"
    edit = msgspec.structs.replace(edit, mode="set", commits=())
    return edit, await make(repository, editor, head, edit), why


async def _diff(
    repository: Repository, head: str, made: Made, overlay: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the diff of the overlay's kustomization, and the paths of whatever else a revert changes.

    What else there is may be a Secret: of that only the name is shown, and its object in the list of objects.
    """
    if made.state != "made":
        return (), ()
    paths = await repository.changed(head, made.commit)
    mine = [path for path in paths if path in {f"{overlay.strip('/')}/{name}" for name in NAMES}]
    texts = await asyncio.gather(*(repository.diff(f"{head}..{made.commit}", path) for path in mine))
    lines = [line for text in texts for line in text.splitlines()]
    return mask_lines(lines, diff=True), tuple(path for path in paths if path not in mine)


async def _pushable(repository: Repository, editor: Editor) -> tuple[str, bool]:
    """Return why nothing can be pushed, "" where it can as far as can be told, and whether Git is away."""
    reason = await editor.can_push()
    if not reason:
        return "", False
    try:
        await repository.refresh()
    except CredentialError:
        return reason, False
    except UnreachableError:
        return reason, True
    except BakeryopsError:
        return reason, False
    return reason, False
