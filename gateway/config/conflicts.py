"""What the values of a configuration may not be together. What one value may be is said by its type."""

from collections.abc import Iterator

from msgspec import Struct

from gateway.config.model import Config, DestinationConfig
from gateway.units import Size


class Conflict(Struct, frozen=True):
    """Values that do not go together, by the dotted keys that any of them can be changed at."""

    keys: tuple[str, ...]
    message: str


def conflicts(config: Config) -> Iterator[Conflict]:
    """Conflicts among the sections that stand once in a file."""
    receiver = config.receiver
    if receiver.max_body_bytes > receiver.max_receiving_bytes:
        yield Conflict(
            ("receiver.max_body_bytes", "receiver.max_receiving_bytes"),
            f"receiver.max_body_bytes ({receiver.max_body_bytes}) is more than"
            f" receiver.max_receiving_bytes ({receiver.max_receiving_bytes})",
        )
    listen = [address for address in receiver.listen if not address.is_ephemeral]
    if len(set(listen)) < len(listen):
        yield Conflict(("receiver.listen",), "the same address stands twice")
    if config.admin.listen in listen:
        yield Conflict(("admin.listen", "receiver.listen"), "receiver.listen has the address of admin.listen")


def destination_conflicts(config: Config, destination: DestinationConfig) -> Iterator[Conflict]:
    """Conflicts within one destination's resolved sections; keys without a section are the sender's."""
    delivery, flush = destination.delivery, destination.flush
    if delivery.backoff_initial > delivery.backoff_max:
        yield Conflict(
            ("delivery.backoff_initial", "delivery.backoff_max"),
            f"delivery.backoff_initial ({delivery.backoff_initial}) is more than"
            f" delivery.backoff_max ({delivery.backoff_max})",
        )
    if flush.interval >= delivery.max_age:
        yield Conflict(
            ("flush.interval", "delivery.max_age"),
            f"flush.interval ({flush.interval}) is not less than delivery.max_age ({delivery.max_age}):"
            " events would expire while they wait for company",
        )
    if (path := destination.dead_letters.path) and path == config.shutdown.spill:
        yield Conflict(
            ("dead_letters.path", "shutdown.spill"),
            "dead_letters.path and shutdown.spill are the same directory",
        )
    if (path := destination.buffer.journal) and path in (
        config.shutdown.spill,
        destination.dead_letters.path,
    ):
        yield Conflict(
            ("buffer.journal", "shutdown.spill", "dead_letters.path"),
            "buffer.journal is the same directory as shutdown.spill or dead_letters.path",
        )
    yield from _room_for_one(destination)


def _room_for_one(destination: DestinationConfig) -> Iterator[Conflict]:
    """An event that the sender admits must fit an empty buffer, or its producer is told to wait for ever."""
    largest = getattr(destination.sender, "max_event_bytes", None)
    if not isinstance(largest, int) or destination.buffer.max_bytes >= largest:
        return
    yield Conflict(
        ("buffer.max_bytes", "max_event_bytes"),
        f"buffer.max_bytes ({destination.buffer.max_bytes}) is less than one event may have"
        f" (max_event_bytes, {Size(largest)})",
    )
