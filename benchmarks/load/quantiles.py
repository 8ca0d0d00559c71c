"""Quantiles of what was measured: by nearest rank, so each is a value that was seen."""

from collections.abc import Sequence
from math import ceil


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that at least `share` of all (above 0, at most 1) do not exceed."""
    assert values, "there is no quantile of nothing"
    return sorted(values)[ceil(share * len(values)) - 1]
