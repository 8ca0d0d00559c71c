"""Answers as values, and as the bytes of HTTP/1.1: status lines, header fields, problem details.

Knows no connection and no clock: the date comes in as a number.
"""

from collections.abc import Iterable, Sequence
from email.utils import formatdate

import msgspec
from msgspec import Struct

from gateway.admission import Draining, NoRoom, Unwritten
from gateway.bearer import CHALLENGES, Verdict
from gateway.errors import Fault, GatewayError, InvalidEventError, Reason

MAX_ERRORS = 100
"""Entries in a problem's `errors`; the detail is there for the rest."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

PHRASES = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
"""Every status the receiver answers with, and its reason phrase (RFC 9110 15, RFC 6585 5)."""

_STATUS_LINES = {status: f"HTTP/1.1 {status} {phrase}\r\n".encode() for status, phrase in PHRASES.items()}


class Response(Struct, frozen=True):
    """One final answer, without what depends on its connection and its moment."""

    status: int
    fields: bytes = b""
    """Header lines of its own, each with its CR LF."""
    body: bytes = b""
    refused: Sequence[tuple[Reason, int]] = ()
    """What it refuses: events by reason, or the one request."""
    closes: bool = False
    """Whether the connection ends with it."""


class RequestRefusedError(GatewayError):
    """The request gets `response` now; what is left of it is not read as a request."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused with {response.status}")
        self.response = response


class ResponseWriter:
    """Turns answers into bytes, each with the date of the last `tick`.

    An origin server with a clock dates its answers (RFC 9110 6.6.1); to the second, so the line is
    written once a second and not once an answer.
    """

    def __init__(self, wall_time: float) -> None:
        self.tick(wall_time)

    def tick(self, wall_time: float) -> None:
        """Date the answers from now on with `wall_time`, seconds since the epoch."""
        self._date = f"Date: {formatdate(wall_time, usegmt=True)}\r\n".encode()
        self.accepted = self.encode(ACCEPTED, closes=False)

    def encode(self, response: Response, *, closes: bool) -> bytes:
        """The answer to any method but HEAD; `closes` announces the end of the connection."""
        return self.encode_head(response, closes=closes) + response.body

    def encode_head(self, response: Response, *, closes: bool) -> bytes:
        """The answer to HEAD: its length is that of a body which does not follow (RFC 9110 9.3.2)."""
        return b"".join(
            (
                _STATUS_LINES[response.status],
                self._date,
                response.fields,
                b"Content-Length: %d\r\n" % len(response.body),
                b"Connection: close\r\n\r\n" if closes else b"\r\n",
            )
        )


class _ProblemError(Struct, omit_defaults=True):
    """One entry of `errors`: an index only where there is a batch, an attribute where it is known."""

    reason: Reason
    index: int | None = None
    attribute: str | None = None


class _Problem(Struct, omit_defaults=True):
    """Problem details (RFC 9457 3.1); of the type `about:blank` the title is the status phrase (4.2.1).

    All behind the detail are extension members (3.2).
    """

    type: str
    title: str
    status: int
    detail: str
    errors: list[_ProblemError]
    code: str | None = None
    results: Sequence[Struct] = ()


class Undelivered(Struct, frozen=True):
    """What a problem says of events that were accepted: a bus's own word, and what became of each."""

    code: str
    results: Sequence[Struct]


_encode = msgspec.json.Encoder().encode


def problem(
    status: int,
    detail: str,
    *,
    faults: Sequence[Fault],
    refused: Iterable[tuple[Reason, int]] | None = None,
    fields: bytes = b"",
    closes: bool = False,
    undelivered: Undelivered | None = None,
) -> Response:
    """An answer with problem details; it counts as one refusal for the first fault's reason unless told."""
    body = _Problem(
        type="about:blank",
        title=PHRASES[status],
        status=status,
        detail=detail,
        errors=[_ProblemError(fault.reason, fault.index, fault.attribute) for fault in faults[:MAX_ERRORS]],
        code=undelivered.code if undelivered else None,
        results=undelivered.results if undelivered else (),
    )
    return Response(
        status,
        fields=b"Content-Type: application/problem+json\r\n" + fields,
        body=_encode(body),
        refused=((faults[0].reason, 1),) if refused is None else tuple(refused),
        closes=closes,
    )


def malformed(status: int, detail: str) -> Response:
    """A request that breaks HTTP, or a rule of ours about it, so that nothing after it can be trusted."""
    return problem(status, detail, faults=(Fault(Reason.MALFORMED_HTTP),), closes=True)


def refusal(error: InvalidEventError, *, refused: Iterable[tuple[Reason, int]] | None = None) -> Response:
    """The answer to what is no event, or none that we can take."""
    faults = error.faults or (Fault(reason_of(error)),)
    return problem(
        error.http_status,
        error.detail,
        faults=faults,
        refused=refused,
        fields=_ACCEPT if error.http_status == _UNSUPPORTED else b"",
    )


def reason_of(error: InvalidEventError) -> Reason:
    """What a refusal counts as."""
    return error.faults[0].reason if error.faults else _REASONS[error.http_status]


def not_admitted(admission: NoRoom | Draining | Unwritten, *, events: int) -> Response:
    """The answer to events that no destination took, or to a request that is refused before its body."""
    seconds = admission.retry_after_seconds
    match admission:
        case NoRoom():
            return unavailable(Reason.NO_ROOM, seconds, events=events)
        case Draining():
            return unavailable(Reason.DRAINING, seconds, events=events, closes=True)
        case Unwritten():
            return unavailable(Reason.NO_ROOM, seconds, events=events, detail=_UNWRITTEN)


def unavailable(
    reason: Reason,
    retry_after_seconds: int,
    *,
    events: int = 1,
    closes: bool = False,
    detail: str | None = None,
) -> Response:
    """503: no room, or draining; `Retry-After` in whole seconds, one at least."""
    return problem(
        503,
        detail or _UNAVAILABLE[reason],
        faults=(Fault(reason),),
        refused=((reason, events),),
        fields=b"Retry-After: %d\r\n" % max(1, retry_after_seconds),
        closes=closes,
    )


_UNSUPPORTED = 415
_ACCEPT = b"Accept: application/cloudevents+json, application/cloudevents-batch+json\r\n"
"""What to send instead (RFC 9110 15.5.16); never beside Accept-Encoding, which blames the coding (12.5.3)."""
_REASONS = {
    400: Reason.MALFORMED_HTTP,
    413: Reason.TOO_LARGE,
    415: Reason.UNSUPPORTED_MEDIA_TYPE,
    422: Reason.UNDELIVERABLE,
}
"""What a refusal without a fault of its own counts as."""
_UNAVAILABLE = {
    Reason.NO_ROOM: "there is no room for this request now; send it again later",
    Reason.DRAINING: "the gateway is going down and takes nothing new",
}
_UNWRITTEN = "the journal cannot be written; send it again later"

_ALLOW = b"Allow: POST, OPTIONS\r\n"

ACCEPTED = Response(202)
CONSENT = Response(200, fields=_ALLOW + b"WebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: *\r\n")
"""The web hook handshake's answer (WH 4.2): from anyone, at any rate."""
OPTIONS = Response(200, fields=_ALLOW)
UNAUTHORIZED = {
    verdict: problem(
        401,
        detail,
        faults=(Fault(Reason.UNAUTHORIZED),),
        fields=f"WWW-Authenticate: {CHALLENGES[verdict]}\r\n".encode(),
    )
    for verdict, detail in {
        Verdict.MISSING: "a bearer token is needed",
        Verdict.WRONG: "the bearer token is not one of those that are taken",
    }.items()
}
FORBIDDEN = problem(
    403, "the client certificate is for nobody who may post here", faults=(Fault(Reason.UNAUTHORIZED),)
)
NOT_FOUND = problem(404, "no such path or destination", faults=(Fault(Reason.UNDELIVERABLE),))
METHOD_NOT_ALLOWED = problem(
    405, "events are sent with POST", faults=(Fault(Reason.MALFORMED_HTTP),), fields=_ALLOW
)
UNSUPPORTED_CODING = problem(
    415,
    "the content codings understood are gzip and deflate, one at a time",
    faults=(Fault(Reason.UNSUPPORTED_MEDIA_TYPE),),
    fields=b"Accept-Encoding: gzip, deflate\r\n",
)
EXPECTATION_FAILED = problem(
    417, "the only expectation understood is 100-continue", faults=(Fault(Reason.MALFORMED_HTTP),)
)
TIMED_OUT = problem(408, "the request was too slow in coming", faults=(Fault(Reason.TIMEOUT),), closes=True)
FAILED = problem(500, "the gateway failed on this request", faults=(), refused=(), closes=True)
