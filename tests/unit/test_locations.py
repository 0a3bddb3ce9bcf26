"""Folders that are needed and cannot be had: said in words, and caught as the errors of the system that they are."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bakeryops import locations
from bakeryops.cli.main import run
from bakeryops.errors import BakeryopsError
from bakeryops.locations import FolderError, config_file, private_folder, state_folder


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BakeryopsError) as failed:
        private_folder(tmp_path / "file" / "bakeryops")
    assert isinstance(failed.value, OSError)
    assert (failed.value.errno, failed.value.exit_code) == (errno.ENOTDIR, 1)
    assert failed.value.message == f"nothing can be kept in {tmp_path}/file/bakeryops: Not a directory"
    assert "XDG_STATE_HOME" in failed.value.hint


def test_without_any_home_it_is_said_and_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class Homeless:
        @property
        def user_state_dir(self) -> str:
            raise RuntimeError("could not determine the home directory")

        user_config_dir = user_state_dir

    monkeypatch.setattr(locations, "_DIRS", Homeless())
    monkeypatch.delenv("BAKERYOPS_CONFIG", raising=False)
    assert not config_file().exists()
    with pytest.raises(FolderError, match="no home folder"):
        state_folder()


def test_the_command_line_says_it_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(SystemExit) as ended:
        run(["jobs"])
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("bakeryops: nothing can be kept in ")
    assert "fault" not in said
