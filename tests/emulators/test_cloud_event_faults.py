"""How the faults that every bus shares look on those that take CloudEvents as they are."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from msgspec import Struct

from gateway.emulators import acs_signature, sdk_signature
from gateway.emulators.alibaba import AlibabaEmulator
from gateway.emulators.cloud_event import CloudEvent
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
from gateway.emulators.server import Emulator
from tests.emulators import alibaba_client, huawei_client

DISCONNECTED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)

Refusal = tuple[int, str]
"""Status and code."""


class Dialect(Struct, frozen=True):
    """One vendor's words for what goes wrong, and a client of its bus."""

    start: Callable[[], Emulator[CloudEvent]]
    put: Callable[..., Awaitable[Any]]
    event: Callable[..., dict[str, Any]]
    stranger: object
    """An access key that the bus does not know."""
    stranger_status: int
    own_error: str
    """Of an event that fails by itself."""
    another_error: str
    poisoned: Refusal


ALIBABA = Dialect(
    start=AlibabaEmulator,
    put=alibaba_client.put,
    event=alibaba_client.event,
    stranger=acs_signature.AccessKey("LTAIanother"),
    stranger_status=403,
    own_error="InternalError",
    another_error="TooManyRequests",
    poisoned=(409, "EventInvalid"),
)
HUAWEI = Dialect(
    start=HuaweiEmulator,
    put=huawei_client.put,
    event=huawei_client.event,
    stranger=sdk_signature.AccessKey("ANOTHER"),
    stranger_status=401,
    own_error="EG.00015000",
    another_error="00533012",
    poisoned=(400, "EG.00513000"),
)
DIALECTS = [pytest.param(ALIBABA, id="alibaba"), pytest.param(HUAWEI, id="huawei")]

REFUSALS: list[tuple[Dialect, Fault, Refusal]] = [
    (ALIBABA, Throttle(), (429, "TooManyRequests")),
    (ALIBABA, Unavailable(status=500), (500, "InternalError")),
    (ALIBABA, Unavailable(status=503), (503, "ServiceUnavailable")),
    (ALIBABA, ExpireToken(), (403, "StsAccessIdExpired")),
    (ALIBABA, DenyAccess(), (403, "AccessDenied")),
    (ALIBABA, Refuse(code="EventBusNotExist", status=409), (409, "EventBusNotExist")),
    (HUAWEI, Throttle(), (429, "APIGW.0308")),
    (HUAWEI, Unavailable(status=500), (500, "EG.00015000")),
    (HUAWEI, Unavailable(status=503), (503, "APIGW.0601")),
    (HUAWEI, ExpireToken(), (401, "APIGW.0307")),
    (HUAWEI, DenyAccess(), (403, "EG.00014030")),
    (HUAWEI, Refuse(code="EG.00514003", status=403), (403, "EG.00514003")),
]


class Publisher:
    """A client of a bus that speaks the dialect."""

    def __init__(self, dialect: Dialect, bus: Emulator[CloudEvent]) -> None:
        self.dialect = dialect
        self.bus = bus

    async def put(self, *events: dict[str, Any], **signing: object) -> Any:
        """One request with an event for each of `events`, which name what is not usual about it."""
        return await self.dialect.put(self.bus, *[self.dialect.event(**each) for each in events], **signing)


@pytest.fixture(params=DIALECTS)
async def publisher(request: pytest.FixtureRequest) -> AsyncIterator[Publisher]:
    """With every option of its bus at the default."""
    async with request.param.start() as bus:
        yield Publisher(request.param, bus)


@pytest.mark.parametrize(("dialect", "fault", "told"), REFUSALS)
async def test_a_refusal_on_demand_has_the_vendors_code(
    dialect: Dialect, fault: Fault, told: Refusal
) -> None:
    """Unprocessed; the next request is served."""
    async with dialect.start() as bus:
        publisher = Publisher(dialect, bus)
        bus.faults = Faults(script=(fault,))
        refused, served = await publisher.put({}), await publisher.put({})
    assert ((refused.status, refused.code), served.status) == (told, 200)
    assert len(bus.received) == 1


@pytest.mark.parametrize("status", [502, 504])
async def test_a_proxy_answers_in_html(publisher: Publisher, status: int) -> None:
    """And the request never came to the API."""
    publisher.bus.faults = Faults.parse(b'{"script":[{"kind":"unavailable","status":%d}]}' % status)
    reply = await publisher.put({})
    assert (reply.status, reply.headers["Content-Type"]) == (status, "text/html")
    assert publisher.bus.received == []


async def test_throttling_can_say_for_how_long(publisher: Publisher) -> None:
    """And requests beyond a rate are throttled alike."""
    publisher.bus.faults = Faults(script=(Throttle(retry_after_seconds=3),))
    assert (await publisher.put({})).headers["Retry-After"] == "3"
    publisher.bus.faults = Faults(max_requests_per_second=0.001)
    assert [(await publisher.put({})).status for _ in range(2)] == [200, 429]


async def test_events_fail_where_the_script_says(publisher: Publisher) -> None:
    """With the bus's own code unless one is given."""
    own_error, another = publisher.dialect.own_error, publisher.dialect.another_error
    steps = FailEntries(indexes=(0,)), FailEntries(code=another, message="slower", indexes=(1,))
    publisher.bus.faults = Faults(script=steps)
    own = await publisher.put({"id": "a"}, {"id": "b"})
    given = await publisher.put({"id": "c"}, {"id": "d"})
    assert (own.ids, own.codes) == (["a", "b"], [own_error, None])
    assert (own.failures[0], given.codes, given.failures) == (1, [None, another], (1, [None, "slower"]))
    assert [received.id for received in publisher.bus.received] == ["b", "c"]
    assert publisher.bus.statistics().entries_failed == {own_error: 1, another: 1}


@pytest.mark.parametrize(("fault", "received"), [(ResetBefore(), 0), (ResetAfter(), 1)])
async def test_a_reset_leaves_the_client_in_doubt(publisher: Publisher, fault: Fault, received: int) -> None:
    """No answer either way; only after processing is the event there."""
    publisher.bus.faults = Faults(script=(fault,))
    with pytest.raises(DISCONNECTED):
        await publisher.put({})
    assert len(publisher.bus.received) == received


@pytest.mark.parametrize(
    ("form", "results"), [(NonsenseForm.SHORT, 1), (NonsenseForm.LONG, 3), (NonsenseForm.EMPTY, None)]
)
async def test_a_nonsense_answer_is_a_200(
    publisher: Publisher, form: NonsenseForm, results: int | None
) -> None:
    """The events were taken all the same."""
    publisher.bus.faults = Faults(script=(Nonsense(form=form),))
    reply = await publisher.put({}, {})
    assert reply.status == 200
    assert (len(reply.ids) if reply.body else None) == results
    assert len(publisher.bus.received) == 2


async def test_stall_and_latency_delay_an_answer_and_change_nothing_else(publisher: Publisher) -> None:
    """As if nothing had been."""
    publisher.bus.faults = Faults(standing=(Stall(seconds=0.01),), latency_seconds=0.001)
    assert (await publisher.put({})).codes == [None]


@pytest.mark.parametrize(
    ("status", "body"), [(403, '{"Code":"InvalidAccessKeyId"}'), (400, '{"a":1}{"a":2}')]
)
async def test_any_answer_can_be_given(publisher: Publisher, status: int, body: str) -> None:
    """Keys as in another API of the same name, for instance, or two objects one after another."""
    publisher.bus.faults = Faults(script=(Reply(status=status, body=body),))
    reply = await publisher.put({})
    assert (reply.status, reply.body) == (status, body.encode())


async def test_poison_fails_the_whole_request_without_naming_the_culprit(publisher: Publisher) -> None:
    """So a client has to split it; nothing of the request is taken."""
    publisher.bus.faults = Faults(poison=("venom",))
    reply = await publisher.put({}, {"data": {"a": "venomous"}})
    assert (reply.status, reply.code) == publisher.dialect.poisoned
    assert publisher.bus.received == []


async def test_a_bus_that_is_down_answers_nothing(publisher: Publisher) -> None:
    """Until it is up."""
    publisher.bus.faults = Faults(down=True)
    with pytest.raises(DISCONNECTED):
        await publisher.put({})
    publisher.bus.faults = Faults()
    assert (await publisher.put({})).status == 200
    assert publisher.bus.statistics().resets == 1


async def test_faults_strike_well_signed_requests_only(publisher: Publisher) -> None:
    """Another's request spends no step."""
    publisher.bus.faults = Faults(script=(Throttle(),))
    stranger, own = await publisher.put({}, key=publisher.dialect.stranger), await publisher.put({})
    assert (stranger.status, own.status) == (publisher.dialect.stranger_status, 429)
    assert publisher.bus.statistics().operations == {"PutEvents": 2}
