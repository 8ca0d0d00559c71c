"""The dashboard `gateway.json`, made with Grafana's own library: `python dashboard.py > gateway.json`.

One screen, four rows of three panels: is all well, what comes in, what goes out, how it goes out.
"""

import sys
from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common as options
from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    GridPos,
    VariableRefresh,
)
from msgspec import Struct

PANELS_IN_A_ROW = 3
WIDTH, HEIGHT = 24 // PANELS_IN_A_ROW, 6
"""Of a panel in Grafana's grid, which has 24 columns; 24 rows are a screen of 1,080 pixels."""

SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
OURS = 'job=~"$job",destination=~"$destination"'
RECEIVERS = 'job=~"$job"'


class Panel(Struct, frozen=True):
    """What one panel shows; `queries` are expressions by the name of their lines."""

    title: str
    unit: str
    description: str
    queries: Mapping[str, str]


def rate(metric: str, *labels: str, of: str = OURS) -> str:
    """How fast a counter grows, added up by these labels."""
    return f"sum by ({', '.join(labels)}) (rate({metric}{{{of}}}[$__rate_interval]))"


PANELS: Sequence[Panel] = (
    Panel(
        "Oldest event",
        "s",
        "How long the oldest held event has waited. It expires at delivery.max_age.",
        {"{{destination}}": f"max by (destination) (gateway_oldest_event_age_seconds{{{OURS}}})"},
    ),
    Panel(
        "Buffer",
        "percentunit",
        "How much of the room is taken; when there is none, producers get 503.",
        {
            "{{destination}}": "max by (destination) "
            f"(gateway_buffer_bytes{{{OURS}}} / gateway_buffer_max_bytes{{{OURS}}})"
        },
    ),
    Panel(
        "Late, of the last hour",
        "percentunit",
        "Events that were delivered more than a second after they were accepted, given up, or expired. "
        "The objective is 0.1 %.",
        {
            "{{destination}}": "max by (destination) "
            f"(destination:gateway_delivery_late:ratio_rate1h{{{OURS}}})"
        },
    ),
    Panel(
        "Accepted",
        "cps",
        "Events a second that producers have an answer for.",
        {"{{destination}}": rate("gateway_events_accepted_total", "destination")},
    ),
    Panel(
        "Refused",
        "cps",
        "Events a second that producers were refused, by reason.",
        {"{{reason}}": rate("gateway_events_refused_total", "reason", of=RECEIVERS)},
    ),
    Panel(
        "Connections",
        "short",
        "Of producers.",
        {"{{instance}}": f"gateway_connections{{{RECEIVERS}}}"},
    ),
    Panel(
        "Delivered",
        "cps",
        "Events a second that the bus has taken.",
        {"{{destination}}": rate("gateway_events_delivered_total", "destination")},
    ),
    Panel(
        "Held",
        "short",
        "Events accepted and not yet settled.",
        {"{{destination}} {{state}}": f"sum by (destination, state) (gateway_events_held{{{OURS}}})"},
    ),
    Panel(
        "Given up",
        "cps",
        "Dead letters a second by reason, those that no file keeps, and what has expired.",
        {
            "{{destination}} {{reason}}": rate("gateway_events_dead_lettered_total", "destination", "reason"),
            "{{destination}} dropped": rate("gateway_dead_letters_dropped_total", "destination"),
            "{{destination}} expired": rate("gateway_events_expired_total", "destination"),
        },
    ),
    Panel(
        "Accepted to delivered",
        "s",
        "The median, and what 99 of 100 events stay below.",
        {
            "{{destination}} median": "max by (destination) "
            f"(destination:gateway_delivery_seconds:p50_rate5m{{{OURS}}})",
            "{{destination}} 99 %": "max by (destination) "
            f"(destination:gateway_delivery_seconds:p99_rate5m{{{OURS}}})",
        },
    ),
    Panel(
        "Requests to the bus",
        "reqps",
        "By what came of them.",
        {"{{destination}} {{outcome}}": rate("gateway_bus_requests_total", "destination", "outcome")},
    ),
    Panel(
        "Events in a request",
        "short",
        "The mean of what was sent together.",
        {
            "{{destination}}": rate("gateway_batch_events_sum", "destination")
            + " / "
            + rate("gateway_batch_events_count", "destination")
        },
    ),
)


def built(index: int, panel: Panel) -> timeseries.Panel:
    """One panel in its place on the screen."""
    row, column = divmod(index, PANELS_IN_A_ROW)
    built = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .min(0)
        .datasource(SOURCE)
        .grid_pos(GridPos(h=HEIGHT, w=WIDTH, x=column * WIDTH, y=row * HEIGHT))
        .legend(options.VizLegendOptions().display_mode(LegendDisplayMode.LIST).show_legend(True))  # noqa: FBT003 - the library's
    )
    for name, (legend, expression) in zip("ABC", panel.queries.items(), strict=False):
        built.with_target(prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(name))
    return built


def variable(name: str, metric: str) -> dashboard.QueryVariable:
    """A choice among the values that the label of that name has."""
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(SOURCE)
        .query(f"label_values({metric}, {name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)  # noqa: FBT003 - the library's
        .include_all(True)  # noqa: FBT003 - the library's
    )


def screen() -> dashboard.Dashboard:
    """The whole of it."""
    screen = (
        dashboard.Dashboard("Gateway")
        .uid("gateway")
        .tags(["cloudevents"])
        .refresh("30s")
        .time("now-1h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").label("Source").type("prometheus"))
        .with_variable(variable("job", "gateway_build_info"))
        .with_variable(variable("destination", "gateway_events_accepted_total"))
    )
    for index, panel in enumerate(PANELS):
        screen.with_panel(built(index, panel))
    return screen


if __name__ == "__main__":
    sys.stdout.write(JSONEncoder(sort_keys=True, indent=2).encode(screen().build()) + "\n")
