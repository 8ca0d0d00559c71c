"""Huawei Cloud EventGrid (EG), emulated: events to a channel, as strict as the vendor documents it.

After EG's API reference, event guide and error codes, the API signing guide and IAM's API reference. Where
these contradict each other, as they do about answers, each form can be had. Beside it stands as much of
IAM as a publisher needs: tokens for a password. Imports nothing from outside this package: it checks the
gateway from the documents.
"""

import re
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Literal

import msgspec
from msgspec import Struct

from gateway.emulators.bus import Answer, Request, Reset
from gateway.emulators.call import Call
from gateway.emulators.cloud_event import CloudEvent
from gateway.emulators.faults import (
    DenyAccess,
    ExpireToken,
    FaultInjector,
    Faults,
    Refuse,
    RequestFault,
    Throttle,
    Unavailable,
)
from gateway.emulators.huawei_error import HuaweiError, RefusalShape, result
from gateway.emulators.huawei_events import EventLimits, HuaweiEvent, event_ids, read_events
from gateway.emulators.huawei_tokens import TokenError, Tokens, User, token_refusal
from gateway.emulators.ids import Ids
from gateway.emulators.interference import after, before, miscounted
from gateway.emulators.received import Keep, Record
from gateway.emulators.sdk_signature import AccessKey, SignatureVerifier
from gateway.emulators.server import Emulator

_EVENTS_PATH = re.compile(r"/v1/(?P<project>[^/]+)/channels/(?P<channel>[^/]+)/events")
_TOKENS_PATH = "/v3/auth/tokens"
_OWN_ERROR = "EG.00015000"

Result = dict[str, str | None]


class Operation(StrEnum):
    """What can be asked of the bus."""

    PUT_EVENTS = "PutEvents"
    CREATE_TOKEN = "KeystoneCreateUserTokenByPassword"  # nosec B105 # noqa: S105 - the operation's name


class EventIds(StrEnum):
    """What `event_id` says in a list of results."""

    REQUEST = "request"
    """The event's own id, in order."""
    MUDDLED = "muddled"
    """As the event guide has it: to events 001, 002, 003 the ids 003, 003, 002."""
    ABSENT = "absent"
    """Null."""


class HuaweiBusOptions(Struct, frozen=True, kw_only=True):
    """What the emulated account looks like."""

    access_keys: tuple[AccessKey, ...] = (AccessKey(),)
    users: tuple[User, ...] = (User(),)
    tokens: frozenset[str] = frozenset()
    """Values of X-Auth-Token that are valid from the start, and do not expire."""
    token_lifetime_seconds: float = 86_400.0
    """Of tokens that are fetched."""
    project_id: str = "0123456789abcdef0123456789abcdef"
    region: str = "cn-north-4"
    """The name of the project."""
    channels: frozenset[str] | None = frozenset({"11111111-2222-3333-4444-555555555555"})
    """Ids of the channels; None: every channel exists."""
    max_event_bytes: int = 65_536
    max_request_bytes: int = 262_144
    """Over all events."""
    are_extensions_refused: bool = False
    """The model has no place for extension attributes; no document says what becomes of them."""
    refusal_shape: RefusalShape = RefusalShape.DETAILS
    failed_events_status: Literal[200, 400] = 200
    """Of a list with failed events: 200 by the API's model, 400 in the event guide."""
    event_ids: EventIds = EventIds.REQUEST
    max_body_bytes: int = 12 * 1024 * 1024
    """Of the HTTP body; beyond it the API gateway answers 413."""
    keep: Keep = Keep()
    seed: int = 0
    """Of the faults' dice and of the ids."""


class HuaweiEmulator(Emulator[CloudEvent]):
    """The emulated bus, and IAM, on a port of this machine. `clock` is wall-clock seconds."""

    def __init__(
        self,
        options: HuaweiBusOptions = HuaweiBusOptions(),  # noqa: B008 - frozen
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._huawei = HuaweiBus(options, clock)
        super().__init__(self._huawei)

    @property
    def token_fetches(self) -> int:
        """How often a token was asked for, with success or without."""
        return self.statistics().operations.get(Operation.CREATE_TOKEN, 0)

    @property
    def token_faults(self) -> Faults:
        """What goes wrong when a token is asked for; setting them starts their script anew."""
        return self._huawei.token_injector.faults

    @token_faults.setter
    def token_faults(self, faults: Faults) -> None:
        self._huawei.token_injector.faults = faults

    def kill_tokens(self) -> None:
        """Let every token given so far be refused, as after a change of the user's password."""
        self._huawei.tokens.kill_all()


class HuaweiBus:
    """From a request to its answer, without I/O."""

    def __init__(self, options: HuaweiBusOptions, clock: Callable[[], float]) -> None:
        self.injector = FaultInjector(options.seed)
        self.token_injector = FaultInjector(options.seed)
        self.record: Record[CloudEvent] = Record(options.keep)
        self.max_body_bytes = options.max_body_bytes
        self.tokens = Tokens(
            options.users,
            project_id=options.project_id,
            region=options.region,
            lifetime_seconds=options.token_lifetime_seconds,
            fixed=options.tokens,
        )
        self._options = options
        self._clock = clock
        self._ids = Ids(options.seed)
        self._verifier = SignatureVerifier(options.access_keys)
        self._limits = EventLimits(
            options.max_event_bytes, options.max_request_bytes, options.are_extensions_refused
        )

    def answer(self, request: Request) -> Answer | Reset:
        """Process one request and remember it."""
        call = Call(self.record, request, self._clock())
        try:
            answer = self._create_token(call) if request.path == _TOKENS_PATH else self._put_events(call)
        except HuaweiError as error:
            call.code = error.code
            answer = self._refuse(error, request.body)
        except TokenError as error:
            call.code = str(error.status)
            answer = self._answer(error.status, error.body(), error.headers)
        return call.finish(answer)

    def refuse_body(self) -> Answer:
        """413, as the API gateway does it."""
        error = HuaweiError("APIGW.0201", "The request body is too large.")
        self.record.turn_away(self._clock(), error.status, error.code)
        return self._refuse(error, b"")

    def refuse_connection(self) -> Reset:
        """A reset, remembered as such."""
        self.record.turn_away(self._clock())
        return Reset()

    def _create_token(self, call: Call) -> Answer | Reset:
        call.operation = Operation.CREATE_TOKEN
        if call.request.method != "POST":
            raise TokenError(405, "Method Not Allowed", "Expected POST.")
        call.decision = self.token_injector.decide(call.request.now)
        fault = call.decision.request
        if (interference := before(fault)) is not None:
            return interference
        if (refusal := token_refusal(fault, call.time)) is not None:
            raise refusal
        token = self._ids.next() + self._ids.next()
        issued = self.tokens.issue(call.request.body, token, call.time)
        document = issued.document
        if "nocatalog" not in call.request.query:
            document = {**document, "catalog": []}
        body = msgspec.json.encode({"token": document})
        return after(fault, self._answer(201, body, {"X-Subject-Token": issued.token}))

    def _put_events(self, call: Call) -> Answer | Reset:
        request = call.request
        path = _EVENTS_PATH.fullmatch(request.path)
        if path is None or request.method != "POST":
            raise HuaweiError("APIGW.0101", "The API does not exist or has not been published.")
        call.operation = Operation.PUT_EVENTS
        self._authenticate(call)
        call.decision = self.injector.decide(request.now)
        fault = call.decision.request
        if (interference := before(fault)) is not None:
            return interference
        if isinstance(fault, ExpireToken):
            self.tokens.kill(request.headers.get("X-Auth-Token", ""))
        if (refusal := _refusal(fault, call.time)) is not None:
            raise refusal
        self._check_place(path["project"], path["channel"])
        _check_content_type(request)
        events = read_events(request.body, self._limits)
        if self.injector.finds_poison(event.text for event in events):
            raise HuaweiError("EG.00513000", "Invalid parameters.")
        results = self._take(events, path["channel"], call)
        return after(fault, self._results_answer(miscounted(fault, results), call))

    def _authenticate(self, call: Call) -> None:
        token = call.request.headers.get("X-Auth-Token", "")
        if not token:
            self._verifier.verify(call.request, call.time)
        elif not self.tokens.is_known(token):
            raise HuaweiError("APIGW.0301", "Incorrect IAM authentication information: decrypt token fail")
        elif not self.tokens.is_valid(token, call.time):
            raise _token_expired()

    def _check_place(self, project: str, channel: str) -> None:
        if project != self._options.project_id:
            raise HuaweiError("EG.00512000", f"The project {project} is unavailable.")
        if self._options.channels is not None and channel not in self._options.channels:
            raise HuaweiError("EG.00014040", f"The channel {channel} does not exist.")

    def _take(self, events: Sequence[HuaweiEvent], channel: str, call: Call) -> list[Result]:
        """Deliver or fail each event; one result for each, in order."""
        failed = self.injector.failed_entries(call.decision, len(events))
        call.size = sum(event.size for event in events)
        results = []
        for index, event in enumerate(events):
            shown_id = self._shown_id(events, index)
            if (failure := failed.get(index)) is not None:
                call.results.append(failure.code or _OWN_ERROR)
                results.append(result(failure.code or _OWN_ERROR, failure.message, shown_id))
                continue
            call.results.append(None)
            results.append(result(None, None, shown_id))
            self.record.deliver(
                CloudEvent(
                    self._ids.next(), call.number, channel, event.id, event.source, event.type, event.text
                ),
                event.size,
            )
        return results

    def _shown_id(self, events: Sequence[HuaweiEvent], index: int) -> str | None:
        match self._options.event_ids:
            case EventIds.REQUEST:
                return events[index].id
            case EventIds.MUDDLED:
                return events[min(len(events) - index, len(events) - 1)].id
            case EventIds.ABSENT:
                return None

    def _results_answer(self, results: list[Result], call: Call) -> Answer:
        failed_count = sum(code is not None for code in call.results)
        status = self._options.failed_events_status if failed_count else 200
        return self._answer(status, msgspec.json.encode({"failed_count": failed_count, "events": results}))

    def _refuse(self, error: HuaweiError, body: bytes) -> Answer:
        shape, ids, request_id = self._options.refusal_shape, event_ids(body), self._ids.next()
        if not ids and shape in (RefusalShape.LIST, RefusalShape.OBJECTS):
            shape = RefusalShape.DETAILS  # there is nothing to list
        answer = self._answer(error.status, error.body(shape, request_id, ids), error.headers)
        return msgspec.structs.replace(answer, headers={**answer.headers, "X-Request-Id": request_id})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        common = {"Content-Type": "application/json", "X-Request-Id": self._ids.next()}
        return Answer(status, body, {**common, **(headers or {})})


def _check_content_type(request: Request) -> None:
    content_type = request.headers.get("Content-Type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise HuaweiError("EG.00014000", f"Bad request: the content type is [{content_type}]")


def _refusal(fault: RequestFault | None, wall_clock: float) -> HuaweiError | None:
    """How the fault, if there is one, refuses the request unprocessed."""
    match fault:
        case Throttle():
            return HuaweiError(
                "APIGW.0308", "The throttling threshold has been reached.", fault.headers(wall_clock)
            )
        case Unavailable(status=500):
            return HuaweiError("EG.00015000", "Internal error.")
        case Unavailable():
            return HuaweiError("APIGW.0601", "Internal server error.")
        case Refuse(code=code, message=message, status=status):
            return HuaweiError(code, message, status=status)
        case ExpireToken():
            return _token_expired()
        case DenyAccess():
            return HuaweiError("EG.00014030", "No permission: eg:channels:putEvents.")
        case _:
            return None


def _token_expired() -> HuaweiError:
    return HuaweiError("APIGW.0307", "The token must be updated.")
