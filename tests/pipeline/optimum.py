"""The fewest batches there can be, for a handful of entries."""

from collections.abc import Sequence
from functools import cache
from itertools import combinations

from benchmarks.micro.mixes import RequestLimits


def optimum(sizes: Sequence[int], limits: RequestLimits) -> int:
    """The fewest batches possible, by trying every batch that the first entry left may be in."""

    @cache
    def fewest(left: frozenset[int]) -> int:
        if not left:
            return 0
        first, *others = sorted(left)
        best = len(left)
        for company in range(min(limits.max_entries, len(left))):
            for chosen in combinations(others, company):
                if sizes[first] + sum(sizes[index] for index in chosen) <= limits.max_bytes:
                    best = min(best, 1 + fewest(left - {first, *chosen}))
        return best

    return fewest(frozenset(range(len(sizes))))
