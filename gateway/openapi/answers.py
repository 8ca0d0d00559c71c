"""The receiver's answers, described by what the code answers: statuses, header fields and bodies.

Each is shown by answers made by the code that gives them. A header field that all of them have is always
there; one that only some have may be.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from gateway.bearer import Verdict
from gateway.cloudevents.faults import fault, invalid_event, too_large
from gateway.config import ReceiverConfig
from gateway.errors import Fault, Reason, UndeliverableEventError, UnsupportedMediaTypeError
from gateway.openapi.schema import Json, header, reference, text
from gateway.receiver.framing import header_too_large, line_too_long
from gateway.receiver.responses import (
    ACCEPTED,
    CONSENT,
    EXPECTATION_FAILED,
    FAILED,
    FORBIDDEN,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    OPTIONS,
    TIMED_OUT,
    UNAUTHORIZED,
    UNSUPPORTED_CODING,
    Response,
    malformed,
    refusal,
    unavailable,
)
from gateway.receiver.results import Delivered, GivenUp, results_response
from gateway.wiring import receiver_limits

LIMITS = receiver_limits(ReceiverConfig())
"""As they are by default."""

HEADERS: Json = {
    "Accept": ("What may be sent instead (RFC 9110 15.5.16).", text()),
    "Accept-Encoding": ("The content codings that may be used (RFC 9110 12.5.3).", text()),
    "Allow": ("The methods that the path has (RFC 9110 10.2.1).", text()),
    "Connection": ("`close` where the connection ends with this answer.", {"const": "close"}),
    "Preference-Applied": ("The preferences that were honoured (RFC 7240 3).", text()),
    "Retry-After": ("Seconds until there may be room.", {"type": "integer", "minimum": 1}),
    "WWW-Authenticate": ("What to show (RFC 6750 3).", text()),
    "WebHook-Allowed-Origin": ("Whose deliveries are taken.", {"const": "*"}),
    "WebHook-Allowed-Rate": ("How many requests a minute.", {"const": "*"}),
}
"""Every header field of the answers, but those that every answer has."""


class Answer(Struct, frozen=True):
    """One status: when it is given, and examples of it by name."""

    when: str
    examples: Mapping[str, Response]
    schema: str = "Problem"
    may_prefer: bool = False
    """Whether `Preference-Applied` may stand in it."""


def _waited(*results: Delivered | GivenUp) -> Response:
    response = results_response(results, events=1, fields=b"")
    assert response is not None, "all is known"
    return response


_DELIVERED = Delivered("1234-1234-1234", "/orders/shop-1", "orders", "17793124-05d4-b198-2fde-7ededc63b103")
_GIVEN_UP = GivenUp(
    "1234-1234-1234", "/orders/shop-1", "orders", "NotAuthorizedForSourceException", "not for this source"
)
_UNDELIVERABLE = UndeliverableEventError(
    "type is longer than the 128 characters that the bus takes", Fault(Reason.UNDELIVERABLE, "type")
)
_UNSUPPORTED = UnsupportedMediaTypeError(
    "the event format is not supported", Fault(Reason.UNSUPPORTED_MEDIA_TYPE)
)

WIRE = {
    400: Answer(
        "Not well-formed HTTP/1.1. The connection ends.",
        {"malformed": malformed(400, "the request is not well-formed HTTP/1.1")},
    ),
    408: Answer("The request was too slow in coming. The connection ends.", {"slow": TIMED_OUT}),
    414: Answer("The request line is too long. The connection ends.", {"long": line_too_long(LIMITS)}),
    431: Answer("The header section is too large. The connection ends.", {"large": header_too_large(LIMITS)}),
    500: Answer("The gateway has failed. No request should make it.", {"failed": FAILED}),
    501: Answer(
        "A transfer coding other than chunked. The connection ends.",
        {"coding": malformed(501, "the transfer coding understood is chunked")},
    ),
    503: Answer(
        "Every connection is taken. The connection ends.",
        {"connections": unavailable(Reason.NO_ROOM, 1, closes=True)},
    ),
    505: Answer(
        "Another version than HTTP/1.x. The connection ends.",
        {"version": malformed(505, "the version understood is HTTP/1.1")},
    ),
}
"""What any request may be answered, on any path, before what it asks for is looked at."""

ACCESS = {
    401: Answer(
        "Tokens are configured, and this request shows none of them.",
        {"missing": UNAUTHORIZED[Verdict.MISSING], "wrong": UNAUTHORIZED[Verdict.WRONG]},
    ),
    403: Answer("The client certificate is for nobody who may post here.", {"stranger": FORBIDDEN}),
}
"""To those who may not post; before it is said whether there is such a path."""

PATH = {
    404: Answer("No destination has that name; or there is no such path.", {"unknown": NOT_FOUND}),
}

METHOD = {
    405: Answer("To any other method on this path.", {"method": METHOD_NOT_ALLOWED}),
}

CONSENTED = {
    200: Answer(
        "The methods of the path; and consent to deliveries, where it is asked for and anybody may post.",
        {"consent": CONSENT, "methods": OPTIONS},
        schema="",
    ),
}

POSTED = {
    200: Answer(
        "Delivered: every event to every destination, within the time that was waited.",
        {"delivered": _waited(_DELIVERED)},
        schema="Results",
        may_prefer=True,
    ),
    202: Answer(
        "Accepted: every event is in the buffer of every destination, with a journal on disk. Also where the"
        " time to wait has run out and none is given up.",
        {"accepted": ACCEPTED},
        schema="",
        may_prefer=True,
    ),
    400: Answer(
        "No valid CloudEvent, or no well-formed HTTP/1.1. Nothing of the request is accepted, nor will be if"
        " the same is sent again.",
        {
            "missing attribute": refusal(invalid_event([fault(Reason.MISSING_ATTRIBUTE, "id")])),
            **WIRE[400].examples,
        },
    ),
    413: Answer(
        "The body, a batch or one event is larger than can ever be taken.", {"event": refusal(too_large())}
    ),
    415: Answer(
        "A content type or a content coding that is not read; the header field says which are.",
        {"media type": refusal(_UNSUPPORTED), "coding": UNSUPPORTED_CODING},
    ),
    417: Answer("An expectation other than `100-continue`.", {"expectation": EXPECTATION_FAILED}),
    422: Answer("A valid CloudEvent that a destination can never take.", {"type": refusal(_UNDELIVERABLE)}),
    502: Answer(
        "Waited for, and given up for good by a destination: it is in the dead letters.",
        {"refused": _waited(_GIVEN_UP)},
        may_prefer=True,
    ),
    503: Answer(
        "No room, or the gateway goes down (then the connection ends). Nothing is accepted; send it again.",
        {
            "no room": unavailable(Reason.NO_ROOM, 2),
            "draining": unavailable(Reason.DRAINING, 5, closes=True),
            **WIRE[503].examples,
        },
    ),
}
"""To events."""


def responses(answers: Mapping[int, Answer]) -> Json:
    """The answers as the responses of one operation."""
    return {str(status): _response(answers[status]) for status in sorted(answers)}


def _response(answer: Answer) -> Json:
    fields = _headers(answer)
    return {
        "description": answer.when,
        **({"headers": fields} if fields else {}),
        **_content(answer),
    }


def _headers(answer: Answer) -> Json:
    found = [_fields(response) for response in answer.examples.values()]
    always = set.intersection(*map(set, found))
    names = set().union(*found) | ({"Preference-Applied"} if answer.may_prefer else set()) | {"Connection"}
    return {name: header(*HEADERS[name], required=name in always) for name in sorted(names)}


def _fields(response: Response) -> dict[str, str]:
    """Its header fields, those that say how to read its body left out."""
    lines = response.fields.decode().splitlines()
    fields = dict(line.split(": ", 1) for line in lines)
    fields.pop("Content-Type", None)
    return {**fields, **({"Connection": "close"} if response.closes else {})}


def _content(answer: Answer) -> Json:
    if not answer.schema:
        return {}
    examples = {
        name.replace(" ", "-"): {"value": msgspec.json.decode(response.body)}
        for name, response in answer.examples.items()
    }
    media_type = "application/problem+json" if answer.schema == "Problem" else "application/json"
    return {"content": {media_type: {"schema": reference(answer.schema), "examples": examples}}}
