"""The EventBridge sender against the emulated bus, and against a server that says anything."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from gateway.emulators.aws import AwsBusOptions, AwsEmulator, Operation
from gateway.emulators.faults import DenyAccess, ExpireToken, Faults
from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.secret import Secret
from gateway.sender import Delivered, SenderStatus
from gateway.senders.aws.config import AwsConfig
from gateway.senders.aws.entry import Detail
from gateway.senders.aws.presence import LOOK_AGAIN_SECONDS
from gateway.senders.aws.sender import AwsSender
from tests.senders.builders import batch, event
from tests.senders.scripted_server import Answer, HangUp, Received, ScriptedServer, http_answer

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime.fromisoformat("2026-03-04T05:06:07Z").timestamp()
TAKEN = http_answer(b'{"FailedEntryCount":0,"Entries":[{"EventId":"a"}]}')
DESCRIBED = http_answer(b'{"Name":"default"}')


def sender_to(
    url: str,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    **keys: Any,
) -> AwsSender:
    """A sender with the documented example credentials."""
    config = AwsConfig(
        **{
            "region": "us-east-1",
            "endpoint": url,
            "access_key_id": "AKIDEXAMPLE",
            "secret_access_key": Secret(SECRET),
            **keys,
        }
    )
    return AwsSender(config, clock, monotonic)


def failed(code: str, message: str = "why", status: int = 400, **headers: str) -> bytes:
    """An error of the bus as bytes."""
    body = json.dumps({"__type": f"com.amazon.events#{code}", "message": message}).encode()
    return http_answer(body, status, **headers)


def target(request: Received) -> str:
    """The operation asked for."""
    return request.headers["x-amz-target"].removeprefix("AWSEvents.")


async def error_of(sender: AwsSender) -> SendError:
    """What sending one event raises."""
    with pytest.raises(SendError) as caught:
        await sender.send(batch())
    return caught.value


async def test_a_batch_arrives_as_it_was_meant() -> None:
    """The emulated bus verifies the signature, and reads every member."""
    arns = ("arn:aws:s3:::one",)
    one = event(time="2026-03-04T05:06:00.123Z", source="/büro", data='{"é":"\\n"}'.encode())
    async with AwsEmulator(AwsBusOptions(buses=frozenset({"orders"}))) as bus:
        sender = sender_to(bus.url, event_bus="orders", resources=arns)
        (outcome,) = await sender.send(batch(one))
        await sender.aclose()
    (received,) = bus.received
    assert outcome == Delivered(received.event_id)
    assert (received.bus, received.source, received.detail_type) == ("orders", "/büro", one.type)
    assert (received.detail.encode(), received.resources) == (one.json, arns)
    assert received.time == 1772600760.123


async def test_the_bus_counts_what_was_admitted() -> None:
    """Both sides apply the published formula."""
    events = [event(time="2026-03-04T05:06:00Z", source="é" * count) for count in range(1, 11)]
    async with AwsEmulator() as bus:
        sender = sender_to(bus.url, resources=("arn:aws:s3:::büro",))
        await sender.send(batch(*events))
        await sender.aclose()
    assert bus.requests[-1].size == sum(map(sender.admit, events))


async def test_data_alone_is_sent_where_that_is_configured() -> None:
    """`detail = "data"`."""
    async with AwsEmulator() as bus:
        sender = sender_to(bus.url, detail=Detail.DATA)
        await sender.send(batch(event(data=b'{"n":1}')))
        await sender.aclose()
    assert [received.detail for received in bus.received] == ['{"n":1}']


async def test_the_bus_is_looked_up_once_before_the_first_batch() -> None:
    """Several first sends at once share one look."""
    async with AwsEmulator() as bus:
        sender = sender_to(bus.url)
        await asyncio.gather(*(sender.send(batch()) for _ in range(5)))
        await sender.send(batch())
        await sender.aclose()
    operations = [request.operation for request in bus.requests]
    assert operations == [Operation.DESCRIBE_EVENT_BUS] + [Operation.PUT_EVENTS] * 6


async def test_a_missing_bus_blocks_until_it_is_there() -> None:
    """The bus itself would answer 200 and drop the events."""
    answers = [failed("ResourceNotFoundException", "Event bus x does not exist."), DESCRIBED, TAKEN]
    async with ScriptedServer(*answers) as server:
        sender = sender_to(server.url, event_bus="orders")
        error = await error_of(sender)
        outcomes = await sender.send(batch())
        await sender.aclose()
    assert isinstance(error, BlockedError)
    assert error.code == "ResourceNotFoundException"
    assert '"orders"' in error.message
    assert outcomes == [Delivered("a")]
    assert [target(request) for request in server.received] == ["DescribeEventBus"] * 2 + ["PutEvents"]
    assert json.loads(server.received[0].body) == {"Name": "orders"}


async def test_without_the_right_to_look_it_sends_and_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    """`events:PutEvents` is all that a publisher needs."""
    options = AwsBusOptions(denied=frozenset({Operation.DESCRIBE_EVENT_BUS}))
    async with AwsEmulator(options) as bus:
        sender = sender_to(bus.url)
        bus.faults = Faults(script=(DenyAccess(),))
        with caplog.at_level(logging.WARNING):
            assert (await error_of(sender)).code == "AccessDeniedException"
            await sender.send(batch())
        await sender.aclose()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert len(bus.received) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failed("InternalException", status=500), UnavailableError),
        (failed("ThrottlingException"), ThrottledError),
        (failed("ValidationException"), BlockedError),
        (failed("UnrecognizedClientException"), BlockedError),
    ],
)
async def test_a_look_that_fails_sends_nothing(answer: bytes, error: type[SendError]) -> None:
    """And never gives up an event for what is wrong with the question."""
    async with ScriptedServer(answer, DESCRIBED, TAKEN) as server:
        sender = sender_to(server.url)
        assert type(await error_of(sender)) is error
        assert await sender.send(batch()) == [Delivered("a")]
        await sender.aclose()


async def test_a_bus_deleted_while_running_blocks() -> None:
    """Found out within five minutes of sending, and mended when the bus is there again."""
    missing = failed("ResourceNotFoundException", "Event bus orders does not exist.")
    now = [0.0]
    async with ScriptedServer(DESCRIBED, TAKEN, missing, DESCRIBED, TAKEN) as server:
        sender = sender_to(server.url, event_bus="orders", monotonic=lambda: now[0])
        assert await sender.send(batch()) == [Delivered("a")]
        now[0] = LOOK_AGAIN_SECONDS
        assert isinstance(await error_of(sender), BlockedError)
        assert await sender.send(batch()) == [Delivered("a")]
        await sender.aclose()
    looks_and_puts = ["DescribeEventBus", "PutEvents"]
    assert [target(request) for request in server.received] == [
        *looks_and_puts,
        "DescribeEventBus",
        *looks_and_puts,
    ]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (HangUp(), "connection_reset"),
        (HangUp(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal"), "connection_reset"),
        (http_answer(b"<html>Bad gateway</html>", 502), "http_502"),
        (http_answer(b"", 504), "http_504"),
    ],
    ids=["reset", "half an answer", "502", "504"],
)
async def test_no_answer_of_the_bus_is_unavailability(answer: Answer, code: str) -> None:
    """Connection errors and gateways' own pages: the entries are sent again, unchanged."""
    async with ScriptedServer(DESCRIBED, answer) as server:
        sender = sender_to(server.url)
        error = await error_of(sender)
        await sender.aclose()
    assert (type(error), error.code) == (UnavailableError, code)


async def test_the_bus_is_looked_up_again_after_trouble() -> None:
    """What an operator mends may be the bus."""
    answers = [DESCRIBED, failed("AccessDeniedException"), DESCRIBED, TAKEN]
    async with ScriptedServer(*answers) as server:
        sender = sender_to(server.url)
        assert isinstance(await error_of(sender), BlockedError)
        await sender.send(batch())
        await sender.aclose()
    assert [target(request) for request in server.received] == ["DescribeEventBus", "PutEvents"] * 2


async def test_a_wrong_secret_blocks() -> None:
    """Retried as it is, it would be refused again and again."""
    async with AwsEmulator() as bus:
        sender = sender_to(bus.url, secret_access_key=Secret("wrong"))
        error = await error_of(sender)
        await sender.aclose()
    assert isinstance(error, BlockedError)
    assert "wrong" not in str(error)


async def test_configured_credentials_that_expired_block_at_once() -> None:
    """There are no others to try with."""
    async with AwsEmulator() as bus:
        sender = sender_to(bus.url)
        bus.faults = Faults(standing=(ExpireToken(),))
        error = await error_of(sender)
        await sender.aclose()
    assert isinstance(error, BlockedError)
    assert [request.operation for request in bus.requests].count(Operation.PUT_EVENTS) == 1


async def test_a_wrong_clock_is_corrected_by_the_buss() -> None:
    """Signed again once by the answer's `Date`, and the difference is remembered."""
    late = failed("RequestExpired", Date="Wed, 04 Mar 2026 06:06:07 GMT")
    async with ScriptedServer(late, DESCRIBED, TAKEN) as server:
        sender = sender_to(server.url, clock=lambda: NOW)
        assert await sender.send(batch()) == [Delivered("a")]
        await sender.aclose()
    dates = [request.headers["x-amz-date"] for request in server.received]
    assert dates == ["20260304T050607Z", "20260304T060607Z", "20260304T060607Z"]


async def test_a_clock_that_stays_wrong_blocks() -> None:
    """One more try, not more."""
    async with ScriptedServer(failed("InvalidSignatureException", "Signature expired: 2026…")) as server:
        sender = sender_to(server.url, clock=lambda: NOW)
        assert isinstance(await error_of(sender), BlockedError)
        await sender.aclose()
    assert len(server.received) == 2


async def test_a_refused_request_says_what_the_bus_said() -> None:
    """Code, message and request id."""
    refused = failed("ValidationException", "Total size of the entries", x_amzn_RequestId="r-1")
    async with ScriptedServer(DESCRIBED, refused) as server:
        sender = sender_to(server.url)
        error = await error_of(sender)
        await sender.aclose()
    assert isinstance(error, RefusedError)
    assert (error.code, error.message, error.request_id) == (
        "ValidationException",
        "Total size of the entries",
        "r-1",
    )


async def test_no_error_shows_the_secret() -> None:
    """Not even where everything goes wrong."""
    async with ScriptedServer(failed("SignatureDoesNotMatch", status=403)) as server:
        sender = sender_to(server.url)
        error = await error_of(sender)
        await sender.aclose()
    assert SECRET not in f"{error!r} {error} {sender.status()!r}"


async def test_the_status_names_the_endpoint() -> None:
    """Configured credentials have no expiry that could be known."""
    sender = sender_to("http://127.0.0.1:4010/")
    assert sender.status() == SenderStatus("http://127.0.0.1:4010", None)
    await sender.aclose()


async def test_neither_token_nor_secret_is_repeated() -> None:
    """The bus may quote what it was sent; its words reach logs and `/status`."""
    refusal = failed("UnrecognizedClientException", f"token exampletoken1 of {SECRET} is not ours")
    async with ScriptedServer(refusal) as server:
        sender = sender_to(server.url, session_token=Secret("exampletoken1"))
        error = await error_of(sender)
        await sender.aclose()
    assert error.message == "token *** of *** is not ours"
