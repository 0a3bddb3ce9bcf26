"""Where a rollback goes, told from Git alone: the image before, a wish, a release, an undo, and what is passed over."""

from __future__ import annotations

import pytest

from bakeryops.actions.ground import Ground
from bakeryops.actions.rollback_target import of_release, of_service, of_undo
from bakeryops.actions.rollback_wish import Wish, command_of
from bakeryops.actions.rollback_words import commit_message, shown
from bakeryops.config import Config
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.git.entries import Entry
from bakeryops.jobs.person import Operator
from bakeryops.read.delivery_index import DeliveryIndex
from bakeryops.read.index import WorkloadIndex
from tests.support.chain_values import NOW, Story, sha, tag

WHO = Operator("tester", "tester@example.org", "bench")


def ground(story: Story) -> Ground:
    return Ground(
        Config(), None, story.view(), None, "", DeliveryIndex(), WorkloadIndex(), NOW, WHO
    )  # fmt: skip


def deployed(*words: str, service: str = "auth") -> Story:
    """Tell of deployments of a service, one after the other."""
    story = Story()
    for place, word in enumerate(words):
        story.change(word, ago=9000.0 - 100 * place)
        story.deploy(service, word, ago=8990.0 - 100 * place, run=f"bakery-ia-ci-{word}")
    return story


def rollback(story: Story, word: str, *, ago: float, verb: str = "rollback", service: str = "auth") -> str:
    before = story.tags[service]
    return story.set_tag(service, tag(word), f"{verb}({service}): {before} -> {tag(word)}", ago=ago)


def test_without_a_wish_it_is_the_image_before() -> None:
    story = deployed("one", "two")
    found = of_service(ground(story), "auth")
    (move,) = found.moves
    assert (move.before.tag, move.after.tag) == (tag("two"), tag("one"))
    assert found.reverts == (story.commits[-1].sha,)
    assert (found.blocked, found.why_set, found.remarks) == ("", "", ())


def test_the_first_image_of_all_has_nothing_before_it() -> None:
    story = Story()
    found = of_service(ground(story), "auth")
    assert found.moves == ()
    assert found.blocked == "there is no earlier image to go back to"
    assert "--to TAG" in found.hint


def test_what_was_rolled_back_is_passed_over_until_it_is_brought_back() -> None:
    story = deployed("one", "two")
    rollback(story, "one", ago=5000.0)
    story.deploy("auth", "two", ago=4900.0)
    story.deploy("auth", "three", ago=4800.0)
    found = of_service(ground(story), "auth")
    assert found.moves[0].after.tag == tag("one")
    assert found.remarks == (f"passed over {tag('two')}: it was rolled back",)
    rollback(story, "two", ago=4700.0, verb="reapply")
    story.deploy("auth", "four", ago=4600.0)
    assert of_service(ground(story), "auth").moves[0].after.tag == tag("two")


def test_after_a_rollback_the_next_goes_further_back_and_never_forth() -> None:
    story = deployed("one", "two", "three")
    rollback(story, "two", ago=5000.0)
    found = of_service(ground(story), "auth")
    assert found.moves[0].after.tag == tag("one")
    assert len(found.reverts) == 3


@pytest.mark.parametrize("gone", [("two",), ("two", "one")])
def test_images_that_the_registry_does_not_have_are_passed_over(gone: tuple[str, ...]) -> None:
    story = deployed("zero", "one", "two", "three")
    stored = [tag(each) for each in ("zero", "one", "two", "three") if each not in gone]
    found = of_service(ground(story), "auth", stored=stored)
    assert found.moves[0].after.tag == tag("zero" if "one" in gone else "one")
    assert len(found.remarks) == len(gone)
    named = of_service(ground(story), "auth", tag("two"), stored=stored)
    assert named.missing == {"auth": tag("two")}


def test_where_all_are_gone_nothing_is_offered() -> None:
    story = deployed("one", "two")
    found = of_service(ground(story), "auth", stored=[tag("two")])
    assert found.blocked == "there is no earlier image to go back to"


def test_an_image_that_failed_when_it_ran_is_passed_over() -> None:
    story = deployed("one", "two", "three")
    found = of_service(ground(story), "auth", failed={sha("two"): "exit 1"})
    assert found.moves[0].after.tag == tag("one")
    assert found.remarks == (f"passed over {tag('two')}: it failed when it ran: exit 1",)


def test_a_wish_is_a_tag_a_source_commit_or_a_deploy_commit() -> None:
    story = deployed("one", "two", "three")
    deploy = next(each.sha for each in story.commits if each.subject == f"deploy(auth): {tag('one')}")
    for wish in (tag("one"), sha("one")[:8], sha("one"), deploy[:12]):
        found = of_service(ground(story), "auth", wish)
        assert found.moves[0].after.tag == tag("one"), wish
        assert len(found.reverts) == 2


def test_a_wish_that_means_nothing_names_what_comes_near() -> None:
    story = deployed("one", "two")
    with pytest.raises(UsageError) as wrong:
        of_service(ground(story), "auth", tag("one")[:-2])
    assert wrong.value.hint == f"Did you mean {tag('one')}?"
    with pytest.raises(UsageError, match="no deployment of auth is of the commit deadbeef"):
        of_service(ground(story), "auth", "deadbeef")
    with pytest.raises(UsageError, match="was never deployed as"):
        of_service(ground(story), "auth", "../../etc")


def test_a_tag_that_only_the_registry_knows_is_set_as_named() -> None:
    story = deployed("one")
    found = of_service(ground(story), "auth", "1.4.0", stored=["1.4.0"])
    assert (found.moves[0].after, found.moves[0].to) == (Entry("1.4.0", "", ""), None)
    assert found.reverts == ()
    assert found.why_set == "Git has no deployment of 1.4.0, so it is set as named"


def test_an_image_that_came_some_other_way_is_set() -> None:
    story = deployed("one", "two")
    story.set_tag("auth", "by-hand", "auth: try this", ago=100.0)
    found = of_service(ground(story), "auth")
    assert found.moves[0].after.tag == tag("two")
    assert found.reverts == (story.commits[-1].sha,)


def test_an_unknown_service_is_refused_with_its_neighbour() -> None:
    with pytest.raises(UsageError) as wrong:
        of_service(ground(Story()), "auht")
    assert wrong.value.hint == "Did you mean auth?"
    with pytest.raises(UsageError, match=r"has no image in the overlay"):
        of_undo(ground(Story()), "\x1b[31mzzz")


def test_a_release_is_found_by_its_short_name_and_goes_newest_first() -> None:
    story = Story()
    run = "bakery-ia-ci-x2x4z"
    story.change("one", touched=("auth", "tenant"))
    first = story.deploy("auth", "one", ago=900.0, run=run)
    second = story.deploy("tenant", "one", ago=899.0, run=run)
    with pytest.raises(UsageError) as wrong:
        of_release(ground(story), "x2x4")
    assert wrong.value.hint.startswith(("Did you mean bakery-ia-ci-x2x4z", "See: "))
    found = of_release(ground(story), "x2x4z")
    # The first deployment that Git tells of has none before it.
    assert found.blocked == "nothing of it is in force any more"
    assert len(found.remarks) == 2
    story.change("two", touched=("auth", "tenant"))
    run = "bakery-ia-ci-b2b4b"
    third = story.deploy("auth", "two", ago=800.0, run=run)
    fourth = story.deploy("tenant", "two", ago=799.0, run=run)
    found = of_release(ground(story), "b2b4b")
    assert found.reverts == (fourth, third)
    assert found.what == f"release {run}"
    assert {move.after.tag for move in found.moves} == {tag("one")}
    assert {first, second}.isdisjoint(found.reverts)


def test_an_undo_goes_to_what_the_rollback_took_away() -> None:
    story = deployed("one", "two")
    made = rollback(story, "one", ago=5000.0)
    found = of_undo(ground(story), "auth")
    assert found.moves[0].after.tag == tag("two")
    assert found.reverts == (made,)
    rollback(story, "two", ago=4900.0, verb="reapply")
    with pytest.raises(BakeryopsError, match=r"the last change of auth is no rollback, but reapply"):
        of_undo(ground(story), "auth")


def test_the_message_carries_what_others_look_for_and_no_terminal_code() -> None:
    text = commit_message(
        "rollback(auth): b -> a", reason="sign-in\x1b[2J fails", services=["auth"], reverts=["f" * 40], who=WHO,
        more=(("Bakery-Change", "1"),),
    )  # fmt: skip
    subject, _, rest = text.partition("\n\n")
    assert subject == "rollback(auth): b -> a"
    assert "\x1b" not in text
    assert rest.split("\n\n")[1] == "[skip ci]"
    assert text.endswith(
        f"\n\nBakery-Service: auth\nReverts: {'f' * 40}\nBakery-Change: 1\nBakery-Operator: tester@bench\n"
    )


def test_images_are_called_by_tag_else_by_digest() -> None:
    assert shown(Entry("1.0", "sha256:" + "a" * 64)) == "1.0"
    assert shown(Entry("", "sha256:" + "a" * 64)) == "sha256:" + "a" * 12
    assert (shown(Entry()), shown(None)) == ("untagged", "nothing")


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        (Wish("auth"), "bakeryops rollback auth"),
        (Wish("auth", to="51d0e7b", reason="it's bad"), "bakeryops rollback auth --to 51d0e7b --reason 'it'\"'\"'s bad'"),
        (Wish(release="x2x4z", hold=False), "bakeryops rollback --release x2x4z --no-hold"),
        (Wish(point="9f3c2a1", cancel_builds=True, resume=True, commit_only=True),
         "bakeryops rollback --point 9f3c2a1 --cancel-builds --resume --commit-only"),
    ],
)  # fmt: skip
def test_the_command_line_says_the_same(wish: Wish, line: str) -> None:
    assert command_of(wish, "rollback") == line
    assert command_of(Wish("auth", hold=False), "reapply") == "bakeryops rollback auth --undo"
