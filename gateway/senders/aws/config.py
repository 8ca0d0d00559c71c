"""What an operator writes for an Amazon EventBridge destination, and what may be wrong with it.

Rules after the API reference of PutEvents and the endpoint rule set of the AWS SDKs.
"""

import os
import re
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct
from yarl import URL

from gateway.errors import ConfigFault
from gateway.secret import Secret, with_secret
from gateway.sender import Limits
from gateway.senders import sigv4a
from gateway.senders.aws.entry import Detail
from gateway.senders.origin import ORIGIN_RULE, is_origin
from gateway.units import Size

MAX_REQUEST_EVENTS = 10
MAX_REQUEST_BYTES = Size(1 << 20)
"""Since January 2026; 256 KiB before, and still so in some regions: hence the default.

Reported as being among those in March 2026: ap-east-2, ap-southeast-5, -6 and -7, mx-central-1; the
user guide of the China regions says 256 KB too. Not a rule of ours by region: it would outlive its truth.
"""
MAX_EVENT_BYTES = Size((1 << 20) - 1024)
"""One event may use the whole request, but one of exactly 1 MiB is accepted and never delivered."""
MAX_RESOURCE_CHARACTERS = 2048
MAX_BUS_CHARACTERS = 1600
MAX_ENDPOINT_ID_CHARACTERS = 50

_REGION = re.compile(r"[a-z]{2,8}(-[a-z]+)+-[0-9]+")
_ARN_OF_BUS = re.compile(r"arn:aws[\w-]*:events:([a-z]+-[a-z]+-[\w-]+):[0-9]{12}:event-bus/", re.ASCII)
_NAME_OF_BUS = re.compile(r"[.\-_A-Za-z0-9]+")
_ARN_OF_V2_BUS = re.compile(r"arn:aws[\w-]*:events:.*:event-busv2/")
_ENDPOINT_ID = re.compile(r"(?!-)[A-Za-z0-9-]+(?<!-)\.(?!-)[A-Za-z0-9-]+(?<!-)")
_FIPS_HOST = "events-fips."
_ACCESS_KEY_ID = re.compile(r"\w{1,128}", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+")


class AwsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a destination of type "aws"; an empty text means: not set."""

    region: str = ""
    """Else from the bus's ARN, else from AWS_REGION or AWS_DEFAULT_REGION."""
    event_bus: str = "default"
    """Name or ARN."""
    detail: Detail = Detail.EVENT
    resources: tuple[str, ...] = ()
    """ARNs that every entry carries."""
    endpoint: str = ""
    """Scheme, host and port, where it is not the region's own."""
    endpoint_id: str = ""
    """Of a global endpoint, like "abcde.veo": the first two labels of its host."""
    access_key_id: Annotated[str, with_secret("secret_access_key", "session_token")] = ""
    secret_access_key: Secret = Secret("")
    session_token: Secret = Secret("")
    max_request_bytes: Size = Size(256 << 10)
    max_request_events: Annotated[
        int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_REQUEST_EVENTS})
    ] = MAX_REQUEST_EVENTS
    max_event_bytes: Size | None = None
    """None: as much as a request may hold."""


def region_of(config: AwsConfig) -> str:
    """The region to send to and to sign for; empty if nothing names one."""
    if config.region:
        return config.region
    if match := _ARN_OF_BUS.match(config.event_bus):
        return match[1]
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""


def endpoint_of(config: AwsConfig) -> URL:
    """Where requests go: the configured endpoint, the global one, or the region's, by the SDKs' rule set.

    The API reference writes the global one's host as "….endpoints.event.…", which no SDK sends to.
    """
    if config.endpoint:
        return URL(config.endpoint).with_path("/")
    region = region_of(config)
    domain = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}.get(region.split("-")[0], "amazonaws.com")
    if config.endpoint_id:
        return URL(f"https://{config.endpoint_id}.endpoint.events.{domain}/")
    return URL(f"https://events.{region}.{domain}/")


def limits_of(config: AwsConfig) -> Limits:
    """What a request may hold, in bytes as EventBridge counts them."""
    max_event_bytes = config.max_event_bytes or min(config.max_request_bytes, MAX_EVENT_BYTES)
    return Limits(config.max_request_events, config.max_request_bytes, max_event_bytes)


def check(config: AwsConfig) -> Iterator[ConfigFault]:
    """Every fault that the types do not show."""
    yield from _check_region(config)
    yield from _check_bus(config.event_bus)
    yield from _check_endpoint(config)
    yield from _check_resources(config.resources)
    yield from _check_credentials(config)
    yield from _check_limits(config)


def _check_region(config: AwsConfig) -> Iterator[ConfigFault]:
    region = region_of(config)
    if not region:
        yield ConfigFault(
            "region", "is missing, and neither the bus's ARN nor AWS_REGION or AWS_DEFAULT_REGION names one"
        )
    elif (match := _ARN_OF_BUS.match(config.event_bus)) and match[1] != region:
        yield ConfigFault("region", "is not the region in the bus's ARN")
    elif _REGION.fullmatch(region) is None:
        yield ConfigFault("region", 'is not the name of a region, like "eu-west-1"')


def _check_bus(event_bus: str) -> Iterator[ConfigFault]:
    if _ARN_OF_V2_BUS.match(event_bus):
        yield ConfigFault("event_bus", "is an ARN of the newer event-busv2 API, which is not spoken here")
        return
    match = _ARN_OF_BUS.match(event_bus)
    name = event_bus[match.end() :] if match else event_bus
    if _NAME_OF_BUS.fullmatch(name) is None:
        yield ConfigFault("event_bus", "is neither the name nor the ARN of an event bus")
    elif len(event_bus) > MAX_BUS_CHARACTERS:
        yield ConfigFault("event_bus", f"is longer than {MAX_BUS_CHARACTERS} characters")


def _check_endpoint(config: AwsConfig) -> Iterator[ConfigFault]:
    if config.endpoint and not is_origin(config.endpoint):
        yield ConfigFault("endpoint", ORIGIN_RULE)
    if config.endpoint_id:
        yield from _check_global_endpoint(config)


def _check_global_endpoint(config: AwsConfig) -> Iterator[ConfigFault]:
    endpoint_id = config.endpoint_id
    if _ENDPOINT_ID.fullmatch(endpoint_id) is None or len(endpoint_id) > MAX_ENDPOINT_ID_CHARACTERS:
        yield ConfigFault("endpoint_id", 'is not the id of a global endpoint, like "abcde.veo"')
    elif config.endpoint.partition("://")[2].startswith(_FIPS_HOST):
        yield ConfigFault("endpoint_id", "cannot be combined with a FIPS endpoint")
    elif not sigv4a.is_available():
        yield ConfigFault("endpoint_id", "needs SigV4A signatures: install the extra sigv4a")


def _check_resources(resources: tuple[str, ...]) -> Iterator[ConfigFault]:
    for index, resource in enumerate(resources):
        if not resource.startswith("arn:"):
            yield ConfigFault(f"resources[{index}]", "is not an ARN")
        elif len(resource) > MAX_RESOURCE_CHARACTERS:
            yield ConfigFault(f"resources[{index}]", f"is longer than {MAX_RESOURCE_CHARACTERS} characters")


def _check_credentials(config: AwsConfig) -> Iterator[ConfigFault]:
    if config.access_key_id and not config.secret_access_key:
        yield ConfigFault("secret_access_key", "is missing beside access_key_id")
    if config.secret_access_key and not config.access_key_id:
        yield ConfigFault("access_key_id", "is missing beside secret_access_key")
    if config.session_token and not config.access_key_id:
        yield ConfigFault("session_token", "needs access_key_id and secret_access_key beside it")
    if config.access_key_id and _ACCESS_KEY_ID.fullmatch(config.access_key_id) is None:
        yield ConfigFault("access_key_id", "holds something else than letters, digits and underscores")
    for key, secret in (
        ("secret_access_key", config.secret_access_key),
        ("session_token", config.session_token),
    ):
        if secret and _VISIBLE.fullmatch(secret.reveal()) is None:
            yield ConfigFault(key, "holds white space or characters beyond ASCII")


def _check_limits(config: AwsConfig) -> Iterator[ConfigFault]:
    if not 1 <= config.max_request_events <= MAX_REQUEST_EVENTS:
        yield ConfigFault("max_request_events", f"must be from 1 to {MAX_REQUEST_EVENTS}, the bus's highest")
    if not 1 <= config.max_request_bytes <= MAX_REQUEST_BYTES:
        yield ConfigFault("max_request_bytes", f"must be from 1B to {MAX_REQUEST_BYTES}, the bus's highest")
    highest = min(config.max_request_bytes, MAX_EVENT_BYTES)
    if config.max_event_bytes is not None and not 1 <= config.max_event_bytes <= highest:
        yield ConfigFault("max_event_bytes", f"must be from 1B to {Size(highest)}, what a request can carry")
