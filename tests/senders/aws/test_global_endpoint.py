"""Publishing to a global endpoint: signed for every region, and to no single region's disadvantage."""

import json
import subprocess
import sys
from typing import Any

import pytest

from gateway.emulators.aws import AwsBusOptions, AwsEmulator, Operation
from gateway.emulators.faults import ExpireToken, Faults
from gateway.emulators.sigv4 import AccessKey
from gateway.errors import BlockedError
from gateway.secret import Secret
from gateway.sender import Delivered
from gateway.senders.aws.config import AwsConfig
from gateway.senders.aws.sender import AwsSender
from tests.senders.builders import batch, event
from tests.senders.scripted_server import ScriptedServer, http_answer

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TAKEN = http_answer(b'{"FailedEntryCount":0,"Entries":[{"EventId":"a"}]}')


def sender_to(url: str, **keys: Any) -> AwsSender:
    """A sender to the global endpoint "abcde.veo", to be found at `url`."""
    defaults: dict[str, Any] = {
        "region": "us-east-1",
        "endpoint": url,
        "endpoint_id": "abcde.veo",
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": Secret(SECRET),
    }
    return AwsSender(AwsConfig(**{**defaults, **keys}))


async def test_a_batch_arrives_signed_for_every_region() -> None:
    """The emulated bus verifies the signature, of the host that was sent to."""
    one = event(data='{"é":"\\n"}'.encode())
    async with AwsEmulator(AwsBusOptions(buses=frozenset({"orders"}))) as bus:
        sender = sender_to(bus.url, event_bus="orders")
        (outcome,) = await sender.send(batch(one))
        await sender.aclose()
    (received,) = bus.received
    assert outcome == Delivered(received.event_id)
    assert (received.bus, received.detail.encode()) == ("orders", one.json)


async def test_temporary_credentials_are_signed_with_their_token() -> None:
    """The emulated bus takes none of them without it."""
    keys = (AccessKey("ASIAEXAMPLE", SECRET, "exampletoken/+=="),)
    async with AwsEmulator(AwsBusOptions(access_keys=keys)) as bus:
        sender = sender_to(bus.url, access_key_id="ASIAEXAMPLE", session_token=Secret("exampletoken/+=="))
        assert len(await sender.send(batch(event(), event()))) == 2
        await sender.aclose()
    assert len(bus.received) == 2


async def test_the_request_names_the_endpoint_and_the_regions() -> None:
    """In the body, in a header, and by a scope that holds no region."""
    async with ScriptedServer(TAKEN) as server:
        sender = sender_to(server.url)
        await sender.send(batch())
        await sender.aclose()
    (request,) = server.received
    assert list(json.loads(request.body)) == ["EndpointId", "Entries"]
    assert json.loads(request.body)["EndpointId"] == "abcde.veo"
    assert request.headers["x-amz-region-set"] == "*"
    assert request.headers["host"] == server.url.removeprefix("http://")
    authorization = request.headers["authorization"]
    assert authorization.startswith("AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/")
    assert (
        "/events/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-region-set;" in authorization
    )
    assert "us-east-1" not in authorization


async def test_without_an_id_no_endpoint_is_named() -> None:
    """The region's own endpoint is not told of global ones."""
    async with ScriptedServer(http_answer(b"{}"), TAKEN) as server:
        sender = sender_to(server.url, endpoint_id="")
        await sender.send(batch())
        await sender.aclose()
    assert list(json.loads(server.received[-1].body)) == ["Entries"]
    assert "x-amz-region-set" not in server.received[-1].headers


async def test_the_bus_of_one_region_is_not_looked_up() -> None:
    """A region that lost its bus is what the endpoint is there to pass over."""
    async with AwsEmulator(AwsBusOptions(buses=frozenset())) as bus:
        sender = sender_to(bus.url, event_bus="orders")
        await sender.send(batch())
        await sender.aclose()
    assert [request.operation for request in bus.requests] == [Operation.PUT_EVENTS]


async def test_trouble_blocks_and_passes_without_a_look() -> None:
    """Expired credentials that have no successor hold the events, until the bus takes them again."""
    async with AwsEmulator() as bus:
        sender = sender_to(bus.url)
        bus.faults = Faults(script=(ExpireToken(),))
        with pytest.raises(BlockedError):
            await sender.send(batch())
        assert len(await sender.send(batch())) == 1
        await sender.aclose()
    assert {request.operation for request in bus.requests} == {Operation.PUT_EVENTS}


async def test_a_wrong_secret_blocks() -> None:
    """The signature does not verify."""
    async with AwsEmulator() as bus:
        sender = sender_to(bus.url, secret_access_key=Secret("wrong"))
        with pytest.raises(BlockedError) as caught:
            await sender.send(batch())
        await sender.aclose()
    assert caught.value.code == "InvalidSignatureException"


async def test_the_status_names_the_global_endpoint() -> None:
    """Where events go, not the region."""
    sender = sender_to("")
    assert sender.status().endpoint == "https://abcde.veo.endpoint.events.amazonaws.com"
    await sender.aclose()


def test_without_the_extra_the_configuration_is_at_fault() -> None:
    """And says how to mend it, before anything is sent."""
    program = (
        "import sys; sys.modules['awscrt'] = None\n"
        "from gateway.senders.aws.config import AwsConfig, check\n"
        "print(*check(AwsConfig(region='us-east-1', endpoint_id='abcde.veo')), sep='\\n')"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert run.stdout == "endpoint_id: needs SigV4A signatures: install the extra sigv4a\n"
