"""Minutes of mixed load before a bus that fails in every way: `python -m benchmarks.soak`, `make soak`.

Events of 200 B to 60 kB come in all content modes, producers go away in the middle, and the emulated
Amazon bus, which checks every signature and size, changes its faults every few seconds. Promised are that
everything accepted is at the bus or in a dead letter at the end, and the sum in every scrape, else the
exit code is 1; memory stands beside its aim. The first of the faults is an outage that fills the buffer,
so that memory after the first minute is all that it may be, and what is more at the end has leaked.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import median

import orjson
from msgspec import Struct

from benchmarks.endurance import stage
from benchmarks.endurance.findings import Finding, at_most, exit_code, lines, mebibytes, reckoning_findings
from benchmarks.endurance.ledger import reckon
from benchmarks.endurance.narrator import narrate
from benchmarks.endurance.producers import Manners, Producers
from benchmarks.endurance.recovery import growth
from benchmarks.endurance.stage import Stage
from benchmarks.endurance.traffic import ContentMode, Mix, Traffic
from benchmarks.endurance.watch import Watch
from benchmarks.endurance.weather import BUS_TIMEOUT_SECONDS, spells
from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.faults import Faults
from gateway.emulators.received import Keep

MIX = Mix(median_bytes=1_500, sigma=1.2)
CONNECTIONS = 32
MANNERS = Manners(leave=0.005, break_off=0.005)
SECTIONS = {
    "buffer.max_bytes": "32MiB",
    "delivery.request_timeout": f"{BUS_TIMEOUT_SECONDS:g}s",
    "delivery.backoff_max": "2s",
    "dead_letters.max_bytes": "4GiB",  # none of them is to go: they are counted
}
FILL_SECONDS = 22.0
"""At 500 events a second, with 640 bytes of overhead for each, 40 MB."""
MEMORY_AIM = 0.1
FIRST_SECONDS = 60.0
AROUND_SECONDS = 10.0
"""Memory at a moment is the median of so many seconds before it."""
SETTLE_SECONDS = 120.0
_COLLECT_SECONDS = 0.1
_KEEP = Keep(events=1_000_000, requests=1, event_bytes=1 << 30)


class Plan(Struct, frozen=True):
    """How long, and how much."""

    seconds: float
    rate: float
    journal: bool
    seed: int


class Times(Struct, frozen=True):
    """Monotonic seconds of the load."""

    began: float
    ended: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print the verdict; 1 if a promise was broken."""
    plan = read_plan(arguments)
    return stage.run(lambda place: perform(place, plan))


def read_plan(arguments: Sequence[str] | None) -> Plan:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of load (default: 10)")
    parser.add_argument("--rate", type=float, default=500.0, help="events a second (default: 500)")
    parser.add_argument("--seed", type=int, default=1, help="of sizes, modes and faults (default: 1)")
    stage.add_journal(parser)
    found = parser.parse_args(arguments)
    return Plan(60 * found.minutes, found.rate, found.journal, found.seed)


async def perform(place: Stage, plan: Plan) -> int:
    """Load under faults; then count. Raises BenchmarkError if a process does not do as it should."""
    bus = AwsEmulator(AwsBusOptions(keep=_KEEP, seed=plan.seed))
    arrivals: Counter[int] = Counter()
    async with bus:
        with place.gateway(bus.url, SECTIONS, journal=plan.journal) as server:
            watch = Watch(server)
            producers = Producers(
                server.url,
                Traffic(MIX, list(ContentMode), Random(plan.seed)),
                events_a_second=plan.rate,
                connections=CONNECTIONS,
                manners=MANNERS,
                seed=plan.seed,
            )
            times = await load_under_faults(bus, arrivals, producers, watch, plan)
    reckoning = reckon(producers.ledger, arrivals, set(buried(place.directory / "dead-letters")))
    findings = [
        *reckoning_findings(reckoning, scrapes=len(watch.scrapes), unbalanced=watch.unbalanced),
        *memory_findings(watch, times),
    ]
    struck = sorted(bus.statistics().faults.items())
    print("", "faults: " + ", ".join(f"{kind} {times}" for kind, times in struck), sep="\n")
    print(*lines(findings), sep="\n", flush=True)
    return exit_code(findings)


async def load_under_faults(
    bus: AwsEmulator, arrivals: Counter[int], producers: Producers, watch: Watch, plan: Plan
) -> Times:
    """Change the faults while the load goes on; return when all is settled."""
    async with asyncio.TaskGroup() as group:
        beside = [
            group.create_task(watch.run()),
            group.create_task(narrate(watch, every_seconds=min(10.0, plan.seconds / 2))),
            group.create_task(collect(bus, arrivals)),
        ]
        await watch.next()
        weather = group.create_task(
            change_faults(bus, Random(plan.seed), first_seconds=min(FILL_SECONDS, plan.seconds / 4))
        )
        load = group.create_task(producers.run())
        began = time.monotonic()
        await asyncio.sleep(plan.seconds)
        ended = time.monotonic()
        producers.stop()
        await load
        weather.cancel()
        bus.faults = Faults()
        await watch.until_nothing_is_held(seconds=SETTLE_SECONDS)
        for task in beside:
            task.cancel()
    count_arrivals(bus, arrivals)
    return Times(began, ended)


async def change_faults(bus: AwsEmulator, dice: Random, *, first_seconds: float) -> None:
    """An outage, then one spell after the other, until cancelled."""
    bus.faults = Faults(down=True)
    await asyncio.sleep(first_seconds)
    for spell in spells(dice):
        bus.faults = spell.faults
        await asyncio.sleep(spell.seconds)


async def collect(bus: AwsEmulator, arrivals: Counter[int]) -> None:
    """Count what has arrived, and let the bus forget it, until cancelled."""
    while True:
        await asyncio.sleep(_COLLECT_SECONDS)
        count_arrivals(bus, arrivals)


def count_arrivals(bus: AwsEmulator, arrivals: Counter[int]) -> None:
    """By number."""
    arrivals.update(int(orjson.loads(event.detail)["id"]) for event in bus.received)
    bus.clear()


def buried(directory: Path) -> Iterator[int]:
    """The number of each event in a dead letter."""
    for path in directory.glob("*/*.jsonl"):
        with path.open("rb") as letters:
            for letter in letters:
                yield int(orjson.loads(letter)["event"]["id"])


def memory_findings(watch: Watch, times: Times) -> Iterator[Finding]:
    """After the first minute, or a quarter of a shorter run, and at the end."""
    first = times.began + min(FIRST_SECONDS, (times.ended - times.began) / 4)
    after_first = resident_bytes(watch, first)
    at_end = resident_bytes(watch, times.ended)
    yield Finding("memory after the first minute", mebibytes(median(after_first)))
    yield Finding("  at the end of the load", mebibytes(median(at_end)))
    yield Finding("  when all was settled", mebibytes(watch.scrapes[-1].resident_bytes))
    yield Finding("  the most of all", mebibytes(max(scrape.resident_bytes for scrape in watch.scrapes)))
    yield at_most(
        "memory grown after the first minute", 100 * growth(after_first, at_end), 100 * MEMORY_AIM, unit="%"
    )


def resident_bytes(watch: Watch, at: float) -> Sequence[int]:
    """Of all scrapes in the seconds before."""
    return [scrape.resident_bytes for scrape in watch.between(at - AROUND_SECONDS, at)]


if __name__ == "__main__":
    sys.exit(main())
