"""What the EventBridge sender costs: admitting, framing, signing and posting events of 440 bytes.

`python -m benchmarks.micro.frame` prints microseconds of CPU time: the least of several rounds, so
that other work on the machine counts as little as can be. The server of the POST is another process.
"""

import asyncio
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import uvloop

from gateway.entry import Batch, Entry
from gateway.event import Event
from gateway.secret import Secret
from gateway.senders.aws.config import AwsConfig
from gateway.senders.aws.entry import Detail, EntryFormat
from gateway.senders.aws.sender import AwsSender
from gateway.senders.file import lines
from gateway.senders.sigv4 import Credentials, Signer

ROUNDS = 7
EVENT_BYTES = 440
ENTRIES = 10
SECRET = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

SERVER = r"""
import asyncio, uvloop

RESULT = b'{"EventId":"8dd9e9d5-1b1c-4a9b-8a3c-000000000001"}'
HEAD = (
    b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: r\r\nContent-Type: application/x-amz-json-1.1\r\n"
    b"Date: Wed, 04 Mar 2026 05:06:07 GMT\r\nContent-Length: %d\r\n\r\n"
)

class Protocol(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.held = transport, b""

    def data_received(self, data):
        self.held += data
        head, _, body = self.held.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not length or len(body) < int(length):
            return
        self.held = b""
        results = b",".join([RESULT] * body.count(b'"DetailType"'))
        answer = b'{"FailedEntryCount":0,"Entries":[' + results + b"]}"
        self.transport.write(HEAD % len(answer) + answer)

async def main():
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

uvloop.run(main())
"""


def sample(number: int) -> Event:
    """A typical order, of EVENT_BYTES bytes."""
    attributes = {
        "specversion": "1.0",
        "id": f"3f1c0e2a-7c1b-4a55-9d2e-{number:012}",
        "source": "https://example.com/orders/service",
        "type": "com.example.order.created",
        "time": "2026-03-04T05:06:00.123Z",
        "datacontenttype": "application/json",
        "data": {"orderId": number, "items": [{"sku": "A-100", "qty": 2, "price": 19.99}], "note": ""},
    }
    attributes["data"]["note"] = "x" * (EVENT_BYTES - len(orjson.dumps(attributes)))  # type: ignore[index]
    return Event(
        id=str(attributes["id"]),
        source=str(attributes["source"]),
        type=str(attributes["type"]),
        time=str(attributes["time"]),
        traceparent=None,
        json=orjson.dumps(attributes),
        received_at=0.0,
    )


def least(call: Callable[[], object], count: int) -> float:
    """Microseconds of CPU time for one of `count` calls, in the best round."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(count):
            call()
        rounds.append((time.process_time() - begun) / count * 1e6)
    return min(rounds)


@contextmanager
def bus() -> Iterator[str]:
    """A server of its own process that takes everything; its URL."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


async def post(url: str, batch: Batch, count: int) -> float:
    """Microseconds of CPU time for a whole `send`, in the best round."""
    config = AwsConfig(
        region="us-east-1", endpoint=url, access_key_id="AKIDEXAMPLE", secret_access_key=SECRET
    )
    sender, rounds = AwsSender(config), []
    await sender.send(batch)
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(count):
            await sender.send(batch)
        rounds.append((time.process_time() - begun) / count * 1e6)
    await sender.aclose()
    return min(rounds)


def main() -> None:
    """Measure and print."""
    batch = Batch.of([Entry(sample(number), 500, 0.0) for number in range(ENTRIES)])
    event = batch.entries[0].event
    entry_format = EntryFormat(event_bus="orders", detail=Detail.EVENT, resources=(), max_event_bytes=262_144)
    body = entry_format.frame(batch.entries)
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": "events.us-east-1.amazonaws.com",
        "x-amz-target": "AWSEvents.PutEvents",
    }
    signer = Signer(Credentials("AKIDEXAMPLE", SECRET), region="us-east-1", service="events", headers=headers)
    print(f"Python {platform.python_version()}, {platform.machine()}; events of {len(event.json)} bytes")
    show("admit, one event", least(lambda: entry_format.size(event), 20_000))
    show(f"frame, {ENTRIES} entries", least(lambda: entry_format.frame(batch.entries), 3000))
    show(f"sign, {len(body)} bytes", least(lambda: signer.sign(body, 1_772_600_767.0), 3000))
    show(f"file: lines of {ENTRIES} entries", least(lambda: lines(batch), 3000))
    with bus() as url:
        show(f"send, {ENTRIES} entries, asyncio", asyncio.run(post(url, batch, 1000)))
        show(f"send, {ENTRIES} entries, uvloop", uvloop.run(post(url, batch, 1000)))


def show(what: str, microseconds: float) -> None:
    """One line of the table."""
    print(f"{what:32} {microseconds:8.2f} µs")


if __name__ == "__main__":
    main()
