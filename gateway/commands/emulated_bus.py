"""An emulated bus as the commands start it, and what a client of it has to know."""

from typing import Any

from msgspec import Struct

from gateway.commands.bus_name import BusName
from gateway.emulators.alibaba import AlibabaBusOptions, AlibabaEmulator
from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.huawei import HuaweiBusOptions, HuaweiEmulator
from gateway.emulators.server import Emulator


class EmulatedBus(Struct, frozen=True):
    """A bus in which every event bus or channel exists, not started yet."""

    title: str
    emulator: Emulator[Any]
    credentials: dict[str, str]
    """By the names of a destination's keys."""
    address: dict[str, str]
    """The other keys of a destination, but for type and endpoint."""


def emulated_bus(name: BusName) -> EmulatedBus:
    """The bus of that vendor."""
    match name:
        case BusName.AWS:
            return _aws()
        case BusName.ALIBABA:
            return _alibaba()
        case BusName.HUAWEI:
            return _huawei()


def _aws() -> EmulatedBus:
    options = AwsBusOptions(buses=None)
    key = options.access_keys[0]
    return EmulatedBus(
        "Amazon EventBridge",
        AwsEmulator(options),
        {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key},
        {"region": "us-east-1", "event_bus": "default"},
    )


def _alibaba() -> EmulatedBus:
    options = AlibabaBusOptions(buses=None)
    key = options.access_keys[0]
    return EmulatedBus(
        "Alibaba Cloud EventBridge",
        AlibabaEmulator(options),
        {"access_key_id": key.access_key_id, "access_key_secret": key.access_key_secret},
        {"event_bus": "default"},
    )


def _huawei() -> EmulatedBus:
    options = HuaweiBusOptions(channels=None)
    key = options.access_keys[0]
    return EmulatedBus(
        "Huawei Cloud EventGrid",
        HuaweiEmulator(options),
        {"access_key": key.access_key, "secret_key": key.secret_key},
        {"project_id": options.project_id, "channel_id": "11111111-2222-3333-4444-555555555555"},
    )
