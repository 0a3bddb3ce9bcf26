"""Where Git, Gitea and the registry are, and the files that hold their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeryops import config
from bakeryops.config.secrets import read_secret
from bakeryops.errors import CredentialError

SECRET = "0123456789abcdef0123456789abcdef01234567"


def problems(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return [line.removeprefix(f"{file}") for line in config.check(file)]


def test_the_places_of_the_delivery_chain_are_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "git:\n  url: http://gitea.example.org:3000/bakery-admin/bakery-ia.git\n  credentials: git-credentials\n"
        "gitea:\n  url: http://gitea.example.org:3000/\n  token: sub/token\nregistry:\n  user: ops\n"
    )
    found = config.load(file, environ={}).config
    assert found.git.url == "http://gitea.example.org:3000/bakery-admin/bakery-ia.git"
    assert (found.git.branch, found.git.services) == ("main", "services")
    assert found.git.overlay == "infrastructure/kubernetes/overlays/prod"
    assert found.git.credentials == str(tmp_path / "git-credentials")
    assert found.gitea.url == "http://gitea.example.org:3000"
    assert found.gitea.token == str(tmp_path / "sub/token")
    assert (found.registry.url, found.registry.user) == (None, "ops")


@pytest.mark.parametrize(
    "url",
    [
        "https://h/o/n.git",
        "http://[::1]:3000/o/n.git",
        "ssh://git@h:2222/o/n.git",
        "git@h:o/n.git",
        "file:///srv/git/n.git",
    ],
)
def test_addresses_of_repositories(tmp_path: Path, url: str) -> None:
    assert problems(tmp_path, f"git: {{url: '{url}'}}\n") == []


@pytest.mark.parametrize(
    "url",
    [
        f"https://ops:{SECRET}@h/o/n.git",
        f"https://{SECRET}@h/o/n.git",
        f"https://h/o/n.git?token={SECRET}",
        f"ssh://git:{SECRET}@h/n.git",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    for key in ("git", "gitea", "registry"):
        found = problems(tmp_path, f"{key}: {{url: '{url}'}}\n")
        assert len(found) == 1
        assert SECRET not in found[0]
        assert f"{key}.url" in found[0]


@pytest.mark.parametrize("url", ["ext::sh -c id", "-u", "ftp://h/x", "https://", "http://[::1", "ssh://-oX=y/n"])
def test_an_address_that_git_could_take_for_something_else_is_refused(tmp_path: Path, url: str) -> None:
    assert problems(tmp_path, f"git: {{url: '{url}'}}\n") != []


def test_a_token_in_place_of_its_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    found = problems(tmp_path, f"gitea: {{token: {SECRET}}}\n")
    assert SECRET not in found[0]
    assert "name that file here" in found[0]


@pytest.mark.parametrize("value", ["../up", "/abs", "':(top)x'", "a/../../b", "-x"])
def test_a_folder_stays_in_the_repository(tmp_path: Path, value: str) -> None:
    assert problems(tmp_path, f"git: {{overlay: {value}}}\n") != []


@pytest.mark.parametrize("value", ["a..b", "-x", "x.lock", "'a b'", "x/", "'x@{1}'", "'a:b'"])
def test_a_branch_is_one_that_git_takes(tmp_path: Path, value: str) -> None:
    assert problems(tmp_path, f"git: {{branch: {value}}}\n") != []


def test_a_secret_is_read_from_a_private_file_only(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\nsecond line\n")
    file.chmod(0o644)
    with pytest.raises(CredentialError, match="open to others") as caught:
        read_secret(file, "Gitea's token")
    assert SECRET not in "".join(caught.value.lines())
    assert caught.value.hint == f"chmod 600 {file}"
    file.chmod(0o600)
    assert read_secret(file, "Gitea's token") == SECRET


def test_a_secret_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="No such file"):
        read_secret(tmp_path / "none", "Gitea's token")
    with pytest.raises(CredentialError, match="not a file"):
        read_secret(tmp_path, "Gitea's token")
    (tmp_path / "empty").touch(0o600)
    with pytest.raises(CredentialError, match="holds nothing"):
        read_secret(tmp_path / "empty", "Gitea's token")
