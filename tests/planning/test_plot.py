"""The picture of a grid, read as a browser reads it."""

from itertools import product
from xml.etree import ElementTree as ET

import pytest

from gateway.planning.figures import Delay, Figures
from gateway.planning.grid import Row
from gateway.planning.plot import HEIGHT, WIDTH, plot
from gateway.planning.simulation import FlushSetting

NAMES = ("x", "x1", "x2", "cx", "y", "y1", "y2", "cy")


def row(*, requests: int, seconds: float, delay: float, sends_when_idle: bool = False) -> Row:
    """One setting with that rate and delay; the one of 200 ms that waits is the configured one."""
    figures = Figures(
        events=1000,
        requests=requests,
        requests_in_order=requests,
        fill_ratio=1.0,
        seconds=seconds,
        delay=Delay(delay, delay, delay, delay),
        most_held=1,
    )
    return Row(FlushSetting(sends_when_idle, delay or 0.2), figures, delay == 0.2)


def places(svg: str) -> list[tuple[str, float]]:
    """Every coordinate, with the name of its axis."""
    root = ET.fromstring(svg)  # noqa: S314 - our own
    attributes = [
        (name, float(value)) for each in root.iter() for name, value in each.items() if name in NAMES
    ]
    for line in root.iter("polyline"):
        pairs = [pair.split(",") for pair in line.attrib["points"].split()]
        attributes += [coordinate for x, y in pairs for coordinate in (("x", float(x)), ("y", float(y)))]
    return attributes


@pytest.mark.parametrize(
    ("requests", "delay"), list(product([1, 17, 20_000, 5_000_000], [0.0, 1e-6, 0.2, 0.01, 1.0, 5_000.0]))
)
def test_everything_stands_on_the_paper(requests: int, delay: float) -> None:
    """However high the rate, however short the delay, be there one setting or many."""
    rows = [row(requests=requests, seconds=60.0, delay=delay), row(requests=1, seconds=60.0, delay=0.2)]
    for shown in (rows, rows[:1]):
        picture = plot(shown)
        assert picture is not None
        found = places(picture)
        assert len(found) > 20
        assert all(0 <= value <= (WIDTH if "x" in name else HEIGHT) for name, value in found)


def test_fewer_requests_stand_lower_and_more_delay_further_right() -> None:
    """As anybody reads it, and each point says what it is."""
    rows = [row(requests=600, seconds=60.0, delay=0.01), row(requests=60, seconds=60.0, delay=0.2)]
    picture = plot(rows)
    assert picture is not None
    circles = [each for each in ET.fromstring(picture).iter("circle") if each.get("class") == "wait"]  # noqa: S314
    left, right = circles
    assert float(left.attrib["cx"]) < float(right.attrib["cx"])
    assert float(left.attrib["cy"]) < float(right.attrib["cy"])
    assert right[0].text == "200ms, wait (configured): 1.00 requests a second, 200ms mean delay"


def test_without_a_rate_there_is_no_picture() -> None:
    """All events came at one moment."""
    assert plot([row(requests=1, seconds=0.0, delay=0.2)]) is None
