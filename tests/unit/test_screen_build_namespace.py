from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from bakeryops.model.overview import ObjectRef
from screens.build_feed import build_namespace
from screens.console import Console

REF = ObjectRef("pipelineruns", "bakery-ci", "bakery-ia-ci-abcde")


@pytest.mark.parametrize(
    ("listed", "chosen", "watched"),
    [(True, "", None), (True, "bakery-ci", "bakery-ci"), (False, "", "bakery-ci"), (False, "other", "bakery-ci")],
)
def test_a_listed_build_shares_the_lists_watch_and_any_other_asks_for_its_own_namespace_only(
    listed: bool, chosen: str, watched: str | None
) -> None:
    builds = {"bakery-ci/bakery-ia-ci-abcde": object()} if listed else {}
    console = cast("Console", SimpleNamespace(picture=SimpleNamespace(builds=builds), namespace=chosen))
    assert build_namespace(console, REF) == watched
