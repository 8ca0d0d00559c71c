"""How the faults that every bus shares look on Alibaba's."""

import aiohttp
import pytest

from gateway.emulators.acs_signature import AccessKey
from gateway.emulators.alibaba import AlibabaEmulator
from gateway.emulators.faults import (
    DenyAccess,
    ExpireToken,
    FailEntries,
    Fault,
    Faults,
    Nonsense,
    NonsenseForm,
    Refuse,
    Reply,
    ResetAfter,
    ResetBefore,
    Stall,
    Throttle,
    Unavailable,
)
from tests.emulators.alibaba_client import event, put, put_each

DISCONNECTED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Throttle(), 429, "TooManyRequests"),
        (Unavailable(status=500), 500, "InternalError"),
        (Unavailable(status=503), 503, "ServiceUnavailable"),
        (ExpireToken(), 403, "StsAccessIdExpired"),
        (DenyAccess(), 403, "AccessDenied"),
        (Refuse(code="EventBusNotExist", status=409), 409, "EventBusNotExist"),
    ],
)
async def test_a_refusal_on_demand_has_the_vendors_code(
    alibaba: AlibabaEmulator, fault: Fault, status: int, code: str
) -> None:
    """Unprocessed; the next request is served."""
    alibaba.faults = Faults(script=(fault,))
    refused, served = await put_each(alibaba, 2)
    assert (refused.status, refused.code, served.status) == (status, code, 200)
    assert len(alibaba.received) == 1


@pytest.mark.parametrize("status", [502, 504])
async def test_a_proxy_answers_in_html(alibaba: AlibabaEmulator, status: int) -> None:
    """And the request never came to the API."""
    alibaba.faults = Faults.parse(b'{"script":[{"kind":"unavailable","status":%d}]}' % status)
    (reply,) = await put_each(alibaba, 1)
    assert (reply.status, reply.headers["Content-Type"], alibaba.received) == (status, "text/html", [])


async def test_throttling_can_say_for_how_long(alibaba: AlibabaEmulator) -> None:
    """And requests beyond a rate are throttled alike."""
    alibaba.faults = Faults(script=(Throttle(retry_after_seconds=3),))
    (reply,) = await put_each(alibaba, 1)
    alibaba.faults = Faults(max_requests_per_second=0.001)
    replies = await put_each(alibaba, 2)
    assert reply.headers["Retry-After"] == "3"
    assert [each.status for each in replies] == [200, 429]


async def test_events_fail_where_the_script_says(alibaba: AlibabaEmulator) -> None:
    """With the bus's own code unless one is given."""
    steps = FailEntries(indexes=(0,)), FailEntries(code="TooManyRequests", message="slower", indexes=(1,))
    alibaba.faults = Faults(script=steps)
    own = await put(alibaba, event(id="a"), event(id="b"))
    given = await put(alibaba, event(id="c"), event(id="d"))
    assert (own.ids, own.codes) == (["a", "b"], ["InternalError", None])
    assert given.codes == [None, "TooManyRequests"]
    assert given.document["EntryList"][1]["ErrorMessage"] == "slower"
    assert [own.document["FailedEntryCount"], given.document["FailedEntryCount"]] == [1, 1]
    assert [received.id for received in alibaba.received] == ["b", "c"]
    assert alibaba.statistics().entries_failed == {"InternalError": 1, "TooManyRequests": 1}


@pytest.mark.parametrize(("fault", "received"), [(ResetBefore(), 0), (ResetAfter(), 1)])
async def test_a_reset_leaves_the_client_in_doubt(
    alibaba: AlibabaEmulator, fault: Fault, received: int
) -> None:
    """No answer either way; only after processing is the event there."""
    alibaba.faults = Faults(script=(fault,))
    with pytest.raises(DISCONNECTED):
        await put_each(alibaba, 1)
    assert len(alibaba.received) == received


@pytest.mark.parametrize(
    ("form", "results"), [(NonsenseForm.SHORT, 1), (NonsenseForm.LONG, 3), (NonsenseForm.EMPTY, None)]
)
async def test_a_nonsense_answer_is_a_200(
    alibaba: AlibabaEmulator, form: NonsenseForm, results: int | None
) -> None:
    """The events were taken all the same."""
    alibaba.faults = Faults(script=(Nonsense(form=form),))
    reply = await put(alibaba, event(), event())
    assert reply.status == 200
    assert (len(reply.ids) if reply.body else None) == results
    assert len(alibaba.received) == 2


async def test_stall_and_latency_delay_an_answer_and_change_nothing_else(alibaba: AlibabaEmulator) -> None:
    """As if nothing had been."""
    alibaba.faults = Faults(standing=(Stall(seconds=0.01),), latency_seconds=0.001)
    (reply,) = await put_each(alibaba, 1)
    assert reply.codes == [None]


async def test_any_answer_can_be_given(alibaba: AlibabaEmulator) -> None:
    """The capitalised keys of another API of the same name, for instance."""
    alibaba.faults = Faults(script=(Reply(status=403, body='{"Code":"InvalidAccessKeyId"}'),))
    (reply,) = await put_each(alibaba, 1)
    assert (reply.status, reply.document) == (403, {"Code": "InvalidAccessKeyId"})


async def test_poison_fails_the_whole_request_without_naming_the_culprit(alibaba: AlibabaEmulator) -> None:
    """So a client has to split it; nothing of the request is taken."""
    alibaba.faults = Faults(poison=("venom",))
    reply = await put(alibaba, event(), event(data={"a": "venomous"}))
    assert (reply.status, reply.code) == (409, "EventInvalid")
    assert alibaba.received == []


async def test_a_bus_that_is_down_answers_nothing(alibaba: AlibabaEmulator) -> None:
    """Until it is up."""
    alibaba.faults = Faults(down=True)
    with pytest.raises(DISCONNECTED):
        await put_each(alibaba, 1)
    alibaba.faults = Faults()
    assert [reply.status for reply in await put_each(alibaba, 1)] == [200]
    assert alibaba.statistics().resets == 1


async def test_faults_strike_well_signed_requests_only(alibaba: AlibabaEmulator) -> None:
    """Another's request spends no step."""
    alibaba.faults = Faults(script=(Throttle(),))
    stranger = await put(alibaba, event(), key=AccessKey("LTAIanother"))
    (own,) = await put_each(alibaba, 1)
    assert (stranger.status, own.status) == (403, 429)
    assert alibaba.statistics().operations == {"PutEvents": 2}
