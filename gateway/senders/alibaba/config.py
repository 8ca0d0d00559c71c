"""What an operator writes for an Alibaba Cloud EventBridge destination, and what may be wrong with it.

Rules after EventBridge's API reference of PutEvents and its pages on limits and endpoints.
"""

import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct
from yarl import URL

from gateway.errors import ConfigFault
from gateway.secret import Secret, with_secret
from gateway.sender import Limits
from gateway.senders.needed import Needed
from gateway.senders.origin import ORIGIN_RULE, is_origin
from gateway.units import Size

MAX_REQUEST_EVENTS = 16
MAX_REQUEST_BYTES = Size(1 << 20)
"""By the limits page; the reference of PutEvents says 256 KiB, and no page says which is right."""
MAX_EVENT_BYTES = Size(256 << 10)
"""Likewise: the reference says 64 KiB."""
MAX_BUS_CHARACTERS = 127
RESERVED_BUS_PREFIX = "eventbridge-reserved-"
PATH = "/openapi/putEvents"

_NAME_OF_BUS = re.compile(r"[A-Za-z0-9-]+")
_ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_VISIBLE = re.compile(r"[!-~]+")


class AlibabaConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a destination of type "alibaba"; an empty text means: not set."""

    endpoint: Needed = ""
    """Scheme and host, and a port where it is not the scheme's own."""
    event_bus: Needed = ""
    access_key_id: Annotated[str, with_secret("access_key_secret", "security_token")] = ""
    """Else the default chain: environment, OIDC, profiles, instance metadata, credentials URI."""
    access_key_secret: Secret = Secret("")
    security_token: Secret = Secret("")
    max_request_bytes: Size = Size(256 << 10)
    max_request_events: Annotated[
        int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_REQUEST_EVENTS})
    ] = MAX_REQUEST_EVENTS
    max_event_bytes: Size = Size(64 << 10)


def url_of(config: AlibabaConfig) -> URL:
    """Where events are posted."""
    return URL(config.endpoint).with_path(PATH)


def limits_of(config: AlibabaConfig) -> Limits:
    """What a request may hold, in bytes as EventBridge counts them."""
    return Limits(config.max_request_events, config.max_request_bytes, config.max_event_bytes)


def check(config: AlibabaConfig) -> Iterator[ConfigFault]:
    """Every fault that the types do not show."""
    yield from _check_endpoint(config.endpoint)
    yield from _check_bus(config.event_bus)
    yield from _check_credentials(config)
    yield from _check_limits(config)


def _check_endpoint(endpoint: str) -> Iterator[ConfigFault]:
    if not endpoint:
        yield ConfigFault(
            "endpoint", 'is missing; it is like "https://1234567890.eventbridge.cn-hangzhou.aliyuncs.com"'
        )
    elif not is_origin(endpoint):
        yield ConfigFault("endpoint", ORIGIN_RULE)


def _check_bus(event_bus: str) -> Iterator[ConfigFault]:
    if not event_bus:
        yield ConfigFault("event_bus", "is missing")
    elif _NAME_OF_BUS.fullmatch(event_bus) is None:
        yield ConfigFault("event_bus", "holds something else than letters, digits and hyphens")
    elif len(event_bus) > MAX_BUS_CHARACTERS:
        yield ConfigFault("event_bus", f"is longer than {MAX_BUS_CHARACTERS} characters")
    elif event_bus.startswith(RESERVED_BUS_PREFIX):
        yield ConfigFault("event_bus", f'begins with "{RESERVED_BUS_PREFIX}", which is reserved')


def _check_credentials(config: AlibabaConfig) -> Iterator[ConfigFault]:
    if config.access_key_id and not config.access_key_secret:
        yield ConfigFault("access_key_secret", "is missing beside access_key_id")
    if config.access_key_secret and not config.access_key_id:
        yield ConfigFault("access_key_id", "is missing beside access_key_secret")
    if config.security_token and not config.access_key_id:
        yield ConfigFault("security_token", "needs access_key_id and access_key_secret beside it")
    if config.access_key_id and _ACCESS_KEY_ID.fullmatch(config.access_key_id) is None:
        yield ConfigFault(
            "access_key_id", "holds something else than letters, digits, dots, hyphens and underscores"
        )
    for key, secret in (
        ("access_key_secret", config.access_key_secret),
        ("security_token", config.security_token),
    ):
        if secret and _VISIBLE.fullmatch(secret.reveal()) is None:
            yield ConfigFault(key, "holds white space or characters beyond ASCII")


def _check_limits(config: AlibabaConfig) -> Iterator[ConfigFault]:
    if not 1 <= config.max_request_events <= MAX_REQUEST_EVENTS:
        yield ConfigFault("max_request_events", f"must be from 1 to {MAX_REQUEST_EVENTS}, the bus's highest")
    if not 1 <= config.max_request_bytes <= MAX_REQUEST_BYTES:
        yield ConfigFault("max_request_bytes", f"must be from 1B to {MAX_REQUEST_BYTES}, the bus's highest")
    highest = min(config.max_request_bytes, MAX_EVENT_BYTES)
    if not 1 <= config.max_event_bytes <= highest:
        yield ConfigFault("max_event_bytes", f"must be from 1B to {Size(highest)}, what a request can carry")
