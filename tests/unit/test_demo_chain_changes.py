"""Which services a push builds, on a real repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bakeryops.demo.chain.changes import find_changes
from bakeryops.demo.chain.marks import marks_of
from bakeryops.demo.git import ZERO, BareRepo

EVERY = ("auth", "frontend", "gateway", "orders")


class Mono:
    """A small monorepo: two services, gateway, frontend, something shared."""

    def __init__(self, folder: Path) -> None:
        self.git = BareRepo.create(folder / "mono.git")
        files = {
            "README.md": b"# Bakery\n",
            "shared/money.py": b"CENT = 1\n",
            "services/notes/README.md": b"no image\n",
        }
        for name in EVERY:
            root = name if name in ("gateway", "frontend") else f"services/{name}"
            files |= {f"{root}/Dockerfile": b"FROM python:3.12\n", f"{root}/app/main.py": b"x = 1\n"}
        self.first = self.commit(**files)

    def commit(self, **files: bytes | None) -> str:
        return self.git.commit("main", files, "Change\n", "Marta", "marta@example.org", 1_790_000_000)


@pytest.fixture
def mono(tmp_path: Path) -> Iterator[Mono]:
    made = Mono(tmp_path)
    yield made
    made.git.close()


def found(mono: Mono, before: str, after: str, *forced: str) -> tuple[str, ...]:
    return find_changes(mono.git, before, after, forced).services


def test_all_commits_of_a_push_count_not_only_the_last(mono: Mono) -> None:
    mono.commit(**{"services/auth/app/main.py": b"x = 2\n"})
    last = mono.commit(**{"gateway/app/main.py": b"x = 2\n"})
    assert found(mono, mono.first, last) == ("auth", "gateway")


def test_what_was_changed_and_changed_back_is_not_built(mono: Mono) -> None:
    mono.commit(**{"services/auth/app/main.py": b"x = 2\n"})
    last = mono.commit(**{"services/auth/app/main.py": b"x = 1\n"})
    assert found(mono, mono.first, last) == ()


def test_a_file_that_moves_between_services_touches_both(mono: Mono) -> None:
    last = mono.commit(**{"services/auth/app/main.py": None, "services/orders/app/more.py": b"x = 1\n"})
    assert found(mono, mono.first, last) == ("auth", "orders")


@pytest.mark.parametrize("path", ["README.md", "services/notes/README.md", "services/README.md", "gateway.md",
                                  "infrastructure/kubernetes/overlays/prod/kustomization.yaml"])  # fmt: skip
def test_what_is_no_part_of_an_image_builds_nothing(mono: Mono, path: str) -> None:
    assert found(mono, mono.first, mono.commit(**{path: b"changed\n"})) == ()


def test_shared_code_builds_everything_that_has_an_image(mono: Mono) -> None:
    assert found(mono, mono.first, mono.commit(**{"shared/money.py": b"CENT = 2\n"})) == EVERY


@pytest.mark.parametrize("before", [ZERO, "", "1" * 40])
def test_without_a_known_commit_before_all_is_built(mono: Mono, before: str) -> None:
    changes = find_changes(mono.git, before, mono.first)
    assert changes.services == EVERY
    assert "all services" in changes.reasons[0]


def test_a_service_whose_folder_is_removed_is_not_built(mono: Mono) -> None:
    last = mono.commit(**{"services/auth/Dockerfile": None, "services/auth/app/main.py": None})
    changes = find_changes(mono.git, mono.first, last)
    assert changes.services == ()
    assert "no Dockerfile any more" in changes.reasons[0]


def test_services_that_are_asked_for_are_built_whatever_changed(mono: Mono) -> None:
    last = mono.commit(**{"gateway/app/main.py": b"x = 2\n"})
    changes = find_changes(mono.git, mono.first, last, ["orders", "unheard"])
    assert changes.services == ("orders",)
    assert "unheard: no Dockerfile" in changes.reasons[1]


def test_marks_are_read_from_the_files_of_the_service_alone(mono: Mono) -> None:
    text = b"# demo: fail tests\n# demo: slow\n# demo: dance\n"
    last = mono.commit(**{"services/auth/app/main.py": text, "README.md": b"demo: crash\n"})
    assert marks_of(mono.git, last, "auth") == dict.fromkeys(("fail tests", "slow"), "services/auth/app/main.py")
    assert marks_of(mono.git, last, "orders") == {}
