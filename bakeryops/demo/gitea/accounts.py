"""Users of Gitea, their passwords and tokens, and what each may do."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from bakeryops.demo.controllers.objects import digest

__all__ = [
    "ADMIN",
    "BOT",
    "FLUX",
    "OPERATOR",
    "PEOPLE",
    "ROBOT",
    "SCOPES",
    "Accounts",
    "Login",
    "Token",
    "User",
    "secret_of",
    "token_of",
]

ADMIN = "bakery-admin"
BOT = "bakery-ci-bot"
FLUX = "flux"
ROBOT = "bakery-robot"
OPERATOR = "operator"
PEOPLE = (
    ("maria", "María Núñez"),
    ("unai", "Unai Etxeberria"),
    ("lina", "李娜 (Li Na)"),
    ("jonas", "Jonas Weiß"),
    ("amira", "Amira Haddad"),
    ("tom", "Tom O'Neill"),
)
"""The developers: login and full name."""

_AREAS = (
    "activitypub", "admin", "misc", "notification", "organization", "package", "issue", "repository", "user",
)  # fmt: skip
SCOPES = frozenset({"all", "public-only", *(f"{level}:{area}" for level in ("read", "write") for area in _AREAS)})
"""Scopes that a token may be given since 1.20."""


_TOKENS = {ADMIN: "admin", BOT: "bot", FLUX: "flux", OPERATOR: "operator"}
"""Users that have a token from the start, and the name of its secret."""


def secret_of(seed: int, name: str) -> str:
    """Return a made-up secret of the pretended cluster, as its Secrets hold it (see `manifests.shared`)."""
    return digest(seed, "secret", name)[:32]


def token_of(seed: int, login: str) -> str:
    """Return the secret of the token that a user has from the start: 40 hexadecimal digits."""
    return secret_of(seed, f"token-{_TOKENS[login]}") + "a1b2c3d4"


@dataclass
class Token:
    """An access token."""

    id: int
    name: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...]
    created: float = 0.0


@dataclass
class User:
    """An account. `access` is what it may do with every repository: read, write or admin, "" for nothing."""

    id: int
    login: str
    full_name: str
    email: str
    password: str = field(repr=False)
    access: str = ""
    is_admin: bool = False
    kind: str = "User"
    """User, or Organization for an owner that nobody logs in as."""
    tokens: list[Token] = field(default_factory=list)

    def may(self, level: str) -> bool:
        """Tell whether repositories are open to it at a level: read, write or admin."""
        order = ("", "read", "write", "admin")
        return self.is_admin or order.index(self.access) >= order.index(level)


@dataclass(frozen=True)
class Login:
    """Who asks, and by what: a password, or a token that narrows what may be asked."""

    user: User
    token: Token | None = None

    def has(self, level: str, area: str) -> bool:
        """Tell whether the scopes allow `read` or `write` of an area; a password allows all."""
        if self.token is None or "all" in self.token.scopes:
            return True
        return f"write:{area}" in self.token.scopes or (level == "read" and f"read:{area}" in self.token.scopes)


class Accounts:
    """All users; those of the bakery are there from the start, with secrets made up from the seed."""

    def __init__(self, seed: int) -> None:
        """Make the users; see the constants of this module for their logins."""
        self.seed = seed
        self._users: dict[str, User] = {}
        self._numbers = 0
        self.add(ADMIN, "Bakery Admin", secret_of(seed, "gitea"), access="admin", is_admin=True)
        self.add(BOT, "Bakery CI", secret_of(seed, "git-bot"), access="write")
        self.add(FLUX, "Flux", secret_of(seed, "flux"), access="read")
        self.add(ROBOT, "Bakery Robot", secret_of(seed, "registry"), access="read")
        self.add(OPERATOR, "Operator", secret_of(seed, "operator"), access="admin")
        for login, name in PEOPLE:
            self.add(login, name, secret_of(seed, f"git-{login}"), access="write")
        self.issue(ADMIN, "setup", ("all",), token_of(seed, ADMIN))
        self.issue(BOT, "ci", ("write:repository", "write:package"), token_of(seed, BOT))
        self.issue(FLUX, "flux", ("read:repository",), token_of(seed, FLUX))
        scopes = ("write:repository", "write:package", "read:user")
        self.issue(OPERATOR, "bakeryops", scopes, token_of(seed, OPERATOR))

    def add(
        self, login: str, full_name: str, password: str, *, access: str = "", is_admin: bool = False,
        kind: str = "User",
    ) -> User:  # fmt: skip
        """Make an account."""
        self._numbers += 1
        user = User(self._numbers, login, full_name, f"{login}@bakery-ia.local", password, access, is_admin, kind)
        self._users[login.lower()] = user
        return user

    def issue(
        self, login: str, name: str, scopes: tuple[str, ...], secret: str = "", created: float = 0.0
    ) -> Token:
        """Give a user a token; without a `secret` one is made up."""
        self._numbers += 1
        secret = secret or digest(self.seed, "token", login, name, self._numbers)[:40]
        token = Token(self._numbers, name, secret, scopes, created)
        self._users[login.lower()].tokens.append(token)
        return token

    def find(self, login: str) -> User | None:
        """Return a user by login, whatever its case."""
        return self._users.get(login.lower())

    def named(self, full_name: str, email: str) -> User | None:
        """Return the user that a commit's author is."""
        for user in self._users.values():
            if user.email.lower() == email.lower():
                return user
        return None

    def all(self) -> list[User]:
        """Return every account."""
        return list(self._users.values())

    def by_token(self, secret: str) -> Login | None:
        """Return who a token belongs to."""
        for user in self._users.values():
            for token in user.tokens:
                if secret and token.secret == secret:
                    return Login(user, token)
        return None

    def by_password(self, login: str, password: str) -> Login | None:
        """Return who Basic authentication names: by password, or by a token in its place (or as the name)."""
        user = self.find(login)
        if user is not None and user.kind == "User" and password and user.password == password:
            return Login(user)
        found = self.by_token(password)
        if found is None and password in ("", "x-oauth-basic"):
            found = self.by_token(login)
        return found

    def authenticate(self, header: str) -> Login | None:
        """Return who an Authorization header names; None for nobody."""
        kind, _, value = header.strip().partition(" ")
        if kind.lower() in ("token", "bearer"):
            return self.by_token(value.strip())
        if kind.lower() != "basic":
            return None
        try:
            login, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return None
        return self.by_password(login, password)
