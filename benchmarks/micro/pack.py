"""How well and how fast `pack` packs, per mix and bus: `python -m benchmarks.micro.pack`.

Ratios are batches over `lower_bound` (count, volume, large entries: L2 and its twin for counts), or over
what dual feasible functions give where that is more. That is no LP bound: where it is weak (thirds,
crowded pairs, both limits at once) the ratios overstate what is lost. Times are CPU, unscaled and
scaled to a core that sorts 2,000 indices by size in 0.14 us each.
"""

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from random import Random
from statistics import fmean

from benchmarks.micro.mixes import ADVERSARIAL, BUSES, REALISTIC, Mix, RequestLimits
from gateway.pipeline.pack import lower_bound, next_fit, pack

_COUNTS = (12, 30, 50, 100, 256, 512, 1_000, 2_000, 5_000)
_LONG = 20_000
_REFERENCE_SORT_MICROSECONDS = 0.14
_SECONDS = 60.0
"""Rows that would begin later than this are left out, and said so."""


class Run:
    """One instance, packed once."""

    def __init__(self, sizes: Sequence[int], limits: RequestLimits) -> None:
        max_entries, max_bytes = limits
        self.count = len(sizes)
        self.bound = strong_bound(sizes, limits)
        self.in_order = len(next_fit(sizes, max_entries=max_entries, max_bytes=max_bytes))
        repeats = max(1, 200 // self.count)
        started = time.process_time()
        for _ in range(repeats):
            self.batches = len(pack(sizes, max_entries=max_entries, max_bytes=max_bytes))
        self.microseconds = (time.process_time() - started) / repeats / self.count * 1e6


def strong_bound(sizes: Sequence[int], limits: RequestLimits) -> int:
    """The best of `lower_bound` and the functions u(2) to u(15) of Fekete and Schepers (cs/0402044).

    u(k) leaves x alone where (k + 1) x is whole, and else takes floor((k + 1) x) / k: what fits in
    one request by size, fits by u.
    """
    max_entries, max_bytes = limits
    best = lower_bound(sizes, max_entries=max_entries, max_bytes=max_bytes)
    for k in range(2, 16):
        total = 0  # in units of 1 / (k * max_bytes)
        for size in sizes:
            whole, part = divmod((k + 1) * size, max_bytes)
            total += whole * max_bytes if part else size * k
        best = max(best, -(-total // (k * max_bytes)))
    return best


def sort_microseconds() -> float:
    """What sorting 2,000 indices by size costs each, here and now."""
    rng = Random(0)
    samples = [[rng.randrange(1 << 18) for _ in range(2_000)] for _ in range(50)]
    started = time.process_time()
    for sizes in samples:
        sorted(range(2_000), key=sizes.__getitem__)
    return (time.process_time() - started) / 50 / 2_000 * 1e6


def instances(mix: Mix, limits: RequestLimits) -> Iterator[Run]:
    """Small counts four times, large ones once."""
    for count in _COUNTS:
        for seed in range(4 if count < 1_000 else 1):
            yield Run(mix(Random(f"{count}/{seed}"), count, limits), limits)


def measure(group: dict[str, Mix], started: float) -> dict[tuple[str, str], list[Run]]:
    """Print a row for each mix and bus; return the runs."""
    rows = {}
    for name, mix in group.items():
        for bus, limits in BUSES.items():
            if time.monotonic() - started > _SECONDS:
                print(f"{name:18} {bus:13} left out: time is up")
                continue
            runs = rows[name, bus] = list(instances(mix, limits))
            ours = [run.batches / run.bound for run in runs]
            print(
                f"{name:18} {bus:13} {fmean(ours):7.4f} {max(ours):7.4f} "
                f"{fmean(run.in_order / run.bound for run in runs):9.4f} "
                f"{sum(run.batches == run.bound for run in runs):4}/{len(runs)} "
                f"{_mean_time(runs, lambda run: run.count >= 100):8.2f}",
            )
    return rows


def _mean_time(runs: Sequence[Run], wanted: Callable[[Run], bool]) -> float:
    return fmean([run.microseconds for run in runs if wanted(run)] or [0.0])


def summarise_ratios(label: str, rows: dict[tuple[str, str], list[Run]], mean: str, worst: str) -> None:
    """The mean over all runs and the worst mean of a mix on a bus, beside the aims (must, good)."""
    means = {row: fmean(run.batches / run.bound for run in runs) for row, runs in rows.items()}
    name = max(means, key=means.__getitem__)
    print(f"{label}: mean {fmean(means.values()):.4f} (aim {mean}), ", end="")
    print(f"worst mix on a bus {means[name]:.4f}, {' on '.join(name)} (aim {worst})")


def summarise_times(rows: dict[tuple[str, str], list[Run]], scale: float) -> None:
    """Microseconds an entry beside the aims (must, good), scaled to the reference core."""
    runs = [run for each in rows.values() for run in each]
    worst = max(_mean_time(each, lambda run: run.count >= 100) for each in rows.values())
    for label, value, aim in (
        ("n >= 100, mean", _mean_time(runs, lambda run: run.count >= 100), "1.5, 0.9"),
        ("n >= 100, worst mix on a bus", worst, "6, 4"),
        (
            "n >= 100, next-fit meets the bound",
            _mean_time(runs, lambda run: run.count >= 100 and run.in_order == run.bound),
            "0.3, 0.15",
        ),
        ("flushes of 12", _mean_time(runs, lambda run: run.count == 12), "1.0, 0.4"),
    ):
        print(f"us an entry, {label}: {value:.2f}, scaled {value * scale:.2f} (aim {aim})")


def summarise_growth() -> None:
    """An entry's cost among 20,000 against among 5,000, over the realistic mixes on the first bus."""
    limits = next(iter(BUSES.values()))

    def cost(count: int) -> float:
        return fmean(
            Run(mix(Random(count), count, limits), limits).microseconds for mix in REALISTIC.values()
        )

    short, long = cost(5_000), cost(_LONG)
    print(f"n = 20,000 against 5,000: {long:.2f} / {short:.2f} us = {long / short:.2f} (aim 2, flat)")


def main() -> None:
    """Print every row, then the summary beside the aims of the packer."""
    started = time.monotonic()
    sort = sort_microseconds()
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}; ", end="")
    print(f"sorting costs {sort:.3f} us an index; counts {_COUNTS}; batches / bound")
    print(f"{'mix':18} {'bus':13} {'mean':>7} {'worst':>7} {'next-fit':>9} {'at bound':>7} {'us':>8}")
    realistic = measure(REALISTIC, started)
    adversarial = measure(ADVERSARIAL, started)
    print()
    summarise_ratios("realistic", realistic, "1.004, 1.002", "1.03, 1.02")
    summarise_ratios("adversarial", adversarial, "1.02, 1.01", "1.08, 1.06")
    summarise_times(realistic, _REFERENCE_SORT_MICROSECONDS / sort)
    summarise_growth()
    print(f"{time.monotonic() - started:.0f} s in all")


if __name__ == "__main__":
    main()
