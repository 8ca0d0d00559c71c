"""The dashboard for Grafana: what the library makes is what we ship, and it is one screen."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.metrics import METRICS

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
SCREEN_ROWS = 24
"""Of 36 pixels and their margins on a screen of 1,080."""


def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads((GRAFANA / "gateway.json").read_bytes())
    return document


def test_the_dashboard_is_what_its_generator_makes() -> None:
    """Nobody edits 600 lines of JSON by hand."""
    pytest.importorskip("grafana_foundation_sdk", reason="of the extra `test`")
    done = subprocess.run([sys.executable, GRAFANA / "dashboard.py"], capture_output=True, check=True)  # noqa: S603 - ours
    assert done.stdout == (GRAFANA / "gateway.json").read_bytes()


def test_the_dashboard_is_one_screen() -> None:
    """No scrolling, no overlap."""
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in dashboard()["panels"]):
        columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = {(column, row) for column in columns for row in rows}
        assert not cells & taken
        taken |= cells
    assert max(row for _, row in taken) < SCREEN_ROWS


def test_every_panel_says_what_it_shows_in_a_unit() -> None:
    """Somebody who is woken at night has not read the README."""
    for panel in dashboard()["panels"]:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


@pytest.mark.parametrize("metric", ["gateway_events_accepted_total", "gateway_events_held"])
def test_the_dashboard_shows_the_metrics_of_the_promise(metric: str) -> None:
    """By the names that the gateway has for them."""
    assert metric in {definition.name for definition in METRICS}
    expressions = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    assert any(metric in expression for expression in expressions)
