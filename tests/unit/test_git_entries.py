"""Other entries in a kustomization's text: what is wanted changes, and no other byte."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.git.editing import Editor
from bakeryops.git.entries import Entry, entry_of, is_plain
from bakeryops.git.entry_edits import edited
from bakeryops.git.errors import GitError
from bakeryops.git.overlay import NAMES, images
from bakeryops.git.repository import Repository
from tests.support.git_origin import OVERLAY, REGISTRY, Origin, overlay

PATH = "overlays/prod/kustomization.yaml"
DIGEST = f"sha256:{'0a' * 32}"
PLAIN = """# The overlay.
images:  # written by the pipeline
  - name: r/auth   # who
    newTag: 'a-1'  # what

  # the till
  - name: r/pos
    digest: sha256:00aa
    newTag: p-1
namePrefix: x-
"""


def edit(text: str, entries: dict[str, Entry]) -> str:
    return edited(text.encode(), PATH, entries).decode()


def lines_between(one: str, other: str) -> list[str]:
    return [line for line in difflib.ndiff(one.splitlines(), other.splitlines()) if line[0] in "+-"]


def test_a_tag_is_changed_and_nothing_else() -> None:
    assert edit(PLAIN, {"r/auth": Entry("a-0")}) == PLAIN.replace("'a-1'", "'a-0'")


def test_a_digest_comes_and_goes() -> None:
    found = edit(PLAIN, {"r/auth": Entry("a-1", DIGEST), "r/pos": Entry("p-1")})
    assert lines_between(PLAIN, found) == [f"+     digest: {DIGEST}", "-     digest: sha256:00aa"]
    assert edit(found, {"r/auth": Entry("a-1"), "r/pos": Entry("p-1", "sha256:00aa")}) != found


def test_all_three_keys_are_added_in_order() -> None:
    found = edit("images:\n- name: r/a\n", {"r/a": Entry("t", DIGEST, "h.example:5000/r/b")})
    assert found == f"images:\n- name: r/a\n  newName: h.example:5000/r/b\n  newTag: t\n  digest: {DIGEST}\n"


def test_what_is_as_wanted_stays_as_it_is() -> None:
    assert edit(PLAIN, {"r/auth": Entry("a-1"), "r/pos": Entry("p-1", "sha256:00aa")}) == PLAIN


@pytest.mark.parametrize(
    "tag",
    ["20261121", "1e5", "1E5", "on", "No", "y", "null", "0x1F", "0o14", "014", "0b1", "1_000", "1.10", "1.", "2026-11-21",
     "12345e67", "_x", "True"],
)  # fmt: skip
def test_a_tag_that_yaml_would_take_for_something_else_is_quoted(tag: str) -> None:
    found = edit("images:\n- name: r/a\n  newTag: x\n", {"r/a": Entry(tag)})
    assert found == f'images:\n- name: r/a\n  newTag: "{tag}"\n'


@pytest.mark.parametrize(
    "tag", ["20261122025800-9f3c1a2b4d5e", "v1.2.3", "1.2.3", "latest", "20261122025800-123456789012"]
)
def test_other_tags_need_no_quotes(tag: str) -> None:
    assert is_plain(tag)
    assert f"newTag: {tag}\n" in edit("images:\n- name: r/a\n  newTag: x\n", {"r/a": Entry(tag)})


def test_a_number_that_looks_right_already_is_made_a_text() -> None:
    text = "images:\n- name: r/a\n  newTag: {}\n"
    for tag in ("1.10", "1e5", "20261121"):
        assert edit(text.format(tag), {"r/a": Entry(tag)}) == text.format(f'"{tag}"')


FORMS = [
    ("images: [{name: r/a, newTag: '1'}, {name: r/b}]\n", "images: [{name: r/a, newTag: 't-2'}, {name: r/b}]\n"),
    ("images: [{newTag: 1, name: r/a}]\n", "images: [{newTag: t-2, name: r/a}]\n"),
    ("images: [{digest: 'a:1', name: r/a}]\n", "images: [{name: r/a, newTag: t-2}]\n"),
    ("images: [{name: r/a, digest: 'a:1'}]\n", "images: [{name: r/a, newTag: t-2}]\n"),
    ("images:\n- {\n  name: r/a,\n  newTag: x}\n", "images:\n- {\n  name: r/a,\n  newTag: t-2}\n"),
    ('{"images": [{"name": "r/a", "newTag": "1"}]}', '{"images": [{"name": "r/a", "newTag": "t-2"}]}'),
    ("images:\r\n- newTag: 1\r\n  name: r/a\r\n", "images:\r\n- newTag: t-2\r\n  name: r/a\r\n"),
    ("images:\r\n- name: r/a\r\nx: 1\r\n", "images:\r\n- name: r/a\r\n  newTag: t-2\r\nx: 1\r\n"),
    ("images:\r\n- name: r/a", "images:\r\n- name: r/a\r\n  newTag: t-2"),
    ("images:\n- name: r/a", "images:\n- name: r/a\n  newTag: t-2"),
    ("images:\n- digest: a:1\n  name: r/a\n", "images:\n- name: r/a\n  newTag: t-2\n"),
    ("images:\n- name: r/a\n  digest: a:1 # gone\n", "images:\n- name: r/a\n  newTag: t-2\n"),
    ("images:\n-   name: r/a\n    newTag: # here\n", "images:\n-   name: r/a\n    newTag: t-2 # here\n"),
    ("images:\n-\n  name: r/a\n  newTag: ~\n", "images:\n-\n  name: r/a\n  newTag: t-2\n"),
    ("\ufeffimages:\n- name: r/a\n  newTag: x\n", "\ufeffimages:\n- name: r/a\n  newTag: t-2\n"),
    ("é: ü\nimages:\n- name: r/a\n  newTag: \"ö\"\n", "é: ü\nimages:\n- name: r/a\n  newTag: \"t-2\"\n"),
    ("x: &x 1\ny: *x\nimages:\n- name: r/a\n", "x: &x 1\ny: *x\nimages:\n- name: r/a\n  newTag: t-2\n"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), FORMS)
def test_however_it_is_written(before: str, after: str) -> None:
    assert edit(before, {"r/a": Entry("t-2")}) == after


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x: &t 1\nimages:\n- name: r/a\n  newTag: *t\n", 4),
        ("images:\n- name: r/a\n  newTag: &t x\n- name: r/b\n  newTag: *t\n", 3),
        ("images:\n- &i\n  name: r/a\nmore: *i\n", 2),
        ("images:\n- name: r/a\n  newTag: !!str 1\n", 3),
        ("b: &b {newTag: x}\nimages:\n- <<: *b\n  name: r/a\n", 3),
        ("images:\n- name: r/a\n  newTag: |\n    x\n", 3),
        ("images:\n- name: r/a\n  newTag: x\n  newTag: y\n", 4),
        ("images:\n- name: r/a\n- name: r/a\n", 3),
        ("images:\n- name: r/a\n  ? newTag\n  : x\n", 3),
        ("images:\n- name: r/a\nimages:\n- name: r/a\n", 4),
        ("images:\n- digest: a:1\n  # of the new one\n  name: r/a\n", 2),
        ("images:\n- name: r/a\n  newTag: [x]\n", 3),
    ],
)
def test_what_cannot_be_changed_alone_is_refused_with_file_and_line(text: str, line: int) -> None:
    with pytest.raises(GitError, match=rf"{PATH}:{line}: "):
        edit(text, {"r/a": Entry("t-2")})


def test_an_entry_with_an_anchor_that_is_not_touched_does_not_matter() -> None:
    text = "x: &t y\nimages:\n- name: r/a\n  newTag: *t\n- &i {name: r/b}\n- name: r/c\n"
    assert edit(text, {"r/c": Entry("1")}) == f'{text}  newTag: "1"\n'


def test_an_entry_that_is_not_there_is_refused() -> None:
    for text in (PLAIN, "", "images:\n", "kind: Kustomization\n"):
        with pytest.raises(GitError, match="no entry r/none") as caught:
            edit(text, {"r/none": Entry("x")})
        assert caught.value.kind == "missing"


@pytest.mark.parametrize(
    "entry",
    [Entry("a b"), Entry("a\nb: c"), Entry("-x"), Entry("x" * 129), Entry('"'), Entry("x", "sha256"), Entry("x", "", "a b"),
     Entry("x", "", "a:"), Entry("${TAG}")],
)  # fmt: skip
def test_what_is_no_tag_digest_or_name_is_never_written(entry: Entry) -> None:
    with pytest.raises(GitError, match="cannot be the"):
        edit(PLAIN, {"r/auth": entry})


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(GitError, match=rf"{PATH}:3: this is not UTF-8"):
        edited(b"images:\n- name: r/a\n  # \xff\n", PATH, {"r/a": Entry("t")})


def test_aliases_that_multiply_do_not_take_long() -> None:
    bomb = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" if n else "x0: &x0 [1]\n" for n in range(30))
    assert edit(f"{bomb}images:\n- name: r/a\n", {"r/a": Entry("t")}).endswith("- name: r/a\n  newTag: t\n")
    with pytest.raises(GitError):
        edit("x: &x [*x]\nimages:\n- name: r/a\n", {"r/a": Entry("t")})


def test_the_entry_of_a_service() -> None:
    found = images(PLAIN.encode(), PATH)
    assert entry_of(found, "pos") == ("r/pos", Entry("p-1", "sha256:00aa"))
    assert entry_of(found, "none") is None


TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True) | st.sampled_from(
    ["on", "1e5", "2026-01-01"]
)
DIGESTS = st.just("") | st.just(DIGEST)
NEW_NAMES = st.just("") | st.sampled_from(["h:5000/x", "other/x", "1.2"])
ENTRIES = st.builds(Entry, st.just("") | TAGS, DIGESTS, NEW_NAMES)
COMMENTS = st.sampled_from(["", "  # why", " # newTag: x", "  #é"])


@st.composite
def kustomizations(draw: st.DrawFn) -> str:
    """Write a kustomization in some of the ways in which people do."""
    eol = draw(st.sampled_from(["\n", "\r\n"]))
    pad = draw(st.sampled_from(["", "  "]))
    lines = ["# é", "resources: [../../base]", f"images:{draw(COMMENTS)}"]
    for place in range(draw(st.integers(1, 4))):
        entry = draw(ENTRIES)
        pairs = [
            ("name", f"r/s{place}"),
            ("newName", entry.new_name),
            ("newTag", entry.tag),
            ("digest", entry.digest),
        ]
        written = draw(st.permutations([pair for pair in pairs if pair[1]]))
        quotes = [draw(st.sampled_from(["'", '"'] + [""] * (is_plain(value) * 3))) for _, value in written]
        texts = [f"{key}: {quote}{value}{quote}" for (key, value), quote in zip(written, quotes, strict=True)]
        if draw(st.booleans()):
            lines.append(f"{pad}- {{{', '.join(texts)}}}{draw(COMMENTS)}")
        else:
            lines += [f"{pad}{'  ' if at else '- '}{text}{draw(COMMENTS)}" for at, text in enumerate(texts)]
        lines += [draw(st.sampled_from(["", f"{pad}# note"]))] * draw(st.integers(0, 1))
    lines += draw(st.sampled_from([[], ["namePrefix: x-"], ["x:", "- name: r/s0", "  newTag: y"]]))
    return eol.join(lines) + draw(st.sampled_from(["", eol]))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_only_wanted_entries_differ(data: st.DataObject) -> None:
    text = data.draw(kustomizations())
    before = images(text.encode(), PATH)
    names = data.draw(st.sets(st.sampled_from([each.name for each in before])))
    entries = {name: data.draw(ENTRIES) for name in sorted(names)}
    after = edited(text.encode(), PATH, entries)
    for old, new in zip(before, images(after, PATH), strict=True):
        wanted = entries.get(old.name, Entry(old.tag, old.digest, old.new_name))
        assert (new.name, Entry(new.tag, new.digest, new.new_name)) == (old.name, wanted)
    assert rest(after.decode()) == rest(text)
    changed = [line[2:] for line in lines_between(text, after.decode())]
    assert all(any(key in line for key in ("newTag", "digest", "newName", "name: ")) for line in changed)
    assert after.count(b"\r\n") in (0, after.count(b"\n"))
    comments = [line for line in text.splitlines() if line.strip().startswith("#")]
    assert [line for line in after.decode().splitlines() if line.strip().startswith("#")] == comments
    assert edited(after, PATH, entries) == after


def rest(text: str) -> Any:
    """Return everything that a kustomization says beside its images."""
    return {key: value for key, value in yaml.safe_load(text).items() if key != "images"}


@settings(max_examples=200, deadline=None)
@given(st.text("images:-\n nameTgdu{}[]&*#'\"<\r\t!|", max_size=80))
def test_any_text_is_edited_or_refused(text: str) -> None:
    whole = f"images:\n- name: r/a\n  newTag: x\n{text}"
    try:
        after = edit(whole, {"r/a": Entry("t-2")})
    except GitError:
        return
    assert [each.tag for each in images(after.encode(), PATH) if each.name == "r/a"] == ["t-2"]


async def test_in_a_tree_the_rest_stays_the_same(tmp_path: Path) -> None:
    folder = "bäckerei/prod"
    origin = Origin(tmp_path / "origin.git")
    text = overlay({"auth": "a-1", "pos": "p-1"}).replace("\n", "\r\n")
    files = {f"{folder}/kustomization.yml": text, OVERLAY: overlay({"auth": "x"}), f"{folder}/z": "1", "a": "2"}
    head = origin.commit(files, "begin")
    repository = Repository(origin.url, folder=tmp_path / "mirrors")
    await repository.refresh()
    editor = Editor(repository)
    tree = await editor.set_entries(head, f"./{folder}/", {f"{REGISTRY}/auth": Entry("a-0", DIGEST)})
    change = [f"{folder}/kustomization.yml"]
    assert await repository.changed(head, tree) == tuple(change)
    (found,) = await repository.blobs([f"{tree}:{change[0]}"])
    wanted = text.replace("newTag: a-1", f"newTag: a-0\r\n    digest: {DIGEST}")
    assert found == wanted.encode()
    again = await editor.set_entries(tree, folder, {f"{REGISTRY}/auth": Entry("a-1")})
    assert again == origin.git("rev-parse", f"{head}^{{tree}}")
    await repository.run("fsck", "--strict", "--no-dangling", tree, doing="checking")


async def test_a_kustomization_at_the_root(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin.git")
    head = origin.commit({"Kustomization": overlay({"auth": "a-1"}), "x": "1"}, "begin")
    repository = Repository(origin.url, folder=tmp_path / "mirrors")
    await repository.refresh()
    tree = await Editor(repository).set_entries(head, "", {f"{REGISTRY}/auth": Entry("a-0")})
    assert await repository.changed(head, tree) == ("Kustomization",)


async def test_a_folder_without_one_kustomization_is_refused(tmp_path: Path) -> None:
    origin = Origin(tmp_path / "origin.git")
    both = {f"two/{name}": overlay({"auth": "a-1"}) for name in NAMES[:2]}
    origin.plan({**both, "none/x": "1", "file": "1", "link/x": "1"}, "begin")
    origin.write()
    link = origin.git("hash-object", "-w", "--stdin", stdin=b"../two/kustomization.yaml")
    tree = origin.git("mktree", stdin=f"120000 blob {link}\tkustomization.yaml\n".encode())
    root = origin.git("ls-tree", "main").replace("\tlink", "\told") + f"\n040000 tree {tree}\tlink\n"
    made = origin.git("mktree", stdin=root.encode())
    head = origin.git("-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "-p", "main", "-m", "link", made)
    origin.git("update-ref", "refs/heads/main", head)
    repository = Repository(origin.url, folder=tmp_path / "mirrors")
    await repository.refresh()
    editor = Editor(repository)
    for folder, words in {
        "two": "several of", "none": "has no", "file": "has no", "gone/deep": "has no", "": "has no",
        "link": "is not a file", "none/../two": "is not a folder",
    }.items():  # fmt: skip
        with pytest.raises(GitError, match=words) as caught:
            await editor.set_entries(head, folder, {f"{REGISTRY}/auth": Entry("a-0")})
        assert caught.value.kind == "missing"
