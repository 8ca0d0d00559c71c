"""The numbers that bound what a client can make the receiver hold or wait for."""

from msgspec import Struct


class ReceiverLimits(Struct, frozen=True, kw_only=True):
    """Every limit of the HTTP side; those that an operator sets have their defaults in the configuration."""

    max_body_bytes: int
    """One request's body, as it comes and again when it is inflated."""
    max_receiving_bytes: int
    """What has come of bodies that are being read, all connections together."""
    min_body_bytes_per_second: int = 16 << 10
    """Of a body that holds as much, once half of `max_receiving_bytes` is taken: a slower one makes room."""
    max_connections: int
    idle_timeout_seconds: float
    """Between two requests of a connection."""
    request_timeout_seconds: float
    """From the first byte of a request to its last."""
    default_wait_seconds: float | None
    """How long a request waits for the delivery where it says nothing about that; None: not at all."""
    handshake_timeout_seconds: float = 10.0
    """From a connection's beginning to the end of its TLS handshake."""
    linger_seconds: float = 1.0
    """From our end of a connection to its end: time for the client to read the last answer."""
    first_byte_timeout_seconds: float = 10.0
    """Of a connection, until the first byte of its first request."""
    max_connections_per_peer: int = 256
    """From one address (IPv6: one /64); not from loopback and Unix sockets, where the application is."""
    max_requests_per_connection: int = 100_000
    """The last of them is told so in its answer."""
    max_connection_age_seconds: float = 3600.0
    """Give or take a tenth, so that those made together do not end together; the next answer is the last."""
    max_unread_bytes: int = 4 << 20
    """Answers of one connection that its client leaves unread."""
    max_request_line_bytes: int = 16 << 10
    max_header_bytes: int = 96 << 10
    max_header_lines: int = 1000
