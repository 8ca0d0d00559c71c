"""What it costs to read an event: `python -m benchmarks.micro.parse`.

Prints microseconds of CPU per event for each content mode, from headers and body to `Event`, beside a
general JSON parser that only builds dicts. The best of several repeats counts: the rest is the machine.
"""

import json
import platform
import subprocess
from collections.abc import Callable
from functools import partial
from time import process_time

import msgspec
import orjson

from gateway.cloudevents.binary import Headers
from gateway.cloudevents.http import read_events, read_head

REPEATS = 7
SECONDS_A_REPEAT = 0.15
BATCH_EVENTS = 100

ATTRIBUTES = {
    "specversion": "1.0",
    "id": "8c2f6a1e-1111-4222-8333-444455556666",
    "source": "/services/orders/eu-west-1",
    "type": "com.example.order.created",
    "subject": "orders/4711",
    "time": "2024-05-17T10:20:30.123456Z",
}
DATA = {
    "orderId": 4711,
    "customer": "c-1029384756",
    "currency": "EUR",
    "items": [{"sku": "A-100", "n": 2, "price": 12.5}, {"sku": "B-200", "n": 1, "price": 99.9}],
    "note": "leave it with the neighbours on the left",
}
EVENT = {**ATTRIBUTES, "datacontenttype": "application/json", "data": DATA}
EXTENSIONS = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "partitionkey": "4711",
}


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def request_headers(content_type: bytes) -> Headers:
    return [(b"host", b"127.0.0.1:8080"), (b"content-type", content_type), (b"content-length", b"440")]


def read(headers: Headers, body: bytes) -> None:
    read_events(read_head(headers), body, received_at=1.0)


def microseconds(call: Callable[[], object]) -> float:
    calls = 1
    while (seconds := timed(call, calls)) < SECONDS_A_REPEAT / 2:
        calls *= 2
    return min(seconds, *(timed(call, calls) for _ in range(REPEATS))) / calls * 1e6


def timed(call: Callable[[], object], calls: int) -> float:
    start = process_time()
    for _ in range(calls):
        call()
    return process_time() - start


def row(name: str, body: bytes, headers: Headers, *, events: int = 1) -> None:
    ours = microseconds(partial(read, headers, body)) / events
    loads = microseconds(partial(orjson.loads, body)) / events
    print(f"{name:<38}{len(body):>8}{ours:>10.2f}{loads:>14.2f}")


def main() -> None:
    git = ("git", "rev-parse", "--short", "HEAD")
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - constant
    print(f"commit {commit}, Python {platform.python_version()}", end=", ")
    print(f"msgspec {msgspec.__version__}, orjson {orjson.__version__}")
    print(f"{'':<38}{'bytes':>8}{'µs/event':>10}{'orjson.loads':>14}")
    structured = request_headers(b"application/cloudevents+json")
    row("structured, compact", compact(EVENT), structured)
    row("structured, compact, two extensions", compact({**EVENT, **EXTENSIONS}), structured)
    row("structured, json.dumps", json.dumps(EVENT).encode(), structured)
    row("structured, indented", json.dumps(EVENT, indent=2).encode(), structured)
    row("structured, compact, wide data", compact({**EVENT, "data": [DATA] * 250}), structured)
    binary = [
        *request_headers(b"application/json"),
        *((f"ce-{name}".encode(), value.encode()) for name, value in ATTRIBUTES.items()),
    ]
    row("binary, nine headers", compact(DATA), binary)
    batch = compact([EVENT] * BATCH_EVENTS)
    row(
        f"batch of {BATCH_EVENTS}",
        batch,
        request_headers(b"application/cloudevents-batch+json"),
        events=BATCH_EVENTS,
    )


if __name__ == "__main__":
    main()
