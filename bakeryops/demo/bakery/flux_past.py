"""The statuses of Flux' objects as its controllers left them: the head of main fetched, applied and told of."""

from __future__ import annotations

from bakeryops.demo.bakery.delivery import KUSTOMIZATION
from bakeryops.demo.bakery.story import Applied, Story
from bakeryops.demo.controllers import Cluster
from bakeryops.demo.flux import Fetched, GitSources, PastApply, settle_kustomization, settle_source

__all__ = ["settle_flux"]

_FETCHED_AFTER = 3.0
"""Seconds from a push to its artifact, the Receiver having told of it."""
_APPLIED_AFTER = 9.0
_INTERVAL = 600.0
_KEPT = 5


def settle_flux(cluster: Cluster, sources: GitSources, story: Story) -> list[str]:
    """Write the statuses of GitRepository and Kustomization; returns what was not as Git has it (nothing)."""
    fetched = Fetched(story.head, "main", story.applied[0].subject)
    settle_source(cluster, sources, KUSTOMIZATION, fetched, when=story.head_when + _FETCHED_AFTER)
    states = _distinct(story)
    now = cluster.clock.now()
    past = []
    for place, each in enumerate(states):
        first = each.first + _APPLIED_AFTER
        rounds = max(0, int(((states[place - 1].first if place else now) - first) // _INTERVAL))
        last = max(first + rounds * _INTERVAL, each.when + _APPLIED_AFTER)
        past.append(
            PastApply(f"main@sha1:{each.commit}", last, 0.271 + place * 0.013, times=rounds + 1, first=first)
        )
    return settle_kustomization(cluster, sources, KUSTOMIZATION, past)


def _distinct(story: Story) -> list[Applied]:
    """Return the states that were applied, newest first: several commits of one push were applied as one."""
    kept: list[Applied] = []
    for each in story.applied:
        if not kept or kept[-1].first - each.first > _APPLIED_AFTER:
            kept.append(each)
    return kept[:_KEPT]
