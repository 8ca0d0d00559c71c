"""What a simulation comes to, in numbers."""

from array import array
from collections.abc import Sequence
from math import ceil

from msgspec import Struct

from gateway.planning.simulation import Bus, FlushSetting, Load, Simulation


class Delay(Struct, frozen=True):
    """How long events waited in the gateway before they left, in seconds."""

    mean: float
    median: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Delay":
        """Of at least one event; quantiles by nearest rank."""
        ordered = sorted(seconds)
        median, p99 = (ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.99))
        return cls(sum(ordered) / len(ordered), median, p99, ordered[-1])


class Figures(Struct, frozen=True, kw_only=True):
    """What one setting would do with one load of at least one event."""

    events: int
    requests: int
    requests_in_order: int
    """What order of arrival would have cost."""
    fill_ratio: float
    """The mean over requests of what they used of the scarcer limit, count or bytes."""
    seconds: float
    """From the first arrival to the last."""
    delay: Delay
    most_held: int

    @property
    def events_per_request(self) -> float:
        """On average."""
        return self.events / self.requests

    @property
    def requests_per_second(self) -> float | None:
        """On average; None if all events arrive at one moment."""
        return self.requests / self.seconds if self.seconds else None


def measure(load: Load, bus: Bus, setting: FlushSetting) -> Figures:
    """Simulate that, and count."""
    simulation, limits = Simulation(load, bus, setting), bus.limits
    delays, requests, filled = array("d"), 0, 0.0
    for sent in simulation.run():
        entries = sent.batch.entries
        delays.extend([sent.at - entry.arrived_at for entry in entries])
        requests += 1
        filled += max(len(entries) / limits.max_entries, sent.batch.size / limits.max_bytes)
    return Figures(
        events=len(delays),
        requests=requests,
        requests_in_order=requests + simulation.requests_saved,
        fill_ratio=filled / requests,
        seconds=load.arrived_at[-1] - load.arrived_at[0],
        delay=Delay.of(delays),
        most_held=simulation.most_held,
    )
