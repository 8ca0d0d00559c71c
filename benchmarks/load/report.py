"""Results as text beside their aims."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from benchmarks.load.scenarios import Aim
from benchmarks.load.workshop import Summary


class Ratio(Struct, frozen=True):
    """What came of an aim."""

    aim: Aim
    value: float

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.value <= self.aim.good:
            return "good"
        return "first aim met" if self.value <= self.aim.first else "missed"


def ratios(summaries: Mapping[str, Summary], aims: tuple[Aim, ...]) -> list[Ratio]:
    """Each aim's ratio."""
    return [Ratio(aim, summaries[aim.scenario].ratio_to(summaries[aim.against])) for aim in aims]


def cost_lines(summaries: Mapping[str, Summary]) -> Iterator[str]:
    """A line for each scenario."""
    figures = f"{'median':>8}{'least':>8}{'most':>8}{'busy':>7}{'events':>9}{'/req':>7}"
    yield f"{'CPU microseconds an event':34}{figures}"
    for name, summary in summaries.items():
        least, most = summary.spread
        filled = summary.events_a_bus_request
        yield (
            f"{name:34}{summary.cpu_microseconds:8.1f}{least:8.1f}{most:8.1f}{summary.busy_share:7.0%}"
            f"{summary.events:9}{f'{filled:7.2f}' if filled else ''}"
        )


def ratio_lines(found: list[Ratio]) -> Iterator[str]:
    """A line for each aim."""
    yield f"{'ratio, median of rounds':34}{'to':30}{'is':>7}{'aim':>7}{'good':>7}"
    for ratio in found:
        aim = ratio.aim
        yield (
            f"{aim.scenario:34}{aim.against:30}{ratio.value:7.2f}{aim.first:7.2f}{aim.good:7.2f}  "
            f"{ratio.verdict}"
        )
