"""Names, marks and folders of runs that bakeryops makes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeryops.actions.build_names import kept_marks, label_value, own_folders, rebuild_name, rerun_name

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,100}[a-z0-9])?", fullmatch=True)
VALID = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def spec(folder: str, cache: str = "cache/pip") -> dict[str, Any]:
    claim = {"claimName": "ci-source"}
    return {
        "workspaces": [
            {"name": "source", "persistentVolumeClaim": claim, "subPath": folder},
            {"name": "cache", "persistentVolumeClaim": claim, "subPath": cache},
            {"name": "docker-config", "secret": {"secretName": "push"}},
        ]
    }


@given(NAMES, st.text())
def test_names_are_valid_and_the_same_for_the_same_seed(root: str, seed: str) -> None:
    for make in (rebuild_name, rerun_name):
        name = make(root, seed)
        assert name == make(root, seed)
        assert len(name) <= 63
        assert VALID.fullmatch(name)
        assert len({make(root, seed, number) for number in range(40)}) > 38


def test_the_tail_of_an_earlier_rerun_is_cut_off() -> None:
    once = rerun_name("bakery-ia-ci-x7k2m", "a")
    assert re.fullmatch(r"bakery-ia-ci-x7k2m-r-[a-z0-9]{5}", once)
    assert re.fullmatch(r"bakery-ia-ci-x7k2m-r-[a-z0-9]{5}", rerun_name(once, "b"))


@given(st.text())
def test_whatever_a_person_is_called_fits_into_a_label(text: str) -> None:
    assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", label_value(text))


def test_nothing_that_a_controller_wrote_is_kept() -> None:
    marks = {
        "bakery.dev/revision": "51d0e7b", "app": "ci", "app.kubernetes.io/part-of": "bakery-ia-cicd",
        "tekton.dev/pipeline": "bakery-ia-ci", "tekton.dev/v1beta1TaskRuns": "{}", "chains.tekton.dev/signed": "true",
        "triggers.tekton.dev/triggers-eventid": "1", "triggers.tekton.dev/eventlistener": "gitea",
        "kubectl.kubernetes.io/last-applied-configuration": "{}", "bakeryops.dev/job": "old",
        "dashboard.tekton.dev/rerunOf": "older",
    }  # fmt: skip
    assert sorted(kept_marks(marks)) == ["app", "app.kubernetes.io/part-of", "bakery.dev/revision"]
    assert kept_marks(None) == {}


@pytest.mark.parametrize(
    ("folder", "others", "own"),
    [
        ("qx7zp", [spec("m2kfd")], True),
        ("all", [spec("all")], False),
        ("ecbb079b65609315", [], True),
        ("runs/ci-x7k2m", [], True),
        ("all", [], False),
    ],
)
def test_a_copy_gets_a_folder_of_its_own_unless_all_runs_share_it(
    folder: str, others: list[dict[str, Any]], own: bool
) -> None:
    made = spec(folder)
    told = own_folders(made, "ci-x7k2m", "ci-x7k2m-r-bbbbb", others)
    assert (made["workspaces"][0]["subPath"] != folder) is own
    assert made["workspaces"][1]["subPath"] == "cache/pip"
    assert len(told) == own


def test_the_name_of_the_run_in_a_folder_is_replaced_by_the_new_one() -> None:
    made = spec("runs/ci-x7k2m")
    own_folders(made, "ci-x7k2m", "ci-x7k2m-r-bbbbb")
    assert made["workspaces"][0]["subPath"] == "runs/ci-x7k2m-r-bbbbb"
