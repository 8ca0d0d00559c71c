"""The linear programme of a column generation: how often each pattern is sent, so that all entries leave."""

from collections import Counter
from collections.abc import Iterable, Sequence

import highspy
import numpy as np


class Master:
    """Patterns so far, and a row for each group of entries, lightest first.

    A place of a heavier group may also be taken by the next lighter one: columns that cost nothing, which
    keep the duals ascending and spare many rounds.
    """

    def __init__(self, entries: Sequence[int]) -> None:
        self._solver = highspy.Highs()  # type: ignore[no-untyped-call]
        self._solver.setOptionValue("output_flag", False)  # noqa: FBT003 - the solver's own signature
        self._solver.setOptionValue("threads", 1)
        for demand in entries:
            self._solver.addRow(demand, highspy.kHighsInf, 0, [], [])
        for group in range(len(entries) - 1):
            self._add_column(0.0, {group: 1, group + 1: -1})

    def add(self, patterns: Iterable[Counter[int]]) -> None:
        """Take up patterns: how many entries of which groups."""
        for pattern in patterns:
            self._add_column(1.0, pattern)

    def solve(self) -> tuple[float, "np.ndarray"]:
        """The fewest requests, in fractions; and what an entry of each group is worth, ascending."""
        self._solver.run()
        status = self._solver.getModelStatus()
        assert status == highspy.HighsModelStatus.kOptimal, f"the LP is {status}"
        duals = np.maximum.accumulate(np.maximum(np.array(self._solver.getSolution().row_dual), 0.0))
        return self._solver.getInfo().objective_function_value, duals

    def _add_column(self, cost: float, entries: dict[int, int]) -> None:
        self._solver.addCol(
            cost,
            0.0,
            highspy.kHighsInf,
            len(entries),
            list(entries),
            [float(each) for each in entries.values()],
        )
