"""A client of the emulated bus that signs with the vendor's own signer, and can be made to err."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.sigv4 import AccessKey
from tests.emulators.wire import RawReply, exchange

CONTENT_TYPE = "application/x-amz-json-1.1"


class Reply(RawReply, frozen=True):
    """An answer of Amazon's."""

    @property
    def code(self) -> str:
        """The error's code, without its prefix."""
        return str(self.document["__type"]).rpartition("#")[2]

    @property
    def message(self) -> str:
        """The error's message."""
        return str(self.document["message"])

    @property
    def codes(self) -> list[str | None]:
        """The code of each entry, None where it was taken."""
        return [result.get("ErrorCode") for result in self.document["Entries"]]


def entry(**members: Any) -> dict[str, Any]:
    """A valid entry; a member given as None is left out."""
    complete = {"Source": "com.example.orders", "DetailType": "order.created", "Detail": '{"n":1}', **members}
    return {name: value for name, value in complete.items() if value is not None}


def signed_headers(
    url: str,
    body: bytes,
    *,
    target: str = "AWSEvents.PutEvents",
    key: AccessKey = AccessKey(),  # noqa: B008 - frozen
    region: str = "eu-west-1",
    service: str = "events",
    content_type: str = CONTENT_TYPE,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a request signed just now."""
    request = AWSRequest("POST", url, data=body, headers={**(extra or {}), "X-Amz-Target": target})
    request.headers["Content-Type"] = content_type
    request.headers["Host"] = url.split("/")[2]
    credentials = Credentials(key.access_key_id, key.secret_access_key, key.session_token)
    SigV4Auth(credentials, service, region).add_auth(request)
    return dict(request.headers.items())


async def send(
    bus: AwsEmulator,
    body: bytes,
    headers: Mapping[str, str],
    *,
    method: str = "POST",
    path: str = "/",
) -> Reply:
    """Send just these bytes and headers. Raises aiohttp.ClientError if the connection breaks."""
    reply = await exchange(method, bus.url + path, body, headers)
    return Reply(reply.status, reply.headers, reply.body)


async def call(bus: AwsEmulator, document: object, **signing: Any) -> Reply:
    """A signed call; `signing` as of `signed_headers`."""
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return await send(bus, body, signed_headers(f"{bus.url}/", body, **signing))


async def put(bus: AwsEmulator, *entries: object, **signing: Any) -> Reply:
    """A signed PutEvents of these entries."""
    return await call(bus, {"Entries": entries}, **signing)


async def put_each(bus: AwsEmulator, count: int) -> list[Reply]:
    """So many PutEvents of one entry, one after another."""
    return [await put(bus, entry()) for _ in range(count)]


def bus_names(events: Sequence[Any]) -> list[str]:
    """The buses of these events."""
    return [event.bus for event in events]
