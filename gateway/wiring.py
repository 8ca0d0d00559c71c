"""From what an operator writes to what each part takes: the configuration's words in the parts' own."""

from pathlib import Path

from gateway.config import (
    Acknowledge,
    DeadLettersConfig,
    DestinationConfig,
    ListenAddress,
    ReceiverConfig,
    WhenIdle,
)
from gateway.pipeline.dead_letter import DeadLetterFiles, DeadLetters, NoDeadLetters
from gateway.pipeline.retry import RetryPolicy
from gateway.pipeline.settings import DestinationSettings
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.server import Listen, ListenTcp, ListenUnix


def listener(address: ListenAddress) -> Listen:
    """The address in the receiver's own words."""
    return ListenTcp(address.host, address.port) if address.path is None else ListenUnix(address.path)


def url(bound: Listen) -> str:
    """How a client names the address."""
    if isinstance(bound, ListenUnix):
        return f"unix:{bound.path}"
    host = f"[{bound.host}]" if ":" in bound.host else bound.host
    return f"http://{host}:{bound.port}"


def dead_letters(config: DeadLettersConfig, destination: str) -> DeadLetters:
    """Where that destination's dead letters go."""
    if not config.path:
        return NoDeadLetters()
    return DeadLetterFiles(Path(config.path) / destination, max_bytes=config.max_bytes)


def destination_settings(config: DestinationConfig) -> DestinationSettings:
    """The pipeline's own view of a destination's sections."""
    delivery = config.delivery
    return DestinationSettings(
        max_events=config.buffer.max_events,
        max_bytes=int(config.buffer.max_bytes),  # a plain number, which prints as one
        flush_interval_seconds=config.flush.interval,
        sends_when_idle=config.flush.when_idle is WhenIdle.SEND,
        max_in_flight=delivery.max_in_flight,
        max_requests_per_second=delivery.max_requests_per_second,
        request_timeout_seconds=delivery.request_timeout,
        retry=RetryPolicy(
            max_attempts=delivery.max_attempts,
            max_age_seconds=delivery.max_age,
            backoff_initial_seconds=delivery.backoff_initial,
            backoff_max_seconds=delivery.backoff_max,
        ),
    )


def receiver_limits(config: ReceiverConfig) -> ReceiverLimits:
    """The receiver's own view of its section."""
    return ReceiverLimits(
        max_body_bytes=int(config.max_body_bytes),  # plain numbers, which print as such
        max_receiving_bytes=int(config.max_receiving_bytes),
        max_connections=config.max_connections,
        idle_timeout_seconds=config.idle_timeout,
        request_timeout_seconds=config.request_timeout,
        default_wait_seconds=(
            config.acknowledge_timeout if config.acknowledge is Acknowledge.DELIVERED else None
        ),
    )
