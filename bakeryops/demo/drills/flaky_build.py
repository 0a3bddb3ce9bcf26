"""A build that failed for a test which fails now and then."""

from __future__ import annotations

from bakeryops.demo.chain.pytest_log import failing_lines
from bakeryops.demo.drills.base import Drill
from bakeryops.demo.drills.releases import Change, released

__all__ = ["FlakyBuild"]

_TEST = '''\
"""What the clock says."""

from __future__ import annotations

from time import monotonic


def test_time_goes_on() -> None:  # demo: flaky tests
    assert monotonic() > 0
'''


class FlakyBuild(Drill):
    """A commit is not deployed because its run failed; another run of the same commit goes through."""

    name = "flaky-build"
    title = "A build of {service} that should not have failed"
    story = (
        "Lina's change to {service} is wanted in production today. Its build failed in the tests, in one that "
        "has nothing to do with the change: everybody knows that it fails now and then."
    )
    goal = "Lina's change to {service} runs in production."
    hints = (
        "Read the log of the failed test: is it about what Lina changed?",
        "The same commit may be built once more. Nothing has to be pushed for that.",
        "Run it again: bakeryops builds rerun RUN, or bakeryops rebuild {service}",
    )

    _commit = ""

    def begin(self) -> None:
        """Leave a failed run behind."""
        path = f"services/{self.service}/tests/test_clock.py"
        text = '"""Which day it is for the shop."""\n\nDAY = "today"\n'
        files: dict[str, bytes | None] = {path: _TEST.encode()}
        files[f"services/{self.service}/app/core/day.py"] = text.encode()
        change = Change("lina", f"{self.service}: ask which day it is for the shop\n", files)
        line = next(number for number, each in enumerate(_TEST.splitlines(), 1) if "demo:" in each)
        told = failing_lines(self.service, path, line)
        release = released(self.scene, self.service, change, ago=40.0, failing=told, tell=False)
        self._commit = release.after

    def reached(self) -> str:
        """Return the commit that deployed the change, once the pods run it."""
        return self.scene.came_by(self.service) if self.scene.runs_commit(self.service, self._commit) else ""
