"""A client of the emulated bus that signs as Alibaba's SDKs do, and can be made to err."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from gateway.emulators.acs_signature import AccessKey
from gateway.emulators.alibaba import AlibabaEmulator
from tests.emulators.wire import RawReply, exchange

PATH = "/openapi/putEvents"
CONTENT_TYPE = "application/cloudevents-batch+json; charset=utf-8"


class Reply(RawReply, frozen=True):
    """An answer of Alibaba's."""

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.document["code"])

    @property
    def message(self) -> str:
        """The error's message."""
        return str(self.document["message"])

    @property
    def codes(self) -> list[str | None]:
        """The code of each result, None where it has none."""
        return [result.get("ErrorCode") for result in self.document["EntryList"]]

    @property
    def ids(self) -> list[str | None]:
        """The event id of each result, None where it has none."""
        return [result.get("EventId") for result in self.document["EntryList"]]

    @property
    def failures(self) -> tuple[int, list[str | None]]:
        """How many failed by the answer's count, and the message of each result."""
        return self.document["FailedEntryCount"], [
            result.get("ErrorMessage") for result in self.document["EntryList"]
        ]


def event(**members: Any) -> dict[str, Any]:
    """A valid event; a member given as None is left out."""
    complete = {
        "specversion": "1.0",
        "id": "1",
        "source": "/orders",
        "type": "order.created",
        "time": "2026-03-04T05:06:00.123Z",
        "data": {"n": 1},
        "aliyuneventbusname": "default",
        **members,
    }
    return {name: value for name, value in complete.items() if value is not None}


def signed_headers(
    body: bytes,
    *,
    key: AccessKey = AccessKey(),  # noqa: B008 - frozen
    content_type: str = CONTENT_TYPE,
    is_body_signed: bool = True,
    **changed: str | None,
) -> dict[str, str]:
    """The headers of a request signed just now; `changed` before the signature, None: left out."""
    headers = {
        "content-type": content_type,
        "date": formatdate(usegmt=True),
        "x-acs-signature-method": "HMAC-SHA1",
        "x-acs-signature-version": "1.0",
        "x-acs-signature-nonce": str(uuid.uuid4()),
        "x-eventbridge-version": "2015-06-06",
    }
    if is_body_signed:
        headers["content-md5"] = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    if key.security_token is not None:
        headers["x-acs-accesskey-id"] = key.access_key_id
        headers["x-acs-security-token"] = key.security_token
    for name, value in changed.items():
        headers[name.replace("_", "-")] = value or ""
    headers = {name: value for name, value in headers.items() if value}
    return {**headers, "authorization": f"acs:{key.access_key_id}:{signature(headers, key)}"}


def signature(headers: Mapping[str, str], key: AccessKey) -> str:
    """The signature of a POST with these headers, by the recipe of the SDKs."""
    lines = ["POST", *(headers.get(name, "") for name in ("content-md5", "content-type", "date"))]
    lines += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-acs")]
    to_sign = "\n".join([*lines, PATH])
    digest = hmac.digest(key.access_key_secret.encode(), to_sign.encode(), "sha1")
    return base64.b64encode(digest).decode()


async def send(
    bus: AlibabaEmulator, body: bytes, headers: Mapping[str, str], *, method: str = "POST", path: str = PATH
) -> Reply:
    """Send just these bytes and headers."""
    reply = await exchange(method, bus.url + path, body, headers)
    return Reply(reply.status, reply.headers, reply.body)


async def put_body(bus: AlibabaEmulator, body: bytes, **signing: Any) -> Reply:
    """A signed request with this body; `signing` as of `signed_headers`."""
    return await send(bus, body, signed_headers(body, **signing))


async def put(bus: AlibabaEmulator, *events: object, **signing: Any) -> Reply:
    """A signed putEvents of these events."""
    body = json.dumps(events, separators=(",", ":"), ensure_ascii=False).encode()
    return await put_body(bus, body, **signing)
