"""Every destination of a configuration, under the configured flush setting and those around it."""

from array import array
from collections import Counter

from msgspec import Struct

from gateway.config import DestinationConfig, WhenIdle
from gateway.errors import Reason
from gateway.pipeline.buffer import EVENT_OVERHEAD_BYTES
from gateway.planning.figures import Figures, measure
from gateway.planning.sample import REFUSED, Sample
from gateway.planning.simulation import Bus, FlushSetting, Load

INTERVALS_SECONDS = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


class Row(Struct, frozen=True):
    """One setting, and what it would do."""

    setting: FlushSetting
    figures: Figures
    is_configured: bool


class DestinationPlan(Struct, frozen=True, kw_only=True):
    """One destination under every setting of the grid."""

    name: str
    type: str
    bus: Bus
    events: int
    seconds: float
    refused: Counter[Reason]
    """Events that this destination can never take."""
    rows: tuple[Row, ...]
    """None if it takes no event of the sample."""
    max_events: int
    max_bytes: int
    """Of the buffer."""
    mean_held_bytes: float
    """What an event takes of it, on average over the sample."""

    @property
    def configured(self) -> Row | None:
        """The row of the setting in the file."""
        return next((row for row in self.rows if row.is_configured), None)


def plan_destination(
    config: DestinationConfig, bus: Bus, sample: Sample, arrived_at: "array[float]"
) -> DestinationPlan:
    """Simulate the sample, arriving so, under each setting."""
    measured = sample.measured[config.name]
    load = _load(measured.sizes, arrived_at)
    settings = _settings(_configured(config)) if load.sizes else []
    return DestinationPlan(
        name=config.name,
        type=config.type,
        bus=bus,
        events=len(load.sizes),
        seconds=load.arrived_at[-1] - load.arrived_at[0] if load.arrived_at else 0.0,
        refused=measured.refused,
        rows=tuple(
            Row(setting, measure(load, bus, setting), setting == _configured(config)) for setting in settings
        ),
        max_events=config.buffer.max_events,
        max_bytes=config.buffer.max_bytes,
        mean_held_bytes=EVENT_OVERHEAD_BYTES + sample.json_bytes / max(1, len(sample)),
    )


def _configured(config: DestinationConfig) -> FlushSetting:
    return FlushSetting(config.flush.when_idle is WhenIdle.SEND, float(config.flush.interval))


def _settings(configured: FlushSetting) -> list[FlushSetting]:
    intervals = {*INTERVALS_SECONDS, configured.interval_seconds}
    return sorted(FlushSetting(idle, interval) for idle in (False, True) for interval in intervals)


def _load(sizes: "array[int]", arrived_at: "array[float]") -> Load:
    """What the destination takes, in order of arrival; at the same moment in that of the sample."""
    taken = [index for index, size in enumerate(sizes) if size != REFUSED]
    taken.sort(key=arrived_at.__getitem__)
    return Load(
        array("d", [arrived_at[index] for index in taken]), array("q", [sizes[index] for index in taken])
    )
