"""What may be loaded when: starting fast and keeping the rooms apart both depend on it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENT = {"kubernetes", "aiohttp", "httpx", "requests"}
TERMINAL = {"textual", "screens"}


def module_names(*folders: str) -> list[str]:
    names = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            if not name.endswith("__main__"):
                names.append(name)
    return names


def python(code: str, *arguments: str, **environ: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", **environ}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(code: str, *arguments: str, **environ: str) -> set[str]:
    report = "\nimport sys, json\nsys.stdout.write('\\n' + json.dumps(sorted(sys.modules)))"
    return set(json.loads(python(code + report, *arguments, **environ).rpartition("\n")[2]))


def roots(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def test_the_package_itself_imports_nothing() -> None:
    loaded = loaded_by("import bakeryops")
    assert {name for name in loaded if name.startswith("bakeryops.")} == set()


RUN = """
import sys
from bakeryops.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["version"],
        ["version", "-o", "json"],
        ["config", "path"],
        ["config", "show"],
        ["config", "init"],
        ["completion", "bash"],
        ["status", "--help"],
        ["workloads", "--help"],
        ["events", "--help"],
        ["logs", "--help"],
        ["demo", "--help"],
    ],
    ids=" ".join,
)
def test_what_needs_no_cluster_loads_no_client_and_no_terminal(arguments: list[str], tmp_path: Path) -> None:
    loaded = loaded_by(RUN, *arguments, XDG_CONFIG_HOME=str(tmp_path))
    assert roots(loaded) & (CLIENT | TERMINAL) == set()
    assert "bakeryops.cluster" not in loaded


def test_completing_a_verb_loads_no_client(tmp_path: Path) -> None:
    loaded = loaded_by(RUN, _BAKERYOPS_COMPLETE="bash_complete", COMP_WORDS="bakeryops wor", COMP_CWORD="1")
    assert roots(loaded) & (CLIENT | TERMINAL) == set()


ALL = "import sys, importlib\nfor name in sys.argv[1:]: importlib.import_module(name)"


def test_bakeryops_has_never_heard_of_a_terminal() -> None:
    assert roots(loaded_by(ALL, *module_names("bakeryops"))) & TERMINAL == set()


def test_the_embedded_cluster_knows_nothing_of_the_client() -> None:
    loaded = loaded_by(ALL, *module_names("bakeryops/demo"))
    assert roots(loaded) & (TERMINAL | {"kubernetes", "httpx"}) == set()
    rooms = {".".join(name.split(".")[:2]) for name in loaded if name.startswith("bakeryops.")}
    assert rooms <= {
        "bakeryops.demo",
        "bakeryops.errors",
        "bakeryops.kustomize",
        "bakeryops.text",
        "bakeryops.units",
        "bakeryops.locations",
    }


def test_the_client_layer_loads_the_client_library_only_when_it_connects() -> None:
    loaded = loaded_by(ALL, *module_names("bakeryops/cluster", "bakeryops/read", "bakeryops/model"))
    assert roots(loaded) & (CLIENT | TERMINAL) == set()


def test_the_screens_paint_before_any_client_is_loaded() -> None:
    loaded = loaded_by(ALL, *module_names("screens"))
    assert roots(loaded) & CLIENT == set()


def test_widgets_know_rows_and_text_only() -> None:
    loaded = loaded_by(ALL, *module_names("screens/widgets"))
    ours = {name for name in loaded if name.startswith(("bakeryops.", "screens."))}
    assert {name for name in ours if not name.startswith("screens.widgets")} <= {
        "bakeryops.severity",
        "bakeryops.text",
    }


@pytest.mark.slow
def test_every_module_can_be_the_first() -> None:
    """A cycle shows only to some first importers; so each module is imported into an interpreter of its own."""
    # What others wrote is imported once: it takes most of the time and knows nothing of our cycles.
    code = """
import importlib, json, os, sys
import aiohttp.web, click, msgspec, rich.text, textual.app, textual.widgets, yaml
failed = {}
for name in sys.argv[1:]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}"[:4000].encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        said = stream.read().decode()
    os.waitpid(child, 0)
    if said:
        failed[name] = said
print(json.dumps(failed))
"""
    assert json.loads(python(code, *module_names("bakeryops", "screens"))) == {}


def test_only_one_module_names_the_screens() -> None:
    naming = set()
    for path in (ROOT / "bakeryops").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = (
                [each.name for each in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if roots(set(names)) & TERMINAL:
                naming.add(str(path.relative_to(ROOT)))
    assert naming == {"bakeryops/cli/console.py"}
