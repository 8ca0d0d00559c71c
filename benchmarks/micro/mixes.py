"""Seeded mixes of entry sizes: what buses see, and what is known to hurt packers.

Every mix is a function of a random generator, a number of entries and the limits of a request, so
that a mix "at the knee" is at the knee of every bus. Same seed, same sizes, on every machine.
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple


class RequestLimits(NamedTuple):
    """What one request may hold."""

    max_entries: int
    max_bytes: int


Mix = Callable[[Random, int, RequestLimits], list[int]]

BUSES = {
    "aws": RequestLimits(10, 256 << 10),
    "alibaba": RequestLimits(16, 256 << 10),
    "huawei": RequestLimits(20, 256 << 10),
    "aws 1MiB": RequestLimits(10, 1 << 20),
    "alibaba 1MiB": RequestLimits(16, 1 << 20),
    "huawei 1MiB": RequestLimits(20, 1 << 20),
}

_SMALLEST = 120
"""Bytes of an entry with no data to speak of."""


def _clamp(size: float, limits: RequestLimits) -> int:
    return max(_SMALLEST, min(int(size), limits.max_bytes))


def small_lognormal(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Telemetry: a kilobyte, seldom more than ten. The number of entries binds, never the bytes."""
    return [_clamp(rng.lognormvariate(7.0, 1.0), limits) for _ in range(count)]


def large_lognormal(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Documents around 30 KiB with a long tail."""
    return [_clamp(rng.lognormvariate(10.3, 1.0), limits) for _ in range(count)]


def webhooks(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """The shape of public webhooks: pings, issues of 8 KiB, pull requests of 25, pushes up to 120."""
    ranges = ((300, 2_000), (6_000, 11_000), (18_000, 32_000), (7_000, 120_000))
    chosen = rng.choices(ranges, weights=(25, 40, 25, 10), k=count)
    return [_clamp(rng.uniform(low, high), limits) for low, high in chosen]


def bimodal(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Nine tiny notices to each fat snapshot of 60 to 200 kB."""
    return [
        _clamp(rng.uniform(60_000, 200_000) if rng.random() < 0.1 else rng.uniform(300, 2_000), limits)
        for _ in range(count)
    ]


def fat_bimodal(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """The same with twice as many fat ones: bytes bind, and the count nearly."""
    return [
        _clamp(rng.uniform(60_000, 200_000) if rng.random() < 0.2 else rng.uniform(300, 2_000), limits)
        for _ in range(count)
    ]


def pareto(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Heavy-tailed from 2 KiB: most are tiny, most bytes are in few."""
    return [_clamp(2_048 * rng.paretovariate(1.1), limits) for _ in range(count)]


def both_bind(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Log-normal with a mean of an even share of the request, so that both limits bind at once."""
    share = limits.max_bytes / limits.max_entries
    return [_clamp(rng.lognormvariate(0, 0.8) * share / 1.377, limits) for _ in range(count)]


def knee_bimodal(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Tiny ones and large ones of 0.2 to 0.6 requests, in the proportion at which both limits bind."""
    large_share = 1 / (0.4 * limits.max_entries)
    return [
        _clamp(rng.uniform(0.2, 0.6) * limits.max_bytes if rng.random() < large_share else 200, limits)
        for _ in range(count)
    ]


def half_uniform(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Anything up to half a request: bytes bind."""
    return [_clamp(rng.random() * limits.max_bytes / 2, limits) for _ in range(count)]


def uniform(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Anything up to a whole request: next-fit's worst."""
    return [_clamp(rng.random() * limits.max_bytes, limits) for _ in range(count)]


def triplets(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Threes that fill a request to the byte (Falkenauer's), shuffled."""
    sizes: list[int] = []
    while len(sizes) < count:
        first = rng.uniform(0.38, 0.49) * limits.max_bytes
        second = rng.uniform(0.26, 0.3) * limits.max_bytes
        sizes += (int(first), int(second), limits.max_bytes - int(first) - int(second))
    sizes = sizes[: count - count % 3]
    rng.shuffle(sizes)
    return sizes


def thirds(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """A little above and a little below a third of a request."""
    return [int(rng.uniform(0.31, 0.36) * limits.max_bytes) for _ in range(count)]


def knife_edge(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Halves, thirds and sixths of a request, each a few bytes over or under."""
    return [limits.max_bytes // rng.choice((2, 3, 6)) + rng.randint(-3, 3) for _ in range(count)]


def crowded_pairs(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """One in five so large that two fill a request, and just too many small ones for the gaps.

    For ten entries a request; count and volume are both far from what can be reached here.
    """
    return [
        int(rng.uniform(0.23, 0.76) * limits.max_bytes) if rng.random() < 0.2 else rng.randint(300, 2_000)
        for _ in range(count)
    ]


def sylvester(rng: Random, count: int, limits: RequestLimits) -> list[int]:
    """Just over 1/2, 1/3 and 1/7 of a request, in equal numbers: the classic trap of on-line packers."""
    return [limits.max_bytes // rng.choice((2, 3, 7)) + 8 for _ in range(count)]


REALISTIC: dict[str, Mix] = {
    "small log-normal": small_lognormal,
    "large log-normal": large_lognormal,
    "webhooks": webhooks,
    "bimodal": bimodal,
    "bimodal 20 %": fat_bimodal,
    "pareto": pareto,
    "both bind": both_bind,
    "knee bimodal": knee_bimodal,
    "uniform to C/2": half_uniform,
    "uniform to C": uniform,
}

ADVERSARIAL: dict[str, Mix] = {
    "triplets": triplets,
    "thirds": thirds,
    "knife edge": knife_edge,
    "crowded pairs": crowded_pairs,
    "sylvester": sylvester,
}
