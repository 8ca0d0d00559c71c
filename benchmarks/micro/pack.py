"""What `pack` costs an entry, beside the aims: `python -m benchmarks.micro.pack`.

CPU time of this process, as it is and scaled to a core that sorts 2,000 indices by size in 0.14 us each.
How well it packs is the business of `benchmarks.packing`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from random import Random
from statistics import fmean

from msgspec import Struct

from benchmarks.micro.mixes import BUSES, REALISTIC, Mix, RequestLimits
from benchmarks.packing.aims import HEAD, Aim
from gateway.pipeline.pack import next_fit, pack

COUNTS = (12, 30, 50, 100, 256, 512, 1_000, 2_000, 5_000)
SHORT, LONG = 5_000, 20_000
REFERENCE_SORT_MICROSECONDS = 0.14

MEAN = Aim("us an entry, scaled: n >= 100, mean", 1.5, 0.9)
WORST = Aim("us an entry, scaled: n >= 100, the worst mix on a bus", 6, 4)
IN_ORDER = Aim("us an entry, scaled: n >= 100, order of arrival stays", 0.3, 0.15)
DOZEN = Aim("us an entry, scaled: flushes of 12", 1.0, 0.4)
GROWTH = Aim("cost of an entry among 20,000 / among 5,000", 2, 1.2)


class Timing(Struct, frozen=True, kw_only=True):
    """What packing one instance took."""

    mix: str
    bus: str
    entries: int
    microseconds: float
    """An entry."""
    stays_in_order: bool


def sort_microseconds() -> float:
    """What sorting 2,000 indices by size costs each, here and now."""
    rng = Random(0)
    samples = [[rng.randrange(1 << 18) for _ in range(2_000)] for _ in range(50)]
    started = time.process_time()
    for sizes in samples:
        sorted(range(2_000), key=sizes.__getitem__)
    return (time.process_time() - started) / 50 / 2_000 * 1e6


def timings(mixes: dict[str, Mix], counts: Sequence[int]) -> Iterator[Timing]:
    """Small counts four times, large ones once."""
    for mix, sizes_of in mixes.items():
        for bus, limits in BUSES.items():
            for count in counts:
                for seed in range(4 if count < 1_000 else 1):
                    yield timed(mix, bus, sizes_of(Random(f"{count}/{seed}"), count, limits), limits)


def timed(mix: str, bus: str, sizes: Sequence[int], limits: RequestLimits) -> Timing:
    """Pack one instance often enough for the clock."""
    max_entries, max_bytes = limits
    repeats = max(1, 400 // len(sizes))
    started = time.process_time()
    for _ in range(repeats):
        batches = pack(sizes, max_entries=max_entries, max_bytes=max_bytes)
    seconds = time.process_time() - started
    return Timing(
        mix=mix,
        bus=bus,
        entries=len(sizes),
        microseconds=seconds / repeats / len(sizes) * 1e6,
        stays_in_order=batches == next_fit(sizes, max_entries=max_entries, max_bytes=max_bytes),
    )


def mean_of(found: Sequence[Timing], wanted: Callable[[Timing], bool]) -> float:
    """Microseconds an entry, over the instances wanted."""
    return fmean(each.microseconds for each in found if wanted(each))


def worst_of(found: Sequence[Timing]) -> tuple[float, str]:
    """The dearest mix on a bus, and its name."""
    names = {(each.mix, each.bus) for each in found}
    return max(
        (mean_of(found, lambda each: (each.mix, each.bus) == name), ", ".join(name))  # noqa: B023 - used at once
        for name in names
    )


def cost_lines() -> Iterator[str]:
    """Every figure beside its aim."""
    found: list[Timing] = []
    sorts: list[float] = []
    for mix, sizes_of in REALISTIC.items():  # in turn, for a processor's pace changes
        sorts.append(sort_microseconds())
        found += timings({mix: sizes_of}, COUNTS)
    sort = fmean(sorts)
    scale = REFERENCE_SORT_MICROSECONDS / sort
    many = [each for each in found if each.entries >= 100]
    worst, name = worst_of(many)
    for aim, microseconds in (
        (MEAN, mean_of(many, lambda _: True)),
        (WORST, worst),
        (IN_ORDER, mean_of(many, lambda each: each.stays_in_order)),
        (DOZEN, mean_of(found, lambda each: each.entries == 12)),
    ):
        here = f"{microseconds:.2f} here" + (f": {name}" if aim is WORST else "")
        yield f"{aim.line(microseconds * scale)} ({here})"
    yield GROWTH.line(growth())
    yield f"sorting costs {sort:.3f} us an index here, {REFERENCE_SORT_MICROSECONDS} on the core scaled to"


def growth() -> float:
    """An entry's cost among 20,000 over that among 5,000, over the realistic mixes on the first bus."""
    bus, limits = next(iter(BUSES.items()))

    def cost(count: int) -> float:
        return fmean(
            timed(mix, bus, sizes_of(Random(count), count, limits), limits).microseconds
            for mix, sizes_of in REALISTIC.items()
        )

    return cost(LONG) / cost(SHORT)


def main() -> None:
    """Print what it costs."""
    print(f"\n{HEAD}")
    print(*cost_lines(), sep="\n")


if __name__ == "__main__":
    main()
