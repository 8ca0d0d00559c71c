"""The producers: requests sent over many connections at once.

By wrk as fast as they are answered, or by `pacer` at planned times.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from itertools import count
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.load.processors import pinned_to
from benchmarks.load.server import ROOT, BenchmarkError

SCRIPT = Path(__file__).with_name("post.lua")
MISSING = "wrk is not installed: the figures that need load are left out (on Debian: apt-get install wrk)"

_ID = b"0" * 12
"""What the script replaces."""
_ATTRIBUTES = {
    b"specversion": b"1.0",
    b"id": _ID,
    b"source": b"/shop/orders/eu",
    b"type": b"com.example.order.created",
    b"time": b"2026-03-04T05:06:07.890Z",
}
_DATA = (
    b'{"order":"b7e1f0a2","customer":{"id":48213,"tier":"gold"},"items":[{"sku":"A-1001","quantity":2,'
    b'"price":19.95},{"sku":"C-2044","quantity":1,"price":5.5}],"currency":"EUR","note":"%b"}'
)

_SMALL_DATA = b'{"note":"%b"}'
"""Where an order would be too long."""

BATCH_EVENTS = 100
BATCH_BYTES = 1 << 20
"""What a batch may have, beside its number of events: the receiver takes 4 MiB by default."""

_IDS: Iterator[int] = count(0, 100_000_000)
"""The first id of each run: no two runs of one benchmark send the same."""


class Mode(Enum):
    """How a request carries its event, or a hundred of them."""

    STRUCTURED = "structured"
    BINARY = "binary"
    BATCHED = "batched"

    def events_a_request(self, event_bytes: int) -> int:
        """One; in a batch a hundred, or as many as BATCH_BYTES hold."""
        return min(BATCH_EVENTS, BATCH_BYTES // event_bytes) if self is Mode.BATCHED else 1


class Load(Struct, frozen=True):
    """What wrk counted: answers, those of them other than 2xx, and connections that failed."""

    answered: int
    refused: int
    failed: int


def is_available() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def event(event_bytes: int) -> tuple[bytes, bytes]:
    """An order as a structured event of so many bytes, and its data alone."""
    head = b"{%b" % b"".join(b'"%b":"%b",' % each for each in _ATTRIBUTES.items())
    head += b'"datacontenttype":"application/json","data":'
    room = event_bytes - len(head) - 1
    data = _DATA if room >= len(_DATA % b"") else _SMALL_DATA
    padding = room - len(data % b"")
    assert padding >= 0, "the smallest event here has 194 bytes"
    data %= b"x" * padding
    return head + data + b"}", data


def request(mode: Mode, event_bytes: int) -> bytes:
    """The whole request, its ids still zeros: four header lines, or nine in binary mode."""
    structured, data = event(event_bytes)
    lines = [b"POST /events HTTP/1.1", b"Host: 127.0.0.1", b"User-Agent: producer/1.0"]
    match mode:
        case Mode.STRUCTURED:
            lines.append(b"Content-Type: application/cloudevents+json")
            body = structured
        case Mode.BINARY:
            lines.append(b"Content-Type: application/json")
            lines += [b"ce-%b: %b" % each for each in _ATTRIBUTES.items()]
            body = data
        case Mode.BATCHED:
            lines.append(b"Content-Type: application/cloudevents-batch+json")
            body = b"[%b]" % b",".join([structured] * mode.events_a_request(event_bytes))
    return b"\r\n".join((*lines, b"Content-Length: %d" % len(body), b"", body))


def produce(
    url: str, sent: bytes, *, seconds: int, connections: int, processor: int, directory: Path
) -> Load:
    """Send `sent` with ids of its own for so many seconds. Raises BenchmarkError if wrk fails."""
    template = directory / "request"
    template.write_bytes(sent)
    options = (f"-c{connections}", f"-d{seconds}s")
    # One thread: the program under test has one processor, and the load another.
    with pinned_to(processor):
        done = subprocess.run(  # noqa: S603 - our own arguments
            ("wrk", "-t1", *options, "-s", SCRIPT, url, template, str(next(_IDS))),  # noqa: S607 - whichever wrk there is
            capture_output=True,
            text=True,
            check=False,
        )
    counts = done.stdout.splitlines()[-1:]
    if done.returncode or not counts:
        raise BenchmarkError(f"wrk failed: {done.stderr or done.stdout}")
    return msgspec.json.decode(counts[0], type=Load)


class Paced(Struct, frozen=True):
    """What the pacer saw: answers of 202, all others, and seconds from the planned time to the answer."""

    accepted: int
    refused: int
    p50_seconds: float
    p99_seconds: float
    p999_seconds: float
    lag_p99_seconds: float
    """From the planned time until the request was written: the pacer was late, or no connection idle."""


def pace(
    url: str, sent: bytes, *, rate: float, requests: int, connections: int, processor: int, directory: Path
) -> Paced:
    """Send `requests` requests, `rate` a second, whether or not those before are answered.

    Raises BenchmarkError if the pacer fails.
    """
    template = directory / "request"
    template.write_bytes(sent)
    numbers = (rate, requests, connections, next(_IDS))
    with pinned_to(processor):
        done = subprocess.run(  # noqa: S603 - our own module
            (sys.executable, "-m", "benchmarks.load.pacer", url, template, *map(str, numbers)),
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
    if done.returncode:
        raise BenchmarkError(f"the pacer failed: {done.stderr}")
    return msgspec.json.decode(done.stdout, type=Paced)
