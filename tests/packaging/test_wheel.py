"""The wheel as a user gets it: built, looked into, installed, and run from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def run(
    *arguments: str | Path, cwd: Path | str = "/", expect: int = 0, **environ: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("BAKERYOPS_", "PYTHON"))
    }
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env={**environment, **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == expect, f"{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; its dependencies are those of the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    # A folder named by a .pth file has its own .pth files left unread: the editable install does not come along.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def tracked(folder: str) -> set[str]:
    return set(run("git", "ls-files", folder, cwd=ROOT).stdout.split())


@pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="not a git checkout, so nothing says what belongs in the wheel"
)
def test_the_wheel_holds_all_that_belongs_to_it(names: set[str]) -> None:
    assert tracked("bakeryops") | tracked("screens") <= names
    assert {f"bakeryops/{name}" for name in tracked("manifests")} <= names


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bakeryops", "screens"}
    assert not [name for name in names if name.endswith((".pyc", ".log", ".orig")) or "__pycache__" in name]
    assert {"bakeryops/py.typed", "screens/py.typed"} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_it_runs_from_another_folder(installed: Path, tmp_path: Path) -> None:
    command = installed / "bakeryops"
    from bakeryops import __version__

    assert run(command, "version").stdout.startswith(f"bakeryops {__version__}\n")
    assert run(command, "--version").stdout == f"bakeryops {__version__}\n"
    config = tmp_path / "bakeryops" / "config.yaml"
    assert run(command, "config", "path", XDG_CONFIG_HOME=str(tmp_path)).stdout == f"{config}\n"
    run(command, "config", "init", XDG_CONFIG_HOME=str(tmp_path))
    assert "fine" in run(command, "config", "check", XDG_CONFIG_HOME=str(tmp_path)).stdout
    assert run(command, "statsu", expect=2).stderr.count("Did you mean 'status'?") == 1


def test_it_is_the_wheel_that_runs(installed: Path) -> None:
    code = "import bakeryops, screens; print(bakeryops.__file__, screens.__file__)"
    for path in run(installed / "python", "-c", code).stdout.split():
        assert path.startswith(str(installed.parent))


def test_the_manifests_come_along(installed: Path) -> None:
    code = "from bakeryops.resources import manifests; print(*sorted(each.name for each in manifests().iterdir()))"
    assert "README.md" in run(installed / "python", "-c", code).stdout.split()


def test_the_style_sheets_come_along(installed: Path, names: set[str]) -> None:
    here = {str(path.relative_to(ROOT)) for path in (ROOT / "screens").rglob("*.tcss")}
    assert here <= names


def test_a_foreign_screens_is_named_and_refused(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "screens.py").write_text("raise SystemExit('the wrong one')\n")
    refused = run(installed / "python", "-m", "bakeryops", "version", cwd=tmp_path, expect=2)
    assert refused.stdout == ""
    assert f"another 'screens' hides the one of bakeryops: {tmp_path}/screens.py" in refused.stderr
    assert "wrong one" not in refused.stderr
    assert run(installed / "bakeryops", "version", cwd=tmp_path).stdout.startswith("bakeryops ")
    assert run(installed / "python", "-P", "-m", "bakeryops", "version", cwd=tmp_path).stdout.startswith(
        "bakeryops "
    )


def test_the_source_distribution_holds_what_it_should(tmp_path: Path) -> None:
    import tarfile

    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, ROOT)
    (built,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        tops = {Path(name).parts[1] for name in archive.getnames() if len(Path(name).parts) > 1}
    wanted = {"bakeryops", "screens", "manifests", "tests", "docs", "README.md", "CHANGELOG.md", "LICENSE"}
    assert wanted <= tops
    assert tops - wanted <= {"PKG-INFO", "pyproject.toml", ".gitignore"}
