"""The overlay's images, and the deployments in its history."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.git.deployments import Edit, deployments, source_in_tag, touched_services
from bakeryops.git.errors import GitError
from bakeryops.git.overlay import images, past_images
from bakeryops.model.code import Commit, OverlayImage
from tests.support.git_origin import overlay

PATH = "overlays/prod/kustomization.yaml"


def test_the_images_with_their_lines() -> None:
    found = images(overlay({"auth": "a-1", "tenant": "1.10"}).encode(), PATH)
    assert [(each.service, each.tag, each.line) for each in found] == [("auth", "a-1", 6), ("tenant", "1.10", 8)]
    assert found[0].name == "gitea.bakery-ia.local/bakery-admin/auth"


FORMS = [
    b"images:\n- name: a/x\n  newTag: '1'\n- name: a/y\n  digest: sha256:00\n",
    b"images: # written\n  # all of them\n  - newTag: 1\n    name: a/x\n\n  - name: a/y\n    digest: sha256:00\nnamePrefix: p\n",
    b"images: [{name: a/x, newTag: '1'}, {name: a/y, digest: 'sha256:00'}]\n",
    b"---\nkind: Kustomization\nimages:\n  -   name: a/x\n      newTag: 1\n  -   name: a/y\n      digest: sha256:00\n",
    b"images:\r\n  - name: a/x\r\n    newTag: 1\r\n  - name: a/y\r\n    digest: sha256:00\r\nresources: []\r\n",
    b"x: &t 1\nimages:\n  - name: a/x\n    newTag: *t\n  - name: a/y\n    digest: sha256:00\n",
]


@pytest.mark.parametrize("data", FORMS)
def test_however_it_is_written(data: bytes) -> None:
    found = images(data, PATH)
    assert [(each.service, each.tag, each.digest) for each in found] == [("x", "1", ""), ("y", "", "sha256:00")]
    assert past_images(data) == found


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"a: b\nimages: [\n", 3),
        (b"images: 3\n", 1),
        (b"a: 1\nimages:\n  - newTag: 3\n", 3),
        (b"a: 1\nimages:\n  - name: x\n  - text\n", 4),
        (b"- a\n", 1),
        (b"a: 1\n\tb: 2\n", 2),
        (b"[" * 5000, 1),
    ],
)
def test_nonsense_is_told_with_file_and_line(data: bytes, line: int) -> None:
    with pytest.raises(GitError, match=f"{PATH}:{line}: "):
        images(data, PATH)
    assert past_images(data) == ()


def test_no_images_is_no_mistake() -> None:
    assert images(b"", PATH) == images(b"images:\n", PATH) == images(b"images: []\n", PATH) == ()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text("images:-\n \tnameTg{}[]&*#'\"\x00", max_size=120).map(str.encode))
def test_any_bytes_are_an_answer_or_an_error_of_ours(data: bytes) -> None:
    for text in (data, b"images:\n" + data):
        try:
            found = images(text, PATH)
        except GitError:
            found = ()
        assert past_images(text) == found


def entry(service: str, tag: str, digest: str = "") -> OverlayImage:
    return OverlayImage(service, f"r/o/{service}", "", tag, digest, 1)


def commit(subject: str, *trailers: tuple[str, str]) -> Commit:
    return Commit("c" * 40, (), "bot", "b@example.org", 1.0, 5.0, subject, "", trailers)


SOURCE = "9f3c2a1" + "0" * 33


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("deploy(auth): t-2", "deploy"),
        ("rollback(auth): t-2 -> t-1", "rollback"),
        ('Revert "deploy(auth): t-2"', "rollback"),
        ("reapply(auth): t-2", "reapply"),
        ('Reapply "deploy(auth): t-2"', "reapply"),
        ('Revert "Revert "deploy(auth): t-2""', "reapply"),
        ('Revert "rollback(auth): t-2 -> t-1"', "reapply"),
        ("bump auth", "edit"),
        ("deployment notes", "edit"),
    ],
)
def test_what_kind_of_deployment(subject: str, kind: str) -> None:
    edit = Edit(commit(subject), (entry("auth", "t-1"),), (entry("auth", "t-2"),))
    (found,) = deployments([edit], lambda _: "")
    assert (found.kind, found.before, found.tag, found.when) == (kind, "t-1", "t-2", 5.0)


def test_the_source_is_in_the_trailers_or_in_the_tag() -> None:
    trailers = (("Bakery-Service", "auth"), ("bakery-source-commit", SOURCE), ("Bakery-PipelineRun", "run-1"))
    edit = Edit(commit("deploy(auth): x", *trailers), (), (entry("auth", "x"),))
    (found,) = deployments([edit], lambda _: "")
    assert (found.source, found.run, found.before) == (SOURCE, "run-1", "")
    by_tag = Edit(commit("bump"), (), (entry("auth", "20261122025800-9f3c2a100000"),))
    (found,) = deployments([by_tag], {"9f3c2a100000": SOURCE}.__getitem__)
    assert (found.source, found.run) == (SOURCE, "")


def test_a_rollback_is_of_the_commit_in_its_tag() -> None:
    trailers = (("Bakery-Service", "auth"), ("Bakery-Source-Commit", "f" * 40))
    edit = Edit(commit("rollback(auth): a -> b", *trailers), (), (entry("auth", "20261122025800-9f3c2a100000"),))
    assert deployments([edit], lambda _: "")[0].source == "9f3c2a100000"


def test_only_what_changed_is_deployed() -> None:
    before = (entry("auth", "1"), entry("gone", "1"), entry("tenant", "1", "sha256:a"), entry("same", "1"))
    after = (entry("auth", "2"), entry("tenant", "1", "sha256:b"), entry("same", "1"), entry("bare", ""))
    found = deployments([Edit(commit("change"), before, after)], lambda _: "")
    assert [(each.service, each.tag, each.digest) for each in found] == [
        ("auth", "2", ""),
        ("tenant", "1", "sha256:b"),
    ]


def test_another_service_in_a_deploy_commit_is_an_edit() -> None:
    edit = Edit(
        commit("deploy(auth): 2", ("Bakery-Service", "auth")), (), (entry("auth", "2"), entry("tenant", "9"))
    )
    assert [each.kind for each in deployments([edit], lambda _: "")] == ["deploy", "edit"]


@pytest.mark.parametrize(
    ("tag", "source"),
    [
        ("20261122025800-9f3c2a1b2c3d", "9f3c2a1b2c3d"),
        ("main-9f3c2a1", "9f3c2a1"),
        ("9f3c2a1", "9f3c2a1"),
        ("20261122025800", ""),
        ("v1.2.3", ""),
        ("latest", ""),
        ("", ""),
    ],
)
def test_the_commit_in_a_tag(tag: str, source: str) -> None:
    assert source_in_tag(tag) == source


def test_which_services_a_commit_touches() -> None:
    known = ("auth", "gateway", "frontend")
    assert touched_services(["services/auth/a.py", "services/new/x", "docs/x.md"], "services", known) == (
        "auth",
        "new",
    )
    assert touched_services(["gateway/main.py", "gatewayx/y", "README.md"], "services", known) == ("gateway",)
    assert touched_services(["shared/lib.py", "services/auth/b"], "services/", known) == ("*", "auth")
    assert touched_services(["services/README.md", "gateway", "infrastructure/x/auth/y"], "services", known) == ()
