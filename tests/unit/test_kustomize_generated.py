"""Overlays over overlays, put together at random, against the real kubectl."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bakeryops.kustomize import KustomizeError, build, load_documents
from tests.support.overlays import files_of

pytestmark = [pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl"), pytest.mark.slow]

PLAIN: list[tuple[str, Any]] = [
    ("namePrefix", "pre-"), ("nameSuffix", "-suf"), ("namespace", "prod"), ("namespace", "dev"),
    ("commonLabels", {"a": "b"}), ("commonAnnotations", {"note": "x"}),
]  # fmt: skip
SIDE = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
    "spec": {"template": {"spec": {
        "containers": [
            {"name": "side", "envFrom": [{"configMapRef": {"name": "settings"}}],
             "volumeMounts": [{"mountPath": "/a", "name": "data"}]},
            {"name": "new", "image": "side"},
        ],
        "tolerations": [{"key": "k"}],
    }}},
}  # fmt: skip


def layer(rng: random.Random, below: str) -> dict[str, Any]:
    made: dict[str, Any] = {"resources": [below], **dict(rng.sample(PLAIN, rng.randint(0, 4)))}
    if rng.random() < 0.4:
        made["images"] = [
            {"name": "side", "newTag": "9"},
            {"name": "postgres", "newName": "x/pg", "digest": "sha256:aa"},
        ]
    if rng.random() < 0.3:
        made["replicas"] = [{"name": "web", "count": 4}]
    if rng.random() < 0.3:
        made["labels"] = [
            {"pairs": {"z": "1"}, "includeSelectors": True},
            {"pairs": {"q": "1"}, "includeTemplates": True},
        ]
    if rng.random() < 0.4:
        made["configMapGenerator"] = [{"name": "extra", "literals": [f"a={rng.randint(0, 9)}"]}]
    patches = []
    if rng.random() < 0.4:
        operation = {"op": "add", "path": "/metadata/labels/p", "value": "1"}
        kind = rng.choice(["Deployment", "StatefulSet", "Service", ".*"])
        patches.append({"target": {"kind": kind}, "patch": json.dumps([operation])})
    if rng.random() < 0.3:
        patches.append({"patch": json.dumps(SIDE)})
    return {**made, **({"patches": patches} if patches else {})}


@pytest.mark.parametrize("seed", range(40))
def test_layers_build_as_kubectl_builds_them_or_fail_as_it_does(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    middle, top = layer(rng, "../base"), layer(rng, "../mid")
    if "configMapGenerator" in middle and "configMapGenerator" in top:
        top["configMapGenerator"][0]["behavior"] = rng.choice(["merge", "replace"])
    files = files_of("plain") | {
        "mid/kustomization.yaml": json.dumps(middle).encode(),
        "over/kustomization.yaml": json.dumps(top).encode(),
    }
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    done = subprocess.run(
        ["kubectl", "kustomize", str(tmp_path / "over")], capture_output=True, check=False, timeout=60
    )
    if done.returncode:
        with pytest.raises(KustomizeError) as caught:
            build(files, "over", root=str(tmp_path))
        told = caught.value.message.rpartition(": ")[2]
        assert told in done.stderr.decode()
    else:
        assert build(files, "over") == load_documents(done.stdout)
