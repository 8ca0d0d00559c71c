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

_BEYOND = "".join(chr(plane << 16 | low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF))
_STRING = rf"^[^\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff{_BEYOND}]*$"
"""No control character and no noncharacter (CloudEvents 1.0, "Type System"); nor a surrogate, which no
string of a schema can be."""

_REQUIRED: Json = {"type": "string", "minLength": 1, "pattern": _STRING}
_OPTIONAL: Json = {"type": ["string", "null"], "minLength": 1, "pattern": _STRING}
_NAME = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = rf"^{_NAME}/{_NAME}$"
_JSON_TYPE = rf"^{_NAME}/(?:{_NAME}\+)?[Jj][Ss][Oo][Nn]$"
_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

_ATTRIBUTES: Json = {
    "specversion": {"const": SPECVERSION},
    "id": {"description": "Names the event within its source.", **_REQUIRED},
    "source": {"description": "Where it happened: a URI reference.", **_REQUIRED},
    "type": {"description": "What kind of event it is.", **_REQUIRED},
    "subject": {"description": "What in the source it is about.", **_OPTIONAL},
    "time": {
        "description": "When it happened (RFC 3339).",
        "type": ["string", "null"],
        "format": "date-time",
    },
    "dataschema": {
        "description": "An absolute URI.",
        "type": ["string", "null"],
        "pattern": "^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$",
    },
    "datacontenttype": {
        "description": "The media type of the data; without one it is JSON.",
        "type": ["string", "null"],
        "pattern": _MEDIA_TYPE,
    },
}
assert _ATTRIBUTES.keys() == CORE

_NO_JSON: Json = {"type": "string", "not": {"pattern": _JSON_TYPE}}
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
                "pattern": _BASE64,
            },
        },
        "additionalProperties": _EXTENSION,
        "propertyNames": {"pattern": "^(?:[a-z0-9]+|data_base64)$"},
        "maxProperties": MAX_ATTRIBUTES,
        "not": {"required": ["data", "data_base64"]},
        "if": {"required": ["datacontenttype"], "properties": {"datacontenttype": _NO_JSON}},
        "then": {"properties": {"data": {"type": "string"}}},
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
