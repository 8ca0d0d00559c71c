"""The receiver's paths and operations."""

from gateway.cloudevents.attributes import REQUIRED
from gateway.config import ReceiverConfig
from gateway.config.pattern import NAME
from gateway.openapi.answers import ACCESS, CONSENTED, METHOD, PATH, POSTED, WIRE, responses
from gateway.openapi.events import BATCHED, BINARY_DATA_EVENT, EVENT, SMALLEST_EVENT, STRUCTURED
from gateway.openapi.schema import Json, reference, text
from gateway.receiver.prefer import MAX_WAIT_SECONDS

_MAX_BODY = ReceiverConfig().max_body_bytes

_POST = f"""\
Sends one CloudEvent, in binary or structured content mode, or a batch. The body is at most \
`receiver.max_body_bytes` ({_MAX_BODY} by default), and the same number of bytes when it is inflated.
"""
_OPTIONS = """\
Names the methods. With `WebHook-Request-Origin` it is the handshake of the CloudEvents web hook \
specification: consent is given to anybody where neither tokens nor client certificates are asked for.
"""

_SECURITY: list[Json] = [{}, {"bearer": []}, {"certificate": []}, {"bearer": [], "certificate": []}]
"""As configured: nothing by default."""

_DESTINATION: Json = {
    "name": "destination",
    "in": "path",
    "required": True,
    "description": "The name of a configured destination.",
    "schema": {"type": "string", "pattern": NAME},
    "example": "orders",
}


def _field(name: str, description: str, schema: Json, example: str) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": schema, "example": example}


_BINARY = "Binary content mode: the attribute of that name, percent-encoded (CloudEvents HTTP binding 3.1.3)."
_FIELDS: list[Json] = [
    _field(
        "Prefer",
        "RFC 7240. `wait=N` waits up to N seconds until the events are delivered"
        f" ({MAX_WAIT_SECONDS} at most); `respond-async` does not wait.",
        text(),
        "wait=5",
    ),
    _field(
        "Content-Encoding",
        "RFC 9110 8.4; one coding at most.",
        {"enum": ["gzip", "x-gzip", "deflate", "identity"]},
        "identity",
    ),
    _field(
        "traceparent",
        "W3C Trace Context; becomes the extension attribute of events that have none.",
        text(),
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    _field("tracestate", "W3C Trace Context; goes with `traceparent`.", text(), "vendor=1"),
    *(_field(f"ce-{name}", _BINARY, text(), SMALLEST_EVENT[name]) for name in REQUIRED),
]

_EVENTS: Json = {
    "required": False,
    "description": "In binary content mode the body is the data, of any media type or none at all, and the"
    " attributes are `ce-` header fields, of which four must be there. In the other modes the body has all of"
    " it, and such fields say nothing.",
    "content": {
        STRUCTURED: {
            "schema": reference("CloudEvent"),
            "examples": {
                "json": {"summary": "Data as JSON", "value": EVENT},
                "base64": {"summary": "Data as bytes", "value": BINARY_DATA_EVENT},
                "smallest": {"summary": "No data", "value": SMALLEST_EVENT},
            },
        },
        BATCHED: {
            "schema": reference("CloudEvents"),
            "examples": {
                "two": {"summary": "Two events", "value": [EVENT, SMALLEST_EVENT]},
                "none": {"summary": "No event", "value": []},
            },
        },
        "*/*": {
            "schema": {},
            "examples": {"data": {"summary": "Beside `ce-` fields", "value": "any bytes"}},
        },
    },
}


def receiver_paths() -> dict[str, Json]:
    """Every path of the receiver and its operations."""
    return {
        "/": _path("Root", parameters=[]),
        "/events": _path("", parameters=[]),
        "/events/{destination}": _path("ToDestination", parameters=[_DESTINATION]),
    }


def _path(suffix: str, *, parameters: list[Json]) -> Json:
    """One path; where it names a destination there may be none of that name."""
    where = "that destination" if parameters else "every destination"
    found = PATH if parameters else {}
    return {
        "post": {
            "operationId": f"sendEvents{suffix}",
            "summary": f"Send events to {where}",
            "description": _POST,
            "tags": ["events"],
            "security": _SECURITY,
            "parameters": [*parameters, *_FIELDS],
            "requestBody": _EVENTS,
            "responses": responses({**WIRE, **ACCESS, **found, **METHOD, **POSTED}),
        },
        "options": {
            "operationId": f"askForConsent{suffix}",
            "summary": "The methods, and the web hook handshake",
            "description": _OPTIONS,
            "tags": ["events"],
            "security": _SECURITY,
            "parameters": [
                *parameters,
                _field("WebHook-Request-Origin", "Who wants to deliver.", text(), "eventemitter.example.com"),
                _field("WebHook-Request-Rate", "How many requests a minute; not read.", text(), "120"),
            ],
            "responses": responses({**WIRE, **ACCESS, **found, **CONSENTED}),
        },
    }
