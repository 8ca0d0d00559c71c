"""Alibaba Cloud EventBridge, emulated: `putEvents` as strict as the vendor documents it.

After the PutEvents reference and the pages on limits, event sizes and error codes; the signature as the
official SDKs make it; where all of them are silent, as apache/rocketmq-eventbridge does it, the core of
the service that the vendor gave to open source. Only the batched content mode is taken, the one that
every SDK sends. Imports nothing from outside this package: it checks the gateway from the documents.
"""

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from random import Random
from typing import NoReturn

import msgspec
from msgspec import Struct

from gateway.emulators.acs_signature import AccessKey, SignatureVerifier, key_expired
from gateway.emulators.alibaba_error import AlibabaError
from gateway.emulators.alibaba_events import AlibabaEvent, EventLimits, EventsRequest, read_events
from gateway.emulators.bus import Answer, Request, Reset
from gateway.emulators.call import Call
from gateway.emulators.cloud_event import CloudEvent
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

_PATH = "/openapi/putEvents"
_OPERATION = "PutEvents"
_DEFAULT_BUS = "default"
_MEDIA_TYPE = "application/cloudevents-batch+json"
_API_VERSIONS = ("2015-06-06", "2020-04-01")
"""What every SDK sends in `x-eventbridge-version`, and what the documents say."""
_OWN_ERROR = "InternalError"


class EventIds(StrEnum):
    """What an answer's `EventId` is."""

    REQUEST = "request"
    """The event's own id, on failed entries too."""
    BUS = "bus"
    """The id that the bus gave to what it stored; a failed entry has none."""


class SuccessCode(StrEnum):
    """What `ErrorCode` says of an event that was taken."""

    ABSENT = "absent"
    EMPTY = ""
    SUCCESS = "Success"


class AlibabaBusOptions(Struct, frozen=True, kw_only=True):
    """What the emulated account looks like."""

    access_keys: tuple[AccessKey, ...] = (AccessKey(),)
    buses: frozenset[str] | None = frozenset()
    """Names of buses beside `default`; None: every bus exists."""
    max_event_bytes: int = 65_536
    """By the size formula; 262,144 on the newer limits page."""
    max_request_bytes: int = 262_144
    """By the size formula, over all events; 1,048,576 on the newer limits page."""
    is_time_required: bool = True
    """As by the reference; the SDK sends events without."""
    are_ids_restricted: bool = False
    """To letters, digits and hyphens, as the limits page asks; the reference does not."""
    event_ids: EventIds = EventIds.REQUEST
    success_code: SuccessCode = SuccessCode.ABSENT
    is_shuffled: bool = False
    """Whether results come in another order than the events, as no document promises one."""
    stores_what_came_before: bool = False
    """Whether the events before a wrong one are stored although their request is refused."""
    max_body_bytes: int = 8 * 1024 * 1024
    """Of the HTTP body; beyond it the answer is 413."""
    keep: Keep = Keep()
    seed: int = 0
    """Of the faults' dice, of the ids and of the shuffling."""


class AlibabaEmulator(Emulator[CloudEvent]):
    """The emulated bus on a port of this machine. `clock` is wall-clock seconds, for signatures."""

    def __init__(
        self,
        options: AlibabaBusOptions = AlibabaBusOptions(),  # noqa: B008 - frozen
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(AlibabaBus(options, clock))


class AlibabaBus:
    """From a request to its answer, without I/O."""

    def __init__(self, options: AlibabaBusOptions, clock: Callable[[], float]) -> None:
        self.injector = FaultInjector(options.seed)
        self.record: Record[CloudEvent] = Record(options.keep)
        self.max_body_bytes = options.max_body_bytes
        self._options = options
        self._clock = clock
        self._ids = Ids(options.seed)
        self._shuffle = Random(options.seed).shuffle  # nosec B311 # noqa: S311 - an order, no secret
        self._verifier = SignatureVerifier(options.access_keys)
        self._limits = EventLimits(
            options.max_event_bytes,
            options.max_request_bytes,
            options.is_time_required,
            options.are_ids_restricted,
        )

    def answer(self, request: Request) -> Answer | Reset:
        """Process one request and remember it."""
        call = Call(self.record, request, self._clock())
        try:
            _check_route(request)
            call.operation = _OPERATION
            self._verifier.verify(request, call.time)
            answer = self._put_events(call)
        except AlibabaError as error:
            call.code = error.code
            answer = self._refuse(error)
        return call.finish(answer)

    def refuse_body(self) -> Answer:
        """413, before anything else is looked at."""
        error = AlibabaError("RequestParameterInvalid", "The request body is too large.", status=413)
        self.record.turn_away(self._clock(), error.status, error.code)
        return self._refuse(error)

    def refuse_connection(self) -> Reset:
        """A reset, remembered as such."""
        self.record.turn_away(self._clock())
        return Reset()

    def _put_events(self, call: Call) -> Answer | Reset:
        call.decision = self.injector.decide(call.request.now)
        fault = call.decision.request
        if (interference := before(fault)) is not None:
            return interference
        if (refusal := _refusal(fault, call.time)) is not None:
            raise refusal
        _check_headers(call.request)
        read = read_events(call.request.body, self._limits)
        self._check_bus(read.events)
        if read.error is not None:
            self._refuse_events(read, read.error, call.number)
        if self.injector.finds_poison(event.text for event in read.events):
            raise AlibabaError("EventInvalid", "The event is invalid in request!")
        results = self._take(read.events, call)
        if self._options.is_shuffled:
            self._shuffle(results)
        return after(fault, self._results_answer(miscounted(fault, results), call))

    def _check_bus(self, events: Sequence[AlibabaEvent]) -> None:
        names = self._options.buses
        for event in events[:1]:  # the others are for the same one
            if names is not None and event.bus != _DEFAULT_BUS and event.bus not in names:
                raise AlibabaError("EventBusNotExist", f"The event bus [{event.bus}] not existed!")

    def _refuse_events(self, read: EventsRequest, error: AlibabaError, number: int) -> NoReturn:
        """Refuse a request for one event; store those before it where that is wanted."""
        if self._options.stores_what_came_before:
            for event in read.events:
                self._store(event, number)
        raise error

    def _take(self, events: Sequence[AlibabaEvent], call: Call) -> list[dict[str, str]]:
        """Store or fail each event; one result for each, in order."""
        failed = self.injector.failed_entries(call.decision, len(events))
        call.size = sum(event.size for event in events)
        results = []
        for index, event in enumerate(events):
            if (failure := failed.get(index)) is not None:
                call.results.append(failure.code or _OWN_ERROR)
                results.append(self._failure(event, failure.code or _OWN_ERROR, failure.message))
            else:
                call.results.append(None)
                results.append(self._success(event, self._store(event, call.number)))
        return results

    def _store(self, event: AlibabaEvent, number: int) -> str:
        """Deliver one event; the id that the bus gives it."""
        event_id = self._ids.next()
        received = CloudEvent(event_id, number, event.bus, event.id, event.source, event.type, event.text)
        self.record.deliver(received, event.size)
        return event_id

    def _success(self, event: AlibabaEvent, event_id: str) -> dict[str, str]:
        is_own = self._options.event_ids is EventIds.REQUEST
        result = {"EventId": event.id if is_own else event_id, "TraceId": self._ids.next()}
        if self._options.success_code is not SuccessCode.ABSENT:
            result["ErrorCode"] = self._options.success_code
        return result

    def _failure(self, event: AlibabaEvent, code: str, message: str) -> dict[str, str]:
        is_own = self._options.event_ids is EventIds.REQUEST
        result = {"EventId": event.id, "TraceId": self._ids.next()} if is_own else {}
        return {**result, "ErrorCode": code, "ErrorMessage": message}

    def _results_answer(self, results: list[dict[str, str]], call: Call) -> Answer:
        request_id = self._ids.next()
        document = {
            "RequestId": request_id,
            "FailedEntryCount": sum(code is not None for code in call.results),
            "EntryList": results,
        }
        return _answer(200, msgspec.json.encode(document), request_id)

    def _refuse(self, error: AlibabaError) -> Answer:
        request_id = self._ids.next()
        return _answer(error.status, error.body(request_id), request_id, error.headers)


def _answer(status: int, body: bytes, request_id: str, headers: dict[str, str] | None = None) -> Answer:
    common = {"Content-Type": "application/json; charset=utf-8", "x-eventbridge-request-id": request_id}
    return Answer(status, body, {**common, **(headers or {})})


def _check_route(request: Request) -> None:
    if (request.method, request.path, request.query) != ("POST", _PATH, ""):
        raise AlibabaError("RequestParameterInvalid", f"Expected POST {_PATH}.", status=404)


def _check_headers(request: Request) -> None:
    """What is not signed, or says how the body is to be read."""
    content_type = request.headers.get("Content-Type", "")
    if content_type.partition(";")[0].strip().lower() != _MEDIA_TYPE:
        message = f"The event with http protocol binding is invalid. which header is [{content_type}]"
        raise AlibabaError("EventHTTPProtocolBindingInvalid", message)
    if (version := request.headers.get("x-eventbridge-version", "")) not in _API_VERSIONS:
        message = f"The x-eventbridge-version [{version}] is none of {', '.join(_API_VERSIONS)}."
        raise AlibabaError("RequestParameterInvalid", message, status=400)


def _refusal(fault: RequestFault | None, wall_clock: float) -> AlibabaError | None:
    """How the fault, if there is one, refuses the request unprocessed."""
    match fault:
        case Throttle():
            return AlibabaError("TooManyRequests", "Too many requests.", fault.headers(wall_clock))
        case Unavailable(status=500):
            return AlibabaError("InternalError", "InternalError")
        case Unavailable():
            return AlibabaError("ServiceUnavailable", "The service is unavailable.")
        case Refuse(code=code, message=message, status=status):
            return AlibabaError(code, message, status=status)
        case ExpireToken():
            return key_expired()
        case DenyAccess():
            return AlibabaError("AccessDenied", "The access key has no right to eventbridge:PutEvents.")
        case _:
            return None
