"""How far two series of figures, taken in turn, are apart, and whether that is more than chance. Pure."""

from collections.abc import Sequence
from math import comb
from statistics import median

from msgspec import Struct

CONFIDENCE = 0.95
LEAST_ROUNDS = 6
"""With fewer even the least and the greatest of all differences do not enclose the true median so surely."""


class Difference(Struct, frozen=True):
    """Of a figure before and after: medians, and the relative change with what encloses it."""

    before: float
    after: float
    change: float
    """The median of the rounds' changes: 0.05 is 5 % more."""
    least: float
    most: float
    """Enclose the true median change with a probability of at least CONFIDENCE."""

    @property
    def is_beyond_noise(self) -> bool:
        """Whether no change at all lies outside."""
        return self.least > 0 or self.most < 0


def difference(before: Sequence[float], after: Sequence[float]) -> Difference:
    """Compare round with round: what slows the machine for a while slows both of a pair.

    The interval is that of the sign test, from the order of the changes alone: no distribution is assumed.
    """
    assert len(before) == len(after) >= LEAST_ROUNDS
    changes = sorted(new / old - 1 for old, new in zip(before, after, strict=True))
    outside = _outside(len(changes))
    return Difference(median(before), median(after), median(changes), changes[outside], changes[-1 - outside])


def _outside(count: int) -> int:
    """How many changes may be left out at either end."""
    outside, tail = -1, 0.0
    while (tail := tail + comb(count, outside + 1) / 2**count) <= (1 - CONFIDENCE) / 2:
        outside += 1
    return outside
