"""How a verb reaches the cluster: connect, look once or go on looking, and say plainly what could not be seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from bakeryops.cli.output import say
from bakeryops.errors import BakeryopsError, CredentialError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from bakeryops.cli.options import Call
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.link import Link
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.target import Target
    from bakeryops.config import Config

__all__ = ["beats", "connected", "look", "make_session", "mention", "missed", "run", "watched"]

_SETTLE_SECONDS = 30.0
_SETTLE_STEP = 0.25


def run(work: Coroutine[Any, Any, int]) -> None:
    """Run a verb's coroutine to its end and end the process with its exit code, unless that is 0."""
    code = asyncio.run(work)
    if code:
        raise SystemExit(code)


def make_session(target: Target, config: Config) -> Session:
    """Return a session, not started, that refuses changes where the configuration says so."""
    from bakeryops.cluster.session import Session
    from bakeryops.read.holds import places

    session = Session(target, places=places(config))
    session.transport.read_only = config.read_only
    return session


@asynccontextmanager
async def connected(call: Call) -> AsyncIterator[Session]:
    """Find the cluster and hold a session on it; raises what `find_target` raises."""
    from bakeryops.cluster.target import find_target

    config = call.load().config
    session = make_session(find_target(config.kubeconfig, config.context), config)
    try:
        await session.start()
        yield session
    finally:
        await session.close()


async def look(
    session: Session,
    kinds: Collection[str],
    *,
    namespace: str | None,
    needed: Collection[str],
    quiet: bool = False,
) -> Feed:
    """List `kinds` once; raises when one of the `needed` cannot be seen, and mentions the others that cannot.

    `quiet` leaves the mention out, for a verb that tells of them itself.
    """
    try:
        feed = await session.snapshot(kinds, namespace=namespace)
    except CredentialError:
        raise
    except UnreachableError as error:
        raise await _away(session, error.message, error.why, error.hint) from error
    for kind in needed:
        state = feed.store(kind).state
        if state.phase == "waiting":
            raise BakeryopsError(f"{kind} could not be read", why=state.reason, hint=state.hint)
    _judge(session, feed, namespace, needed)
    if not quiet:
        mention(feed)
    return feed


async def watched(
    session: Session,
    kinds: Collection[str],
    *,
    namespace: str | None,
    needed: Collection[str],
    quiet: bool = False,
) -> Feed:
    """Watch `kinds`; like `look`, but what is lost later is waited for."""
    feed = session.feed(kinds, namespace=namespace)
    link = session.link
    await _settle(feed, link)
    if link.phase == "unauthorized":
        raise CredentialError(f"{session.target.server} refuses the credentials", why=link.reason, hint=link.hint)
    if link.phase != "live":
        raise await _away(session, f"{session.target.server} cannot be reached", link.reason, link.hint)
    _judge(session, feed, namespace, needed)
    if not quiet:
        mention(feed)
    return feed


async def _settle(feed: Feed, link: Link) -> None:
    """Wait until all that can be seen is there, or the cluster has failed to answer once."""
    waited = 0.0
    while waited < _SETTLE_SECONDS and not await feed.settled(_SETTLE_STEP):
        if link.phase != "live" and link.reason:
            return
        waited += _SETTLE_STEP


def _judge(session: Session, feed: Feed, namespace: str | None, needed: Collection[str]) -> None:
    """Raise where a kind that is needed may not be looked at, or is not there to be looked at."""
    for kind in needed:
        state = feed.store(kind).state
        if state.phase == "absent":
            raise BakeryopsError(
                f"{session.target.server} serves no {kind}",
                why=state.reason,
                hint=state.hint
                or "Check the server's address: a proxy or a login page may have answered instead.",
            )
        if state.phase == "forbidden":
            own = session.target.namespace
            hint = (
                state.hint
                if namespace
                else f"Ask for one namespace only, such as: -n {own}; or use another --context."
            )
            raise RefusedError(f"{kind} may not be looked at", why=state.reason, hint=hint)


def mention(feed: Feed) -> None:
    """Say on standard error what of a feed cannot be seen."""
    for kind in feed.kinds:
        state = feed.store(kind).state
        if state.phase == "forbidden":
            say(f"{kind} are left out: {state.reason}")
        elif state.phase in ("waiting", "syncing", "stale"):
            say(f"{kind} could not be read: {state.reason or state.phase}")
        elif state.notes:
            say(f"{kind}: {state.notes}")


def missed(feed: Feed) -> bool:
    """Return whether something that may be looked at could not be: usage apart, by which nothing is judged."""
    states = [feed.store(kind).state for kind in feed.kinds if kind not in ("podmetrics", "nodemetrics")]
    return any(state.phase in ("waiting", "syncing", "stale") or state.notes for state in states)


async def _away(session: Session, message: str, why: str, hint: str) -> UnreachableError:
    """Return the error for a cluster that does not answer, with what this machine knows of it."""
    from bakeryops.cluster.outage import explain

    found = await explain(session.target)
    return UnreachableError(message, why="; ".join(part for part in (why, *found) if part), hint=hint)


async def beats(feed: Feed, *, max_hz: float, every: float) -> AsyncIterator[Changes]:
    """Yield the feed's changes, and empty ones after `every` seconds without any, for what time alone changes."""
    from bakeryops.cluster.feed import Changes

    async with aclosing(feed.changes(max_hz)) as changes:  # type: ignore[type-var]
        following = asyncio.ensure_future(anext(changes))
        try:
            while True:
                await asyncio.wait({following}, timeout=every)
                if not following.done():
                    yield Changes()
                    continue
                try:
                    batch = following.result()
                except StopAsyncIteration:
                    return
                following = asyncio.ensure_future(anext(changes))
                yield batch
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
