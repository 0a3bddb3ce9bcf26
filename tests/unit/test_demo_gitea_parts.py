"""Small parts of the embedded Gitea: names, users, webhooks' rules, images."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from bakeryops.demo.bakery.delivery import delivery_objects
from bakeryops.demo.bakery.manifests import shared
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.controllers.images import Images
from bakeryops.demo.gitea import Gitea, Hook
from bakeryops.demo.gitea.accounts import Accounts, Login, token_of
from bakeryops.demo.gitea.registry import Registry
from bakeryops.demo.gitea.webhooks import allowed, headers_of
from bakeryops.demo.names import Names


def test_names_of_services_in_all_their_forms() -> None:
    names = Names()
    names.add("el-a.ci.svc.cluster.local:8080", "http://127.0.0.1:4000/", "10.152.183.9")
    for host in ("el-a.ci.svc.cluster.local", "el-a.ci.svc", "el-a.ci", "EL-A.ci.svc.cluster.local."):
        assert names.find(f"http://{host}:8080/x/y?z=1") == "http://127.0.0.1:4000/x/y?z=1"
        assert names.knows(host)
        assert names.address(host) == "10.152.183.9"
    assert names.find("http://el-a.ci:80/") is None
    assert names.find("http://el-a:8080/") is None
    assert names.find("http://el-a.ci:99999/") is None
    assert not names.knows("el-b.ci")
    names.remove("el-a.ci.svc:8080")
    assert not names.knows("el-a.ci")


def test_a_name_without_a_port_answers_on_all_and_a_port_comes_first() -> None:
    names = Names()
    names.add("gitea.bakery-ia.local", "http://127.0.0.1:1")
    names.add("gitea.bakery-ia.local:80", "http://127.0.0.1:2")
    assert names.find("http://gitea.bakery-ia.local/a") == "http://127.0.0.1:2/a"
    assert names.find("https://gitea.bakery-ia.local") == "http://127.0.0.1:1"


def _secret(seed: int, namespace: str, name: str) -> dict[str, str]:
    objects = [*shared(seed), *delivery_objects(seed)]
    for plural, obj in objects:
        metadata = obj["metadata"]
        if plural == "secrets" and (metadata["namespace"], metadata["name"]) == (namespace, name):
            return {key: base64.b64decode(value).decode() for key, value in obj["data"].items()}
    raise AssertionError(name)


@pytest.mark.parametrize("seed", [0, 7])
def test_the_clusters_secrets_are_true(seed: int) -> None:
    accounts = Accounts(seed)
    for namespace, name in (("gitea", "gitea-admin-secret"), ("flux-system", "gitea-credentials")):
        found = _secret(seed, namespace, name)
        login = accounts.by_password(found["username"], found["password"])
        assert login is not None
        assert login.user.login == found["username"]
    for namespace, name, wanted in (
        ("bakery-ia", "gitea-registry", "bakery-robot"),
        ("bakery-ci", "gitea-registry-push", "bakery-ci-bot"),
    ):
        pull = json.loads(_secret(seed, namespace, name)[".dockerconfigjson"])
        login = accounts.authenticate(f"Basic {pull['auths']['gitea.bakery-ia.local']['auth']}")
        assert login is not None
        assert login.user.login == wanted
    login = accounts.by_token(_secret(seed, "bakery-ci", "gitea-api-token")["token"])
    assert login is not None
    assert (login.user.login, login.has("write", "repository")) == ("bakery-ci-bot", True)


def test_who_an_authorization_names() -> None:
    accounts = Accounts(1)
    bot = accounts.find("bakery-ci-bot")
    assert bot is not None
    token = bot.tokens[0].secret

    def basic(text: str) -> str:
        return f"Basic {base64.b64encode(text.encode()).decode()}"

    for header in (
        f"token {token}",
        f"Bearer {token}",
        basic(f"anybody:{token}"),
        basic(f"{token}:x-oauth-basic"),
        basic(f"{token}:"),
    ):
        found = accounts.authenticate(header)
        assert found is not None, header
        assert (found.user, found.token) == (bot, bot.tokens[0])
    by_password = accounts.authenticate(basic(f"BAKERY-CI-BOT:{bot.password}"))
    assert by_password == Login(bot)
    for header in (
        "",
        "token",
        "token ",
        "Basic ???",
        basic("bakery-ci-bot:"),
        basic(":"),
        "Digest x",
        "Basic \xff",
    ):
        assert accounts.authenticate(header) is None


def test_secrets_are_not_shown_by_accident() -> None:
    accounts = Accounts(1)
    bot = accounts.find("bakery-ci-bot")
    assert bot is not None
    assert bot.tokens[0].secret == token_of(1, "bakery-ci-bot")
    assert len(token_of(1, "bakery-ci-bot")) == 40
    shown = repr([*accounts.all(), Hook(1, "http://x", secret="flour", authorization="Bearer salt")])
    assert not [each for each in (bot.password, bot.tokens[0].secret, "flour", "salt") if each in shown]


def test_scopes() -> None:
    accounts = Accounts(1)
    bot = accounts.find("bakery-ci-bot")
    assert bot is not None
    login = Login(bot, bot.tokens[0])
    assert login.has("read", "repository")
    assert login.has("write", "package")
    assert not login.has("read", "user")
    assert Login(bot).has("write", "admin")


@pytest.mark.parametrize(
    ("setting", "host", "address", "wanted"),
    [
        ("external", "el-x.bakery-ci.svc.cluster.local", "10.152.183.4", False),
        ("external", "example.org", "93.184.216.34", True),
        ("external,10.152.183.0/24", "el-x.bakery-ci.svc.cluster.local", "10.152.183.4", True),
        ("private", "el", "10.1.2.3", True),
        ("private", "localhost", "127.0.0.1", False),
        ("loopback", "localhost", "127.0.0.1", True),
        ("el-*.bakery-ci.svc.cluster.local", "EL-x.bakery-ci.svc.cluster.local", "10.1.1.1", True),
        ("el-*.tekton-pipelines.svc.cluster.local", "el-x.bakery-ci.svc.cluster.local", "10.1.1.1", False),
        ("", "el", "10.1.1.1", False),
        ("*", "el", "what", True),
        ("10.0.0.0/8", "el", "what", False),
    ],
)
def test_allowed_hosts(setting: str, host: str, address: str, wanted: bool) -> None:
    assert allowed(setting, host, address) is wanted


def test_headers_of_a_delivery_by_version_and_secret() -> None:
    hook = Hook(1, "http://x", secret="", authorization="Bearer t")
    headers = headers_of(hook, "push", "u", b"{}", (1, 23))
    assert headers["X-Gitea-Signature"] == ""
    assert (headers["X-Hub-Signature"], headers["X-Hub-Signature-256"]) == ("sha1=", "sha256=")
    assert headers["Authorization"] == "Bearer t"
    assert "X-Gitea-Hook-Installation-Target-Type" not in headers
    hook.secret = "key"
    signed = headers_of(hook, "push", "u", b"The quick brown fox jumps over the lazy dog", (1, 25))
    # The published example of HMAC-SHA256 and HMAC-SHA1.
    assert signed["X-Gitea-Signature"] == "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    assert signed["X-Hub-Signature"] == "sha1=de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"
    assert signed["X-Gogs-Signature"] == signed["X-Gitea-Signature"]


def test_what_a_hook_wants() -> None:
    hook = Hook(1, "http://x", events=("push", "delete"), branch_filter="{main,release/*}")
    assert hook.wants("push", "refs/heads/main")
    assert hook.wants("push", "refs/heads/release/1")
    assert not hook.wants("push", "refs/heads/side")
    assert hook.wants("push", "refs/tags/v1")
    assert not hook.wants("create", "refs/heads/main")
    hook.active = False
    assert not hook.wants("push", "refs/heads/main")


def test_images_are_kept_by_tag_and_digest() -> None:
    clock, numbers = ManualClock(), iter(range(1, 100))
    registry = Registry(clock, lambda: next(numbers))
    digest = registry.put("gitea.bakery-ia.local/bakery-admin/auth", "b")
    assert Images().image_id("gitea.bakery-ia.local/bakery-admin/auth:b").endswith(digest)
    registry.put("bakery-admin/auth", "a", digest=digest, when=5.0)
    registry.put("bakery-admin/auth", "c", when=clock.now() + 1)
    assert registry.tags("bakery-admin/auth") == ["a", "b", "c"]
    assert [each.tag for each in registry.versions("bakery-admin")] == ["c", "b", "a"]
    assert registry.find("bakery-admin/auth", digest) is not None
    assert registry.delete("bakery-admin/auth", digest)
    assert registry.tags("bakery-admin/auth") == ["c"]
    assert not registry.delete("bakery-admin/auth", "a")
    assert registry.repositories() == ["bakery-admin/auth"]
    registry.delete("bakery-admin/auth", "c")
    assert registry.repositories() == []


def test_pushes_are_told_without_a_server_and_hooks_wait_for_one(tmp_path: Path) -> None:
    clock = ManualClock()
    gitea = Gitea(tmp_path, clock, seed=1, names=Names())
    told: list[Any] = []
    gitea.on_push.append(told.append)
    hook = gitea.add_hook("bakery-admin", "bakery-ia", "http://el-x.bakery-ci.svc:8080")
    repo = gitea.repo("bakery-admin", "bakery-ia")
    sha = repo.commit("main", {"a": b"1"}, "m", "n", "e@x", clock.now())
    gitea.pushed("bakery-admin", "bakery-ia", "refs/heads/main", "0" * 40, sha, "tom")
    gitea.pushed("bakery-admin", "bakery-ia", "refs/heads/main", sha, sha, "tom")
    assert [(each.branch, each.created, each.when) for each in told] == [("main", True, clock.now())]
    assert [each.done for each in hook.deliveries] == [False]
    gitea.faults.hooks = False
    gitea.pushed("bakery-admin", "bakery-ia", "refs/heads/side", "0" * 40, sha, "tom")
    assert len(hook.deliveries) == 1
    repo.close()


def test_statuses_are_of_commits_that_are_there(tmp_path: Path) -> None:
    gitea = Gitea(tmp_path, ManualClock(), seed=1, names=Names())
    repo = gitea.repo("bakery-admin", "bakery-ia")
    sha = repo.commit("main", {"a": b"1"}, "m", "n", "e@x", 1.0)
    made = gitea.set_status("bakery-admin", "bakery-ia", sha[:12], "success", "c", "d", "u", "bot", when=5.0)
    assert (made.sha, made.when) == (sha, 5.0)
    with pytest.raises(KeyError):
        gitea.set_status("bakery-admin", "bakery-ia", "b" * 40, "success", "c", "d", "u", "bot")
    with pytest.raises(KeyError):
        gitea.repo("bakery-admin", "other")
    with pytest.raises(ValueError, match="already"):
        gitea.create_repo("Bakery-Admin", "bakery-ia")
    repo.close()
