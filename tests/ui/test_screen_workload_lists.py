from __future__ import annotations

from collections.abc import Callable
from typing import Any

from screens.app import BakeryOpsApp
from tests.support.console import screen_text, until, until_gone
from tests.support.fake_session import FakeSession
from tests.support.small_bakery import deployment, pod, stamp
from tests.ui.test_screen_lists import start

Make = Callable[..., BakeryOpsApp]


def claim(name: str, *, phase: str = "Bound", size: str = "2Gi") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "bakery-ia", "uid": f"c-{name}", "resourceVersion": "1",
                     "creationTimestamp": stamp(7200)},
        "spec": {"storageClassName": "microk8s-hostpath", "resources": {"requests": {"storage": size}}},
        "status": {"phase": phase, "capacity": {"storage": size} if phase == "Bound" else None},
    }  # fmt: skip


def mounting(name: str, app: str, of: str) -> dict[str, Any]:
    made = pod(name, app)
    made["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": of}}]
    return made


def fullness(name: str, used: int, capacity: int) -> dict[str, Any]:
    volume = {"name": "data", "pvcRef": {"name": name, "namespace": "bakery-ia"}, "usedBytes": used,
              "capacityBytes": capacity}  # fmt: skip
    summary = {"node": {"nodeName": "bakery-vps"},
               "pods": [{"podRef": {"name": "x", "namespace": "bakery-ia"}, "volume": [volume]}]}  # fmt: skip
    return {"metadata": {"name": "bakery-vps"}, "stats": summary}


def rows_of(shown: str, word: str) -> list[str]:
    return [row for row in shown.split("\n") if word in row]


async def test_the_third_list_shows_volumes_how_full_and_used_by_whom(
    session: FakeSession, make_app: Make
) -> None:
    session.put("persistentvolumeclaims", claim("data-auth-db-0"), claim("archive", phase="Pending", size="100Gi"))
    session.put("pods", mounting("auth-db-0", "auth-db", "data-auth-db-0"))
    session.put("nodestats", fullness("data-auth-db-0", 1879048192, 2147483648))
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await pilot.press("4", "w", "w")
        shown = await until(pilot, "2 volumes")
        full = rows_of(shown, "data-auth-db-0")[0]
        assert "88%" in full
        assert "▓" in full
        assert "▲" in full
        assert "auth-db-0" in full.partition("2.0G")[2]
        assert "nobody" in rows_of(shown, "archive")[0]
        assert "100G" in rows_of(shown, "archive")[0]
        session.put("persistentvolumeclaims", claim("third"))
        await until(pilot, "3 volumes")
        session.drop("persistentvolumeclaims", "bakery-ia", "third")
        await until_gone(pilot, "third")
        await pilot.press("d")
        await until(pilot, "PersistentVolumeClaim bakery-ia/data-auth-db-0")
        await pilot.press("escape", "w")
        await until(pilot, " workloads")


async def test_by_service_gathers_members_and_puts_trouble_first(session: FakeSession, make_app: Make) -> None:
    session.put("deployments", deployment("auth-db"), deployment("zeta-service"), deployment("zeta-db"))
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await pilot.press("4", "b")
        await until(pilot, "by service")
        shown = await until(pilot, "zeta-service")
        rows = shown.split("\n")
        names = [row.split()[1:3] for row in rows[3:] if row[:1] in "✔✖◐▲"]
        assert names[:2] == [["auth", "auth"], ["auth", "auth-db"]]
        assert ["zeta", "zeta-db"] in names
        at = names.index(["zeta", "zeta-db"])
        assert ["zeta", "zeta-service"] in (names[at - 1], names[at + 1])
        await pilot.press("w")
        shown = await until(pilot, "6 pods")
        assert "by service" in shown
        await pilot.press("b")
        await until(pilot, "sorted by health")


async def test_a_service_moves_up_when_one_of_its_members_breaks(session: FakeSession, make_app: Make) -> None:
    session.put("deployments", deployment("tenant-db"))
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await pilot.press("4", "b")
        await until(pilot, "tenant-db")
        broken = pod("tenant-6d5f8c7b9-x2x4z", "tenant", ready=False, restarts=9, waiting="CrashLoopBackOff")
        broken["metadata"]["resourceVersion"] = "2"
        worse = deployment("tenant", ready=0)
        worse["metadata"]["resourceVersion"] = "2"
        session.put("pods", broken)
        session.put("deployments", worse)

        def gathered() -> bool:
            rows = screen_text(app).split("\n")
            order = [row.split()[2] for row in rows[3:] if row[:1] in "✔✖◐▲" and len(row.split()) > 2]
            return order[:3] == ["auth", "tenant", "tenant-db"]

        await until(pilot, gathered)


async def test_what_is_filtered_for_stays_from_list_to_list(session: FakeSession, make_app: Make) -> None:
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await pilot.press("4", "slash", *"ten", "enter")
        await until(pilot, "1 of 6 workloads")
        await pilot.press("w")
        await until(pilot, "1 of 6 pods")
        await pilot.press("escape")
        await until(pilot, " 6 pods")


async def test_a_broken_workload_shows_its_warnings_in_place_of_empty_charts(
    session: FakeSession, make_app: Make
) -> None:
    session.drop("podmetrics", "bakery-ia", "auth-6d5f8c7b9-x2x4z")
    app = make_app(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await start(app, session, pilot)
        await pilot.press("enter")
        await until(pilot, "BackOff ×31")
        shown = screen_text(app)
        assert "Back-off restarting failed container auth" in shown
        assert "no samples yet" not in shown
        assert "auth-6d5f8c7b9-x2x4z" in shown


async def test_claims_are_judged_alike_on_the_list_and_on_their_own_page(
    session: FakeSession, make_app: Make
) -> None:
    session.put("persistentvolumeclaims", claim("archive", phase="Pending"))
    session.put("pods", mounting("archive-0", "archive", "archive"))
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await pilot.press("4", "w", "w")
        shown = await until(pilot, "not bound: no")
        assert "✖" in rows_of(shown, "archive")[0]
        await pilot.press("d")
        shown = await until(pilot, "✖ Pending")
        assert "no pod mounts it" not in shown


async def test_a_page_shows_how_full_the_volumes_are(session: FakeSession, make_app: Make) -> None:
    session.put("persistentvolumeclaims", claim("data-auth-db-0"))
    session.put("pods", mounting("auth-db-0", "auth-db", "data-auth-db-0"))
    session.put("nodestats", fullness("data-auth-db-0", 1879048192, 2147483648))
    app = make_app(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await start(app, session, pilot)
        await pilot.press("4", "w", "slash", *"auth-db", "enter")
        await until(pilot, "1 of 7 pods")
        await pilot.press("enter")
        shown = await until(pilot, "volume data-auth-db-0")
        assert "88% ▓" in shown
