"""What the developers did: messages, and the changes that go with them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bakeryops.demo.bakery.monorepo.source import NAMES, folder_of, migration, settings_py

__all__ = ["DOCS", "SHARED", "Edit", "Editor"]


@dataclass(frozen=True)
class Edit:
    """One commit: its message and what it changes."""

    message: str
    changes: Mapping[str, bytes | None]


_FEATURES: dict[str, tuple[str, ...]] = {
    "auth": ("Rotate refresh tokens", "Lock an account after ten failures", "Offer passkeys to owners"),
    "tenant": ("Let a tenant have several shops", "Show the trial's last day"),
    "training": ("Train on closed days too", "Keep the last three models of a product"),
    "forecasting": ("Weigh the weather by hour", "Forecast half days before holidays", "Cache features of a shop"),
    "sales": ("Import receipts as CSV", "Filter sales by shop and day", "Count refunds once"),
    "inventory": ("Warn before flour runs out", "Track lots of yeast by expiry", "Round stock to whole sacks"),
    "recipes": ("Scale a recipe by dough weight", "Show allergens on labels"),
    "production": ("Plan ovens by temperature", "Start batches from the tablet"),
    "suppliers": ("Rate suppliers by punctuality", "Keep price lists with their dates"),
    "procurement": ("Group orders by supplier", "Propose orders for Monday"),
    "orders": ("Take orders for a later day", "Filter by delivery date", "Split deliveries by shop"),
    "pos": ("Read tips from the terminal", "Close the day at midnight", "Print the tax number"),
    "notification": ("Send a digest at six", "Let people mute a topic"),
    "alert-processor": ("Merge alerts of one oven", "Drop alerts older than a day"),
    "external": ("Ask the weather service once an hour", "Keep school holidays by region"),
    "orchestrator": ("Retry a step twice", "Run the night plan in order"),
    "ai-insights": ("Explain a forecast in words", "Compare shops of one size"),
    "demo-session": ("Delete demo data after a day", "Offer a demo in Basque"),
    "distribution": ("Order stops by distance", "Show a driver the next stop"),
    "gateway": ("Limit requests by tenant", "Forward the trace header", "Answer 429 with Retry-After"),
    "frontend": ("Show stock as a chart", "Remember the chosen shop", "Load the calendar later"),
}
_WIDE = (
    ("forecasting", "修正：节假日预测偏差"),
    ("frontend", "🥐 Name croissants by their dough"),
    ("notification", "Traduce los avisos de caducidad: ñ, ü y ¿dónde?"),
    ("recipes", "Añade «pan de molde» — y sus alérgenos"),
    ("frontend", "日本語の日付を正しく表示する"),
)
"""Subjects with characters of two columns and beyond ASCII."""
SHARED = (
    "Time out calls between services after ten seconds",
    "Write trace ids into every log line",
    "Close the broker's connection on shutdown",
)
"""Subjects of the commits that touch what all services carry."""
DOCS = (
    "Say in the runbook how to roll back",
    "Draw how an order travels",
    "Say which forecasts need more memory",
    "Explain who is on call at Christmas",
    "Describe the pull request template",
    "List the ports of the services",
)
_BODIES = (
    "",
    "",
    "Asked for by the shop in Bilbao.",
    "It took a second for each call before, and blocked the pool.",
    "Nobody used the old way any more: the frontend asks the new route since last week.",
    "Refs #{number}",
)
_PACKAGES = (("fastapi", "0.115.{}"), ("asyncpg", "0.30.{}"), ("redis", "5.2.{}"), ("aio-pika", "9.5.{}"))


def _slug(subject: str) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", subject.lower())[:4]) or "wording"


class Editor:
    """Makes edits on the files as they are by then; the same random numbers make the same edits."""

    def __init__(self, files: Mapping[str, bytes], rng: random.Random) -> None:
        """Take the files of the first commit; they are copied."""
        self.files: dict[str, bytes] = dict(files)
        self._rng = rng
        self._number = 20
        self._features = {name: list(each) for name, each in _FEATURES.items()}
        self._wide: Iterator[tuple[str, str]] = iter(_WIDE)
        self._migrations: dict[str, int] = {}

    def apply(self, message: str, changes: Mapping[str, bytes | str | None]) -> Edit:
        """Change the files and return the edit."""
        made = {path: text.encode() if isinstance(text, str) else text for path, text in changes.items()}
        for path, content in made.items():
            if content is None:
                self.files.pop(path, None)
            else:
                self.files[path] = content
        return Edit(message, made)

    def message(self, subject: str) -> str:
        """Return a message as people write them: often a subject alone, at times with a reason."""
        self._number += 1
        body = self._rng.choice(_BODIES).format(number=self._number)
        return f"{subject}\n\n{body}\n" if body else f"{subject}\n"

    def work_on(self, service: str) -> Edit:
        """Make an ordinary commit on a service: something new, a wider test, a package, a setting, a migration."""
        kind = self._rng.random()
        if self._features[service] and kind < 0.62:
            return self.feature(service, self._features[service].pop(0))
        if service != "frontend" and kind < 0.75:
            return self._package(service)
        if service != "frontend" and kind < 0.9:
            return self._setting(service)
        if any(path.startswith(f"services/{service}/migrations/") for path in self.files):
            return self._migrate(service)
        return self.feature(service, f"Tidy up what {service} says when it fails")

    def wide(self) -> Edit | None:
        """Make a commit whose message has wide characters, None when there is no further one."""
        found = next(self._wide, None)
        return self.feature(*found) if found else None

    def feature(self, service: str, subject: str) -> Edit:
        """Add a function with a test, or a component of the frontend."""
        slug = _slug(subject)
        folder = folder_of(service)
        said = self.message(
            subject if self._rng.random() < 0.4 else f"{service}: {subject[0].lower()}{subject[1:]}"
        )
        if service == "frontend":
            path = f"frontend/src/{slug}.tsx"
            return self.apply(said, {path: f"// {subject}\nexport const {slug} = () => {self._number};\n"})
        code = (
            f'"""{subject}."""\n\nMOST = {self._number}\n\n\n'
            f'def {slug}(value: int) -> int:\n    """{subject}."""\n'
            "    return min(max(0, value), MOST)\n"
        )
        test = f"from app.{slug} import {slug}\n\n\ndef test_{slug}() -> None:\n    assert {slug}(-1) == 0\n"
        return self.apply(said, {f"{folder}/app/{slug}.py": code, f"{folder}/tests/test_{slug}.py": test})

    def _package(self, service: str) -> Edit:
        path = f"{folder_of(service)}/requirements.txt"
        name, pattern = self._rng.choice(_PACKAGES)
        version = pattern.format(self._rng.randint(3, 19))
        text = re.sub(rf"(?m)^{name}==.*$", f"{name}=={version}", self.files[path].decode())
        if text.encode() == self.files[path]:
            text += f"tenacity==9.0.{self._rng.randint(0, 9)}\n"
        return self.apply(self.message(f"Bump {name} to {version} in {service}"), {path: text})

    def _setting(self, service: str) -> Edit:
        path = f"{folder_of(service)}/app/core/settings.py"
        text = self.files[path].decode()
        size = self._rng.choice((20, 25, 40, 100, 120, 200, 250))
        changed = re.sub(r"page_size: int = \d+", f"page_size: int = {size}", text)
        if changed == text:
            changed = re.sub(r"page_size: int = \d+", f"page_size: int = {size + 5}", text)
        return self.apply(self.message(f"{service}: other page size"), {path: changed})

    def _migrate(self, service: str) -> Edit:
        number = self._migrations.get(service, 1) + 1
        self._migrations[service] = number
        path, text = migration(
            service, number, f"Note on row {number}", service.replace("-", "_"), f"note_{number}"
        )
        return self.apply(self.message(f"{service}: add a column for notes"), {path: text})

    def shared(self, subject: str) -> Edit:
        """Change what every service carries."""
        path = f"shared/bakery_shared/{_slug(subject)}.py"
        return self.apply(self.message(subject), {path: f'"""{subject}."""\n\nENABLED = True\n'})

    def docs(self, subject: str) -> Edit:
        """Change nothing but documentation."""
        path = f"docs/{_slug(subject)}.md"
        written = self.files.get(path, f"# {subject}\n".encode())
        said = self.message(f"docs: {subject[0].lower()}{subject[1:]}")
        return self.apply(said, {path: written + f"\nSee #{self._number}.\n".encode()})

    def crash(self) -> Edit:
        """Make the point of sale read a key that nobody has put into its environment."""
        path = "services/pos/app/core/settings.py"
        fields = '    terminal_key: str = ""\n'
        reads = '        terminal_key=environ["POS_TERMINAL_KEY"],  # demo: crash\n'
        text = settings_py("pos", fields=fields, reads=reads)
        test = "services/pos/tests/test_settings.py"
        tests = self.files[test].decode().replace('/x"}', '/x", "POS_TERMINAL_KEY": "k"}')
        return self.apply(
            "pos: read the terminal's key from the environment\n\nIt was in the image until now.\n",
            {path: text, test: tests},
        )

    def broken_test(self, service: str) -> Edit:
        """Break a test of a service."""
        path = f"{folder_of(service)}/app/totals.py"
        test = f"{folder_of(service)}/tests/test_totals.py"
        code = (
            '"""Totals."""\n\n\ndef total(lines: list[int]) -> int:\n    """Add up."""\n'
            "    return sum(lines[1:])\n"
        )
        check = "from app.totals import total\n\n\ndef test_total() -> None:\n    assert total([3, 4]) == 7\n"
        return self.apply(self.message(f"{service}: add up lines in one place"), {path: code, test: check})

    def mended_test(self, service: str) -> Edit:
        """Mend what `broken_test` broke."""
        path = f"{folder_of(service)}/app/totals.py"
        text = self.files[path].decode().replace("lines[1:]", "lines")
        return self.apply(f"{service}: count the first line too\n", {path: text})

    def pinned(self, service: str, line: str, subject: str) -> Edit:
        """Write a line at the end of a service's requirements, in place of one of the same package."""
        path = f"{folder_of(service)}/requirements.txt"
        name = line.partition("==")[0]
        kept = [each for each in self.files[path].decode().splitlines() if not each.startswith(f"{name}==")]
        return self.apply(f"{subject}\n", {path: "\n".join((*kept, line, ""))})

    def anywhere(self) -> str:
        """Return a service to work on."""
        return self._rng.choice((*NAMES, "gateway", "gateway", "frontend", "frontend", "frontend"))
