"""What an operator can set: every key, its type and its default, one frozen Struct for each section.

The defaults stand here and nowhere else. What a single value may be is said by its type; what values
may be together stands in `conflicts`.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from gateway.config.listen import ListenAddress, SocketMode
from gateway.secret import Secret
from gateway.units import MAY_BE_ZERO, Duration, Size

Count = Annotated[int, Meta(ge=1)]


class Acknowledge(StrEnum):
    """When a producer that does not say otherwise gets its answer."""

    BUFFERED = "buffered"
    DELIVERED = "delivered"


class WhenIdle(StrEnum):
    """What a partial batch does while nothing is in flight."""

    WAIT = "wait"
    SEND = "send"


class LogLevel(StrEnum):
    """The least level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a log line looks."""

    JSON = "json"
    TEXT = "text"


class TlsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[receiver.tls]`: paths of PEM files, for every TCP listener."""

    certificate: str = ""
    """Empty: no TLS. Its intermediate certificates stand behind it in the file."""
    key: str = ""
    """Without a passphrase."""
    client_ca: str = ""
    """Whose client certificates are asked for; empty: none are."""
    client_names: tuple[str, ...] = ()
    """DNS, URI or common names that a client certificate must have one of; empty: any of that CA will do."""


class ReceiverConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[receiver]`: the HTTP side that producers see."""

    listen: Annotated[tuple[ListenAddress, ...], Meta(min_length=1)] = (ListenAddress("127.0.0.1:8080"),)
    unix_socket_mode: SocketMode = SocketMode("0660")
    """Who may connect to the Unix sockets, in octal: the owner and the group."""
    acknowledge: Acknowledge = Acknowledge.BUFFERED
    acknowledge_timeout: Duration = Duration(5)
    max_body_bytes: Size = Size(4 << 20)
    max_receiving_bytes: Size = Size(64 << 20)
    """Bodies being read, all connections together."""
    max_connections: Count = 1024
    idle_timeout: Duration = Duration(75)
    request_timeout: Duration = Duration(10)
    """From the first byte of a request to its last."""
    tokens: tuple[Secret, ...] = ()
    """Bearer tokens, any of which will do; empty: none is asked for."""
    allow_anonymous: bool = False
    """Whether to listen beyond loopback with neither tokens nor TLS."""
    tls: TlsConfig = TlsConfig()


class AdminConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[admin]`: the listener for operators."""

    listen: ListenAddress = ListenAddress("127.0.0.1:8081")
    tokens: tuple[Secret, ...] = ()
    """Bearer tokens, asked for by everything but the two probes; empty: by nothing.

    The page at / then answers 401 with a form for the token; its scripts and styles are open, as they hold no
    figure. Without tokens a listener on loopback refuses a `Host` that is a name, but for `localhost`.
    """
    allow_anonymous: bool = False
    """Whether to listen beyond loopback without tokens."""


class BufferConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[buffer]`: what one destination may hold."""

    max_events: Count = 100_000
    max_bytes: Size = Size(64 << 20)
    """The events' own bytes and a fixed overhead for each."""
    journal: str = ""
    """A directory in which events are on disk before they are acknowledged; empty: memory only."""


class FlushConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[flush]`: how long events wait for company."""

    interval: Duration = Duration(0.2)
    when_idle: WhenIdle = WhenIdle.WAIT


class DeliveryConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[delivery]`: how hard a bus is asked, and how long an event is tried."""

    max_in_flight: Count = 16
    """Requests at once; the gateway finds its own level up to this."""
    request_timeout: Duration = Duration(10)
    max_requests_per_second: Annotated[float, Meta(ge=0)] = 0.0
    """0: no limit of ours."""
    max_attempts: Annotated[int, Meta(ge=0)] = 0
    """0: only age counts."""
    max_age: Duration = Duration(3600)
    backoff_initial: Duration = Duration(0.1)
    backoff_max: Duration = Duration(30)


class DeadLettersConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[dead_letters]`: where events go that are given up."""

    path: str = "dead-letters"
    """A directory; empty: they are dropped, counted and logged."""
    max_bytes: Size = Size(256 << 20)
    """Beyond it the oldest file goes."""


class ShutdownConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[shutdown]`: what a drain may take, and where the rest goes."""

    deadline: Annotated[Duration, MAY_BE_ZERO] = Duration(25)
    """Zero spills at once."""
    spill: str = "spill"
    """A directory; empty: what is undelivered is lost, and the exit code says so."""


class LogConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[log]`: what is said on standard error."""

    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.JSON


class DestinationConfig(Struct, frozen=True, kw_only=True):
    """`[destinations.NAME]`: one configured bus, every section resolved."""

    name: str
    type: str
    sender: Struct
    """The sender's own keys, in the Struct that its plugin brings."""
    buffer: BufferConfig
    flush: FlushConfig
    delivery: DeliveryConfig
    dead_letters: DeadLettersConfig


class Config(Struct, frozen=True, kw_only=True):
    """Everything that an operator has set, and the defaults for the rest."""

    receiver: ReceiverConfig
    admin: AdminConfig
    shutdown: ShutdownConfig
    log: LogConfig
    destinations: dict[str, DestinationConfig]
