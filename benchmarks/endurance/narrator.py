"""Tells what is going on while it goes on: a line every second, or every few."""

import asyncio

from benchmarks.endurance.findings import MIB
from benchmarks.endurance.watch import Scrape, Watch

_COLUMNS = ("s", "accepted/s", "delivered/s", "held", "memory MiB", "to the bus/s", "sum")


async def narrate(watch: Watch, *, every_seconds: float) -> None:
    """Print until cancelled."""
    print("".join(f"{column:>13}" for column in _COLUMNS), flush=True)
    first = before = await watch.next()
    while True:
        await asyncio.sleep(every_seconds)
        scrape = await watch.next()
        print(line(first, before, scrape), flush=True)
        before = scrape


def line(first: Scrape, before: Scrape, scrape: Scrape) -> str:
    """What changed between two scrapes."""
    seconds = scrape.at - before.at
    now, then = scrape.account, before.account
    figures = (
        f"{scrape.at - first.at:.0f}",
        f"{(now.accepted - then.accepted) / seconds:.0f}",
        f"{(now.delivered - then.delivered) / seconds:.0f}",
        f"{now.held}",
        f"{scrape.resident_bytes / MIB:.1f}",
        f"{(now.bus_requests - then.bus_requests) / seconds:.1f}",
        "fails" if scrape.unbalanced else "holds",
    )
    return "".join(f"{figure:>13}" for figure in figures)
