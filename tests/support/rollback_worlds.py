"""The cluster of a test file: the rollbacks of its tests share it, each with services of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.rollback import Matrix, matrix

__all__ = ["made"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Matrix]:
    async with matrix(tmp_path_factory.mktemp("matrix")) as running:
        yield running
