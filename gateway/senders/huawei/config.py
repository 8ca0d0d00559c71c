"""What an operator writes for a Huawei Cloud EventGrid destination, and what may be wrong with it.

Rules after "Publishing Events" and "Endpoints" in the EventGrid API reference, and "Obtaining a User
Token" in that of IAM.
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import Meta, Struct
from yarl import URL

from gateway.errors import ConfigFault
from gateway.secret import Secret, with_secret
from gateway.sender import Limits
from gateway.senders.huawei.entry import COMMA_BYTES, Extensions
from gateway.senders.needed import Needed
from gateway.senders.origin import ORIGIN_RULE, is_origin
from gateway.units import Size

MAX_REQUEST_EVENTS = 20
MAX_REQUEST_BYTES = Size(256 << 10)
MAX_EVENT_BYTES = Size(64 << 10)

SLACK_BYTES = 1024
"""What a request stays below `max_request_bytes`, its framing included: the vendor publishes no formula
for the size of a request, and its count may have some white space more than ours."""

MIN_REQUEST_BYTES = Size(2 * SLACK_BYTES)

PROJECT_ID_VARIABLE = "HUAWEICLOUD_SDK_PROJECT_ID"
IAM_ENDPOINT_VARIABLE = "HUAWEICLOUD_SDK_IAM_ENDPOINT"

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_REGIONAL_HOST = re.compile(r"eg\.([a-z]{2,8}(?:-[a-z]+)+-[0-9]+)\.(myhuaweicloud\.(?:com|eu))")
_VISIBLE = re.compile(r"[!-~]+")

_Keys = Mapping[str, str | Secret]


class HuaweiConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a destination of type "huawei"; an empty text means: not set."""

    endpoint: Needed = ""
    """Scheme, host and perhaps port: the region's own, or a private one."""
    project_id: str = ""
    """Else from HUAWEICLOUD_SDK_PROJECT_ID."""
    channel_id: Needed = ""
    extensions: Extensions = Extensions.SEND
    access_key: Annotated[str, with_secret("secret_key", "security_token")] = ""
    secret_key: Secret = Secret("")
    security_token: Secret = Secret("")
    token: Secret = Secret("")
    """Sent as X-Auth-Token until a reload brings another."""
    user: Annotated[str, with_secret("password")] = ""
    """With `password` and `domain`, the account's name: tokens are fetched from IAM."""
    password: Secret = Secret("")
    domain: str = ""
    iam_endpoint: str = ""
    """Else from HUAWEICLOUD_SDK_IAM_ENDPOINT, else that of the endpoint's region."""
    max_request_bytes: Size = MAX_REQUEST_BYTES
    max_request_events: Annotated[
        int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_REQUEST_EVENTS})
    ] = MAX_REQUEST_EVENTS
    max_event_bytes: Size = MAX_EVENT_BYTES
    """An event has to fit into a request too."""


def project_id_of(config: HuaweiConfig) -> str:
    """The project that the channel belongs to; empty if nothing names one."""
    return config.project_id or os.environ.get(PROJECT_ID_VARIABLE) or ""


def url_of(config: HuaweiConfig) -> URL:
    """Where events are posted to."""
    path = f"/v1/{project_id_of(config)}/channels/{config.channel_id}/events"
    return URL(config.endpoint).with_path(path)


def iam_endpoint_of(config: HuaweiConfig) -> str:
    """Where tokens come from; empty if nothing names it, and the endpoint is no region's own."""
    named = config.iam_endpoint or os.environ.get(IAM_ENDPOINT_VARIABLE)
    return named or regional_endpoint("iam", config.endpoint)


def regional_endpoint(service: str, endpoint: str) -> str:
    """The endpoint of another service in the same region; empty if `endpoint` is no region's own."""
    host = URL(endpoint).host or ""
    if (match := _REGIONAL_HOST.fullmatch(host)) is None:
        return ""
    region, domain = match.groups()
    return f"https://{service}.{region}.{domain}"


def limits_of(config: HuaweiConfig) -> Limits:
    """What a request may hold, in the bytes of events with a comma each.

    A request's body is FRAME_BYTES of `entry` longer, and so stays below `max_request_bytes` by the rest of
    SLACK_BYTES.
    """
    max_bytes = config.max_request_bytes - SLACK_BYTES
    return Limits(config.max_request_events, max_bytes, min(config.max_event_bytes + COMMA_BYTES, max_bytes))


def check(config: HuaweiConfig) -> Iterator[ConfigFault]:
    """Every fault that the types do not show."""
    yield from _check_channel(config)
    yield from _check_authentication(config)
    yield from _check_secrets(config)
    yield from _check_limits(config)


def _check_channel(config: HuaweiConfig) -> Iterator[ConfigFault]:
    if not config.endpoint:
        yield ConfigFault("endpoint", 'is missing: like "https://eg.cn-north-4.myhuaweicloud.com"')
    for key, endpoint in (("endpoint", config.endpoint), ("iam_endpoint", config.iam_endpoint)):
        if endpoint and not is_origin(endpoint):
            yield ConfigFault(key, ORIGIN_RULE)
    project_id = project_id_of(config)
    if not project_id:
        yield ConfigFault("project_id", f"is missing, and {PROJECT_ID_VARIABLE} does not name one either")
    elif _ID.fullmatch(project_id) is None:
        yield ConfigFault("project_id", "holds something else than letters, digits and hyphens")
    if not config.channel_id:
        yield ConfigFault("channel_id", "is missing")
    elif _ID.fullmatch(config.channel_id) is None:
        yield ConfigFault("channel_id", "holds something else than letters, digits and hyphens")


def _check_authentication(config: HuaweiConfig) -> Iterator[ConfigFault]:
    keys: _Keys = {"access_key": config.access_key, "secret_key": config.secret_key}
    login: _Keys = {"user": config.user, "password": config.password, "domain": config.domain}
    yield from _check_complete(keys)
    yield from _check_complete(login)
    if config.security_token and not any(keys.values()):
        yield ConfigFault("security_token", "needs access_key and secret_key beside it")
    ways = [*_first(keys), *(["token"] if config.token else []), *_first(login)]
    for way in ways[1:]:
        yield ConfigFault(way, f"is set beside {ways[0]}: there can be one way of authentication only")
    # A bad endpoint has a fault of its own.
    if any(login.values()) and is_origin(config.endpoint) and not iam_endpoint_of(config):
        yield ConfigFault("iam_endpoint", "is missing, and the endpoint is not a region's own")


def _check_complete(keys: _Keys) -> Iterator[ConfigFault]:
    for first in _first(keys):
        for key, value in keys.items():
            if not value:
                yield ConfigFault(key, f"is missing beside {first}")


def _first(keys: _Keys) -> list[str]:
    """The first key that is set, if one is."""
    return [key for key, value in keys.items() if value][:1]


def _check_secrets(config: HuaweiConfig) -> Iterator[ConfigFault]:
    for key, text in (
        ("access_key", config.access_key),
        ("secret_key", config.secret_key.reveal()),
        ("security_token", config.security_token.reveal()),
        ("token", config.token.reveal()),
    ):
        if text and _VISIBLE.fullmatch(text) is None:
            yield ConfigFault(key, "holds white space or characters beyond ASCII")


def _check_limits(config: HuaweiConfig) -> Iterator[ConfigFault]:
    if not 1 <= config.max_request_events <= MAX_REQUEST_EVENTS:
        yield ConfigFault("max_request_events", f"must be from 1 to {MAX_REQUEST_EVENTS}, the bus's highest")
    if not MIN_REQUEST_BYTES <= config.max_request_bytes <= MAX_REQUEST_BYTES:
        yield ConfigFault(
            "max_request_bytes",
            f"must be from {MIN_REQUEST_BYTES} to {MAX_REQUEST_BYTES}, the bus's highest",
        )
    if not 1 <= config.max_event_bytes <= MAX_EVENT_BYTES:
        yield ConfigFault("max_event_bytes", f"must be from 1B to {MAX_EVENT_BYTES}, the bus's highest")
