"""A worker's part of the configuration: all parts together are what is configured."""

import pytest

from gateway.config import ListenAddress
from gateway.membership import Membership
from gateway.workers.share import share
from tests.support.configuration import bus, config

LISTEN = [ListenAddress("127.0.0.1:4711")]


@pytest.mark.parametrize("count", [2, 3, 7])
def test_all_parts_of_a_limit_are_the_limit(count: int) -> None:
    """Nothing is lost in division."""
    whole = config(
        receiver={"max_connections": 101},
        buffer={"max_events": 1001, "max_bytes": "10000001B"},
        delivery={"max_in_flight": 17, "max_requests_per_second": 42.0},
    )
    parts = [share(whole, Membership(index, count), LISTEN) for index in range(count)]
    orders = [part.destinations["orders"] for part in parts]
    assert sum(part.receiver.max_connections for part in parts) == 101
    assert sum(part.buffer.max_events for part in orders) == 1001
    assert sum(part.buffer.max_bytes for part in orders) == 10_000_001
    assert sum(part.delivery.max_in_flight for part in orders) == 17
    assert sum(part.delivery.max_requests_per_second for part in orders) == pytest.approx(42.0)


def test_no_part_is_nothing() -> None:
    """Every worker may have one request in flight, and one connection."""
    part = share(
        config(receiver={"max_connections": 1}, delivery={"max_in_flight": 1}), Membership(3, 4), LISTEN
    )
    assert (part.receiver.max_connections, part.destinations["orders"].delivery.max_in_flight) == (1, 1)


def test_every_worker_has_room_for_the_largest_request_and_event() -> None:
    """Though it is more than its part."""
    whole = config(
        receiver={"max_body_bytes": "4MiB", "max_receiving_bytes": "6MiB"},
        buffer={"max_bytes": "300KiB"},
        orders=bus(max_event_bytes="256KiB"),
    )
    part = share(whole, Membership(0, 3), LISTEN)
    assert part.receiver.max_receiving_bytes == 4 << 20
    assert part.destinations["orders"].buffer.max_bytes == 256 << 10


def test_no_rate_of_ours_stays_none() -> None:
    """Zero has no parts."""
    part = share(config(), Membership(0, 2), LISTEN)
    assert part.destinations["orders"].delivery.max_requests_per_second == 0


def test_workers_listen_where_the_supervisor_says() -> None:
    """Ports that the system chose are the same for all, and after a reload."""
    assert share(config(), Membership(1, 2), LISTEN).receiver.listen == tuple(LISTEN)
