"""What a preview asks of Git: commits between, migrations, trailers, and the same done by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeryops.git.editing import Editor
from bakeryops.git.errors import GitError
from bakeryops.git.preview import find_trailer, migrations, revert_commands, shortlog
from bakeryops.git.repository import Repository
from tests.support.git_clone import Clone
from tests.support.git_origin import OVERLAY, Origin, deploy_message, overlay

AUTH = "services/auth"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "origin.git")
    made.commit({f"{AUTH}/main.py": "1", "services/pos/main.py": "1", "shared/db.py": "1"}, "begin")
    return made


async def mirror_of(origin: Origin, tmp_path: Path) -> Repository:
    repository = Repository(origin.url, folder=tmp_path / "mirrors")
    await repository.refresh()
    return repository


async def test_only_commits_of_the_service_and_of_shared_code_are_listed(origin: Origin, tmp_path: Path) -> None:
    older = origin.tip()
    origin.commit({f"{AUTH}/main.py": "2"}, "auth one")
    origin.commit({"services/pos/main.py": "2"}, "pos")
    origin.commit({"services/auth-proxy/main.py": "2"}, "proxy")
    newer = origin.commit({"shared/db.py": "2"}, "shared \x1b[2Jone")
    origin.commit({f"{AUTH}/main.py": "3"}, "later")
    repository = await mirror_of(origin, tmp_path)
    found = await shortlog(repository, older, newer, [AUTH, "shared"])
    assert [each.subject for each in found.commits] == ["shared one", "auth one"]
    assert (found.more, found.back, found.back_more) == (0, (), 0)
    assert len((await shortlog(repository, older, newer)).commits) == 4
    assert (await shortlog(repository, newer, newer, [AUTH])).commits == ()


async def test_the_other_direction_is_told_apart(origin: Origin, tmp_path: Path) -> None:
    base = origin.tip()
    origin.commit({f"{AUTH}/main.py": "s"}, "beside", branch="side", parents=(base,))
    side = origin.tip("side")
    main = origin.commit({f"{AUTH}/main.py": "m"}, "main", parents=(base,))
    origin.commit({f"{AUTH}/main.py": "both"}, "merge", parents=(main, side))
    repository = await mirror_of(origin, tmp_path)
    found = await shortlog(repository, side, main, [AUTH])
    assert [each.subject for each in found.commits] == ["main"]
    assert [each.subject for each in found.back] == ["beside"]
    back = await shortlog(repository, main, base, [AUTH])
    assert (back.commits, [each.subject for each in back.back]) == ((), ["main"])


async def test_many_commits_are_counted(origin: Origin, tmp_path: Path) -> None:
    older = origin.tip()
    for number in range(12):
        origin.plan({f"{AUTH}/main.py": str(number), "services/pos/x": str(number)}, f"change {number}")
    newer = origin.write()
    repository = await mirror_of(origin, tmp_path)
    found = await shortlog(repository, older, newer, [AUTH, "shared"], limit=5)
    assert [each.subject for each in found.commits] == [f"change {number}" for number in range(11, 6, -1)]
    assert (found.more, found.back_more) == (7, 0)


async def test_unknown_commits_are_an_error(origin: Origin, tmp_path: Path) -> None:
    repository = await mirror_of(origin, tmp_path)
    for asking in (
        shortlog(repository, "0" * 40, origin.tip(), [AUTH]),
        migrations(repository, origin.tip(), "f" * 40, AUTH),
        migrations(repository, "--output=/tmp/x", origin.tip(), AUTH),
    ):
        with pytest.raises(GitError) as caught:
            await asking
        assert caught.value.kind == "missing"


async def test_migrations_of_the_service_between_two_commits(origin: Origin, tmp_path: Path) -> None:
    old = origin.commit({f"{AUTH}/migrations/0001_gone.sql": "x", f"{AUTH}/app/migrations/kept.py": "x"}, "before")
    new = origin.commit(
        {
            f"{AUTH}/migrations/0001_gone.sql": None,
            f"{AUTH}/migrations/versions/ñ_new.py": "x",
            f"{AUTH}/alembic/versions/0002.py": "x",
            f"{AUTH}/alembic/env.py": "x",
            f"{AUTH}/migrations/__init__.py": "",
            f"{AUTH}/app/about_migrations/x.py": "x",
            f"{AUTH}/migrations.md": "x",
            "services/pos/migrations/0001.py": "x",
        },
        "after",
    )
    repository = await mirror_of(origin, tmp_path)
    wanted = {
        f"{AUTH}/migrations/0001_gone.sql", f"{AUTH}/migrations/versions/ñ_new.py", f"{AUTH}/alembic/versions/0002.py",
    }  # fmt: skip
    assert set(await migrations(repository, old, new, AUTH)) == wanted
    assert set(await migrations(repository, new, old, f"{AUTH}/")) == wanted
    assert await migrations(repository, new, new, AUTH) == ()
    assert len(await migrations(repository, old, new)) == 4


async def test_the_newest_commit_with_a_trailer(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"a": "1"}, "one\n\nBakery-Job: j-1\nBakery-Service: auth\nBakery-Service: pos\n")
    second = origin.commit({"a": "2"}, "two\n\nBakery-Job: j-1\nBakery-Service: auth\nBakery-Service: pos\n")
    origin.commit({"a": "3"}, b"three \xff\n\nNo trailer: here\n\nBakery-Job: j-1 and more\n")
    origin.commit({"a": "4"}, "")
    repository = await mirror_of(origin, tmp_path)
    assert await find_trailer(repository, "bakery-job", "j-1") == second
    assert await find_trailer(repository, "Bakery-Service", "pos") == second
    assert await find_trailer(repository, "Bakery-Job", "j-2") == ""
    assert await find_trailer(repository, "Bakery-Job", "j-1", limit=2) == ""


async def test_the_commands_do_by_hand_what_the_editor_does(origin: Origin, tmp_path: Path) -> None:
    tags = {"auth": "a-1", "pos": "p-1"}
    base = origin.commit({OVERLAY: overlay(tags)}, "overlay")
    merged = {OVERLAY: overlay(tags | {"pos": "p-2"})}
    origin.commit(merged, "deploy(pos)", branch="pr", parents=(base,))
    merge = origin.commit(merged, "Merge", parents=(base, "refs/heads/pr"))
    bad = origin.commit({OVERLAY: overlay({"auth": "a-2", "pos": "p-2"})}, deploy_message("auth", "a-2", "f" * 40))
    repository = await mirror_of(origin, tmp_path)
    found = await Editor(repository).revert(origin.tip(), [bad, merge])
    commands = revert_commands(origin.url, "main", [bad, merge], "rollback: it's $(bad)", merges=found.merges)
    clone = Clone(origin, tmp_path / "clone")
    assert f"git revert --no-commit -m 1 {merge}" in commands
    for command in commands:
        clone.shell(command)
    assert origin.git("rev-parse", "main^{tree}") == found.tree
    assert origin.git("log", "-1", "--format=%s", "main") == "rollback: it's $(bad)"
