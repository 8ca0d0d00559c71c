"""What one event alone waits for in the gateway: `python -m benchmarks.lone`.

With `flush.when_idle = "send"` and a producer that waits for delivery, one event at a time goes to a bus that
answers after a known delay. Counted from the POST are the time until the bus has read its request, and the
time until the producer has its 200, less what the bus took. Both hold the producer's own part too.
"""

import argparse
import http.client
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from benchmarks.load import producer
from benchmarks.load.bus import Received
from benchmarks.load.environment import Environment
from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.quantiles import quantile
from benchmarks.load.scenarios import USUAL_BYTES
from benchmarks.load.server import BenchmarkError, Server
from benchmarks.load.subjects import WAITING, Place, aws, fetch, gateway, python

EVENTS = 300
WARM_UP_EVENTS = 30
DELAY_SECONDS = 0.01
AIM_MILLISECONDS = 2.0
SEND_WHEN_IDLE = {"flush.when_idle": "send", "flush.interval": "1s"}
"""The interval is long, so that an event that waited for it would be seen."""


class Passage(Struct, frozen=True):
    """Of one event: milliseconds from its POST to the bus, and to its 200 less what the bus took."""

    to_bus: float
    added: float


class Lone(Struct, frozen=True):
    """Of all events."""

    passages: list[Passage]
    delay_milliseconds: float

    def figures(self) -> dict[str, float]:
        """Milliseconds, for a row of results."""
        to_bus = [each.to_bus for each in self.passages]
        added = [each.added for each in self.passages]
        return {
            "to_bus_p50": quantile(to_bus, 0.5),
            "to_bus_p99": quantile(to_bus, 0.99),
            "added_p50": quantile(added, 0.5),
            "added_p99": quantile(added, 0.99),
        }

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"{'milliseconds, one event at a time':44}{'median':>8}{'p99':>8}{'aim':>6}"
        yield _line("from the POST to the bus", [each.to_bus for each in self.passages])
        name = f"to the 200, less the bus's {self.delay_milliseconds:.0f} ms"
        yield _line(name, [each.added for each in self.passages])


def _line(name: str, values: Sequence[float]) -> str:
    p99 = quantile(values, 0.99)
    verdict = "good" if p99 <= AIM_MILLISECONDS else "missed"
    return f"{name:44}{quantile(values, 0.5):8.3f}{p99:8.3f}{AIM_MILLISECONDS:6.0f}  {verdict}"


def measure(processors: Processors, *, events: int = EVENTS, delay_seconds: float = DELAY_SECONDS) -> Lone:
    """One after the other. Raises BenchmarkError if one is not delivered while its producer waits."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="gateway-lone-")))
        bus = stack.enter_context(
            Server(
                python("benchmarks.load.bus", str(delay_seconds)),
                processor=processors.load,
                log=directory / "bus.log",
            )
        )
        command = gateway(Place(directory, bus.url), aws(bus.url), WAITING | SEND_WHEN_IDLE)
        server = stack.enter_context(Server(command, processor=processors.server, log=directory / "log"))
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10.0)
        stack.callback(connection.close)
        for _ in range(WARM_UP_EVENTS):
            pass_one(connection, bus)
        passages = [pass_one(connection, bus) for _ in range(events)]
    return Lone(passages, delay_seconds * 1e3)


def pass_one(connection: http.client.HTTPConnection, bus: Server) -> Passage:
    """Send one event, wait for its 200, and ask the bus when it saw it."""
    body = producer.event(USUAL_BYTES)[0]
    posted_at = monotonic()
    connection.request("POST", "/events", body, {"Content-Type": "application/cloudevents+json"})
    answer = connection.getresponse()
    text = answer.read()
    answered_at = monotonic()
    if answer.status != http.HTTPStatus.OK:
        raise BenchmarkError(f"the gateway answered {answer.status}: {text.decode()}")
    received = msgspec.json.decode(fetch(f"{bus.url}/received"), type=Received)
    at_bus = received.answered_at - received.arrived_at
    return Passage(
        to_bus=(received.arrived_at - posted_at) * 1e3, added=(answered_at - posted_at - at_bus) * 1e3
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lone", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help=f"how many (default: {EVENTS})")
    options = parser.parse_args(arguments)
    processors = Processors.available()
    with pinned_to(processors.load):
        print(*Environment.here(processors).lines(), sep="\n")
        print(*measure(processors, events=options.events).lines(), sep="\n")


if __name__ == "__main__":
    main()
