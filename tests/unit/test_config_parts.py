from __future__ import annotations

from bakeryops.config import Bytes, Config
from bakeryops.config.schema import Budgets, Namespaces
from bakeryops.read.configured import configured_overview, configured_parts
from bakeryops.read.index import WorkloadIndex
from bakeryops.read.overview import Sources
from bakeryops.read.parts import PARTS


def test_the_defaults_are_what_the_reader_knows() -> None:
    assert configured_parts(Config()) == PARTS


def test_namespaces_and_budgets_reach_the_parts() -> None:
    config = Config(namespaces=Namespaces(gitea=("git",)), budgets=Budgets(gitea=Bytes(1 << 30)))
    gitea = next(part for part in configured_parts(config) if part.name == "Gitea")
    assert (gitea.namespaces, gitea.budget) == (("git",), float(1 << 30))


def test_the_total_is_the_budget_of_the_delivery_chain() -> None:
    config = Config(budgets=Budgets(total=Bytes(3 << 30)))
    assert configured_overview(WorkloadIndex(), Sources(), config, now=0.0).cicd_budget == float(3 << 30)
