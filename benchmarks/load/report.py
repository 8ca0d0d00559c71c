"""Results as text beside their aims."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from benchmarks.load.scenarios import Comparison
from benchmarks.load.workshop import Summary


class Ratio(Struct, frozen=True):
    """What came of a comparison."""

    comparison: Comparison
    value: float

    @property
    def verdict(self) -> str:
        """In a word; empty where there is no aim."""
        first, good = self.comparison.first, self.comparison.good
        if first is None or good is None:
            return ""
        if self.value <= good:
            return "good"
        return "first aim met" if self.value <= first else "missed"


def ratios(summaries: Mapping[str, Summary], comparisons: Sequence[Comparison]) -> list[Ratio]:
    """Each comparison's ratio."""
    return [Ratio(each, summaries[each.scenario].ratio_to(summaries[each.against])) for each in comparisons]


def cost_lines(summaries: Mapping[str, Summary]) -> Iterator[str]:
    """A line for each scenario; the first one's cost is what the others are compared with."""
    floor = next(iter(summaries.values()))
    figures = (
        f"{'median':>8}{'least':>8}{'most':>8}{'x floor':>9}{'events/s':>10}{'busy':>7}{'MiB':>6}{'/req':>7}"
    )
    yield f"{'CPU microseconds an event':34}{figures}"
    for name, summary in summaries.items():
        least, most = summary.spread
        filled, share = summary.events_a_bus_request, summary.least_worker_share
        yield (
            f"{name:34}{summary.cpu_microseconds:8.1f}{least:8.1f}{most:8.1f}{summary.ratio_to(floor):9.2f}"
            f"{summary.events_a_second:10.0f}{summary.busy_share:7.0%}{summary.resident_bytes >> 20:6}"
            f"{f'{filled:7.2f}' if filled else ''}"
            f"{f', the least worker did {share:.0%}' if share else ''}"
        )


def cost_values(summaries: Mapping[str, Summary]) -> dict[str, Any]:
    """Each scenario's medians, and every run's cost, for a row of results."""
    floor = next(iter(summaries.values()))
    return {
        name: {
            "cpu_microseconds": summary.cpu_microseconds,
            "ratio_to_floor": summary.ratio_to(floor),
            "events_a_second": summary.events_a_second,
            "resident_bytes": summary.resident_bytes,
            "events_a_bus_request": summary.events_a_bus_request,
            "least_worker_share": summary.least_worker_share,
            "runs_cpu_microseconds": [sample.cpu_microseconds for sample in summary.samples],
        }
        for name, summary in summaries.items()
    }


def ratio_values(found: Sequence[Ratio]) -> list[dict[str, Any]]:
    """Each comparison and what came of it."""
    return [
        {"comparison": ratio.comparison, "ratio": ratio.value, "verdict": ratio.verdict} for ratio in found
    ]


def ratio_lines(found: Sequence[Ratio]) -> Iterator[str]:
    """A line for each comparison."""
    yield f"{'ratio, median of rounds':34}{'to':28}{'is':>7}{'aim':>7}{'good':>7}"
    for ratio in found:
        each = ratio.comparison
        yield (
            f"{each.scenario:34}{each.against:28}{ratio.value:7.2f}{_figure(each.first)}{_figure(each.good)}"
            f"  {ratio.verdict}"
        ).rstrip()


def _figure(value: float | None) -> str:
    return " " * 7 if value is None else f"{value:7.2f}"
