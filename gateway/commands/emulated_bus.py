"""An emulated bus as the commands start it, and what a client of it has to know."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from gateway.commands.bus_name import BusName
from gateway.emulators.alibaba import AlibabaBusOptions, AlibabaEmulator
from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.huawei import HuaweiBusOptions, HuaweiEmulator
from gateway.emulators.server import Emulator

DEFAULT = "default"
"""The event bus that every account at Amazon and Alibaba has."""


class EmulatedBus(Struct, frozen=True):
    """A bus that is not started yet."""

    title: str
    emulator: Emulator[Any]
    credentials: dict[str, str]
    """By the names of a destination's keys."""
    address: dict[str, str]
    """The other keys of a destination, but for type and endpoint."""
    exists: str
    """Which event buses or channels there are, for a person."""


def emulated_bus(name: BusName, event_buses: Sequence[str] = ()) -> EmulatedBus:
    """The bus of that vendor, with event buses of these names, or channels of these ids; of none: any exists.

    Beside them `default` exists where it does at the vendor's. The address is that of the first.
    """
    match name:
        case BusName.AWS:
            return _aws(event_buses)
        case BusName.ALIBABA:
            return _alibaba(event_buses)
        case BusName.HUAWEI:
            return _huawei(event_buses)


def _aws(event_buses: Sequence[str]) -> EmulatedBus:
    options = AwsBusOptions(buses=frozenset(event_buses) or None)
    key = options.access_keys[0]
    return EmulatedBus(
        "Amazon EventBridge",
        AwsEmulator(options),
        {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key},
        {"region": "us-east-1", "event_bus": _first(event_buses, DEFAULT)},
        _event_buses(event_buses),
    )


def _alibaba(event_buses: Sequence[str]) -> EmulatedBus:
    options = AlibabaBusOptions(buses=frozenset(event_buses) or None)
    key = options.access_keys[0]
    return EmulatedBus(
        "Alibaba Cloud EventBridge",
        AlibabaEmulator(options),
        {"access_key_id": key.access_key_id, "access_key_secret": key.access_key_secret},
        {"event_bus": _first(event_buses, DEFAULT)},
        _event_buses(event_buses),
    )


def _huawei(channels: Sequence[str]) -> EmulatedBus:
    options = HuaweiBusOptions(channels=frozenset(channels) or None)
    key = options.access_keys[0]
    return EmulatedBus(
        "Huawei Cloud EventGrid",
        HuaweiEmulator(options),
        {"access_key": key.access_key, "secret_key": key.secret_key},
        {
            "project_id": options.project_id,
            "channel_id": _first(channels, "11111111-2222-3333-4444-555555555555"),
        },
        ", ".join(dict.fromkeys(channels)) or "any channel",
    )


def _first(named: Sequence[str], usual: str) -> str:
    return named[0] if named else usual


def _event_buses(named: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys([DEFAULT, *named])) if named else "any event bus"
