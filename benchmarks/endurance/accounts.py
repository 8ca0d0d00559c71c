"""One scrape of `/metrics` as the accounts of each destination. Pure."""

import re
from collections import defaultdict

from msgspec import Struct

_SAMPLE = re.compile(r'^(gateway_\w+)\{[^}]*destination="([^"]*)"[^}]*\} (\S+)$', re.MULTILINE)


class Account(Struct, frozen=True):
    """A destination's events at one moment, and the requests its bus was sent."""

    accepted: int
    delivered: int
    dead_lettered: int
    expired: int
    held: int
    buffer_bytes: int
    bus_requests: int

    @property
    def is_balanced(self) -> bool:
        """Whether accepted = delivered + dead-lettered + expired + held."""
        return self.accepted == self.delivered + self.dead_lettered + self.expired + self.held


def read_destinations(text: str) -> dict[str, Account]:
    """Each destination's account, all its samples of a name added up."""
    totals: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name, destination, value in _SAMPLE.findall(text):
        totals[destination][name] += float(value)
    return {destination: _account(samples) for destination, samples in totals.items()}


def _account(samples: defaultdict[str, float]) -> Account:
    return Account(
        accepted=int(samples["gateway_events_accepted_total"]),
        delivered=int(samples["gateway_events_delivered_total"]),
        dead_lettered=int(samples["gateway_events_dead_lettered_total"]),
        expired=int(samples["gateway_events_expired_total"]),
        held=int(samples["gateway_events_held"]),
        buffer_bytes=int(samples["gateway_buffer_bytes"]),
        bus_requests=int(samples["gateway_bus_requests_total"]),
    )
