"""Whatever the bus answers, no event is taken for delivered that it has not got."""

from collections.abc import Sequence

import pytest

from gateway.emulators.faults import (
    FailEntries,
    Faults,
    Nonsense,
    NonsenseForm,
    ResetAfter,
    ResetBefore,
    Throttle,
    Unavailable,
)
from gateway.emulators.huawei import EventIds, HuaweiBusOptions, HuaweiEmulator
from gateway.emulators.huawei_error import RefusalShape
from gateway.errors import RefusedError, SendError
from gateway.event import Event
from gateway.sender import Delivered, Outcome, Rejected, RetryAlone
from gateway.senders.huawei.sender import HuaweiSender
from tests.senders.builders import batch, event
from tests.senders.huawei.build import sender_to

MAX_REQUESTS = 2000

TROUBLE = Faults(
    standing=(
        FailEntries(probability=0.1, code="EG.00533012"),
        FailEntries(probability=0.1),
        Throttle(probability=0.05),
        ResetAfter(probability=0.05),
        ResetBefore(probability=0.05),
        Unavailable(probability=0.05),
        Nonsense(probability=0.05, form=NonsenseForm.SHORT),
    ),
    poison=("poison",),
)


async def attempt(sender: HuaweiSender, events: Sequence[Event]) -> Sequence[Outcome] | SendError:
    try:
        return await sender.send(batch(*events))
    except SendError as error:
        return error


def left_over(events: Sequence[Event], told: Sequence[Outcome] | SendError) -> list[Sequence[Event]]:
    """What is to be sent again, and in which company: as the gateway does it, without its waits."""
    if isinstance(told, RefusedError):
        middle = len(events) // 2
        return [events[:middle], events[middle:]] if middle else []
    if isinstance(told, SendError):
        return [events]
    pairs = list(zip(events, told, strict=True))
    alone = [[one] for one, outcome in pairs if isinstance(outcome, RetryAlone)]
    again = [one for one, outcome in pairs if not isinstance(outcome, Delivered | Rejected | RetryAlone)]
    return [*alone, *([again] if again else [])]


@pytest.mark.parametrize("shape", [RefusalShape.DETAILS, RefusalShape.LIST, RefusalShape.OBJECTS])
@pytest.mark.parametrize("event_ids", EventIds)
@pytest.mark.parametrize("status", [200, 400])
async def test_every_event_ends_delivered_or_refused(
    *, shape: RefusalShape, event_ids: EventIds, status: int
) -> None:
    """In a bounded number of requests: the delivered ones are with the bus, the poisoned ones are not."""
    options = HuaweiBusOptions(
        refusal_shape=shape, event_ids=event_ids, failed_events_status=400 if status == 400 else 200
    )
    events = [event(data=b'{"poison":1}' if number % 17 == 0 else b"{}") for number in range(100)]
    poisoned = {one.id for one in events if b"poison" in one.json}
    waiting: list[Sequence[Event]] = [events[start : start + 20] for start in range(0, 100, 20)]
    delivered: set[str] = set()
    async with HuaweiEmulator(options) as bus:
        bus.faults = TROUBLE
        sender = sender_to(bus.url)
        while waiting and len(bus.requests) < MAX_REQUESTS:
            sending = waiting.pop()
            told = await attempt(sender, sending)
            waiting += left_over(sending, told)
            if not isinstance(told, SendError):
                pairs = zip(sending, told, strict=True)
                delivered |= {one.id for one, outcome in pairs if isinstance(outcome, Delivered)}
        await sender.aclose()
    taken = {received.id for received in bus.received}
    assert waiting == []
    assert delivered <= taken
    assert not delivered & poisoned
    assert len(delivered) > 50
