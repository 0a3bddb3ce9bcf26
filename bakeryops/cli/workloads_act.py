"""`bakeryops workloads restart`, `scale` and `delete-pod`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bakeryops.cli.acting import Acting, acting_options
from bakeryops.cli.options import EXIT_CODES, Call, pass_call

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground

__all__ = ["delete_pod", "restart", "scale"]


@click.command("restart", epilog=EXIT_CODES)
@click.argument("name", metavar="WORKLOAD")
@acting_options
@pass_call
def restart(call: Call, name: str, acting: Acting) -> None:
    """Restart a workload pod by pod, so that Flux does not take it back, and wait until the new pods are ready.

    WORKLOAD is a name, KIND/NAME, or the name of a service.

    \b
    Examples:
      bakeryops workloads restart auth -n bakery-ia
      bakeryops workloads restart StatefulSet/redis -n bakery-ia --dry-run
    """
    from bakeryops.cli.cluster import run

    run(_restart(call, acting, name))


async def _restart(call: Call, acting: Acting, name: str) -> int:
    from bakeryops.actions.workloads import plan_restart
    from bakeryops.cli.acting import act, grounded

    async with grounded(call) as ground:
        plan = await plan_restart(ground, *_named(ground, call, name))
        return await act(call, acting, plan, ground.session)


@click.command("scale", epilog=EXIT_CODES)
@click.argument("name", metavar="WORKLOAD")
@click.argument("replicas", metavar="PODS", type=click.IntRange(0, 10_000))
@acting_options
@pass_call
def scale(call: Call, name: str, replicas: int, acting: Acting) -> None:
    """Give a workload another number of pods; the plan says who takes that back, and when.

    What keeps data is scaled to 0 only when its name is typed (with --yes: --confirm NAME).

    \b
    Examples:
      bakeryops workloads scale gateway 3 -n bakery-ia
      bakeryops workloads scale auth-db 0 -n bakery-ia --yes --confirm auth-db
    """
    from bakeryops.cli.cluster import run

    run(_scale(call, acting, name, replicas))


async def _scale(call: Call, acting: Acting, name: str, replicas: int) -> int:
    from bakeryops.actions.workloads import plan_scale
    from bakeryops.cli.acting import act, grounded

    async with grounded(call) as ground:
        plan = await plan_scale(ground, *_named(ground, call, name), replicas)
        return await act(call, acting, plan, ground.session)


@click.command("delete-pod", epilog=EXIT_CODES)
@click.argument("name", metavar="POD")
@click.option("--evict", is_flag=True, help="Evict it: only as far as disruption budgets allow.")
@acting_options
@pass_call
def delete_pod(call: Call, name: str, evict: bool, acting: Acting) -> None:
    """Delete exactly this pod, and wait until it is gone and its successor is ready.

    \b
    Examples:
      bakeryops workloads delete-pod auth-service-7c9f6d-x2k4p -n bakery-ia
      bakeryops workloads delete-pod auth-service-7c9f6d-x2k4p -n bakery-ia --evict
    """
    from bakeryops.cli.cluster import run

    run(_delete_pod(call, acting, name, evict))


async def _delete_pod(call: Call, acting: Acting, name: str, evict: bool) -> int:
    from bakeryops.actions.targets import find_pod
    from bakeryops.actions.workloads import plan_delete_pod
    from bakeryops.cli.acting import act, grounded
    from bakeryops.errors import UnreachableError

    async with grounded(call) as ground:
        if ground.session is None:
            raise UnreachableError("the cluster is not connected")
        pod = await find_pod(ground.session, ground.workloads, f"pod/{name}", call.namespace)
        plan = await plan_delete_pod(ground, pod.namespace, pod.name, evict=evict)
        return await act(call, acting, plan, ground.session)


def _named(ground: Ground, call: Call, name: str) -> tuple[str, str, str]:
    from bakeryops.actions.targets import find_workload

    return find_workload(ground.workloads, name, call.namespace)
