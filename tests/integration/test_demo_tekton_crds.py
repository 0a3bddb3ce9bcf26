"""What the embedded cluster's Tekton writes fits the schemas that Tekton itself ships."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from bakeryops.demo.bakery.crds import definitions
from bakeryops.demo.tekton.words import PIPELINE_RUNS, TASK_RUNS
from bakeryops.demo.validation_custom import check_schema
from tests.support.recordings import RECORDINGS
from tests.support.tekton import TektonCluster, pipeline_task

FOLDER = RECORDINGS.parent / "crds" / "tekton.dev"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the definitions are not beside the project")
Object = dict[str, Any]


def shipped(plural: str) -> Object:
    return yaml.safe_load((FOLDER / f"{plural}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("plural", ["pipelines", "pipelineruns", "tasks", "taskruns"])
def test_the_definitions_serve_what_tekton_serves(plural: str) -> None:
    ours = next(each for each in definitions() if each["metadata"]["name"] == f"{plural}.tekton.dev")
    real = shipped(plural)
    assert {key: ours["spec"]["names"].get(key) for key in ("kind", "listKind", "shortNames", "categories")} == {
        key: real["spec"]["names"].get(key) for key in ("kind", "listKind", "shortNames", "categories")
    }

    def versions(definition: Object) -> dict[str, Any]:
        return {
            each["name"]: (each["storage"], each.get("additionalPrinterColumns"), each.get("subresources"))
            for each in definition["spec"]["versions"]
            if each["served"]
        }

    assert {name: found[0] for name, found in versions(ours).items()} == {
        name: found[0] for name, found in versions(real).items()
    }
    if plural.endswith("runs"):
        assert versions(ours)["v1"] == versions(real)["v1"]


@pytest.mark.parametrize("plural", [PIPELINE_RUNS, TASK_RUNS])
def test_runs_fit_the_shipped_schema(plural: str) -> None:
    cluster = TektonCluster()
    fan = {"params": [{"name": "service", "value": ["a", "b"]}]}
    when = [{"input": "a", "operator": "in", "values": ["b"]}]
    emit = pipeline_task("emit", "printf x > /tekton/results/tag", results=("tag",))
    tasks = [emit, pipeline_task("fan", "exit 1", matrix=fan, retries=1), pipeline_task("never", when=when)]
    cluster.run("r", tasks, final=[pipeline_task("report")])
    cluster.until_done("r")
    version = next(each for each in shipped(plural.partition(".")[0])["spec"]["versions"] if each["name"] == "v1")
    found = cluster.store.list(plural)
    assert found
    for run in found:
        assert check_schema(run, version["schema"]["openAPIV3Schema"]) == []
