"""When to flush, on virtual time: `python -m benchmarks.packing.flush`.

Entries arrive at random (a Poisson process) at a share of capacity; the bus has eight slots and answers
after 30 ms. The gateway's own buffer, planner, flush timing, packing and bound of requests in flight
stand beside next-fit as batching products do it (`benchmarks.packing.batcher`), both with 200 ms for company.

Capacity is what ideal packing would carry: slots / latency requests a second, times the entries that a
request holds if a sample of 20,000 is packed as the LP bound says. No policy can carry more for long, and
one that packs worse is overloaded before: its wait then grows with the length of the run.
"""

import argparse
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from random import Random
from statistics import fmean

from msgspec import Struct

from benchmarks.micro.mixes import BUSES, REALISTIC, Mix, RequestLimits
from benchmarks.packing.batcher import Request, next_tick, own_deadline, send_in_order
from benchmarks.packing.bound import lp_bound
from gateway.pipeline.pack import pack
from gateway.planning.simulation import Bus, FlushSetting, Load, Simulation
from gateway.sender import Limits

LATENCY_SECONDS = 0.03
SLOTS = 8
INTERVAL_SECONDS = 0.2
SHARES = (0.01, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97)
JUDGED_SHARE = 0.9
EVENTS = 20_000
SAMPLE = 20_000
WARM_UP = 0.1
"""Share of the entries, the first, that is left out of the figures: the level in flight begins low."""


def documents(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Log-normal with a median of 20 kB and a mean of 33: bytes bind, and the count nearly."""
    return [min(int(rng.lognormvariate(9.903, 1.0)), limits.max_bytes) for _ in range(count)]


class Scene(Struct, frozen=True):
    """What arrives at which bus."""

    label: str
    mix: Mix
    bus: str


SCENES = (
    Scene("log-normal, median 20 kB", documents, "aws"),
    Scene("both limits bind", REALISTIC["both bind"], "aws"),
    Scene("bimodal 20 %", REALISTIC["bimodal 20 %"], "huawei"),
    Scene("webhooks", REALISTIC["webhooks"], "alibaba"),
    Scene("small log-normal", REALISTIC["small log-normal"], "aws"),
)


class Figures(Struct, frozen=True):
    """What one policy made of one load."""

    mean_seconds: float
    p99_seconds: float
    requests_per_event: float
    fill_ratio: float
    """The mean over requests of what they used of the scarcer limit."""

    def line(self) -> str:
        """For a person, below `HEAD`."""
        return (
            f"{self.mean_seconds * 1e3:9.1f} {self.p99_seconds * 1e3:8.0f} "
            f"{self.requests_per_event:8.4f} {self.fill_ratio:6.3f}"
        )


HEAD = f"{'mean ms':>9} {'p99 ms':>8} {'req/ev':>8} {'fill':>6}"


def limits_of(scene: Scene) -> RequestLimits:
    """Of its bus."""
    return BUSES[scene.bus]


def bus_of(scene: Scene) -> Bus:
    """Eight slots of 30 ms."""
    max_entries, max_bytes = limits_of(scene)
    return Bus(
        limits=Limits(max_entries=max_entries, max_bytes=max_bytes, max_entry_bytes=max_bytes),
        latency_seconds=LATENCY_SECONDS,
        max_in_flight=SLOTS,
    )


def capacity(scene: Scene) -> float:
    """Events a second that ideal packing would carry."""
    limits = limits_of(scene)
    sizes = scene.mix(Random("sample"), SAMPLE, limits)
    batches = pack(sizes, max_entries=limits.max_entries, max_bytes=limits.max_bytes)
    return SLOTS / LATENCY_SECONDS * len(sizes) / lp_bound(sizes, limits, batches).batches


def poisson(scene: Scene, events_per_second: float, events: int) -> Load:
    """So many entries, arriving at random."""
    rng = Random(f"{scene.label} {events_per_second}")
    gaps = (rng.expovariate(events_per_second) for _ in range(events))
    return Load(array("d", accumulate(gaps)), scene.mix(rng, events, limits_of(scene)))


def gateway(load: Load, bus: Bus) -> Figures:
    """The gateway's own parts."""
    simulation = Simulation(load, bus, FlushSetting(sends_when_idle=False, interval_seconds=INTERVAL_SECONDS))
    sent = (
        (sent.at, [entry.arrived_at for entry in sent.batch.entries], sent.batch.size)
        for sent in simulation.run()
    )
    return figures(sent, load, bus.limits)


def in_order(load: Load, bus: Bus) -> Figures:
    """Next-fit, each batch with its own deadline."""
    return _figures_of(send_in_order(load, bus, own_deadline(INTERVAL_SECONDS)), load, bus)


def at_ticks(load: Load, bus: Bus) -> Figures:
    """Next-fit, and a flush of all at each tick of one clock."""
    return _figures_of(send_in_order(load, bus, next_tick(INTERVAL_SECONDS)), load, bus)


def _figures_of(requests: Iterator[Request], load: Load, bus: Bus) -> Figures:
    sent = (
        (each.at, load.arrived_at[each.start : each.stop], sum(load.sizes[each.start : each.stop]))
        for each in requests
    )
    return figures(sent, load, bus.limits)


def figures(requests: Iterable[tuple[float, Sequence[float], int]], load: Load, limits: Limits) -> Figures:
    """Of requests as moment, arrivals of the entries and size; those of the warm-up do not count."""
    begin = load.arrived_at[int(len(load.sizes) * WARM_UP)]
    waits, fills = array("d"), array("d")
    for at, arrivals, size in requests:
        if arrivals[0] >= begin:
            waits.extend([at - arrived_at for arrived_at in arrivals])
            fills.append(max(len(arrivals) / limits.max_entries, size / limits.max_bytes))
    return Figures(fmean(waits), sorted(waits)[int(0.99 * len(waits))], len(fills) / len(waits), fmean(fills))


POLICIES = {"gateway": gateway, "next-fit": in_order, "tick": at_ticks}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every scene at every load, under every policy."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.packing.flush", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help=f"of each run (default: {EVENTS})")
    options = parser.parse_args(arguments)
    summary = []
    for scene in SCENES:
        most = capacity(scene)
        print(f"\n{scene.label}, {scene.bus}: capacity {most:.0f} events/s, {options.events} events a run")
        print(f"{'load':>5} {'':9} {HEAD}")
        for share in SHARES:
            found = compared(scene, most * share, options.events)
            print(*(f"{share:5.0%} {name:9} {each.line()}" for name, each in found.items()), sep="\n")
            if share == JUDGED_SHARE:
                summary.append(f"{scene.label:26} {scene.bus:8} {judged(found)}")
    print(f"\nmean wait at {JUDGED_SHARE:.0%} of capacity; eight slots of 30 ms", *summary, sep="\n")
    return 0


def compared(scene: Scene, events_per_second: float, events: int) -> dict[str, Figures]:
    """Every policy with the same load."""
    bus, load = bus_of(scene), poisson(scene, events_per_second, events)
    return {name: policy(load, bus) for name, policy in POLICIES.items()}


def judged(found: Mapping[str, Figures]) -> str:
    """How long next-fit waits, and how long the gateway."""
    ours, theirs = found["gateway"].mean_seconds, found["next-fit"].mean_seconds
    return f"gateway {ours * 1e3:6.1f} ms, next-fit {theirs * 1e3:7.1f} ms, {theirs / ours:5.1f} times"


if __name__ == "__main__":
    sys.exit(main())
