"""Requests a second against added delay, as an SVG that a page holds: what a longer wait buys."""

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10

from msgspec import Struct

from gateway.planning.grid import Row
from gateway.planning.wording import span
from gateway.units import Duration

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 16, 48
LEAST_DELAY_SECONDS = 1e-4
"""The axis is logarithmic; what is less stands at its beginning."""


class _Axes(Struct, frozen=True):
    """From numbers to places on the paper."""

    least_exponent: int
    most_exponent: int
    most_rate: float

    @classmethod
    def around(cls, points: Sequence[tuple[float, float]]) -> "_Axes":
        """Axes that show those points, delay first."""
        exponents = [log10(max(delay, LEAST_DELAY_SECONDS)) for delay, _ in points]
        least = floor(min(exponents))
        return cls(least, max(least + 1, ceil(max(exponents))), _round_up(max(rate for _, rate in points)))

    def x(self, delay: float) -> float:
        """Delay in seconds."""
        exponent = log10(max(delay, LEAST_DELAY_SECONDS))
        share = (exponent - self.least_exponent) / (self.most_exponent - self.least_exponent)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, rate: float) -> float:
        """Requests a second, from 0."""
        return HEIGHT - BOTTOM - rate / self.most_rate * (HEIGHT - TOP - BOTTOM)


def plot(rows: Sequence[Row]) -> str | None:
    """The picture of one destination's grid; None where there is no rate to show."""
    points = [(row.figures.delay.mean, rate) for row in rows if (rate := row.figures.requests_per_second)]
    if not points:
        return None
    axes = _Axes.around(points)
    parts = [*_grid(axes), *_series(rows, axes, "wait"), *_series(rows, axes, "send")]
    words = "Requests a second against mean added delay, for each setting of the table"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}">\n'
        + "\n".join(parts)
        + "\n</svg>"
    )


def _grid(axes: _Axes) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for step in range(5):
        rate = axes.most_rate * step / 4
        y = axes.y(rate)
        yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield f'<text class="end" x="{LEFT - 8}" y="{y + 4:.1f}">{rate:,.3g}</text>'
    for exponent in range(axes.least_exponent, axes.most_exponent + 1):
        x = axes.x(10.0**exponent)
        yield f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        yield f'<text class="middle" x="{x:.1f}" y="{bottom + 18}">{Duration(10.0**exponent)}</text>'
    yield f'<text class="middle" x="{(LEFT + right) / 2:.0f}" y="{HEIGHT - 8}">mean added delay</text>'
    yield f'<text x="{LEFT + 6}" y="{TOP + 12}">requests a second</text>'


def _series(rows: Sequence[Row], axes: _Axes, when_idle: str) -> Iterator[str]:
    """The line of one `when_idle`, a mark for each interval."""
    chosen = [row for row in rows if row.setting.sends_when_idle == (when_idle == "send")]
    places = [
        (axes.x(row.figures.delay.mean), axes.y(row.figures.requests_per_second or 0)) for row in chosen
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline class="{when_idle}" points="{path}"/>'
    for row, (x, y) in zip(chosen, places, strict=True):
        if row.is_configured:
            yield f'<circle class="configured" cx="{x:.1f}" cy="{y:.1f}" r="9"/>'
            label = f"{Duration(row.setting.interval_seconds)}, {when_idle}"
            yield f'<text class="middle" x="{x:.1f}" y="{y - 14:.1f}">{label}</text>'
        yield (
            f'<circle class="{when_idle}" cx="{x:.1f}" cy="{y:.1f}" r="4.5">'
            f"<title>{escape(_words(row, when_idle))}</title></circle>"
        )


def _words(row: Row, when_idle: str) -> str:
    figures = row.figures
    mark = " (configured)" if row.is_configured else ""
    return (
        f"{Duration(row.setting.interval_seconds)}, {when_idle}{mark}:"
        f" {figures.requests_per_second:,.2f} requests a second, {span(figures.delay.mean)} mean delay"
    )


def _round_up(number: float) -> float:
    """To one, two or five times a power of ten."""
    power = 10.0 ** floor(log10(number))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= number)
