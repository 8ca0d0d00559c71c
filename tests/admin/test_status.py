"""What `/status` is made of: every figure that the page shows, as plain data."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.admin.status import Process, destination_status, gateway_status
from gateway.sender import SenderStatus
from gateway.snapshots import (
    DestinationCounters,
    DestinationStatistics,
    ReceiverStatistics,
    Snapshot,
    StorageStatistics,
)

EPOCH_2026 = 1_767_225_600.0


def destination(counters: DestinationCounters, *, buffered: int = 0) -> DestinationStatistics:
    return DestinationStatistics(
        counters=counters,
        buffered=buffered,
        in_flight=0,
        retrying=0,
        buffer_bytes=0,
        buffer_max_bytes=1 << 20,
        buffer_max_events=1000,
        oldest_age_seconds=0.0,
        seconds_to_full=float("inf"),
        requests_saved=3,
        in_flight_limit=4,
        requests_in_flight=0,
        requests_per_second_limit=float("inf"),
        accepted_per_second=0.0,
        delivered_per_second=0.0,
        health="up",
        last_error=None,
    )


def told(status: Mapping[str, Any]) -> Any:
    """As a client reads it."""
    return json.loads(msgspec.json.encode(status))


def test_a_destination_says_what_became_of_its_events_by_reason() -> None:
    """The sums, and what they are made of."""
    counters = DestinationCounters(
        accepted=10,
        delivered=4,
        expired=1,
        dead_lettered={"rejected": 2, "attempts": 1},
        retried={"timeout": 5},
    )
    status = told(destination_status(destination(counters, buffered=2), SenderStatus("https://bus.example")))
    assert status["dead_lettered"] == 3
    assert status["dead_lettered_by_reason"] == {"rejected": 2, "attempts": 1}
    assert status["retried_by_reason"] == {"timeout": 5}
    assert (status["held"], status["unaccounted"], status["requests_saved"]) == (2, 0, 3)


def test_histograms_count_each_value_once() -> None:
    """One count more than there are bounds: the last is of what lies beyond them."""
    counters = DestinationCounters()
    for seconds in (0.0005, 0.3, 4000.0):
        counters.delivery_seconds.observe(seconds)
    status = told(destination_status(destination(counters), SenderStatus("")))
    histogram = status["histograms"]["delivery_seconds"]
    assert len(histogram["counts"]) == len(histogram["bounds"]) + 1
    assert (histogram["counts"][0], histogram["counts"][-1], sum(histogram["counts"])) == (1, 1, 3)
    assert histogram["sum"] == 4000.3005


def test_the_snapshots_figures_stand_beside_what_the_gateway_says() -> None:
    """Nothing that it says is lost; the moment and the process are told."""
    receiver = ReceiverStatistics(requests={503: 1, 202: 7}, events_refused={"no_room": 1}, connections=2)
    snapshot = Snapshot(receiver, {}, StorageStatistics(journal_bytes=5))
    own = {"state": "running", "receiver": {"listen": ["http://127.0.0.1:8080"], "connections": 2}}
    process = Process(pid=7, started_at=EPOCH_2026 + 0.25)
    status = told(gateway_status(own, snapshot, process, wall_now=EPOCH_2026 + 60))
    assert (status["state"], status["time"]) == ("running", "2026-01-01T00:01:00+00:00")
    assert status["process"] == {"pid": 7, "started_at": "2026-01-01T00:00:00.250+00:00"}
    assert status["receiver"] == {
        "listen": ["http://127.0.0.1:8080"],
        "connections": 2,
        "receiving_bytes": 0,
        "requests_by_status": {"202": 7, "503": 1},
        "events_received_by_mode": {},
        "events_refused_by_reason": {"no_room": 1},
        "certificate_expires_at": None,
    }
    assert status["storage"]["journal_bytes"] == 5


def test_a_certificates_end_is_a_time() -> None:
    """As every other moment: RFC 3339."""
    snapshot = Snapshot(ReceiverStatistics(certificate_expires_at=EPOCH_2026), {}, StorageStatistics())
    status = told(gateway_status({}, snapshot, Process(), wall_now=0.0))
    assert status["receiver"]["certificate_expires_at"] == "2026-01-01T00:00:00+00:00"
