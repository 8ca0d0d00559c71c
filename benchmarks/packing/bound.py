"""Requests that no packing can go below: the LP bound of Gilmore and Gomory, by column generation.

The LP chooses how often to send each *pattern* (entries that fit in one request together, by count and by
bytes), so that all entries leave; patterns are found when the duals say that they are worth something.
Entries are grouped by size, and sizes rounded to thousandths of a request so that what fits still fits:
that can only lower the bound, never make it wrong. It is never below `lower_bound`.

Sources: Gilmore and Gomory, A linear programming approach to the cutting-stock problem, Operations Research
9, 1961; Farley, A note on bounding a class of linear programming problems, Operations Research 38, 1990 (the
bound that stands before the last column is found); Valerio de Carvalho, Using extra dual cuts to accelerate
column generation, INFORMS Journal on Computing 17, 2005 (no entry is worth less than a smaller one).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil

import numpy as np
from msgspec import Struct

from benchmarks.micro.mixes import RequestLimits
from benchmarks.packing.master import Master
from gateway.pipeline.pack import Batches, lower_bound

RESOLUTION = 9_239
"""Parts of a request that sizes are rounded to, where it has more bytes: one less than 8 * 3 * 5 * 7 * 11, so
that what is a little over a half, a third or a seventh still is (`weight`)."""

MOST_GROUPS = 400
"""Groups of sizes; where there are more sizes, those of a group count as its smallest."""

MOST_ROUNDS = 150
"""Rounds of column generation; the bound found by then stands."""

_NEW_PATTERNS = 60
"""The most that are taken up in a round: the master's time grows with them, the number of rounds falls."""

_EPSILON = 1e-6
"""Below it a difference is the solver's rounding."""


class Bound(Struct, frozen=True):
    """What no packing goes below, and what it was before the LP."""

    batches: int
    simple: int
    is_exhausted: bool
    """Whether the rounds ended the search: a longer one might find more."""


class Group(Struct, frozen=True):
    """Entries that count as alike."""

    weight: int
    """Parts of a request, rounded down."""
    entries: int


def lp_bound(sizes: Sequence[int], limits: RequestLimits, batches: Batches) -> Bound:
    """The bound for `sizes`, of which `batches` is a packing: proved to be the best, the search ends."""
    simple = lower_bound(sorted(sizes), max_entries=limits.max_entries, max_bytes=limits.max_bytes)
    if len(batches) <= simple:
        return Bound(simple, simple, is_exhausted=False)
    search = _Search(sizes, limits, batches)
    best = search.run(at_least=simple, enough=len(batches))
    return Bound(best, simple, is_exhausted=search.is_exhausted)


def weight(size: int, capacity: int, max_bytes: int) -> int:
    """`size` in parts of a request of `capacity` parts: what fits by size fits by weight.

    The function u of Fekete and Schepers, New classes of fast lower bounds for bin packing problems,
    Mathematical Programming 91, 2001: rounded down after a scale that is one part too long, unless the
    size is a whole number of these parts.
    """
    if capacity == max_bytes:
        return size
    parts, rest = divmod(size * (capacity + 1), max_bytes)
    return parts if rest else size * capacity // max_bytes


def group(weights: Sequence[int], most: int) -> list[Group]:
    """`weights` in ascending order, as groups of about as much weight each, and no more than `most`."""
    counts = sorted(Counter(weights).items())
    if len(counts) <= most:
        return [Group(weight, entries) for weight, entries in counts]
    share = sum(weights) / (most - 1)
    groups: dict[int, Group] = {}
    seen = 0
    for weight, entries in counts:
        place = int(seen / share)
        known = groups.get(place, Group(weight, 0))
        groups[place] = Group(known.weight, known.entries + entries)
        seen += weight * entries
    return list(groups.values())


class _Search:
    """One column generation."""

    def __init__(self, sizes: Sequence[int], limits: RequestLimits, batches: Batches) -> None:
        self._max_entries = limits.max_entries
        self._capacity = min(RESOLUTION, limits.max_bytes)
        weights = [weight(size, self._capacity, limits.max_bytes) for size in sizes]
        groups = group(weights, MOST_GROUPS)
        self._weights = np.array([each.weight for each in groups])
        self._master = Master([each.entries for each in groups])
        places = np.searchsorted(self._weights, weights, side="right") - 1
        self._master.add(Counter(places[batch].tolist()) for batch in batches)
        self.is_exhausted = False

    def run(self, *, at_least: int, enough: int) -> int:
        """The bound: no search goes on where it cannot rise, or is `enough`."""
        best = at_least
        for _ in range(MOST_ROUNDS):
            value, duals = self._master.solve()
            prices = Prices(self._weights, duals, max_entries=self._max_entries, capacity=self._capacity)
            # Farley: the duals over the dearest pattern's price are feasible, so what they pay is a bound.
            best = max(best, ceil(value / max(1.0, prices.dearest) - _EPSILON))
            if best >= min(enough, ceil(value - _EPSILON)):
                return best
            self._master.add(prices.patterns(_NEW_PATTERNS))
        self.is_exhausted = True
        return best


class Prices:
    """What the dearest pattern of so many entries and so much weight pays, by dynamic programming.

    A pattern may hold more entries of a group than there are: that, too, can only lower the bound.
    """

    def __init__(
        self, weights: "np.ndarray", duals: "np.ndarray", *, max_entries: int, capacity: int
    ) -> None:
        self._weights = weights
        self._duals = duals
        self._capacity = capacity
        # No group pays less than one that weighs less: of those that pay the same the lightest will do.
        useful = np.flatnonzero(np.diff(duals, prepend=0.0) > _EPSILON / max_entries)
        rows = [np.zeros(capacity + 1)]
        while len(rows) <= max_entries:
            last = rows[-1]
            rows.append(last.copy())
            for at in useful:
                weight = weights[at]
                with_one = last[: capacity + 1 - weight] + duals[at]
                np.maximum(rows[-1][weight:], with_one, out=rows[-1][weight:])
            if np.array_equal(rows[-1], last):
                break  # no pattern holds more entries
        self._rows = rows

    @property
    def dearest(self) -> float:
        """What the dearest pattern pays; one that pays more than 1 improves the LP."""
        return float(self._rows[-1][-1])

    def patterns(self, most: int) -> Iterable[Counter[int]]:
        """For each group the dearest pattern with an entry of it; of those the dearest, if they improve."""
        rest = self._rows[-2][self._capacity - self._weights]
        values = self._duals + rest
        found = {}
        for at in np.argsort(-values)[:most]:
            if values[at] > 1 + _EPSILON:
                pattern = Counter([int(at), *self._fill(self._capacity - int(self._weights[at]))])
                found[tuple(sorted(pattern.items()))] = pattern
        return found.values()

    def _fill(self, room: int) -> Iterable[int]:
        """The groups of the dearest pattern with an entry less than the most, and no more than `room`."""
        for at in range(len(self._rows) - 2, 0, -1):
            here, below = self._rows[at], self._rows[at - 1]
            if here[room] == below[room]:
                continue
            fitting = self._weights[: np.searchsorted(self._weights, room, side="right")]
            chosen = int(np.argmax(below[room - fitting] + self._duals[: len(fitting)]))
            yield chosen
            room -= int(self._weights[chosen])
