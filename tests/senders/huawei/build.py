"""Builders for EventGrid: events that it takes, and a sender to an emulated bus."""

import time
from collections.abc import Callable
from typing import Any

from gateway.event import Event
from gateway.secret import Secret
from gateway.senders.huawei.config import HuaweiConfig
from gateway.senders.huawei.sender import HuaweiSender
from tests.senders.builders import event

ACCESS_KEY = "DUMMYACCESSKEY000001"
SECRET_KEY = "DummySecretKey000000000000000000000000001"
PROJECT = "0123456789abcdef0123456789abcdef"
CHANNEL = "11111111-2222-3333-4444-555555555555"


def event_of_size(size: int) -> Event:
    """An event that counts `size` bytes in a request: its JSON and a comma."""
    empty = event(data=b'{"x":""}')
    return event(id=empty.id, data=b'{"x":"%b"}' % (b"x" * (size - 1 - len(empty.json))))


def config_to(url: str, **keys: Any) -> HuaweiConfig:
    """The emulated channel, and no credentials but those given."""
    return HuaweiConfig(**{"endpoint": url, "project_id": PROJECT, "channel_id": CHANNEL, **keys})


def sender_to(
    url: str,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    **keys: Any,
) -> HuaweiSender:
    """A sender with the emulator's access key, or with the credentials in `keys`."""
    if not keys.keys() & {"access_key", "token", "user"}:
        keys |= {"access_key": ACCESS_KEY, "secret_key": Secret(SECRET_KEY)}
    return HuaweiSender(config_to(url, **keys), clock, monotonic)
