"""Every key of the configuration file: its kind, its default and what it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from bakeryops.config.values import (
    Branch,
    Bytes,
    Choice,
    Folder,
    GitUrl,
    Kind,
    Names,
    Number,
    PathName,
    Plain,
    SecretFile,
    Size,
    Switch,
    WebUrl,
    Whole,
)

__all__ = ["THEMES", "Budgets", "Config", "Git", "Gitea", "Key", "Logs", "Namespaces", "Registry", "all_keys"]

THEMES = ("dark", "light", "ansi", "contrast")
"""The looks of the console; `ansi` uses the terminal's own sixteen colours."""

_MI = 1 << 20
_ANY_SIZE = Size(_MI, 1 << 50)


def _key(default: Any, kind: Kind, text: str, *, flag: str = "") -> Any:
    return field(default=default, metadata={"kind": kind, "help": text, "flag": flag})


@dataclass(frozen=True, slots=True)
class Logs:
    """How much of a log is fetched and kept."""

    tail: int = _key(1000, Whole(0, 1_000_000), "Lines of each log to fetch at first.", flag="--tail")
    lines: int = _key(50_000, Whole(100, 5_000_000), "Lines of one log view to keep; older ones are dropped.")
    memory: int = _key(Bytes(32 * _MI), Size(_MI, 1 << 33), "Memory of one log view; older lines are dropped.")


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Where each part of the installation lives."""

    app: tuple[str, ...] = _key(("bakery-ia",), Names(), "Namespaces of Bakery-IA itself.")
    gitea: tuple[str, ...] = _key(("gitea",), Names(), "Namespaces of Gitea.")
    tekton: tuple[str, ...] = _key(
        ("tekton-pipelines", "tekton-pipelines-resolvers", "tekton-operator"),
        Names(),
        "Namespaces of Tekton itself, not of the builds.",
    )
    flux: tuple[str, ...] = _key(("flux-system",), Names(), "Namespaces of Flux.")
    builds: tuple[str, ...] = _key(("bakery-ci",), Names(), "Namespaces of builds; the first keeps the holds.")
    signoz: tuple[str, ...] = _key(("signoz", "platform", "monitoring"), Names(), "Namespaces of SigNoz.")


@dataclass(frozen=True, slots=True)
class Budgets:
    """Memory that each part may use; the overview compares what is used with it. Bytes."""

    gitea: int = _key(Bytes(768 * _MI), _ANY_SIZE, "Memory planned for Gitea.")
    tekton: int = _key(Bytes(650 * _MI), _ANY_SIZE, "Memory planned for Tekton when no build runs.")
    flux: int = _key(Bytes(230 * _MI), _ANY_SIZE, "Memory planned for Flux.")
    total: int = _key(Bytes(2048 * _MI), _ANY_SIZE, "Memory planned for Gitea, Tekton and Flux together.")
    build: int = _key(Bytes(512 * _MI), _ANY_SIZE, "Memory planned on top for each running build.")


@dataclass(frozen=True, slots=True)
class Git:
    """The repository that everything is built and deployed from."""

    url: str | None = _key(
        None, GitUrl(), "The Git repository, without password; what Flux fetches from when unset."
    )
    branch: str = _key("main", Branch(), "The branch that is built and deployed.")
    overlay: str = _key(
        "infrastructure/kubernetes/overlays/prod",
        Folder(),
        "The folder of the kustomization that Flux applies; its images are what is deployed.",
    )
    services: str = _key("services", Folder(), "The folder that holds a folder for each service.")
    credentials: str | None = _key(
        None,
        SecretFile(),
        "A file in the format of Git's credential store, mode 0600, with what the URL asks for.",
    )


@dataclass(frozen=True, slots=True)
class Gitea:
    """The Gitea server."""

    url: str | None = _key(None, WebUrl(), "The address of Gitea.")
    token: str | None = _key(None, SecretFile(), "A file that holds an access token for Gitea, mode 0600.")


@dataclass(frozen=True, slots=True)
class Registry:
    """The image registry."""

    url: str | None = _key(None, WebUrl(), "The address of the registry; Gitea's when unset.")
    user: str | None = _key(
        None, Plain("the name of a user"), "Who to be to the registry; the password is the token of Gitea."
    )


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts; the login name and host where it is not said."""

    name: str | None = _key(None, Plain("a name"), "Your name, in commits, locks and the audit log.")
    email: str | None = _key(None, Plain("an address"), "Your address, in commits.")


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration in force; `bakeryops.config.load` makes one."""

    kubeconfig: str | None = _key(
        None, PathName(), "The kubeconfig file to connect with, instead of searching for one.", flag="--kubeconfig"
    )
    context: str | None = _key(
        None, Plain("the name of a context"), "The context of the kubeconfig to use.", flag="--context"
    )
    namespace: str | None = _key(
        None,
        Plain("the name of a namespace"),
        "The only namespace to look at; all when unset.",
        flag="--namespace",
    )
    read_only: bool = _key(False, Switch(), "Refuse every change to the cluster.", flag="--read-only")
    theme: str = _key("dark", Choice(THEMES), "Colours of the console.", flag="--theme")
    low_bandwidth: bool = _key(
        False, Switch(), "Repaint at most once a second, for slow links.", flag="--low-bandwidth"
    )
    refresh: float = _key(20.0, Number(0.1, 30), "Most repaints a second when data changes.")
    logs: Logs = field(default_factory=Logs)
    namespaces: Namespaces = field(default_factory=Namespaces)
    budgets: Budgets = field(default_factory=Budgets)
    git: Git = field(default_factory=Git)
    gitea: Gitea = field(default_factory=Gitea)
    registry: Registry = field(default_factory=Registry)
    person: Person = field(default_factory=Person)

    @property
    def max_hz(self) -> float:
        """Repaints a second, with `low_bandwidth` taken into account."""
        return min(self.refresh, 1.0) if self.low_bandwidth else self.refresh


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file."""

    name: str
    """Dotted path, such as `logs.tail`."""
    kind: Kind
    default: Any
    help: str
    flag: str
    """The command-line option that sets it, or ""."""

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "BAKERYOPS_" + self.name.replace(".", "_").upper()


def all_keys(schema: type[Any] = Config, prefix: str = "") -> Iterator[Key]:
    """Yield every key in the order of the file."""
    for item in fields(schema):
        if item.metadata:
            meta = item.metadata
            yield Key(prefix + item.name, meta["kind"], item.default, meta["help"], meta["flag"])
        else:
            section = item.default_factory
            assert isinstance(section, type)
            assert is_dataclass(section)
            yield from all_keys(section, f"{prefix}{item.name}.")
