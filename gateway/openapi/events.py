"""CloudEvents in the JSON event format as schemas, and the example events."""

from gateway.cloudevents.attributes import CORE, REQUIRED, SPECVERSION
from gateway.cloudevents.limits import MAX_ATTRIBUTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES
from gateway.openapi.schema import Json, reference

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"

EVENT: Json = {
    "specversion": SPECVERSION,
    "id": "1234-1234-1234",
    "source": "/orders/shop-1",
    "type": "com.example.order.placed",
    "subject": "order-77",
    "time": "2018-04-05T17:31:00Z",
    "datacontenttype": "application/json",
    "data": {"order": 77, "total": "12.50"},
}
"""A whole event, all core attributes but one."""

BINARY_DATA_EVENT: Json = {
    "specversion": SPECVERSION,
    "id": "1234-1234-1235",
    "source": "/orders/shop-1",
    "type": "com.example.receipt.printed",
    "datacontenttype": "application/octet-stream",
    "data_base64": "AAEC",
}
"""An event whose data is no text."""

SMALLEST_EVENT: Json = {"specversion": SPECVERSION, "id": "1", "source": "/s", "type": "t"}
"""What every event has; it has no data."""

_STRING = r"^[^\u0000-\u001f\u007f-\u009f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]*$"
"""No control character, surrogate or noncharacter (CloudEvents 1.0, "Type System")."""

_OPTIONAL: Json = {"type": ["string", "null"], "minLength": 1, "pattern": _STRING}
_MEDIA_TYPE = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

_ATTRIBUTES: Json = {
    "specversion": {"const": SPECVERSION},
    "id": {
        "description": "Names the event within its source.",
        "type": "string",
        "minLength": 1,
        "pattern": _STRING,
    },
    "source": {
        "description": "Where it happened: a URI reference.",
        "type": "string",
        "minLength": 1,
        "pattern": _STRING,
    },
    "type": {
        "description": "What kind of event it is.",
        "type": "string",
        "minLength": 1,
        "pattern": _STRING,
    },
    "subject": {"description": "What in the source it is about.", **_OPTIONAL},
    "time": {
        "description": "When it happened (RFC 3339).",
        "type": ["string", "null"],
        "format": "date-time",
    },
    "dataschema": {"description": "An absolute URI.", "type": ["string", "null"], "format": "uri"},
    "datacontenttype": {
        "description": "The media type of the data; without one it is JSON.",
        "type": ["string", "null"],
        "pattern": _MEDIA_TYPE,
    },
}
assert _ATTRIBUTES.keys() == CORE

_EXTENSION: Json = {
    "description": "An extension attribute; null is the same as none.",
    "type": ["string", "boolean", "integer", "null"],
    "minimum": -(2**31),
    "maximum": 2**31 - 1,
    "pattern": _STRING,
}


def event_schemas() -> Json:
    """The schemas of an event and of a batch, by name."""
    return {"CloudEvent": _event(), "CloudEvents": _batch()}


def _event() -> Json:
    return {
        "title": "CloudEvent",
        "description": "An event in the CloudEvents JSON event format 1.0. What attributes and data take"
        f" together is at most {MAX_EVENT_BYTES} bytes, or less where a destination takes less.",
        "type": "object",
        "required": list(REQUIRED),
        "properties": {
            **_ATTRIBUTES,
            "data": {"description": "Any JSON value; a string where `datacontenttype` is not a JSON type."},
            "data_base64": {
                "description": "Data that is no text, in standard base64 with padding.",
                "type": "string",
                "contentEncoding": "base64",
            },
        },
        "additionalProperties": _EXTENSION,
        "propertyNames": {"pattern": "^(?:[a-z0-9]+|data_base64)$"},
        "maxProperties": MAX_ATTRIBUTES,
        "not": {"required": ["data", "data_base64"]},
        "examples": [EVENT, BINARY_DATA_EVENT, SMALLEST_EVENT],
    }


def _batch() -> Json:
    return {
        "title": "CloudEvents",
        "description": "Events in the CloudEvents JSON batch format 1.0. All of them are accepted, or none.",
        "type": "array",
        "items": reference("CloudEvent"),
        "maxItems": MAX_BATCH_EVENTS,
        "examples": [[EVENT, SMALLEST_EVENT], []],
    }
