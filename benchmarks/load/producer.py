"""The producers: requests of one event each, sent by wrk over many connections at once."""

import shutil
import subprocess
from collections.abc import Iterator
from enum import Enum
from itertools import count
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.load.processors import pinned_to
from benchmarks.load.server import BenchmarkError

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

_IDS: Iterator[int] = count(0, 10_000_000)
"""The first id of each run: no two runs of one benchmark send the same."""


class Mode(Enum):
    """How a request carries its event."""

    STRUCTURED = "structured"
    BINARY = "binary"


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
    padding = event_bytes - len(head) - len(_DATA % b"") - 1
    assert padding >= 0, "the smallest event here has 392 bytes"
    data = _DATA % (b"x" * padding)
    return head + data + b"}", data


def request(mode: Mode, event_bytes: int) -> bytes:
    """The whole request, its id still zeros: four header lines, or nine in binary mode."""
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
