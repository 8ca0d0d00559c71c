"""How the faults that every bus shares look on Huawei's."""

import aiohttp
import pytest

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
from gateway.emulators.huawei import HuaweiEmulator
from gateway.emulators.sdk_signature import AccessKey
from tests.emulators.huawei_client import event, put, put_each

DISCONNECTED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Throttle(), 429, "APIGW.0308"),
        (Unavailable(status=500), 500, "EG.00015000"),
        (Unavailable(status=503), 503, "APIGW.0601"),
        (ExpireToken(), 401, "APIGW.0307"),
        (DenyAccess(), 403, "EG.00014030"),
        (Refuse(code="EG.00514003", status=403), 403, "EG.00514003"),
    ],
)
async def test_a_refusal_on_demand_has_the_vendors_code(
    huawei: HuaweiEmulator, fault: Fault, status: int, code: str
) -> None:
    """Unprocessed; the next request is served."""
    huawei.faults = Faults(script=(fault,))
    refused, served = await put_each(huawei, 2)
    assert (refused.status, refused.code, served.status) == (status, code, 200)
    assert len(huawei.received) == 1


@pytest.mark.parametrize("status", [502, 504])
async def test_a_proxy_answers_in_html(huawei: HuaweiEmulator, status: int) -> None:
    """And the request never came to the API."""
    huawei.faults = Faults.parse(b'{"script":[{"kind":"unavailable","status":%d}]}' % status)
    (reply,) = await put_each(huawei, 1)
    assert (reply.status, reply.headers["Content-Type"], huawei.received) == (status, "text/html", [])


async def test_throttling_can_say_for_how_long(huawei: HuaweiEmulator) -> None:
    """And requests beyond a rate are throttled alike."""
    huawei.faults = Faults(script=(Throttle(retry_after_seconds=3),))
    (reply,) = await put_each(huawei, 1)
    huawei.faults = Faults(max_requests_per_second=0.001)
    replies = await put_each(huawei, 2)
    assert reply.headers["Retry-After"] == "3"
    assert [each.status for each in replies] == [200, 429]


async def test_events_fail_where_the_script_says(huawei: HuaweiEmulator) -> None:
    """With the bus's own code unless one is given."""
    steps = FailEntries(indexes=(0,)), FailEntries(code="00533012", message="large", indexes=(1,))
    huawei.faults = Faults(script=steps)
    own = await put(huawei, event(id="a"), event(id="b"))
    given = await put(huawei, event(id="c"), event(id="d"))
    assert (own.ids, own.codes) == (["a", "b"], ["EG.00015000", None])
    assert given.codes == [None, "00533012"]
    assert given.document["events"][1]["error_msg"] == "large"
    assert [own.document["failed_count"], given.document["failed_count"]] == [1, 1]
    assert [received.id for received in huawei.received] == ["b", "c"]
    assert huawei.statistics().entries_failed == {"EG.00015000": 1, "00533012": 1}


@pytest.mark.parametrize(("fault", "received"), [(ResetBefore(), 0), (ResetAfter(), 1)])
async def test_a_reset_leaves_the_client_in_doubt(
    huawei: HuaweiEmulator, fault: Fault, received: int
) -> None:
    """No answer either way; only after processing is the event there."""
    huawei.faults = Faults(script=(fault,))
    with pytest.raises(DISCONNECTED):
        await put_each(huawei, 1)
    assert len(huawei.received) == received


@pytest.mark.parametrize(
    ("form", "results"), [(NonsenseForm.SHORT, 1), (NonsenseForm.LONG, 3), (NonsenseForm.EMPTY, None)]
)
async def test_a_nonsense_answer_is_a_200(
    huawei: HuaweiEmulator, form: NonsenseForm, results: int | None
) -> None:
    """The events were taken all the same."""
    huawei.faults = Faults(script=(Nonsense(form=form),))
    reply = await put(huawei, event(), event())
    assert reply.status == 200
    assert (len(reply.ids) if reply.body else None) == results
    assert len(huawei.received) == 2


async def test_stall_and_latency_delay_an_answer_and_change_nothing_else(huawei: HuaweiEmulator) -> None:
    """As if nothing had been."""
    huawei.faults = Faults(standing=(Stall(seconds=0.01),), latency_seconds=0.001)
    (reply,) = await put_each(huawei, 1)
    assert reply.codes == [None]


async def test_any_answer_can_be_given(huawei: HuaweiEmulator) -> None:
    """Two objects one after another, for instance."""
    huawei.faults = Faults(script=(Reply(status=400, body='{"a":1}{"a":2}'),))
    (reply,) = await put_each(huawei, 1)
    assert (reply.status, reply.body) == (400, b'{"a":1}{"a":2}')


async def test_poison_fails_the_whole_request_without_naming_the_culprit(huawei: HuaweiEmulator) -> None:
    """So a client has to split it; nothing of the request is taken."""
    huawei.faults = Faults(poison=("venom",))
    reply = await put(huawei, event(), event(data={"a": "venomous"}))
    assert (reply.status, reply.code) == (400, "EG.00513000")
    assert huawei.received == []


async def test_a_bus_that_is_down_answers_nothing(huawei: HuaweiEmulator) -> None:
    """Until it is up."""
    huawei.faults = Faults(down=True)
    with pytest.raises(DISCONNECTED):
        await put_each(huawei, 1)
    huawei.faults = Faults()
    assert [reply.status for reply in await put_each(huawei, 1)] == [200]
    assert huawei.statistics().resets == 1


async def test_faults_strike_well_signed_requests_only(huawei: HuaweiEmulator) -> None:
    """Another's request spends no step."""
    huawei.faults = Faults(script=(Throttle(),))
    stranger = await put(huawei, event(), key=AccessKey("ANOTHER"))
    (own,) = await put_each(huawei, 1)
    assert (stranger.status, own.status) == (401, 429)
    assert huawei.statistics().operations == {"PutEvents": 2}
