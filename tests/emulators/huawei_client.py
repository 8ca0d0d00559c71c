"""A client of the emulated bus that signs as Huawei's SDK does, or sends a token, and can be made to err."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from gateway.emulators.huawei import HuaweiEmulator
from gateway.emulators.sdk_signature import AccessKey
from tests.emulators.wire import RawReply, exchange

PROJECT = "0123456789abcdef0123456789abcdef"
CHANNEL = "11111111-2222-3333-4444-555555555555"
PATH = f"/v1/{PROJECT}/channels/{CHANNEL}/events"


class Reply(RawReply, frozen=True):
    """An answer of Huawei's."""

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.document["error_code"])

    @property
    def message(self) -> str:
        """The error's message."""
        return str(self.document["error_msg"])

    @property
    def codes(self) -> list[str | None]:
        """The code of each result, None where it has none."""
        return [result["error_code"] for result in self.document["events"]]

    @property
    def ids(self) -> list[str | None]:
        """The event id of each result, None where it has none."""
        return [result["event_id"] for result in self.document["events"]]

    @property
    def failures(self) -> tuple[int, list[str | None]]:
        """How many failed by the answer's count, and the message of each result."""
        return self.document["failed_count"], [result["error_msg"] for result in self.document["events"]]


def event(**members: Any) -> dict[str, Any]:
    """A valid event; a member given as None is left out."""
    complete = {
        "specversion": "1.0",
        "id": "1",
        "source": "orders",
        "type": "order.created",
        "time": "2026-03-04T05:06:00.123Z",
        "data": {"n": 1},
        **members,
    }
    return {name: value for name, value in complete.items() if value is not None}


def signed_headers(
    host: str,
    body: bytes,
    *,
    path: str = PATH,
    key: AccessKey = AccessKey(),  # noqa: B008 - frozen
    **changed: str | None,
) -> dict[str, str]:
    """The headers of a POST signed just now; `changed` before the signature, None: left out."""
    headers = {
        "host": host,
        "content-type": "application/json",
        "x-sdk-date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
    }
    if key.security_token is not None:
        headers["x-security-token"] = key.security_token
    for name, value in changed.items():
        headers[name.replace("_", "-")] = value or ""
    headers = {name: value for name, value in headers.items() if value}
    names = ";".join(sorted(headers))
    signed = signature(path, headers, names, body, key.secret_key)
    authorization = f"SDK-HMAC-SHA256 Access={key.access_key}, SignedHeaders={names}, Signature={signed}"
    return {**headers, "authorization": authorization}


def signature(path: str, headers: Mapping[str, str], names: str, body: bytes, secret_key: str) -> str:
    """The signature of a POST with these headers, by the vendor's recipe."""
    lines = [f"{name}:{headers.get(name, '')}" for name in names.split(";")]
    canonical = "\n".join(["POST", f"{path}/", "", *lines, "", names, sha256(body).hexdigest()])
    digest = sha256(canonical.encode()).hexdigest()
    to_sign = f"SDK-HMAC-SHA256\n{headers.get('x-sdk-date', '')}\n{digest}"
    return hmac.digest(secret_key.encode(), to_sign.encode(), "sha256").hex()


async def send(
    bus: HuaweiEmulator, body: bytes, headers: Mapping[str, str], *, method: str = "POST", path: str = PATH
) -> Reply:
    """Send just these bytes and headers."""
    reply = await exchange(method, bus.url + path, body, headers)
    return Reply(reply.status, reply.headers, reply.body)


async def put_body(bus: HuaweiEmulator, body: bytes, *, path: str = PATH, **signing: Any) -> Reply:
    """A signed request with this body; `signing` as of `signed_headers`."""
    host = bus.url.removeprefix("http://")
    return await send(bus, body, signed_headers(host, body, path=path, **signing), path=path)


async def put(bus: HuaweiEmulator, *events: object, **signing: Any) -> Reply:
    """A signed request with these events."""
    body = json.dumps({"events": events}, separators=(",", ":"), ensure_ascii=False).encode()
    return await put_body(bus, body, **signing)


async def put_with_token(bus: HuaweiEmulator, token: str) -> Reply:
    """A request with one event and a token."""
    headers = {"Content-Type": "application/json", "X-Auth-Token": token}
    return await send(bus, json.dumps({"events": [event()]}).encode(), headers)


def token_request(**changed: Any) -> dict[str, Any]:
    """What asks IAM for a token of the default user; `changed`: name, password, domain or project."""
    parts = {
        "name": "exampleuser",
        "password": "examplepassword",
        "domain": "exampleaccount",
        "project": {"name": "cn-north-4"},
        **changed,
    }
    user = {
        "name": parts["name"],
        "password": parts["password"],
        "domain": {"name": parts["domain"]},
    }
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, "scope": {"project": parts["project"]}}}


async def fetch_token(bus: HuaweiEmulator, *, query: str = "", **changed: Any) -> RawReply:
    """IAM's answer; the token is in a header."""
    body = json.dumps(token_request(**changed)).encode()
    headers = {"Content-Type": "application/json;charset=utf8"}
    return await exchange("POST", f"{bus.url}/v3/auth/tokens{query}", body, headers)
