"""A sender's plugin that is all configuration, and short ways to a Config and to its faults."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import pytest
from msgspec import Meta, Struct

from gateway.config import Config, DestinationConfig, parse
from gateway.errors import ConfigError, ConfigFault
from gateway.secret import Secret
from gateway.sender import SenderPlugin
from gateway.units import Duration, Size


class Detail(StrEnum):
    """A choice."""

    EVENT = "event"
    DATA = "data"


class Proxy(Struct, frozen=True, kw_only=True):
    """A table in the destination's own."""

    url: str = ""
    password: Secret = Secret("")


class BusConfig(Struct, frozen=True, kw_only=True):
    """A field of every kind that a sender may have."""

    region: str
    event_bus: str = "default"
    detail: Detail = Detail.EVENT
    details: tuple[Detail, ...] = ()
    scheme: Literal["http", "https"] = "https"
    endpoint: str | None = None
    resources: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    weight: float = 1.0
    is_strict: bool = True
    linger: Duration = Duration(1)
    max_event_bytes: Size = Size(256 << 10)
    max_request_events: Annotated[int, Meta(ge=1, le=10)] = 10
    access_key: str = ""
    secret_key: Secret = Secret("")
    session_token: Secret | None = None
    keys: tuple[Secret, ...] = ()
    proxy: Proxy = Proxy()


class VaultConfig(Struct, frozen=True, kw_only=True):
    """The keys of a sender that cannot do without a secret."""

    key: Secret


def check_bus(config: BusConfig) -> Iterator[ConfigFault]:
    if config.access_key and not config.secret_key:
        yield ConfigFault("secret_key", "is needed with access_key")


def no_faults(_: VaultConfig) -> tuple[ConfigFault, ...]:
    return ()


def create_nothing(_: Struct) -> NoReturn:
    raise NotImplementedError


PLUGINS = {
    "bus": SenderPlugin(BusConfig, check_bus, create_nothing),
    "vault": SenderPlugin(VaultConfig, no_faults, create_nothing),
}


def bus(**keys: Any) -> dict[str, Any]:
    """A destination's table, complete unless `keys` say otherwise."""
    return {"type": "bus", "region": "eu-west-1", **keys}


def document(*, orders: Mapping[str, Any] | None = None, **tables: Any) -> dict[str, Any]:
    """A whole file with one destination, `orders`; right unless the arguments are wrong."""
    return {"destinations": {"orders": bus() if orders is None else orders}, **tables}


def config(
    environment: Mapping[str, str] | None = None,
    *,
    note_file: Callable[[Path], object] = lambda _: None,
    **tables: Any,
) -> Config:
    return parse(document(**tables), environment=environment or {}, plugins=PLUGINS, note_file=note_file)


def destination(environment: Mapping[str, str] | None = None, **tables: Any) -> DestinationConfig:
    return config(environment, **tables).destinations["orders"]


def sender(environment: Mapping[str, str] | None = None, **keys: Any) -> BusConfig:
    """The sender's part of a destination with those keys."""
    found = destination(environment, orders=bus(**keys)).sender
    assert isinstance(found, BusConfig)
    return found


def faults(environment: Mapping[str, str] | None = None, **tables: Any) -> dict[str, str]:
    """What is wrong with such a file, by key; each key is named once."""
    with pytest.raises(ConfigError) as caught:
        config(environment, **tables)
    found = {fault.key: fault.message for fault in caught.value.faults}
    assert len(found) == len(caught.value.faults)
    return found
