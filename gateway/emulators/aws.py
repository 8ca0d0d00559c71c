"""Amazon EventBridge's classic bus, emulated: `PutEvents` as strict as AWS documents it.

After the API reference, the user guide ("Calculating PutEvents event entry size") and botocore's
service model; where they are silent, as published measurements and other producers report it.
Beside it stand `DescribeEventBus` and `CreateEventBus`, as far as a publisher needs them. Imports
nothing from outside this package: it checks the gateway from the documents.
"""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from gateway.emulators.aws_buses import ACCOUNT, Buses, bus_arn
from gateway.emulators.aws_entries import (
    MAX_DETAIL_TYPE_CHARACTERS,
    EntriesRequest,
    EntryError,
    PutEventsEntry,
    judge,
    read_entries,
)
from gateway.emulators.aws_error import AwsError
from gateway.emulators.bus import Answer, Request, Reset
from gateway.emulators.call import Call
from gateway.emulators.faults import (
    DenyAccess,
    ExpireToken,
    FaultInjector,
    Refuse,
    RequestFault,
    Throttle,
    Unavailable,
)
from gateway.emulators.ids import Ids
from gateway.emulators.interference import after, before, miscounted
from gateway.emulators.received import Keep, Record
from gateway.emulators.server import Emulator
from gateway.emulators.sigv4 import AccessKey, SignatureVerifier, token_expired

_DEFAULT_REGION = "us-east-1"
_CONTENT_TYPE = "application/x-amz-json-1.1"
_TARGET_PREFIX = "AWSEvents."
_OWN_ERROR = "InternalFailure"


class Operation(StrEnum):
    """What can be asked of the bus."""

    PUT_EVENTS = "PutEvents"
    DESCRIBE_EVENT_BUS = "DescribeEventBus"
    CREATE_EVENT_BUS = "CreateEventBus"


class DropReason(StrEnum):
    """Why an event answered as taken goes nowhere."""

    NO_SUCH_BUS = "no_such_bus"
    DETAIL_TYPE_TOO_LONG = "detail_type_too_long"


class AwsBusOptions(Struct, frozen=True, kw_only=True):
    """What the emulated account looks like."""

    access_keys: tuple[AccessKey, ...] = (AccessKey(),)
    region: str | None = None
    """The only region that requests may be signed for; None: any."""
    buses: frozenset[str] | None = frozenset()
    """Names of buses beside `default`; None: every bus exists."""
    denied: frozenset[Operation] = frozenset()
    """Operations the access keys have no right to."""
    max_request_bytes: int = 262_144
    """By the size formula, over all entries; 1,048,576 is the newer limit."""
    max_body_bytes: int = 8 * 1024 * 1024
    """Of the HTTP body; beyond it the answer is 413 with an empty body."""
    keep: Keep = Keep()
    seed: int = 0
    """Of the faults' dice and of the ids."""


class AwsEvent(Struct, frozen=True, gc=False):
    """One event as the bus delivers it to rules."""

    event_id: str
    request: int
    """The number of the request that brought it."""
    bus: str
    source: str
    detail_type: str
    detail: str
    """The JSON text exactly as it was sent."""
    time: float | None
    """Seconds since the epoch, or None: not given."""
    resources: tuple[str, ...]
    trace_header: str | None

    def document(self) -> dict[str, Any]:
        """All members by name; the detail as JSON, its text untouched."""
        members = {name: getattr(self, name) for name in self.__struct_fields__}
        return {**members, "detail": msgspec.Raw(self.detail.encode())}


class AwsEmulator(Emulator[AwsEvent]):
    """The emulated bus on a port of this machine. `clock` is wall-clock seconds, for signatures."""

    def __init__(
        self,
        options: AwsBusOptions = AwsBusOptions(),  # noqa: B008 - frozen
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(AwsBus(options, clock))


class AwsBus:
    """From a request to its answer, without I/O."""

    def __init__(self, options: AwsBusOptions, clock: Callable[[], float]) -> None:
        self.injector = FaultInjector(options.seed)
        self.record: Record[AwsEvent] = Record(options.keep)
        self.max_body_bytes = options.max_body_bytes
        self._options = options
        self._clock = clock
        self._ids = Ids(options.seed)
        self._verifier = SignatureVerifier(options.access_keys, service="events", region=options.region)
        self._buses = Buses(options.buses, clock())

    def answer(self, request: Request) -> Answer | Reset:
        """Process one request and remember it."""
        call = Call(self.record, request, self._clock())
        try:
            call.operation = operation = _operation(request)
            region = self._verifier.verify(request, call.time) or _DEFAULT_REGION
            answer = self._perform(operation, call, region)
        except AwsError as error:
            call.code = error.code
            answer = self._answer(error.body(), error.status, error.headers)
        return call.finish(answer)

    def refuse_body(self) -> Answer:
        """413 with an empty body, as the service's front does it."""
        self.record.turn_away(self._clock(), 413)
        return self._answer(b"", 413)

    def refuse_connection(self) -> Reset:
        """A reset, remembered as such."""
        self.record.turn_away(self._clock())
        return Reset()

    def _perform(self, operation: Operation, call: Call, region: str) -> Answer | Reset:
        if operation in self._options.denied:
            raise _access_denied(operation, region)
        if operation is Operation.PUT_EVENTS:
            return self._put_events(call, region)
        manage = self._buses.describe if operation is Operation.DESCRIBE_EVENT_BUS else self._buses.create
        return self._answer(_encode(manage(call.request.body, region=region, wall_clock=call.time)))

    def _put_events(self, call: Call, region: str) -> Answer | Reset:
        call.decision = self.injector.decide(call.request.now)
        fault = call.decision.request
        if (interference := before(fault)) is not None:
            return interference
        if (refusal := _refusal(fault, call.time, region)) is not None:
            raise refusal
        read = read_entries(call.request.body, max_request_bytes=self._options.max_request_bytes)
        if self.injector.finds_poison(entry.detail or "" for entry in read.entries):
            raise AwsError("ValidationException", "The request could not be validated.")
        results = miscounted(fault, self._take(read, call))
        failed_count = sum("ErrorCode" in result for result in results)
        return after(fault, self._answer(_encode({"FailedEntryCount": failed_count, "Entries": results})))

    def _take(self, read: EntriesRequest, call: Call) -> list[dict[str, str]]:
        """Deliver, drop or fail each entry; one result for each, in order."""
        failed = self.injector.failed_entries(call.decision, len(read.entries))
        call.size = sum(read.sizes)
        results = []
        for index, entry in enumerate(read.entries):
            error = judge(entry)
            if error is None and index in failed:
                error = EntryError(failed[index].code or _OWN_ERROR, failed[index].message)
            call.results.append(None if error is None else error.code)
            if error is None:
                results.append({"EventId": self._accept(entry, read.sizes[index], call.number)})
            else:
                results.append({"ErrorCode": error.code, "ErrorMessage": error.message})
        return results

    def _accept(self, entry: PutEventsEntry, size: int, number: int) -> str:
        """Deliver or silently drop one entry; its event id either way."""
        event = _event(entry, self._ids.next(), number)
        if not self._buses.exists(event.bus):
            self.record.drop(event, size, DropReason.NO_SUCH_BUS)
        elif len(event.detail_type) > MAX_DETAIL_TYPE_CHARACTERS:
            self.record.drop(event, size, DropReason.DETAIL_TYPE_TOO_LONG)
        else:
            self.record.deliver(event, size)
        return event.event_id

    def _answer(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        common = {"Content-Type": _CONTENT_TYPE, "x-amzn-RequestId": self._ids.next()}
        return Answer(status, body, {**common, **(headers or {})})


def _operation(request: Request) -> Operation:
    """What is asked for. Raises AwsError: 404, as the service knows no other way in."""
    target = request.headers.get("X-Amz-Target", "")
    if (
        (request.method, request.path, request.query) == ("POST", "/", "")
        and request.headers.get("Content-Type", "") == _CONTENT_TYPE
        and target.startswith(_TARGET_PREFIX)
    ):
        name = target.removeprefix(_TARGET_PREFIX)
        if name in Operation.__members__.values():
            return Operation(name)
    raise AwsError(
        "UnknownOperationException", "Expected POST / with an X-Amz-Target and a Content-Type known here."
    )


def _refusal(fault: RequestFault | None, wall_clock: float, region: str) -> AwsError | None:
    """How the fault, if there is one, refuses the request unprocessed."""
    match fault:
        case Throttle():
            return AwsError("ThrottlingException", "Rate exceeded", fault.headers(wall_clock))
        case Unavailable(status=500):
            return AwsError("InternalException", "Internal error")
        case Unavailable():
            return AwsError("ServiceUnavailable", "Service is unable to handle request.")
        case Refuse(code=code, message=message, status=status):
            return AwsError(code, message, status=status)
        case ExpireToken():
            return token_expired()
        case DenyAccess():
            return _access_denied(Operation.PUT_EVENTS, region)
        case _:
            return None


def _access_denied(operation: Operation, region: str) -> AwsError:
    return AwsError(
        "AccessDeniedException",
        f"User: arn:aws:iam::{ACCOUNT}:user/example is not authorized to perform: events:{operation} on"
        f" resource: {bus_arn(region, '*')} because no identity-based policy allows it",
    )


def _event(entry: PutEventsEntry, event_id: str, number: int) -> AwsEvent:
    """The event of an entry that passed `judge`."""
    return AwsEvent(
        event_id,
        number,
        entry.bus,
        entry.source or "",
        entry.detail_type or "",
        entry.detail or "",
        entry.time,
        tuple(resource for resource in entry.resources or () if resource is not None),
        entry.trace_header,
    )


def _encode(document: object) -> bytes:
    return msgspec.json.encode(document)
