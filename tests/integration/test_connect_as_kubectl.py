"""One kubeconfig, read by kubectl and by us: both must reach the same server in the same way."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeryops.cluster.target import Places, find_target
from tests.support.certificates import Authority, authority, needs_openssl
from tests.support.fake_api import fake_api, started

pytestmark = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on this machine"),
    needs_openssl,
]
WHO = ("Authorization", "Impersonate-User", "Impersonate-Uid", "Impersonate-Group", "Impersonate-Extra-Team")
PLUGIN = f"""#!{sys.executable}
import json, os
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
token = os.environ["FLAVOUR"] + "/" + str(sorted(key for key, value in info["spec"].get("cluster", {{}}).items() if value)).replace(" ", "")
print(json.dumps({{"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": {{"token": token}}}}))
"""


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("pki"))


def _exec(**more: Any) -> dict[str, Any]:
    env = [{"name": "FLAVOUR", "value": "rye"}]
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/plugin", "env": env}
    return {"exec": {**plugin, "interactiveMode": "Never", **more}}


USERS: dict[str, dict[str, Any]] = {
    "token": {"token": "abc"},
    "token file": {"tokenFile": "token"},
    "token file beats token": {"tokenFile": "token", "token": "abc"},
    "basic": {"username": "me", "password": "pass:word"},
    "plugin": _exec(),
    "plugin that asks for the cluster": _exec(provideClusterInfo=True),
    "token beats plugin": {**_exec(), "token": "abc"},
    "impersonation": {
        "token": "abc",
        "as": "ada",
        "as-uid": "7",
        "as-groups": ["ops", "dev"],
        "as-user-extra": {"team": ["blue", "red"]},
    },
    "certificate": {"client-certificate": "me.crt", "client-key": "me.key"},
}


async def _kubectl(folder: Path, **environ: str) -> None:
    child = await asyncio.create_subprocess_exec(
        "kubectl",
        "version",
        "--output=json",
        cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode == 0, said.decode()


@pytest.mark.parametrize("name", USERS)
async def test_the_same_identity_arrives(tmp_path: Path, ca: Authority, name: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "plugin").write_text(PLUGIN)
    (tmp_path / "bin" / "plugin").chmod(0o755)
    (tmp_path / "token").write_text("from-file\n")
    cert, key = ca.issue("operator")
    shutil.copy(cert, tmp_path / "me.crt")
    shutil.copy(key, tmp_path / "me.key")
    tls = ca.server(names="DNS:kubernetes.default", ask=name == "certificate")
    async with fake_api(tls=tls) as api:
        api.answer("*", "*", {"major": "1", "minor": "32", "gitVersion": "v1.32.0"})
        cluster = {
            "server": f"{api.url}/prefix/",
            "certificate-authority": "ca.crt",
            "tls-server-name": "kubernetes.default",
        }
        (tmp_path / "ca.crt").write_bytes(ca.certificate)
        first = {"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}
        second = {
            "current-context": "other",
            "contexts": [{"name": "c", "context": {"cluster": "wrong", "user": "wrong"}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": USERS[name]}],
        }
        for file, document in (("one", first), ("two", second)):
            (tmp_path / file).write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **document}))
        listed = os.pathsep.join(str(tmp_path / file) for file in ("one", "absent", "two"))
        await _kubectl(tmp_path, KUBECONFIG=listed)
        target = find_target(places=Places(environ={"KUBECONFIG": listed}))
        async with started(target) as transport:
            await transport.get_bytes("/version")
    theirs, ours = api.asked[0], api.asked[-1]
    assert len(api.asked) > 1
    assert ours.path == theirs.path == "/prefix/version"
    for header in WHO:
        assert ours.headers.getall(header, []) == theirs.headers.getall(header, []), header
    assert api.peers[0] == api.peers[-1]
