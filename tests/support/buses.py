"""The three emulated buses as a whole gateway meets them, and each vendor's own count of what arrived.

The sizes are computed here once more, from the vendors' documents and from what the emulator received:
they share no code with the gateway or the emulators.
"""

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, log
from random import Random
from typing import Any

import orjson
from msgspec import Raw, Struct
from msgspec.json import Decoder

from gateway.emulators import acs_signature, sdk_signature, sigv4
from gateway.emulators.alibaba import AlibabaBusOptions, AlibabaEmulator
from gateway.emulators.aws import AwsBusOptions, AwsEmulator, AwsEvent
from gateway.emulators.cloud_event import CloudEvent
from gateway.emulators.huawei import HuaweiBusOptions, HuaweiEmulator
from gateway.emulators.received import Keep
from gateway.emulators.server import Emulator

KEEP = Keep(events=100_000, requests=100_000, event_bytes=1 << 30)

_BUS_ATTRIBUTE = "aliyuneventbusname"
_WORDS = ("order", "größe", "价格", "🚚", "naïve", 'quo\\"te', "back\\\\slash", "line\\nbreak", "\\u0000")
"""As they stand in JSON text."""
_CHANNEL_ID = "11111111-2222-3333-4444-555555555555"
_NUMBERS = ("9007199254740993", "-9223372036854775808", "12345678.90", "-0.0", "1E+2", "1e-320", "0.10")
"""No two of them would survive a reading as a double and a writing as text."""
_SMALLEST_BYTES = 200

_members = Decoder(dict[str, Raw])
_text = Decoder(str)

Json = Mapping[str, bytes]
"""The members of an event, each as its JSON text."""


class Arrival(Struct, frozen=True):
    """One event as it came to its bus."""

    request: int
    """The number of the request that brought it."""
    size: int
    """In bytes, as the vendor's documents count them."""
    event: Json

    @property
    def id(self) -> str:
        """The event's id."""
        return _text.decode(self.event["id"])


class Mix(Struct, frozen=True):
    """Sizes to draw: log-normal around `median_bytes`, cut at `largest_bytes`."""

    median_bytes: int
    sigma: float
    largest_bytes: int


class Vendor(Struct, frozen=True, kw_only=True):
    """A bus: its limits by its documents, how to emulate it and reach it, how to read what it received."""

    name: str
    max_events: int
    max_request_bytes: int
    max_event_bytes: int
    carries_base64: bool
    """Whether it takes data that is no JSON."""
    emulator: Callable[[], Emulator[Any]]
    lacking: Callable[[], Emulator[Any]]
    """The same account without the bus that `destination` names."""
    address: Mapping[str, str]
    """The keys of a destination that name the bus."""
    credentials: Mapping[str, str]
    measure: Callable[[Json], int]
    """The vendor's size of an event that is posted."""
    read: Callable[[Any], Arrival]
    bytes_bind: Mix
    """Its bytes need more requests than its count, by a fifth or more. Few events are larger than half a
    request, and there are always small ones to fill what they leave: so the bound can nearly be met."""
    count_binds: Mix
    """Its bytes need at most half as many requests as its count, so it is the count that must be met: any
    events by the dozen fit into a request."""
    denied_code: str
    """What `/status` shows where the account lacks the right to publish."""
    missing_code: str
    """What it shows where the bus is not there."""

    def destination(self, url: str) -> dict[str, Any]:
        """A destination's table, with the account's keys."""
        return {**self.keyless_destination(url), **self.credentials}

    def keyless_destination(self, url: str) -> dict[str, Any]:
        """A destination's table without any credentials."""
        return {"type": self.name, "endpoint": url, **self.address}

    def arrivals(self, emulator: Emulator[Any]) -> list[Arrival]:
        """Everything the bus received."""
        return [self.read(event) for event in emulator.received]

    def arrived_ids(self, emulator: Emulator[Any]) -> Counter[str]:
        """How often each event came to the bus."""
        return Counter(arrival.id for arrival in self.arrivals(emulator))

    def least_requests(self, sizes: Sequence[int]) -> int:
        """What no sender can do with less: by the number of events, and by their bytes."""
        return max(ceil(len(sizes) / self.max_events), ceil(sum(sizes) / self.max_request_bytes))

    def events(self, mix: Mix, count: int, *, seed: int) -> Iterator[dict[str, Any]]:
        """So many events of drawn sizes; the first is the largest of the mix, to the byte."""
        dice = Random(seed)  # noqa: S311 - a seeded mix, no secret
        for number in range(count):
            drawn = dice.lognormvariate(log(mix.median_bytes), mix.sigma)
            size = int(min(max(drawn, _SMALLEST_BYTES), mix.largest_bytes))
            if number == 0:
                yield self._json_event(dice, number, mix.largest_bytes)
            elif number % 5 == 0 and self.carries_base64:
                yield self._binary_event(dice, number, size)
            else:
                yield self._json_event(dice, number, size)

    def _json_event(self, dice: Random, number: int, size: int) -> dict[str, Any]:
        """Text beyond ASCII and numbers beyond doubles, filled up to that size to the byte."""
        words = " ".join(dice.choices(_WORDS, k=min(50, size // 20)))
        head = f'{{"number":{dice.choice(_NUMBERS)},"words":"{words}","text":"'
        base = self.measure(members(_event(number, data=orjson.Fragment(f'{head}"}}'))))
        filler = "x" * max(0, size - base)
        return _event(number, data=orjson.Fragment(f'{head}{filler}"}}'))

    def _binary_event(self, dice: Random, number: int, size: int) -> dict[str, Any]:
        """Octets, at most as many as that size leaves room for in base64."""
        keys = {"datacontenttype": "application/octet-stream", "data_base64": ""}
        base = self.measure(members(_event(number, **keys)))
        octets = dice.randbytes(max(0, size - base) // 4 * 3)
        return _event(number, **keys | {"data_base64": base64.b64encode(octets).decode()})


def members(event: Mapping[str, Any]) -> Json:
    """The members of an event that is posted, each as its JSON text."""
    return _read_members(orjson.dumps(event))


def _event(number: int, **members_: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"event-{number}",
        "source": "/tests/größe",
        "type": "com.example.tested",
        "time": "2026-03-04T05:06:07.890Z",
        **members_,
    }


def _read_members(text: bytes) -> Json:
    return {name: bytes(value) for name, value in _members.decode(text).items()}


def _aws_size(*, source: str, detail_type: str, detail: bytes, time: object, resources: Sequence[str]) -> int:
    """User guide, "Calculating PutEvents event entry size"."""
    texts = [source.encode(), detail_type.encode(), detail, *(resource.encode() for resource in resources)]
    return sum(map(len, texts)) + (14 if time is not None else 0)


def _measure_aws(event: Json) -> int:
    source, type_ = _text.decode(event["source"]), _text.decode(event["type"])
    detail = b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), value) for name, value in event.items())
    return _aws_size(source=source, detail_type=type_, detail=detail, time=event.get("time"), resources=())


def _read_aws(event: AwsEvent) -> Arrival:
    detail = event.detail.encode()
    size = _aws_size(
        source=event.source,
        detail_type=event.detail_type,
        detail=detail,
        time=event.time,
        resources=event.resources,
    )
    return Arrival(event.request, size, _read_members(detail))


def _measure_alibaba(event: Json) -> int:
    """Page "Calculate the size of events published by PutEvents"; the bus's name is an address."""
    size = 0
    for name, value in event.items():
        if name == "time":
            size += 36
        elif name == "data":
            size += len(value)
        elif name == "data_base64":
            size += len(base64.b64decode(_text.decode(value)))
        elif name != _BUS_ATTRIBUTE:
            size += len(_text.decode(value).encode())
    return size


def _measure_huawei(event: Json) -> int:
    """No formula is published: the event's JSON as it is sent."""
    return len(b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), value) for name, value in event.items()))


def _read_alibaba(event: CloudEvent) -> Arrival:
    found = _read_members(event.text.encode())
    kept = {name: value for name, value in found.items() if name != _BUS_ATTRIBUTE}
    return Arrival(event.request, _measure_alibaba(found), kept)


def _read_huawei(event: CloudEvent) -> Arrival:
    text = event.text.encode()
    return Arrival(event.request, len(text), _read_members(text))


_AWS_KEY = sigv4.AccessKey()
_ALIBABA_KEY = acs_signature.AccessKey()
_HUAWEI_KEY = sdk_signature.AccessKey()

AWS = Vendor(
    name="aws",
    max_events=10,
    max_request_bytes=262_144,
    max_event_bytes=262_144,
    carries_base64=True,
    emulator=lambda: AwsEmulator(AwsBusOptions(buses=frozenset({"orders"}), keep=KEEP)),
    lacking=lambda: AwsEmulator(AwsBusOptions(keep=KEEP)),
    address={"region": "us-east-1", "event_bus": "orders"},
    credentials={
        "access_key_id": _AWS_KEY.access_key_id,
        "secret_access_key": _AWS_KEY.secret_access_key,
    },
    measure=_measure_aws,
    read=_read_aws,
    bytes_bind=Mix(24_000, 0.8, 262_144),
    count_binds=Mix(2_000, 1.0, 65_536),
    denied_code="AccessDeniedException",
    missing_code="ResourceNotFoundException",
)

ALIBABA = Vendor(
    name="alibaba",
    max_events=16,
    max_request_bytes=262_144,
    max_event_bytes=65_536,
    carries_base64=True,
    emulator=lambda: AlibabaEmulator(AlibabaBusOptions(buses=frozenset({"orders"}), keep=KEEP)),
    lacking=lambda: AlibabaEmulator(AlibabaBusOptions(keep=KEEP)),
    address={"event_bus": "orders"},
    credentials={
        "access_key_id": _ALIBABA_KEY.access_key_id,
        "access_key_secret": _ALIBABA_KEY.access_key_secret,
    },
    measure=_measure_alibaba,
    read=_read_alibaba,
    bytes_bind=Mix(17_000, 0.8, 65_536),
    count_binds=Mix(2_000, 1.0, 65_536),
    denied_code="AccessDenied",
    missing_code="EventBusNotExist",
)

HUAWEI = Vendor(
    name="huawei",
    max_events=20,
    max_request_bytes=262_144,
    max_event_bytes=65_536,
    carries_base64=False,
    emulator=lambda: HuaweiEmulator(HuaweiBusOptions(keep=KEEP)),
    lacking=lambda: HuaweiEmulator(HuaweiBusOptions(channels=frozenset(), keep=KEEP)),
    address={"project_id": HuaweiBusOptions().project_id, "channel_id": _CHANNEL_ID},
    credentials={"access_key": _HUAWEI_KEY.access_key, "secret_key": _HUAWEI_KEY.secret_key},
    measure=_measure_huawei,
    read=_read_huawei,
    bytes_bind=Mix(14_000, 0.8, 65_536),
    count_binds=Mix(2_000, 1.0, 65_536),
    denied_code="00014030",
    missing_code="00014040",
)

VENDORS = (AWS, ALIBABA, HUAWEI)
