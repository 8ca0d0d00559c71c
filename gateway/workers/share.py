"""A worker's part of what is configured for the whole gateway. Pure."""

from collections.abc import Sequence

from msgspec.structs import replace

from gateway.config import Config, DestinationConfig, ListenAddress, ReceiverConfig
from gateway.membership import Membership
from gateway.units import Size


def share(config: Config, member: Membership, listen: Sequence[ListenAddress]) -> Config:
    """The configuration of one worker that listens there: every limit of the whole gateway is divided.

    A limit on one request or one event is not: a worker has room for the largest, be it more than its part.
    """
    return replace(
        config,
        receiver=_receiver(config.receiver, member, listen),
        destinations={name: _destination(each, member) for name, each in config.destinations.items()},
    )


def _receiver(config: ReceiverConfig, member: Membership, listen: Sequence[ListenAddress]) -> ReceiverConfig:
    receiving = max(config.max_body_bytes, member.part(config.max_receiving_bytes))
    return replace(
        config,
        listen=tuple(listen),
        max_connections=member.part(config.max_connections),
        max_receiving_bytes=Size(receiving),
    )


def _destination(config: DestinationConfig, member: Membership) -> DestinationConfig:
    buffer, delivery = config.buffer, config.delivery
    largest = getattr(config.sender, "max_event_bytes", None) or 0
    return replace(
        config,
        buffer=replace(
            buffer,
            max_events=member.part(buffer.max_events),
            max_bytes=Size(max(largest, member.part(buffer.max_bytes))),
        ),
        delivery=replace(
            delivery,
            max_in_flight=member.part(delivery.max_in_flight),
            max_requests_per_second=delivery.max_requests_per_second / member.count,
        ),
    )
