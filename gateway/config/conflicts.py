"""What the values of a configuration may not be together. What one value may be is said by its type."""

import os
from collections.abc import Iterator, Sequence

from msgspec import Struct

from gateway.bearer import is_token
from gateway.config.listen import ListenAddress
from gateway.config.model import Config, DestinationConfig, TlsConfig
from gateway.secret import Secret
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
    yield from _access(config)


def _access(config: Config) -> Iterator[Conflict]:
    """Who may come in: nobody unasked from beyond loopback, unless that is what the operator wants."""
    receiver, admin = config.receiver, config.admin
    yield from _unusable(receiver.tokens, "receiver.tokens")
    yield from _unusable(admin.tokens, "admin.tokens")
    yield from _incomplete(receiver.tls)
    asks = receiver.allow_anonymous or receiver.tokens or receiver.tls.certificate
    beyond = next((address for address in receiver.listen if not address.is_local), None)
    if beyond is not None and not asks:
        ways = "receiver.tokens, receiver.tls or receiver.allow_anonymous = true"
        yield _exposed("receiver", ("tokens", "tls", "allow_anonymous"), beyond, ways)
    if not (admin.listen.is_local or admin.allow_anonymous or admin.tokens):
        ways = "admin.tokens or admin.allow_anonymous = true"
        yield _exposed("admin", ("tokens", "allow_anonymous"), admin.listen, ways)


def _exposed(section: str, others: Sequence[str], address: ListenAddress, ways: str) -> Conflict:
    """Blamed on the address; where one of the others is faulty that is fault enough."""
    return Conflict(
        (f"{section}.listen", *(f"{section}.{key}" for key in others)),
        f"{address} can be reached from beyond this machine by anybody: set {ways}",
    )


def _unusable(tokens: Sequence[Secret], key: str) -> Iterator[Conflict]:
    if not all(map(is_token, tokens)):
        yield Conflict((key,), "a bearer token has only letters, digits and -._~+/, then any number of =")


def _incomplete(tls: TlsConfig) -> Iterator[Conflict]:
    for key, needed in (
        ("key", "certificate"),
        ("certificate", "key"),
        ("client_ca", "certificate"),
        ("client_names", "client_ca"),
    ):
        if getattr(tls, key) and not getattr(tls, needed):
            yield Conflict((f"receiver.tls.{needed}",), f"is needed with receiver.tls.{key}")


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
    spill, letters = _place(config.shutdown.spill), _place(destination.dead_letters.path)
    if letters and letters == spill:
        yield Conflict(
            ("dead_letters.path", "shutdown.spill"),
            "dead_letters.path and shutdown.spill are the same directory",
        )
    if (journal := _place(destination.buffer.journal)) and journal in (spill, letters):
        yield Conflict(
            ("buffer.journal", "shutdown.spill", "dead_letters.path"),
            "buffer.journal is the same directory as shutdown.spill or dead_letters.path",
        )
    yield from _room_for_one(destination)


def _place(path: str) -> str | None:
    """The directory, however it is written; None where none is named."""
    return os.path.abspath(path) if path else None  # noqa: PTH100 - Path.absolute keeps `..`


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
