"""What producers send: events of drawn sizes in every content mode, each request whole. Pure.

An event's id is its number, and no two have the same.
"""

from collections.abc import Sequence
from enum import Enum
from math import log
from random import Random

from msgspec import Struct

MAX_BATCH_EVENTS = 20
_HEAD = (
    b'{"specversion":"1.0","id":"%d","source":"/shop/orders/eu","type":"com.example.order.created",'
    b'"datacontenttype":"application/json","data":"'
)
_TAIL = b'"}'
_BINARY = (
    b"ce-specversion: 1.0\r\nce-id: %d\r\nce-source: /shop/orders/eu\r\n"
    b"ce-type: com.example.order.created\r\n"
)


class ContentMode(Enum):
    """How a request carries its events (HTTP Protocol Binding for CloudEvents 1.0.2, section 3)."""

    BINARY = b"application/json"
    STRUCTURED = b"application/cloudevents+json"
    BATCHED = b"application/cloudevents-batch+json"


class Mix(Struct, frozen=True):
    """Sizes of events' JSON to draw: log-normal around `median_bytes`, cut at both ends."""

    median_bytes: int
    sigma: float
    least_bytes: int = 200
    most_bytes: int = 60_000

    def draw(self, dice: Random) -> int:
        """One size in bytes."""
        drawn = dice.lognormvariate(log(self.median_bytes), self.sigma)
        return int(min(max(drawn, self.least_bytes), self.most_bytes))


class Parcel(Struct, frozen=True):
    """One request, and the numbers of its events."""

    numbers: range
    request: bytes


class Traffic:
    """Parcels without end, in modes and sizes by the dice."""

    def __init__(self, mix: Mix, modes: Sequence[ContentMode], dice: Random) -> None:
        self._mix = mix
        self._modes = modes
        self._dice = dice
        self._next_number = 0
        self._filler = bytes(dice.choices(b"abcdefghijklmnopqrstuvwxyz ", k=mix.most_bytes))

    def draw(self) -> Parcel:
        """The next request."""
        mode = self._dice.choice(self._modes)
        count = self._dice.randint(1, MAX_BATCH_EVENTS) if mode is ContentMode.BATCHED else 1
        numbers = range(self._next_number, self._next_number + count)
        self._next_number = numbers.stop
        return Parcel(numbers, self._request(mode, numbers))

    def _request(self, mode: ContentMode, numbers: range) -> bytes:
        match mode:
            case ContentMode.BINARY:
                data = b'"%b"' % self._padding(numbers.start)
                return request(mode, data, attributes=_BINARY % numbers.start)
            case ContentMode.STRUCTURED:
                return request(mode, self._event(numbers.start))
            case ContentMode.BATCHED:
                return request(mode, b"[%b]" % b",".join(map(self._event, numbers)))

    def _event(self, number: int) -> bytes:
        return _HEAD % number + self._padding(number) + _TAIL

    def _padding(self, number: int) -> bytes:
        """What makes the event's JSON as long as drawn."""
        size = self._mix.draw(self._dice)
        return self._filler[: max(0, size - len(_HEAD % number) - len(_TAIL))]


def request(mode: ContentMode, body: bytes, *, attributes: bytes = b"") -> bytes:
    """The bytes of a POST; `attributes` are header lines, each with its CR LF."""
    return (
        b"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %b\r\n%bContent-Length: %d\r\n\r\n%b"
    ) % (mode.value, attributes, len(body), body)
