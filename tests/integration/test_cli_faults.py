"""The commands against a server of which a part fails: what could not be read is never called fine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from bakeryops.cli import status, workloads
from bakeryops.cli.options import Call
from tests.support.faulty_api import FaultyApi, faulty_api


@pytest.fixture
async def api() -> AsyncIterator[FaultyApi]:
    async with faulty_api() as made:
        yield made


@pytest.fixture
def call(api: FaultyApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "current-context": "c",
                "clusters": [{"name": "c", "cluster": {"server": api.url}}],
                "contexts": [{"name": "c", "context": {"cluster": "c"}}],
            }
        )
    )
    return Call(flags={"kubeconfig": str(kubeconfig)}, form="json")


async def listed(call: Call) -> int:
    return await workloads._run(call, None, problems=False, pods=False, watch=False)


async def test_a_kind_that_fails_is_no_success(api: FaultyApi, call: Call, capsys) -> None:
    assert await listed(call) == 0
    api.fault("deployments", "list", status=500, body="no")
    assert await listed(call) == 3
    assert "deployments could not be read" in capsys.readouterr().err


async def test_a_kind_that_may_not_be_read_is_told_and_no_failure(api: FaultyApi, call: Call, capsys) -> None:
    api.fault("deployments", "list", status=403, body="no")
    assert await listed(call) == 0
    assert "deployments are left out" in capsys.readouterr().err


async def test_an_object_that_cannot_be_read_is_no_success(api: FaultyApi, call: Call) -> None:
    api.put("deployments", "odd", "shop", spec="a string")
    assert await listed(call) == 3


async def test_a_kubelet_that_hangs_holds_nothing_up_for_long(
    api: FaultyApi, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_STATS_PATIENCE", 0.2)
    for name in ("one", "two", "three"):
        api.put("nodes", name)
        api.fault("nodes", "proxy", hang=True)
    began = time.monotonic()
    await status._run(call, watch=False)
    assert time.monotonic() - began < 20
