"""The embedded registry: how clients log in, what they list, and the packages API on the same images."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bakeryops.demo.controllers.images import Images
from bakeryops.demo.gitea import Gitea
from tests.support.gitea import client, served_gitea

IMAGE = "bakery-admin/pos"


@pytest.fixture
async def gitea(tmp_path: Path) -> AsyncIterator[Gitea]:
    async with served_gitea(tmp_path) as (found, _):
        for number, tag in enumerate(("20260101000000-aaaaaaaaaaaa", "20260102000000-bbbbbbbbbbbb", "latest")):
            found.registry.put(IMAGE, tag, when=1000.0 + number)
        found.registry.put("bakery-admin/sales", "1.0")
        yield found


def _robot(gitea: Gitea) -> httpx.AsyncClient:
    user = gitea.accounts.find("bakery-robot")
    assert user is not None
    return httpx.AsyncClient(
        base_url=gitea.url, auth=httpx.BasicAuth("bakery-robot", user.password), trust_env=False
    )


async def test_a_stranger_is_sent_for_a_token(gitea: Gitea) -> None:
    async with client(gitea, None) as nobody:
        answer = await nobody.get("/v2/")
        assert answer.status_code == 401
        assert answer.json() == {"errors": [{"code": "UNAUTHORIZED", "message": ""}]}
        assert answer.headers["www-authenticate"] == (
            'Bearer realm="http://gitea.bakery-ia.local/v2/token",service="container_registry",scope="*"'
        )
        gitea.version = "1.26.3"
        assert f'realm="{gitea.url}/v2/token"' in (await nobody.get("/v2/")).headers["www-authenticate"]
        assert (await nobody.get("/v2/token")).status_code == 401


async def test_a_token_opens_the_registry_for_a_day(gitea: Gitea) -> None:
    async with _robot(gitea) as robot, client(gitea, None) as nobody:
        body = (await robot.get("/v2/token")).json()
        assert set(body) == {"token"}
        headers = {"Authorization": f"Bearer {body['token']}"}
        assert (await nobody.get("/v2/", headers=headers)).status_code == 200
        forged = {"Authorization": f"Bearer {body['token'][:-2]}xx"}
        assert (await nobody.get("/v2/", headers=forged)).status_code == 401
        for nonsense in ("x", "a.b.c", "ü.ü.ü"):
            value = f"Bearer {nonsense}".encode()
            assert (await nobody.get("/v2/", headers={"Authorization": value})).status_code == 401


async def test_a_token_without_the_scope_is_nobody(gitea: Gitea) -> None:
    async with client(gitea, "flux") as flux:
        assert (await flux.get("/v2/")).status_code == 401
        said = (await flux.get("/api/v1/packages/bakery-admin")).json()["message"]
        assert "required=[read:package]" in said


async def test_tags_come_by_name_with_a_link_even_on_the_last_page(gitea: Gitea) -> None:
    async with _robot(gitea) as robot:
        seen: list[str] = []
        path, pages = f"/v2/{IMAGE}/tags/list?n=2", 0
        while True:
            answer = await robot.get(path)
            if not answer.json()["tags"]:
                break
            seen += answer.json()["tags"]
            pages += 1
            path = answer.headers["link"].partition(">")[0].removeprefix("<")
        assert "link" not in answer.headers
        assert (seen, pages) == (["20260101000000-aaaaaaaaaaaa", "20260102000000-bbbbbbbbbbbb", "latest"], 2)
        whole = (await robot.get(f"/v2/{IMAGE}/tags/list")).json()
        assert (whole["name"], len(whole["tags"])) == (IMAGE, 3)
        unknown = await robot.get("/v2/bakery-admin/none/tags/list")
        assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (404, "NAME_UNKNOWN")
        assert (await robot.get("/v2/_catalog")).json() == {"repositories": [IMAGE, "bakery-admin/sales"]}
        assert (await robot.get("/v2/_catalog", params={"last": IMAGE})).json() == {
            "repositories": ["bakery-admin/sales"]
        }


async def test_the_digest_is_what_the_kubelet_names(gitea: Gitea) -> None:
    image = f"gitea.bakery-ia.local/{IMAGE}:latest"
    wanted = Images().image_id(image).rpartition("@")[2]
    async with _robot(gitea) as robot:
        head = await robot.head(f"/v2/{IMAGE}/manifests/latest")
        assert (head.headers["docker-content-digest"], head.content) == (wanted, b"")
        body = (await robot.get(f"/v2/{IMAGE}/manifests/{wanted}")).json()
        assert sum(each["size"] for each in body["layers"]) <= Images().size(image)
        unknown = await robot.get(f"/v2/{IMAGE}/manifests/none")
        assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
        assert (await robot.get(f"/v2/{IMAGE}/blobs/{wanted}")).json()["errors"][0]["code"] == "BLOB_UNKNOWN"


async def test_who_may_delete(gitea: Gitea) -> None:
    async with _robot(gitea) as robot, client(gitea) as operator:
        assert (await robot.delete(f"/v2/{IMAGE}/manifests/latest")).status_code == 403
        assert (await operator.delete(f"/v2/{IMAGE}/manifests/latest")).status_code == 202
        assert (await operator.delete(f"/v2/{IMAGE}/manifests/latest")).status_code == 404
    assert gitea.registry.digest(IMAGE, "latest") is None


async def test_packages_are_the_same_images(gitea: Gitea) -> None:
    async with client(gitea) as http:
        rows = (await http.get("/api/v1/packages/bakery-admin", params={"type": "container", "q": "po"})).json()
        assert [each["version"] for each in rows] == [
            "latest",
            "20260102000000-bbbbbbbbbbbb",
            "20260101000000-aaaaaaaaaaaa",
        ]
        assert (await http.get("/api/v1/packages/bakery-admin", params={"type": "pypi"})).json() == []
        assert (await http.get("/api/v1/packages/nobody")).status_code == 404
        here = "/api/v1/packages/bakery-admin/container/pos"
        assert len((await http.get(here)).json()) == 3
        assert (await http.get(f"{here}/-/latest")).json()["version"] == "latest"
        assert (await http.get(f"{here}/latest/files")).json()[0]["sha256"] == (
            gitea.registry.digest(IMAGE, "latest") or ""
        ).removeprefix("sha256:")
        assert (await http.delete(f"{here}/latest")).status_code == 204
        assert (await http.get(f"{here}/latest")).status_code == 404
        assert (await http.delete(here)).status_code == 404
        gitea.version = "1.26.0"
        assert (await http.delete(here)).status_code == 204
        assert gitea.registry.tags(IMAGE) == []
        gitea.version = "1.23.8"
        assert (await http.get("/api/v1/packages/bakery-admin/container/sales")).status_code == 404
