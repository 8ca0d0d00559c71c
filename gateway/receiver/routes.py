"""What a request means and what it is answered: paths, methods, limits, events, the intake's word.

Pure and synchronous. `head` is everything that can refuse without the body, `body` the rest; between
them the connection reads. Knows no socket and no parser.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.admission import Accepted, Intake, Pending
from gateway.cloudevents.http import ContentMode, Envelope, read_events, read_head
from gateway.errors import EventTooLargeError, Fault, InvalidEventError, Reason
from gateway.event import Event
from gateway.receiver.access import OPEN, Access
from gateway.receiver.framing import Headers
from gateway.receiver.inflate import Coding, UnsupportedCodingError, content_coding, inflate
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.prefer import read_preferences
from gateway.receiver.responses import (
    ACCEPTED,
    CONSENT,
    EXPECTATION_FAILED,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    OPTIONS,
    UNSUPPORTED_CODING,
    Response,
    not_admitted,
    reason_of,
    refusal,
    unavailable,
)
from gateway.receiver.waiting import Terms, Waiting
from gateway.snapshots import ReceiverStatistics


class Request(Struct, frozen=True, gc=False):
    """A request's head, its framing already found good."""

    method: bytes
    target: bytes
    headers: Headers
    """Names in lower case, values stripped, in order."""
    fields: dict[bytes, bytes]
    """The same by name, repeated ones joined."""
    content_length: int | None
    """None: the body comes in chunks, and nobody knows how many."""


class ReadEvents(Protocol):
    """Reads a body: every event of it, or InvalidEventError."""

    def __call__(self, envelope: Envelope, body: bytes, *, received_at: float) -> list[Event]:
        """`received_at` is in wall-clock seconds since the epoch."""


class Binding(Struct, frozen=True):
    """An API that producers speak: how its requests become events, and how taking them is told."""

    read_head: Callable[[Headers], Envelope]
    read: ReadEvents
    accepted: Response


class Route(Struct, frozen=True):
    """Requests to `path` that carry the header `marker` (None: whatever they carry) speak `binding`."""

    path: bytes | None
    """None: `/events/` and a destination's name."""
    binding: Binding
    marker: bytes | None = None


class Exchange(Struct, frozen=True, gc=False):
    """A request whose head was taken: what its body will be read with."""

    binding: Binding
    destination: str | None
    envelope: Envelope
    coding: Coding | None
    terms: Terms


CLOUDEVENTS = Binding(read_head=read_head, read=read_events, accepted=ACCEPTED)

_NAMED = b"/events/"

ROUTES = (Route(b"/", CLOUDEVENTS), Route(b"/events", CLOUDEVENTS), Route(None, CLOUDEVENTS))
"""The first that fits is taken, so one with a marker stands before the one without."""


class Routes:
    """Answers requests from one intake, and counts the events it reads in `statistics`."""

    def __init__(
        self,
        intake: Intake,
        limits: ReceiverLimits,
        statistics: ReceiverStatistics,
        wall_clock: Callable[[], float],
        access: Access = OPEN,
    ) -> None:
        self._intake = intake
        self._statistics = statistics
        self._wall_clock = wall_clock
        statistics.events_received.update(dict.fromkeys(ContentMode, 0))
        self.retune(limits, access)

    def retune(self, limits: ReceiverLimits, access: Access) -> None:
        """Go by these from now on; a request whose head was taken goes on as it began."""
        self._limits = limits
        self._access = access
        self._routes: dict[bytes | None, list[tuple[Route, Terms]]] = defaultdict(list)
        """With the terms of requests that prefer nothing."""
        for route in ROUTES:
            terms = Terms(route.binding.accepted, limits.default_wait_seconds)
            self._routes[route.path].append((route, terms))

    def head(self, request: Request) -> Exchange | Response:
        """What to read the body with, or the answer that needs no body.

        The order is that of the checks: access, path, method, room, content mode and coding, length,
        expectation. Access comes first: who may not post learns neither which destinations there are nor
        whether there is room.
        """
        if (refused := self._access.refuse_request(request.fields)) is not None:
            return refused
        target = request.target
        try:
            path, destination = (target, None) if target in self._routes else self._locate(target)
        except LookupError:
            return OPTIONS if (request.method, target) == (b"OPTIONS", b"*") else NOT_FOUND
        if request.method != b"POST":
            return self._without_delivery(request)
        length = request.content_length or 0
        try:
            admission = self._intake.foresee(length, destination)
            if not isinstance(admission, Accepted):
                return not_admitted(admission, events=1)
            binding, terms = self._binding(path, request.fields)
            envelope = binding.read_head(request.headers)
            coding = content_coding(request.fields.get(b"content-encoding"))
            self._check_length(length)
        except UnsupportedCodingError:
            return UNSUPPORTED_CODING
        except InvalidEventError as error:
            return refusal(error)
        if self._statistics.receiving_bytes + length > self._limits.max_receiving_bytes:
            return unavailable(Reason.NO_ROOM, RECEIVING_RETRY_SECONDS)
        if b"expect" in request.fields and request.fields[b"expect"].lower() != b"100-continue":
            return EXPECTATION_FAILED
        if b"prefer" in request.fields:
            terms = _preferred(terms, request.fields[b"prefer"])
        return Exchange(binding, destination, envelope, coding, terms)

    def has_room(self, exchange: Exchange, body: bytes) -> bool:
        """Whether `head` would let a body come that is there already, of a head it has taken before.

        One event is not asked for: the intake will say the same of it when it has been read. A batch is, as
        one that is refused unread counts as one.
        """
        length, limits = len(body), self._limits
        if length > limits.max_body_bytes:
            return False
        if self._statistics.receiving_bytes + length > limits.max_receiving_bytes:
            return False
        if exchange.envelope.mode is not ContentMode.BATCHED:
            return True
        try:
            return isinstance(self._intake.foresee(length, exchange.destination), Accepted)
        except InvalidEventError:
            return False

    def body(self, exchange: Exchange, body: bytes) -> Response | Waiting:
        """The answer to a request that has come whole; its events are taken all or none."""
        try:
            if exchange.coding is not None:
                body = inflate(body, exchange.coding, max_bytes=self._limits.max_body_bytes)
            events = exchange.binding.read(exchange.envelope, body, received_at=self._wall_clock())
        except InvalidEventError as error:
            return refusal(error, refused=_refused_events(error, body))
        self._statistics.events_received[exchange.envelope.mode] += len(events)
        terms = exchange.terms
        waiting = None if terms.wait_seconds is None else self._waiting(terms, events)
        try:
            admission = self._intake.accept(events, exchange.destination, waiting)
        except InvalidEventError as error:
            return refusal(error, refused=((reason_of(error), len(events)),))
        if isinstance(admission, Accepted):
            if waiting is None:
                return terms.accepted
            waiting.admitted(admission)
        elif isinstance(admission, Pending):
            waiting = waiting or self._waiting(terms, events)
            admission.then = waiting.admitted
        else:
            return not_admitted(admission, events=len(events))
        return waiting

    def refuse_method(self, target: bytes) -> Response:
        """The answer to a method that HTTP does not know; its headers are not read, so it shows no token."""
        if (refused := self._access.refuse_request({})) is not None:
            return refused
        try:
            self._locate(target)
        except LookupError:
            return NOT_FOUND
        return METHOD_NOT_ALLOWED

    def too_large(self) -> Response:
        """The answer to a body over its limit."""
        return refusal(self._too_large())

    def _locate(self, target: bytes) -> tuple[bytes | None, str | None]:
        """The route's path and the destination of a target in any form. Raises LookupError for neither."""
        path = _path(target)
        if path in self._routes:
            return path, None
        if not path.startswith(_NAMED):
            raise LookupError
        try:
            name = unquote_to_bytes(path[len(_NAMED) :]).decode()
        except UnicodeDecodeError as error:
            raise LookupError from error
        if not self._intake.knows(name):
            raise LookupError
        return None, name

    def _binding(self, path: bytes | None, fields: dict[bytes, bytes]) -> tuple[Binding, Terms]:
        for route, terms in self._routes[path]:
            if route.marker is None or route.marker in fields:
                return route.binding, terms
        raise AssertionError("every path has a route without a marker")

    def _without_delivery(self, request: Request) -> Response:
        """The answer to a method that delivers nothing: the web hook handshake (WH 4), or 405.

        Consent to everybody is given only where everybody may post; the handshake is no authentication.
        """
        if request.method != b"OPTIONS":
            return METHOD_NOT_ALLOWED
        consents = self._access.is_open and b"webhook-request-origin" in request.fields
        return CONSENT if consents else OPTIONS

    def _waiting(self, terms: Terms, events: Sequence[Event]) -> Waiting:
        return Waiting(terms, events, disk_seconds=self._limits.request_timeout_seconds)

    def _check_length(self, length: int) -> None:
        if length > self._limits.max_body_bytes:
            raise self._too_large()

    def _too_large(self) -> EventTooLargeError:
        return EventTooLargeError(
            f"the body is larger than {self._limits.max_body_bytes} bytes", Fault(Reason.TOO_LARGE)
        )


def _path(target: bytes) -> bytes:
    """The path of a target in origin-form or absolute-form (RFC 9112 3.2); a query names nothing here."""
    path = target.partition(b"?")[0]
    if path.startswith(b"/"):
        return path
    scheme, _, rest = path.partition(b"://")
    authority, _, path = rest.partition(b"/")
    # An http URI without a host must be rejected (RFC 9110 4.2.1).
    return b"/" + path if authority and scheme.lower() in (b"http", b"https") else b""


def _preferred(default: Terms, field: bytes) -> Terms:
    """What the producer asks for; where it asks for nothing we know, what the operator does."""
    preferences = read_preferences(field)
    if not preferences.applied:
        return default
    accepted = replace(default.accepted, fields=default.accepted.fields + preferences.applied)
    return Terms(accepted, preferences.wait_seconds or None, preferences.applied)


def _refused_events(error: InvalidEventError, body: bytes) -> list[tuple[Reason, int]]:
    """What a refused request counts as: a batch as its events, all else as one.

    An invalid event counts under its own first reason, the valid ones beside it under the error's.
    """
    reasons = {fault.index: fault.reason for fault in reversed(error.faults)}
    if None in reasons or not reasons:
        return [(reason_of(error), 1)]
    counts = Counter(reasons.values())
    counts[error.faults[0].reason] += len(_events.decode(body)) - len(reasons)
    return list(counts.items())


_events = msgspec.json.Decoder(list[msgspec.Raw])

RECEIVING_RETRY_SECONDS = 1
"""Bodies being read come and go within milliseconds."""
