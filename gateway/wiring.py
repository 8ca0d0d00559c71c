"""From what an operator writes to what each part takes: the configuration's words in the parts' own."""

from pathlib import Path

from gateway.bearer import BearerTokens
from gateway.config import (
    Acknowledge,
    DeadLettersConfig,
    DestinationConfig,
    ListenAddress,
    ReceiverConfig,
    WhenIdle,
)
from gateway.membership import ALONE, Membership
from gateway.pipeline.dead_letter import DeadLetterFiles, DeadLetters, NoDeadLetters
from gateway.pipeline.retry import RetryPolicy
from gateway.pipeline.settings import DestinationSettings
from gateway.receiver.access import Access
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.server import Listen, ListenTcp, ListenUnix


def listeners(config: ReceiverConfig, member: Membership = ALONE) -> list[Listen]:
    """The addresses in the receiver's own words."""
    return [_listener(address, config.unix_socket_mode.bits, member) for address in config.listen]


def _listener(address: ListenAddress, mode: int, member: Membership) -> Listen:
    if address.path is None:
        return ListenTcp(address.host, address.port, is_shared=not member.is_alone)
    return ListenUnix(address.path, mode, member.sockets.get(address.path))


def url(bound: Listen, config: ReceiverConfig) -> str:
    """How a client names the address."""
    if isinstance(bound, ListenUnix):
        return f"unix:{bound.path}"
    scheme = "https" if config.tls.certificate else "http"
    host = f"[{bound.host}]" if ":" in bound.host else bound.host
    return f"{scheme}://{host}:{bound.port}"


def access(config: ReceiverConfig) -> Access:
    """Who may post."""
    return Access(
        tokens=BearerTokens(config.tokens),
        asks_certificates=bool(config.tls.client_ca),
        client_names=frozenset(config.tls.client_names),
    )


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
