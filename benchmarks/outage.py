"""The bus goes away in the middle of a load and comes back: `python -m benchmarks.outage`, `make outage`.

The bus is a process that is killed, and started again on its port, which refuses connections meanwhile.
Events of mixed sizes come at a steady pace all the time. The buffer has its default bounds: once it is
full the gateway says 503, and the producer goes on with the next event. Promised are no loss and the sum
in every scrape, else the exit code is 1; memory and speed stand beside their aims.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random

from msgspec import Struct

from benchmarks.endurance import stage
from benchmarks.endurance.bus import reserved_port
from benchmarks.endurance.findings import (
    MIB,
    Finding,
    at_most,
    exit_code,
    lines,
    mebibytes,
    reckoning_findings,
)
from benchmarks.endurance.ledger import arrivals_of, reckon
from benchmarks.endurance.narrator import narrate
from benchmarks.endurance.producers import Manners, Producers
from benchmarks.endurance.recovery import FULL_SHARE, growth, rate_between, recovery_seconds
from benchmarks.endurance.stage import Stage
from benchmarks.endurance.traffic import ContentMode, Mix, Traffic
from benchmarks.endurance.watch import Watch, delivered
from benchmarks.load.server import Server
from benchmarks.load.subjects import python

MIX = Mix(median_bytes=800, sigma=1.0)
"""1.3 kB on average: at 2,000 events a second a buffer of 64 MiB is full after some 20 s."""
CONNECTIONS = 32
BUFFER_BYTES = 64 * MIB
"""The default of `buffer.max_bytes`."""
RECOVERY_AIM_SECONDS = 2.0
FLAT_AIM = 0.05
"""How much memory may change in the second half of the outage."""
SETTLE_SECONDS = 60.0


class Plan(Struct, frozen=True):
    """How long, and how much."""

    seconds: float
    before_seconds: float
    after_seconds: float
    rate: float
    journal: bool
    seed: int


class Times(Struct, frozen=True):
    """Monotonic seconds of what happened."""

    began: float
    went: float
    returned: float
    ended: float


class KillableBus:
    """A recording bus on one port, started and killed as often as wanted."""

    def __init__(self, place: Stage, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._place = place
        self._port = port
        self._record = place.directory / "arrived"
        self._process = ExitStack()

    async def start(self) -> None:
        """Return once it listens."""
        command = python("benchmarks.endurance.bus", str(self._port), str(self._record))
        log = self._place.directory / "bus.log"
        server = Server(command, processor=self._place.processors.load, log=log)
        await asyncio.to_thread(self._process.enter_context, server)

    def kill(self) -> None:
        """With SIGKILL, in the middle of whatever it does. Safe twice."""
        self._process.close()

    def arrivals(self) -> Iterator[bytes]:
        """The ids, a line for each arrival."""
        with Path(self._record).open("rb") as lines_:
            yield from lines_


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print the verdict; 1 if a promise was broken."""
    plan = read_plan(arguments)
    return stage.run(lambda place: perform(place, plan))


def read_plan(arguments: Sequence[str] | None) -> Plan:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outage", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="the bus is away (default: 60)")
    parser.add_argument("--before", type=float, default=10.0, help="seconds of load before (default: 10)")
    parser.add_argument("--after", type=float, default=20.0, help="and after (default: 20)")
    parser.add_argument("--rate", type=float, default=2_000.0, help="events a second (default: 2000)")
    parser.add_argument("--seed", type=int, default=1, help="of the sizes (default: 1)")
    stage.add_journal(parser)
    found = parser.parse_args(arguments)
    return Plan(found.seconds, found.before, found.after, found.rate, found.journal, found.seed)


async def perform(place: Stage, plan: Plan) -> int:
    """Load, outage, load; then count. Raises BenchmarkError if a process does not do as it should."""
    with ExitStack() as stack:
        bus = KillableBus(place, stack.enter_context(reserved_port()))
        stack.callback(bus.kill)
        await bus.start()
        server = stack.enter_context(place.gateway(bus.url, {}, journal=plan.journal))
        watch = Watch(server)
        producers = Producers(
            server.url,
            Traffic(MIX, [ContentMode.STRUCTURED, ContentMode.BINARY], Random(plan.seed)),
            events_a_second=plan.rate,
            connections=CONNECTIONS,
            manners=Manners(),
            seed=plan.seed,
        )
        times = await load_through_outage(bus, producers, watch, plan)
    reckoning = reckon(producers.ledger, arrivals_of(bus.arrivals()))
    findings = [
        *reckoning_findings(reckoning, scrapes=len(watch.scrapes), unbalanced=watch.unbalanced),
        *memory_findings(watch, times),
        *speed_findings(watch, times),
    ]
    print("", *lines(findings), sep="\n", flush=True)
    return exit_code(findings)


async def load_through_outage(bus: KillableBus, producers: Producers, watch: Watch, plan: Plan) -> Times:
    """Kill the bus and start it again while the load goes on; return when all is settled."""
    async with asyncio.TaskGroup() as group:
        watching = [group.create_task(watch.run()), group.create_task(narrate(watch, every_seconds=1.0))]
        await watch.next()
        load = group.create_task(producers.run())
        began = time.monotonic()
        await asyncio.sleep(plan.before_seconds)
        print("the bus is killed", flush=True)
        went = time.monotonic()
        bus.kill()
        await asyncio.sleep(plan.seconds)
        await bus.start()
        returned = time.monotonic()
        print("the bus listens again", flush=True)
        await asyncio.sleep(plan.after_seconds)
        ended = time.monotonic()
        producers.stop()
        await load
        await watch.until_nothing_is_held(seconds=SETTLE_SECONDS)
        for task in watching:
            task.cancel()
    return Times(began, went, returned, ended)


def memory_findings(watch: Watch, times: Times) -> Iterator[Finding]:
    """Before, during and after, and whether it stood still while the bus stayed away."""
    before = watch.last_before(times.went)
    halfway = watch.last_before((times.went + times.returned) / 2)
    end = watch.last_before(times.returned)
    grown_bytes = end.resident_bytes - before.resident_bytes
    grown_late = growth([halfway.resident_bytes], [end.resident_bytes])
    yield Finding("memory before the outage", mebibytes(before.resident_bytes))
    yield Finding("  at its end", mebibytes(end.resident_bytes))
    yield Finding("  of that counted for events in the buffer", mebibytes(end.account.buffer_bytes))
    yield Finding("  when all was delivered", mebibytes(watch.scrapes[-1].resident_bytes))
    yield at_most("memory grown while the bus was away", grown_bytes / MIB, BUFFER_BYTES / MIB, unit="MiB")
    yield at_most("  in the second half of that", 100 * grown_late, 100 * FLAT_AIM, unit="%")


def speed_findings(watch: Watch, times: Times) -> Iterator[Finding]:
    """The rate before, and how soon it was there again."""
    counts = delivered(watch.between(times.began, times.ended))
    rate = rate_between(counts, times.began + (times.went - times.began) / 4, times.went)
    recovery = recovery_seconds(counts, returned_at=times.returned, full_rate=FULL_SHARE * rate)
    went, returned = (watch.last_before(at).account for at in (times.went, times.returned))
    yield Finding("delivered a second before the outage", f"{rate:.0f}")
    yield Finding("requests to the bus while it was away", f"{returned.bus_requests - went.bus_requests}")
    what = "full speed again, for good, after"
    if recovery is None:
        yield Finding(what, "never", f"<= {RECOVERY_AIM_SECONDS:g} s", is_met=False)
    else:
        yield at_most(what, recovery, RECOVERY_AIM_SECONDS, unit="s")


if __name__ == "__main__":
    sys.exit(main())
