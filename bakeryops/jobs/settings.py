"""What a job is carried out with: the configuration in force when it was confirmed. It holds no secret."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from bakeryops.config import Config
from bakeryops.errors import UsageError

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

__all__ = ["Settings", "decode_settings", "encode_settings", "settings_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """A configuration with the context that is meant, and how the job is to behave."""

    config: Config
    cluster: str = ""
    """The API server's address, for people and for telling that another one answers."""
    wait_lock: bool = False
    """Whether to wait for a lock that somebody else holds, instead of being refused."""


def settings_of(config: Config, session: Session | None, *, wait_lock: bool = False) -> Settings:
    """Return the settings of a job that is confirmed where this configuration and session are in force."""
    if session is None:
        return Settings(config, wait_lock=wait_lock)
    target = session.target
    if target.context and target.context != config.context:
        config = dataclasses.replace(config, context=target.context)
    return Settings(config, target.server, wait_lock)


def encode_settings(settings: Settings) -> bytes:
    """Return settings as JSON."""
    return msgspec.json.encode(settings, order="sorted", enc_hook=int)


def decode_settings(data: bytes) -> Settings:
    """Return saved settings; raises `UsageError`."""
    try:
        return msgspec.json.decode(data, type=Settings)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError("the saved settings of the job cannot be read", why=str(error)) from None
