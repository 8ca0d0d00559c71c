"""What the emulated bus does wrong on demand, and that it does nothing else wrong."""

import asyncio
import time
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.faults import (
    DenyAccess,
    ExpireToken,
    FailEntries,
    Faults,
    Nonsense,
    NonsenseForm,
    Pass,
    Refuse,
    Reply,
    ResetAfter,
    ResetBefore,
    RetryAfterForm,
    Stall,
    Throttle,
    Unavailable,
)
from gateway.emulators.sigv4 import AccessKey
from tests.emulators.aws_client import call, entry, put, put_each

DISCONNECTED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


async def test_a_script_is_followed_step_by_step(bus: AwsEmulator) -> None:
    """One step for each request; after the last one, nothing goes wrong."""
    bus.faults = Faults(script=(Throttle(), Pass(), Unavailable()))
    assert [reply.status for reply in await put_each(bus, 5)] == [400, 200, 503, 200, 200]


async def test_standing_faults_follow_the_script(bus: AwsEmulator) -> None:
    """And stay until they are taken away."""
    bus.faults = Faults(script=(Pass(),), standing=(Throttle(),))
    replies = await put_each(bus, 3)
    bus.faults = Faults()
    replies += await put_each(bus, 1)
    assert [reply.status for reply in replies] == [200, 400, 400, 200]


async def test_entries_fail_where_the_script_says(bus: AwsEmulator) -> None:
    """By index, with the code and message given; indexes beyond the end mean nothing."""
    step = FailEntries(code="ThrottlingException", message="slower", indexes=(0, 2, 9))
    bus.faults = Faults(script=(step,))
    reply = await put(bus, entry(), entry(), entry())
    assert reply.codes == ["ThrottlingException", None, "ThrottlingException"]
    assert reply.document["FailedEntryCount"] == 2
    assert reply.document["Entries"][0]["ErrorMessage"] == "slower"
    assert len(bus.received) == 1
    assert bus.statistics().entries_failed == {"ThrottlingException": 2}
    assert bus.statistics().faults == {"fail_entries": 2}


async def test_entry_failures_are_rolled_for_each_entry_and_repeatable() -> None:
    """The same seed gives the same failures; about as many as the probability says."""
    outcomes = []
    for _ in range(2):
        async with AwsEmulator(AwsBusOptions(seed=7)) as bus:
            bus.faults = Faults(standing=(FailEntries(probability=0.3),))
            replies = [await put(bus, *[entry()] * 10) for _ in range(20)]
        outcomes.append([code for reply in replies for code in reply.codes])
    assert outcomes[0] == outcomes[1]
    assert 40 <= outcomes[0].count("InternalFailure") <= 80


async def test_request_faults_are_rolled_for_each_request() -> None:
    """The first that strikes is taken."""
    async with AwsEmulator(AwsBusOptions(seed=3)) as bus:
        bus.faults = Faults(standing=(Throttle(probability=0.5), Unavailable(probability=1.0)))
        statuses = [reply.status for reply in await put_each(bus, 40)]
    assert 10 <= statuses.count(400) <= 30
    assert statuses.count(400) + statuses.count(503) == 40


async def test_an_entry_that_is_wrong_anyway_keeps_its_own_code(bus: AwsEmulator) -> None:
    """A fault does not hide a defect."""
    bus.faults = Faults(standing=(FailEntries(),))
    assert (await put(bus, entry(Detail="x"), entry())).codes == ["MalformedDetail", "InternalFailure"]


async def test_throttling_is_a_400_by_its_code(bus: AwsEmulator) -> None:
    """Without Retry-After unless it is asked for; the request is not processed."""
    bus.faults = Faults(standing=(Throttle(),))
    reply = await put(bus, entry())
    assert (reply.status, reply.code, reply.message) == (400, "ThrottlingException", "Rate exceeded")
    assert "Retry-After" not in reply.headers
    assert bus.received == []


async def test_retry_after_comes_in_whole_seconds(bus: AwsEmulator) -> None:
    """Rounded up."""
    bus.faults = Faults(standing=(Throttle(retry_after_seconds=1.2),))
    assert (await put(bus, entry())).headers["Retry-After"] == "2"


async def test_retry_after_comes_as_a_date() -> None:
    """By the emulator's clock, rounded up to whole seconds."""
    now = int(time.time()) + 0.25
    async with AwsEmulator(clock=lambda: now) as bus:
        form = RetryAfterForm.DATE
        bus.faults = Faults(standing=(Throttle(retry_after_seconds=2, retry_after_form=form),))
        reply = await put(bus, entry())
    assert parsedate_to_datetime(reply.headers["Retry-After"]).timestamp() == now + 2.75


async def test_requests_beyond_the_rate_are_throttled(bus: AwsEmulator) -> None:
    """One second's worth may come at once; what is throttled spends no step of the script."""
    bus.faults = Faults(max_requests_per_second=0.001, script=(Pass(), Unavailable()))
    replies = await put_each(bus, 3)
    assert [reply.status for reply in replies] == [200, 400, 400]
    assert replies[1].code == "ThrottlingException"
    assert bus.statistics().faults == {"rate": 2}


async def test_a_request_can_be_refused_with_any_code(bus: AwsEmulator) -> None:
    """In the bus's own form, so that a client's whole table of codes can be walked."""
    bus.faults = Faults(script=(Refuse(code="OptInRequired", message="subscribe first", status=403),))
    reply = await put(bus, entry())
    assert (reply.status, reply.code, reply.message) == (403, "OptInRequired", "subscribe first")
    assert bus.statistics().refusals == {"OptInRequired": 1}
    assert bus.received == []


async def test_a_request_can_be_answered_with_anything(bus: AwsEmulator) -> None:
    """Verbatim and unprocessed: for what stands in no document."""
    bus.faults = Faults(script=(Reply(status=418, body="I'm a teapot", content_type="text/plain"),))
    reply = await put(bus, entry())
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (418, b"I'm a teapot", "text/plain")
    assert bus.received == []


@pytest.mark.parametrize(
    ("status", "code"), [(500, "InternalException"), (503, "ServiceUnavailable"), (502, None), (504, None)]
)
async def test_an_unavailable_bus_processes_nothing(bus: AwsEmulator, status: int, code: str | None) -> None:
    """500 and 503 come from the service, as JSON; 502 and 504 from a proxy, as HTML."""
    bus.faults = Faults.parse(b'{"standing":[{"kind":"unavailable","status":%d}]}' % status)
    reply = await put(bus, entry())
    assert reply.status == status
    if code is None:
        assert reply.headers["Content-Type"] == "text/html"
    else:
        assert reply.code == code
    assert bus.received == []


async def test_a_stalled_request_has_been_processed(bus: AwsEmulator) -> None:
    """A client that gives up waiting cannot know it, but the events are there."""
    bus.faults = Faults(standing=(Stall(seconds=3600),))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await put(bus, entry())
    assert len(bus.received) == 1


async def test_a_stalled_request_does_not_hold_up_closing() -> None:
    """Its connection is cut."""
    async with AwsEmulator() as bus:
        bus.faults = Faults(standing=(Stall(seconds=3600),))
        waiting = asyncio.create_task(put(bus, entry()))
        await bus.until_received(1)
    with pytest.raises(DISCONNECTED):
        await waiting


async def test_a_short_stall_is_answered_in_the_end(bus: AwsEmulator) -> None:
    """As if nothing had been."""
    bus.faults = Faults(standing=(Stall(seconds=0.01),), latency_seconds=0.001, latency_jitter_seconds=0.001)
    assert (await put(bus, entry())).codes == [None]


async def test_a_reset_before_processing_loses_the_request(bus: AwsEmulator) -> None:
    """No answer, no event."""
    bus.faults = Faults(script=(ResetBefore(),))
    with pytest.raises(DISCONNECTED):
        await put(bus, entry())
    assert bus.received == []
    assert [request.status for request in bus.requests] == [None]
    assert bus.statistics().resets == 1


async def test_a_reset_after_processing_loses_only_the_answer(bus: AwsEmulator) -> None:
    """No answer, and the event is there: sending again makes a duplicate."""
    bus.faults = Faults(script=(ResetAfter(),))
    with pytest.raises(DISCONNECTED):
        await put(bus, entry())
    await put(bus, entry())
    assert len(bus.received) == 2


async def test_a_reset_is_one_of_tcp(bus: AwsEmulator) -> None:
    """The peer sees ECONNRESET, not an orderly end."""
    bus.faults = Faults(down=True)
    host, port = bus.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (NonsenseForm.EMPTY, b""),
        (NonsenseForm.HTML, b"<html><body><h1>It works!</h1></body></html>"),
        (NonsenseForm.GARBAGE, b'{"\x00\xff'),
    ],
)
async def test_a_nonsense_answer_is_a_200(bus: AwsEmulator, form: NonsenseForm, body: bytes) -> None:
    """The events were taken all the same."""
    bus.faults = Faults(script=(Nonsense(form=form),))
    reply = await put(bus, entry())
    assert (reply.status, reply.body) == (200, body)
    assert len(bus.received) == 1


@pytest.mark.parametrize(("form", "results"), [(NonsenseForm.SHORT, 1), (NonsenseForm.LONG, 3)])
async def test_the_list_of_results_can_have_a_wrong_length(
    bus: AwsEmulator, form: NonsenseForm, results: int
) -> None:
    """One too few or too many, for two entries."""
    bus.faults = Faults(script=(Nonsense(form=form),))
    assert len((await put(bus, entry(), entry())).document["Entries"]) == results


async def test_credentials_can_expire_and_come_back(bus: AwsEmulator) -> None:
    """ExpiredTokenException, until the script is over."""
    bus.faults = Faults(script=(ExpireToken(),))
    expired, renewed = await put_each(bus, 2)
    assert (expired.status, expired.code) == (400, "ExpiredTokenException")
    assert renewed.status == 200


async def test_access_can_be_denied(bus: AwsEmulator) -> None:
    """AccessDeniedException, as a 400."""
    bus.faults = Faults(standing=(DenyAccess(),))
    reply = await put(bus, entry())
    assert (reply.status, reply.code) == (400, "AccessDeniedException")
    assert "not authorized to perform: events:PutEvents" in reply.message


async def test_poison_fails_the_whole_request_without_naming_the_culprit(bus: AwsEmulator) -> None:
    """So a client has to split it; nothing of the request is taken."""
    bus.faults = Faults(poison=("deadly", "venom"))
    reply = await put(bus, entry(), entry(Detail='{"a":"venomous"}'))
    assert (reply.status, reply.code) == (400, "ValidationException")
    assert "entries" not in reply.message
    assert bus.received == []
    assert (await put(bus, entry())).status == 200


async def test_a_bus_that_is_down_answers_nothing_until_it_is_up(bus: AwsEmulator) -> None:
    """Whatever is asked of it."""
    bus.faults = Faults(down=True)
    for target in ("AWSEvents.PutEvents", "AWSEvents.DescribeEventBus"):
        with pytest.raises(DISCONNECTED):
            await call(bus, {}, target=target)
    bus.faults = Faults()
    assert (await put(bus, entry())).status == 200
    assert bus.statistics().faults == {"down": 2}


async def test_faults_strike_well_signed_publish_requests_only(bus: AwsEmulator) -> None:
    """A bad signature is refused as such and spends no step; other operations are left alone."""
    bus.faults = Faults(script=(Throttle(),))
    stranger = await put(bus, entry(), key=AccessKey("AKIDANOTHER"))
    describe = await call(bus, {}, target="AWSEvents.DescribeEventBus")
    publish = await put(bus, entry())
    assert [stranger.code, describe.status, publish.code] == [
        "UnrecognizedClientException",
        200,
        "ThrottlingException",
    ]
