"""The embedded cluster's operator may do what the manifests' operator may, and its viewer looks only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeryops.demo.rbac import Attributes, User, authorize, seed_rbac
from bakeryops.demo.store import ObjectStore
from tests.support.demo import static_store

FOLDER = Path(__file__).resolve().parents[2] / "manifests" / "console-rbac"
OPERATOR, VIEWER = User("operator"), User("viewer")


@pytest.fixture(scope="module")
def store() -> ObjectStore:
    made = static_store("bakery-ci", "bakery-ia")
    seed_rbac(made, viewer_namespace="bakery-ia")
    return made


def granted(file: str) -> list[tuple[str, str, str, str]]:
    """Return (namespace, verb, group, resource) of all that the roles of a manifest grant."""
    found: list[tuple[str, str, str, str]] = []
    documents: list[dict[str, Any]] = list(yaml.safe_load_all((FOLDER / file).read_text(encoding="utf-8")))
    for role in documents:
        if role["kind"] in ("Role", "ClusterRole"):
            space = role["metadata"].get("namespace", "")
            found += [
                (space, verb, group, resource)
                for rule in role["rules"]
                for verb in rule["verbs"]
                for group in rule["apiGroups"]
                for resource in rule["resources"]
            ]
    return found


@pytest.mark.parametrize(
    ("file", "user"), [("operator.yaml", OPERATOR), ("viewer.yaml", VIEWER), ("viewer.yaml", OPERATOR)]
)
def test_what_the_manifests_grant_is_granted_here_too(store: ObjectStore, file: str, user: User) -> None:
    rules = granted(file)
    assert len(rules) > 20
    refused = [
        rule
        for rule in rules
        if not authorize(store, user, Attributes(rule[1], rule[2], rule[3], rule[0])).allowed
    ]
    assert refused == []


@pytest.mark.parametrize(
    ("group", "resource", "verbs"),
    [
        ("coordination.k8s.io", "leases", "get list watch create update patch delete"),
        ("", "configmaps", "get create update patch delete"),
        ("", "events", "create"),
        ("", "pods", "delete"),
        ("", "pods/portforward", "create get"),
        ("", "pods/exec", "create get"),
        ("tekton.dev", "pipelineruns", "create patch delete"),
        ("kustomize.toolkit.fluxcd.io", "kustomizations", "patch"),
        ("source.toolkit.fluxcd.io", "gitrepositories", "patch"),
        ("image.toolkit.fluxcd.io", "imageupdateautomations", "patch"),
        ("apps", "deployments", "patch"),
        ("apps", "deployments/scale", "get patch update"),
        ("apps", "statefulsets", "patch"),
    ],
)
def test_the_operator_has_what_acting_needs(store: ObjectStore, group: str, resource: str, verbs: str) -> None:
    for verb in verbs.split():
        asked = Attributes(verb, group, resource, "bakery-ci")
        assert authorize(store, OPERATOR, asked).allowed, verb
        looks = verb in ("get", "list", "watch") and resource not in ("pods/exec", "pods/portforward")
        assert authorize(store, VIEWER, asked).allowed == looks, verb
