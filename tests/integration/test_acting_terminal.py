"""Terminals that go away, stop reading or are interrupted, and an API that is cut off: a job goes on to its end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from bakeryops.errors import BakeryopsError
from bakeryops.jobs.store import JobStore
from bakeryops.model.job import JobView
from tests.support.cli_child import Serving, environment
from tests.support.killed import Shop, served_shop, shop
from tests.support.killed_console import confirm
from tests.support.pty import Terminal
from tests.support.waiting import until, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with served_shop(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
async def bakery(demo: Serving) -> AsyncIterator[Shop]:
    async with shop(demo) as found:
        yield found


# A shell that starts its jobs in the background has SIGINT ignored, and children inherit that.
_MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from bakeryops.__main__ import main; main()"
)


def terminal(demo: Serving, *arguments: str) -> Terminal:
    """Run `bakeryops` in a terminal, the console where no verb is given."""
    environ = {name: value for name, value in environment(demo.home).items() if name != "TERM"}
    command = [sys.executable, "-c", _MAIN, "--config", str(demo.folder / "config.yaml"), *arguments]
    return Terminal(command, columns=110, lines=36, environ=environ)


def newest() -> JobView:
    """Return the job that was begun last."""
    store = JobStore()
    return store.view(store.ids()[0])


def begun(service: str) -> JobView:
    """Wait until the job of a service has pushed, and return it."""
    wait_until(lambda: f"rollback-{service}" in "".join(JobStore().ids()[:1]))
    wait_until(lambda: next(each for each in newest().steps if each.id == "push").state == "done")
    return newest()


def attached(demo: Serving, job: str) -> None:
    """Attach to a job, and see that it ends well."""
    done = demo.bakeryops("jobs", "attach", job)
    assert done.code == 0, done
    assert "stayed ready for" in done.out
    assert JobStore().view(job).state == "done"


def confirmed(console: Terminal, row: str) -> str:
    """Ask for the rollback of what is broken, confirm it, and return its service."""
    console.wait_for("live", 30)
    console.wait_for(f"✖ {row}")
    service = row.removesuffix("-service")
    for _ in range(10):
        if any(line.startswith(f" bakery-ia/{row}:") for line in console.text()):
            break
        console.send("j")
        console.read(0.3)
    console.wait_for("R roll back")
    confirm(console)
    console.wait_for(f"rollback {service}")
    return service


def test_a_console_that_is_hung_up_leaves_its_job_running(demo: Serving) -> None:
    with terminal(demo) as console:
        job = begun(confirmed(console, "distribution-service")).id
        console.process.send_signal(signal.SIGHUP)
        console.wait()
    assert not JobStore().view(job).finished
    attached(demo, job)


def test_a_terminal_that_stops_reading_does_not_stop_the_job(demo: Serving) -> None:
    with terminal(demo) as console:
        job = begun(confirmed(console, "pos-service")).id
        # Nothing is read from here on; whole screens are drawn until the terminal's buffer is full and the console waits.
        for key in "1234" * 30:
            console.send(key)
        wait_until(lambda: JobStore().view(job).finished, 120.0)
        assert JobStore().view(job).state == "done"
        assert console.process.poll() is None
        assert len(console.read(1.0)) > 4096, "it had more to draw than the terminal takes"
        console.send("J")
        console.wait_for("rollback")
    attached(demo, job)


def test_a_terminal_that_is_closed_does_not_stop_the_job(demo: Serving) -> None:
    with terminal(demo, "rollback", "tenant", "--yes", "--watch", "5") as closing:
        job = begun("tenant").id
    assert closing.process.poll() is not None
    assert not JobStore().view(job).finished
    attached(demo, job)


def test_ctrl_c_leaves_the_job_running_and_says_how_to_attach(demo: Serving) -> None:
    with terminal(demo, "rollback", "sales", "--yes", "--watch", "5") as shell:
        job = begun("sales").id
        # As the terminal does for ctrl+c; this one is nobody's controlling terminal.
        shell.process.send_signal(signal.SIGINT)
        assert shell.wait() == 130
        said = "".join(line.ljust(110) for line in shell.text())
    assert f"bakeryops jobs attach {job}" in said
    assert f"bakeryops jobs cancel {job}" in said
    assert not JobStore().view(job).finished
    attached(demo, job)


async def post(bakery: Shop, path: str, body: bytes = b"") -> None:
    """Ask the cluster for trouble; the answer may be cut off too."""
    with suppress(BakeryopsError):
        async with bakery.session.transport.open("POST", path, body=body) as answer:
            await answer.read()


async def test_connections_cut_and_refused_during_every_step_are_waited_out(bakery: Shop) -> None:
    job = bakery.save((await bakery.rollback("forecasting", watch=4.0)).plan)
    with job.start() as child:
        for step in [each.id for each in job.plan.steps]:
            await until(lambda step=step: _begun(job.view, step) or child.poll() is not None, 60.0)  # type: ignore[misc]
            await post(bakery, "/_demo/drop")
            await post(bakery, "/_demo/faults", b'{"action":"drop","path":"^/api","user":"admin","count":4}')
        end = time.monotonic() + 120
        while child.poll() is None and time.monotonic() < end:
            child.communicate(timeout=120)
        assert child.returncode == 0, job.told
    assert job.view.state == "done"
    assert len(bakery.commits(job.change)) == 1
    hold = await bakery.hold("forecasting")
    assert hold is not None
    assert hold.job == job.job


def _begun(view: JobView, step: str) -> bool:
    return next(each for each in view.steps if each.id == step).state not in ("pending", "checking")
