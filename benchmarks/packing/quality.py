"""How close `pack` comes to the LP bound: seeded mixes, on every bus, from a dozen entries to 20,000."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from random import Random
from statistics import fmean

from msgspec import Struct

from benchmarks.micro.mixes import BUSES, Mix, RequestLimits
from benchmarks.packing.aims import Aim
from benchmarks.packing.bound import Bound, lp_bound
from gateway.pipeline.pack import Batches, next_fit, pack

COUNTS = (12, 30, 50, 100, 256, 512, 1_000, 2_000, 5_000, 20_000)

SEVERAL_BELOW = 1_000
"""Counts below it are measured with `SEEDS` seeds each, others with one."""

SEEDS = 4

REALISTIC_AIMS = (
    Aim("realistic mixes: batches / LP bound, mean", 1.004, 1.002),
    Aim("realistic mixes: the worst mix on a bus", 1.03, 1.02),
)
ADVERSARIAL_AIMS = (
    Aim("adversarial mixes: batches / LP bound, mean", 1.02, 1.01),
    Aim("adversarial mixes: the worst mix on a bus", 1.08, 1.06),
)
ALWAYS_AIMS = (
    Aim("packings with a batch that no bus would take", 0, 0),
    Aim("packings with more batches than order of arrival", 0, 0),
)


class Packing(Struct, frozen=True, kw_only=True):
    """One instance, packed."""

    mix: str
    bus: str
    entries: int
    batches: int
    in_order: int
    """Batches in order of arrival."""
    bound: Bound
    is_valid: bool

    @property
    def ratio(self) -> float:
        """Batches over the bound."""
        return self.batches / self.bound.batches


class Row(Struct, frozen=True):
    """A mix on a bus."""

    mix: str
    bus: str
    packings: Sequence[Packing]

    @property
    def mean(self) -> float:
        """Of its ratios."""
        return fmean(packing.ratio for packing in self.packings)

    def line(self) -> str:
        """For a person, below `ROW_HEAD`."""
        packings = self.packings
        in_order = fmean(packing.in_order / packing.bound.batches for packing in packings)
        at_bound = sum(packing.batches == packing.bound.batches for packing in packings)
        raised = sum(packing.bound.batches > packing.bound.simple for packing in packings)
        return (
            f"{self.mix:18} {self.bus:13} {self.mean:7.4f} {max(each.ratio for each in packings):7.4f} "
            f"{in_order:9.4f} {at_bound:4}/{len(packings)} {raised:6}"
        )


ROW_HEAD = f"{'mix':18} {'bus':13} {'mean':>7} {'worst':>7} {'in order':>9} {'at bound':>7} {'by LP':>6}"
"""`by LP`: where the LP bound is above count, volume and large entries."""


def measure(mixes: Mapping[str, Mix], counts: Sequence[int] = COUNTS) -> Iterator[Packing]:
    """Pack every mix on every bus."""
    for mix, sizes_of in mixes.items():
        for bus, limits in BUSES.items():
            for count in counts:
                for seed in range(SEEDS if count < SEVERAL_BELOW else 1):
                    sizes = sizes_of(Random(f"{count}/{seed}"), count, limits)
                    yield packed(mix, bus, sizes, limits)


def packed(mix: str, bus: str, sizes: Sequence[int], limits: RequestLimits) -> Packing:
    """Pack one instance, and bound it."""
    max_entries, max_bytes = limits
    batches = pack(sizes, max_entries=max_entries, max_bytes=max_bytes)
    return Packing(
        mix=mix,
        bus=bus,
        entries=len(sizes),
        batches=len(batches),
        in_order=len(next_fit(sizes, max_entries=max_entries, max_bytes=max_bytes)),
        bound=lp_bound(sizes, limits, batches),
        is_valid=is_valid(batches, sizes, limits),
    )


def is_valid(batches: Batches, sizes: Sequence[int], limits: RequestLimits) -> bool:
    """Whether each entry leaves once, and no batch is above a limit."""
    return sorted(index for batch in batches for index in batch) == list(range(len(sizes))) and all(
        len(batch) <= limits.max_entries and sum(sizes[index] for index in batch) <= limits.max_bytes
        for batch in batches
    )


def rows(packings: Sequence[Packing]) -> list[Row]:
    """The same, by mix and bus."""
    return [
        Row(mix, bus, list(each))
        for (mix, bus), each in groupby(packings, key=lambda one: (one.mix, one.bus))
    ]


def ratio_lines(found: Sequence[Row], aims: Sequence[Aim]) -> Iterator[str]:
    """The mean over all packings, and the worst mean of a row, beside their aims."""
    mean, worst = aims
    worst_row = max(found, key=lambda row: row.mean)
    yield mean.line(fmean(packing.ratio for row in found for packing in row.packings))
    yield f"{worst.line(worst_row.mean)} ({worst_row.mix}, {worst_row.bus})"


def always_lines(packings: Sequence[Packing]) -> Iterator[str]:
    """What may never be."""
    invalid, beyond = ALWAYS_AIMS
    yield invalid.line(sum(not packing.is_valid for packing in packings))
    yield beyond.line(sum(packing.batches > packing.in_order for packing in packings))
