"""What a rollback's plan says before anything is done: objects, data, migrations, builds, Flux, and why it cannot be."""

from __future__ import annotations

import pytest

from bakeryops.demo.chain.overlay import OVERLAY
from bakeryops.errors import UsageError
from tests.support.rollback import FOLDER, Matrix, notes, push_of
from tests.support.rollback_worlds import made
from tests.support.waiting import until

__all__ = ["made"]
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


def config_map(name: str, **data: str) -> str:
    values = "".join(f"  {key}: {value}\n" for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{values}"


def worker(label: str) -> str:
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: extra-worker
spec:
  replicas: 0
  selector:
    matchLabels: {{app: {label}}}
  template:
    metadata:
      labels: {{app: {label}}}
    spec:
      containers:
        - {{name: main, image: "busybox:1.36"}}
"""


KEPT = """apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: extra-data
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests: {storage: 1Gi}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: extra-db
spec:
  serviceName: extra-db
  replicas: 0
  selector:
    matchLabels: {app: extra-db}
  template:
    metadata:
      labels: {app: extra-db}
    spec:
      containers:
        - {name: main, image: "busybox:1.36"}
"""


def with_resource(text: str) -> str:
    return text.replace("  - ../../base\n", "  - ../../base\n  - extra.yaml\n", 1)


async def test_manifests_of_the_commit_come_back_too_and_data_that_goes_is_red(made: Matrix) -> None:
    extra = f"{FOLDER}/extra.yaml"
    before = config_map("extra-kept", a="one") + "---\n" + config_map("extra-gone", b="two")
    made.rewrite(with_resource, "more settings\n", {extra: before.encode()})
    old, bad = made.tag("tenant"), made.image("tenant")
    after = config_map("extra-kept", a="other") + "---\n" + config_map("extra-new", c="x") + "---\n" + KEPT
    made.together({"tenant": bad}, f"deploy(tenant): {bad}\n", {extra: after.encode()})
    await made.back("auth")
    assert made.store.get("statefulsets", "bakery-ia", "extra-db") is not None
    plan = await made.plan("tenant")
    assert push_of(plan).args["edit"]["mode"] == "revert"
    section = next(each for each in plan.sections if each.title == "Objects that change")
    assert section.lines == (
        "- PersistentVolumeClaim bakery-ia/extra-data",
        "- StatefulSet bakery-ia/extra-db",
        "- ConfigMap bakery-ia/extra-new",
        "~ ConfigMap bakery-ia/extra-kept (data)",
        "~ Deployment bakery-ia/tenant-service (image)",
        "+ ConfigMap bakery-ia/extra-gone",
    )
    assert "StatefulSet extra-db is deleted, with what it holds" in notes(plan, "bad")
    assert "PersistentVolumeClaim extra-data is deleted, with what it holds" in notes(plan, "bad")
    assert "1 object is deleted: extra-new" in notes(plan, "soon")
    assert (plan.typed, plan.why_typed) == ("tenant", "objects that hold data are deleted")
    assert (await made.run(plan)).state == "done"
    assert made.changed(made.head()) == [extra, OVERLAY]
    assert made.live("configmaps", "extra-kept", "bakery-ia")["data"] == {"a": "one"}
    assert made.live("configmaps", "extra-gone", "bakery-ia")["data"] == {"b": "two"}
    assert made.store.get("configmaps", "bakery-ia", "extra-new") is None
    assert made.store.get("statefulsets", "bakery-ia", "extra-db") is None
    assert made.runs("tenant", old)


async def test_a_field_that_the_cluster_does_not_let_change_is_told(made: Matrix) -> None:
    extra = f"{FOLDER}/worker.yaml"
    made.rewrite(
        lambda text: text.replace("  - ../../base\n", "  - ../../base\n  - worker.yaml\n", 1),
        "a worker\n", {extra: worker("one").encode()},
    )  # fmt: skip
    bad = made.image("orders")
    made.together({"orders": bad}, f"deploy(orders): {bad}\n", {extra: worker("other").encode()})
    plan = await made.plan("orders")
    assert "Deployment extra-worker: spec.selector cannot be changed; Flux will fail" in notes(plan, "bad")
    gone: dict[str, bytes | None] = {extra: None}
    made.rewrite(lambda text: text.replace("  - worker.yaml\n", ""), "no worker\n", gone)


async def test_migrations_between_the_two_sources_have_to_be_typed(made: Matrix) -> None:
    path = "services/sales/migrations/versions/0042_split_the_name.py"
    await made.release("sales", {path: b"def upgrade(): ...\n"}, apply=False)
    await made.release("sales", apply=False)
    plan = await made.plan("sales")
    assert plan.typed == ""
    assert "no database migrations between the two" in notes(plan, "fine")
    plan = await made.plan("sales", to=made.tag("sales", f"{made.head().sha}~4"))
    assert (plan.typed, plan.why_typed) == ("sales", "database migrations lie between the two images")
    assert (
        f"1 database migration between the two images: {path}. An image goes back, a database does not"
        in notes(plan, "bad")
    )


async def test_an_image_that_is_gone_blocks_and_the_default_passes_over_it(made: Matrix) -> None:
    good = await made.release("recipes", apply=False)
    gone = await made.release("recipes", apply=False)
    await made.release("recipes", apply=False)
    made.world.gitea.registry.delete("bakery-admin/recipes", gone.tag)
    plan = await made.plan("recipes", to=gone.tag)
    assert plan.blocked == f"the image {gone.tag} of recipes is gone from the registry, its pods could not start"
    assert f"bakeryops rebuild recipes --at {gone.after[:12]}" in plan.hint
    assert plan.steps == ()
    plan = await made.plan("recipes")
    assert not plan.blocked
    assert f"passed over {gone.tag}: the registry does not have its image any more" in notes(plan)
    assert (await made.run(plan)).state == "done"
    assert made.tag("recipes") == good.tag
    assert made.runs("recipes", good.tag)


async def test_a_suspended_kustomization_blocks_unless_it_is_resumed_or_left(made: Matrix) -> None:
    old = made.tag("external")
    await made.release("external")
    made.scene.suspend()
    plan = await made.plan("external")
    assert plan.blocked == "Kustomization bakery-ia is suspended: what is pushed would not be applied"
    assert "--resume, or --commit-only" in plan.hint
    plan = await made.plan("external", commit_only=True)
    assert [step.id for step in plan.steps] == ["look", "hold", "push", "held"]
    assert (await made.run(plan)).state == "done"
    assert made.tag("external") == old
    assert made.scene.applied() != made.head().sha
    newer = await made.release("external", apply=False)
    plan = await made.plan("external", resume=True)
    assert "is suspended and is resumed" in notes(plan, "soon")
    assert "resume" in [step.id for step in plan.steps]
    assert (await made.run(plan)).state == "done"
    assert not made.scene.suspended()
    assert newer.tag not in (made.tag("external"), made.scene.running_image("external"))


async def test_image_automation_is_suspended_first(made: Matrix) -> None:
    old = made.tag("training")
    await made.release("training")
    for name, path in (("writes", f"./{FOLDER}"), ("elsewhere", "./infrastructure/kubernetes/staging")):
        body = {
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation",
            "metadata": {"name": name, "namespace": "flux-system"},
            "spec": {"interval": "30m", "sourceRef": {"kind": "GitRepository", "name": "bakery-ia"},
                     "git": {"commit": {"author": {"email": "flux@bakery-ia.local"}}},
                     "update": {"path": path, "strategy": "Setters"}},
        }  # fmt: skip
        made.store.create("imageupdateautomations", body, manager="test", namespace="flux-system")
    plan = await made.plan("training")
    assert "ImageUpdateAutomation writes writes the overlay and would undo this: it is suspended first" in notes(
        plan
    )
    order = [step.id for step in plan.steps]
    assert order.index("automation-0") < order.index("push")
    assert "automation-1" not in order
    assert any(each.resource == "imageupdateautomations" for each in plan.needs)
    assert (await made.run(plan)).state == "done"
    assert made.live("imageupdateautomations", "writes")["spec"]["suspend"] is True
    assert "suspend" not in made.live("imageupdateautomations", "elsewhere")["spec"]
    assert made.runs("training", old)


async def test_a_build_that_goes_on_is_told_of_and_does_not_write_over_it(made: Matrix) -> None:
    old = made.tag("production")
    await made.release("production")
    # So slow that it has not written its tag when the rollback begins, however busy this machine is.
    change = {"services/production/app/more.py": b"# demo: slow\n"}
    source = made.scene.push("maria", "production: more\n", change)
    run = await _begun(made, source)
    plan = await made.plan("production")
    note = next(each.text for each in plan.notes if run in each.text)
    assert note.endswith("and builds production: held, so that its tag is not written")
    other = await made.plan("notification")
    assert f"build {run} is running: it does not touch notification" in notes(other, "fine")
    assert (await made.run(plan)).state == "done"
    await until(lambda: _ended(made, run), 60)
    assert _condition(made, run)["reason"] in ("Succeeded", "Completed")
    assert made.tag("production") == old
    assert made.runs("production", old)


async def test_builds_in_the_way_are_cancelled_when_asked(made: Matrix) -> None:
    old = made.tag("inventory")
    await made.release("inventory")
    source = made.scene.push("maria", "inventory: more\n", {"services/inventory/app/more.py": b"MORE = 1\n"})
    run = await _begun(made, source)
    plan = await made.plan("inventory", cancel_builds=True, hold=False)
    assert [step.id for step in plan.steps][:3] == ["look", f"cancel-{run}", "push"]
    assert (await made.run(plan)).state == "done"
    await until(lambda: _ended(made, run), 60)
    assert _condition(made, run)["reason"] == "Cancelled"
    assert made.live("pipelineruns", run, "bakery-ci")["spec"]["status"] == "CancelledRunFinally"
    assert made.tag("inventory") == old
    assert "inventory" not in made.holds()


async def test_what_is_not_known_is_refused_with_what_was_meant(made: Matrix) -> None:
    with pytest.raises(UsageError) as wrong:
        await made.plan("tennant")
    assert wrong.value.hint == "Did you mean tenant?"
    with pytest.raises(UsageError, match="was never deployed as") as wrong:
        await made.plan("tenant", to=made.tag("tenant")[:-1] + "x")
    assert wrong.value.hint == f"Did you mean {made.tag('tenant')}?"
    with pytest.raises(UsageError, match="no deployment of tenant is of the commit"):
        await made.plan("tenant", to="abcdef0123")
    with pytest.raises(UsageError, match="no deployment in Git is of the build"):
        await made.plan("", release="bakery-ia-ci-zzzzz")
    with pytest.raises(UsageError, match="there is no commit"):
        await made.plan("", point="abcdef0123")


async def test_the_image_that_is_there_already_needs_nothing(made: Matrix) -> None:
    plan = await made.plan("gateway", to=made.tag("gateway"))
    assert plan.steps == ()
    assert plan.nothing


async def test_planning_changes_nothing_and_says_all(made: Matrix) -> None:
    old = made.tag("frontend")
    bad = await made.release("frontend", subject="a banner")
    before = made.everything()
    plan = await made.plan("frontend")
    assert made.everything() == before
    facts = {each.label: each.text for each in plan.facts}
    assert bad.tag in facts["now"]
    assert "María" in facts["now"]
    assert facts["to"].startswith(old)
    assert facts["taken back"] == "1 commit of frontend"
    assert facts["flux"].startswith("bakery-ia ready, has applied ")
    sections = {each.title: each for each in plan.sections}
    assert any("a banner" in line for line in sections["Commits taken back of frontend"].lines)
    assert f"+    newTag: {old}" in sections["Git"].lines
    assert sections["Git"].form == "diff"
    assert sections["Objects that change"].lines == ("~ Deployment bakery-ia/frontend (image)",)
    assert plan.command == "bakeryops rollback frontend"
    assert plan.undo == "bakeryops rollback frontend --undo"
    view = await made.run(plan)
    # What was run is what was shown: the very commit, by the very push.
    commit = made.head().sha
    push = next(step for step in plan.steps if step.id == "push")
    assert push.shows[1].endswith(f"({commit[:12]})")
    assert f"{commit}:refs/heads/main" in push.shows[2]
    assert f"--force-with-lease=refs/heads/main:{bad.deploy_commits['frontend']}" in push.shows[2]
    assert [step.state for step in view.steps] == ["done"] * len(plan.steps)


def _condition(made: Matrix, run: str) -> dict[str, str]:
    found = made.live("pipelineruns", run, "bakery-ci").get("status", {}).get("conditions") or [{}]
    return dict(found[0])


def _ended(made: Matrix, run: str) -> bool:
    return "completionTime" in made.live("pipelineruns", run, "bakery-ci").get("status", {})


async def _begun(made: Matrix, source: str) -> str:
    def find() -> list[str]:
        label = {"bakery.dev/revision": source}
        return [each["metadata"]["name"] for each in made.store.list("pipelineruns", "bakery-ci", label)]

    await until(lambda: find() and _condition(made, find()[0]).get("reason") == "Running", 30)
    return find()[0]
