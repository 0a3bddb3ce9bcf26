"""A real cluster, named by BAKERYOPS_TEST_KUBECONFIG, and namespaces of our own in it."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.session import Session
from bakeryops.cluster.target import find_target
from bakeryops.cluster.writes import Writer


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """Path of the kubeconfig; tests are skipped where none is named."""
    path = os.environ.get("BAKERYOPS_TEST_KUBECONFIG", "")
    if not path:
        pytest.skip("BAKERYOPS_TEST_KUBECONFIG names no cluster to test against")
    if not Path(path).is_file():
        pytest.fail(f"BAKERYOPS_TEST_KUBECONFIG: there is no file {path}")
    return path


@pytest.fixture(scope="session")
def image() -> str:
    """An image with a shell that the cluster can pull."""
    return os.environ.get("BAKERYOPS_TEST_IMAGE", "docker.io/library/busybox:1.36")


@pytest.fixture
async def session(kubeconfig: str) -> AsyncIterator[Session]:
    """A session on the cluster."""
    session = Session(find_target(kubeconfig))
    await session.start()
    try:
        yield session
    finally:
        await session.close()


@pytest.fixture
def writer(session: Session) -> Writer:
    """What sends changes to the cluster."""
    return Writer(session.transport, session.discovery)


@pytest.fixture
async def namespace(session: Session, writer: Writer) -> AsyncIterator[str]:
    """A namespace of the test's own, removed afterwards."""
    name = f"bakeryops-test-{secrets.token_hex(4)}"
    await writer.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        yield name
    finally:
        try:
            await writer.delete("namespaces", name)
        except KubeError as error:
            if error.kind != "not_found":
                raise
