"""A plan in words and cells, the same for a terminal and for a page."""

from gateway.planning.grid import DestinationPlan, Row
from gateway.units import Duration, Size

COLUMNS = (
    "flush.interval",
    "when_idle",
    "requests",
    "in order",
    "events each",
    "fill",
    "requests/s",
    "delay mean",
    "p50",
    "p99",
    "max",
)
"""`in order` are the requests that order of arrival would have cost."""


def title(plan: DestinationPlan) -> str:
    """The destination."""
    return f"{plan.name} ({plan.type})"


def bus_line(plan: DestinationPlan) -> str:
    """What is assumed of the bus."""
    bus = plan.bus
    rate = f" and {bus.max_requests_per_second:g} a second" if bus.max_requests_per_second else ""
    return (
        f"a request takes {bus.limits.max_entries} events and {Size(bus.limits.max_bytes)},"
        f" its answer {Duration(bus.latency_seconds)}; at most {bus.max_in_flight} requests in flight{rate}"
    )


def load_line(plan: DestinationPlan) -> str:
    """What arrives."""
    if not plan.seconds:
        return f"{plan.events:,} events, all at one moment"
    return f"{plan.events:,} events in {span(plan.seconds)}, {plan.events / plan.seconds:,.1f} a second"


def notes(plan: DestinationPlan) -> list[str]:
    """What else must be known before the figures are believed."""
    found = []
    if plan.refused:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(plan.refused.items()))
        found.append(f"{plan.refused.total():,} events would be refused: {reasons}")
    if not plan.rows:
        found.append("no event is left to plan with")
    if (row := plan.configured) is not None:
        found += _room(plan, row.figures.most_held)
    return found


def _room(plan: DestinationPlan, most_held: int) -> list[str]:
    held_bytes = most_held * plan.mean_held_bytes
    if most_held <= plan.max_events and held_bytes <= plan.max_bytes:
        return []
    held = f"{most_held:,} events (about {held_bytes / (1 << 20):,.0f} MiB)"
    room = f"{plan.max_events:,} events and {Size(plan.max_bytes)}"
    return [f"as configured, {held} would be held at once, and the buffer takes {room}: expect 503"]


def cells(row: Row) -> tuple[str, ...]:
    """One row of the table."""
    figures, delay = row.figures, row.figures.delay
    rate = figures.requests_per_second
    return (
        str(Duration(row.setting.interval_seconds)),
        "send" if row.setting.sends_when_idle else "wait",
        f"{figures.requests:,}",
        f"{figures.requests_in_order:,}",
        f"{figures.events_per_request:.2f}",
        f"{figures.fill_ratio:.0%}",
        "-" if rate is None else f"{rate:,.2f}",
        *(span(seconds) for seconds in (delay.mean, delay.median, delay.p99, delay.longest)),
    )


def span(seconds: float) -> str:
    """So long, to three digits or so."""
    tenths = round(seconds * 10_000)
    if tenths < 1000:  # noqa: PLR2004 - below 100 ms a tenth of one is worth seeing
        return f"{tenths / 10:.1f}ms"
    return f"{tenths / 10:.0f}ms" if tenths < 9995 else f"{seconds:,.2f}s"  # noqa: PLR2004 - "1000ms"
