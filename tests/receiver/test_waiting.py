"""Answers to producers that wait for the delivery, or for the disk: which, when, and how they are told."""

import gc
import tracemalloc
from typing import Any

import pytest

from gateway.admission import ACCEPTED, Admission, Draining, NoRoom, Pending, Unwritten
from gateway.receiver.limits import ReceiverLimits
from tests.support.clock import now, on_virtual_clock, settle, until
from tests.support.http import BATCHED, EVENT, Answer, Wire, answers, delivery, request
from tests.support.intake import FakeIntake
from tests.support.limits import limited

WAIT_5 = b"Prefer: wait=5"
ASYNC = b"Prefer: respond-async"
PATIENT = limited(default_wait_seconds=5.0)
HASTY = limited(default_wait_seconds=None)


def wire(limits: ReceiverLimits | None = None, *destinations: str) -> Wire:
    """A connection on the virtual clock."""
    return Wire(limits, FakeIntake(destinations or ("orders",)), clock=now)


def batch(*ids: str, line: bytes = WAIT_5) -> bytes:
    """A batch of events with those ids."""
    body = b",".join(EVENT.replace(b'"id":"1"', b'"id":"%b"' % each.encode()) for each in ids)
    return request(BATCHED, line, body=b"[" + body + b"]")


async def told(connection: Wire) -> list[Answer]:
    """Every answer so far, once the loop has turned."""
    await settle()
    return answers(connection.transport.written)


async def only(connection: Wire) -> Answer:
    """The one answer so far."""
    (answer,) = await told(connection)
    return answer


def delivered(id_: str, event_id: str | None, destination: str = "orders") -> dict[str, Any]:
    """The result of a delivered event."""
    return {"id": id_, "source": "/s", "destination": destination, "bus_event_id": event_id}


def given_up(id_: str, destination: str = "orders") -> dict[str, Any]:
    """The result of a refused event."""
    refusal = {"code": "NotAuthorized", "message": "no rights"}
    return {"id": id_, "source": "/s", "destination": destination, **refusal}


# delivery


@on_virtual_clock
async def test_who_waits_is_told_of_the_delivery() -> None:
    """200 with the bus's id, and nothing before."""
    client = wire()
    assert client.send(delivery(WAIT_5)) == []
    await until(4.9)
    assert await told(client) == []
    client.intake.deliver(0, "bus-7")
    answer = await only(client)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.body == (
        b'{"results":[{"id":"1","source":"/s","destination":"orders","bus_event_id":"bus-7"}]}'
    )
    assert client.statuses == {200: 1}


@on_virtual_clock
async def test_a_bus_that_names_no_id_leaves_it_null() -> None:
    """The member is there all the same."""
    client = wire()
    client.send(delivery(WAIT_5))
    client.intake.deliver(0, None)
    assert (await only(client)).body.endswith(b'"bus_event_id":null}]}')


@on_virtual_clock
async def test_every_event_and_destination_has_its_result_in_request_order() -> None:
    """Whatever the order in which the buses answer; of an event the destinations as they were asked."""
    client = wire(None, "orders", "audit")
    client.send(batch("a", "b"))
    for index in (3, 0, 2):
        client.intake.deliver(index, f"bus-{index}")
        assert await told(client) == []
    client.intake.deliver(1, "bus-1")
    assert (await only(client)).json["results"] == [
        delivered("a", "bus-0"),
        delivered("a", "bus-2", "audit"),
        delivered("b", "bus-1"),
        delivered("b", "bus-3", "audit"),
    ]


@on_virtual_clock
async def test_two_equal_events_of_a_batch_have_a_result_each() -> None:
    """The same content twice is two events."""
    client = wire()
    client.send(batch("a", "a"))
    client.intake.deliver(1, "second")
    client.intake.deliver(0, "first")
    assert (await only(client)).json["results"] == [delivered("a", "first"), delivered("a", "second")]


@on_virtual_clock
async def test_an_empty_batch_is_delivered_at_once() -> None:
    """There is nothing to wait for."""
    client = wire()
    client.send(request(BATCHED, WAIT_5, body=b"[]"))
    assert (await only(client)).json == {"results": []}


@on_virtual_clock
async def test_a_refused_event_is_502_with_the_buss_code() -> None:
    """Problem details; the event was accepted, so it counts as no refusal of ours."""
    client = wire()
    client.send(delivery(WAIT_5))
    client.intake.give_up(0)
    answer = await only(client)
    assert answer.status == 502
    assert answer.problem == {
        "type": "about:blank",
        "title": "Bad Gateway",
        "status": 502,
        "detail": "given up for good: 1 of 1 deliveries",
        "errors": [{"reason": "undeliverable"}],
        "code": "NotAuthorized",
        "results": [given_up("1")],
    }
    assert (client.statuses, client.refused) == ({502: 1}, {})


@on_virtual_clock
async def test_a_refused_event_of_a_batch_is_told_when_all_are_settled() -> None:
    """Not before; its index stands in `errors`, once for all destinations, and the others have their ids."""
    client = wire(None, "orders", "audit")
    client.send(batch("a", "b"))
    client.intake.give_up(1)
    client.intake.give_up(3, "TooLarge", "too large")
    client.intake.deliver(0)
    assert await told(client) == []
    client.intake.deliver(2)
    problem = (await only(client)).problem
    assert problem["errors"] == [{"reason": "undeliverable", "index": 1}]
    assert problem["code"] == "NotAuthorized"
    assert problem["results"] == [
        delivered("a", "bus-1"),
        delivered("a", "bus-1", "audit"),
        given_up("b"),
        {**given_up("b", "audit"), "code": "TooLarge", "message": "too large"},
    ]


@on_virtual_clock
async def test_when_time_runs_out_what_is_held_is_202() -> None:
    """To the moment, with what was delivered left unsaid; what becomes of it later is told to nobody."""
    client = wire()
    client.send(batch("a", "b"))
    client.intake.deliver(0)
    await until(4.99)
    assert await told(client) == []
    await until(5.0)
    answer = await only(client)
    assert (answer.status, answer.body) == (202, b"")
    client.intake.give_up(1)
    assert len(await told(client)) == 1
    assert client.statuses == {202: 1}


@on_virtual_clock
async def test_when_time_runs_out_what_is_refused_is_502() -> None:
    """Some refused and some still held: the refusal is for good, and the held have no result."""
    client = wire()
    client.send(batch("a", "b", "c"))
    client.intake.give_up(1)
    client.intake.deliver(2, "bus-3")
    await until(5.0)
    assert (await only(client)).problem["results"] == [given_up("b"), delivered("c", "bus-3")]


@on_virtual_clock
async def test_an_event_kept_for_the_next_start_is_202() -> None:
    """It is neither delivered nor lost; the others' ids are not worth a 200."""
    client = wire()
    client.send(batch("a", "b"))
    client.intake.deliver(0)
    client.intake.keep(1)
    assert (await only(client)).status == 202


@pytest.mark.parametrize("index", [0, 1])
@on_virtual_clock
async def test_an_event_that_is_lost_with_the_process_is_503(index: int) -> None:
    """At whichever destination: its client is told to send all again. It was accepted, and not refused."""
    client = wire(None, "orders", "audit")
    client.send(delivery(WAIT_5))
    client.intake.deliver(1 - index)
    client.intake.lose(index)
    answer = await only(client)
    assert (answer.status, answer.headers["retry-after"], answer.headers["connection"]) == (503, "5", "close")
    assert answer.problem["errors"] == [{"reason": "draining"}]
    assert client.statistics.events_refused["draining"] == 0


@on_virtual_clock
async def test_refused_and_kept_is_502() -> None:
    """What is refused is refused."""
    client = wire(None, "orders", "audit")
    client.send(delivery(WAIT_5))
    client.intake.keep(1)
    client.intake.give_up(0)
    assert (await only(client)).problem["results"] == [given_up("1")]


@on_virtual_clock
async def test_what_is_refused_at_once_is_not_waited_for() -> None:
    """A full buffer's 503 and a bad event's 400 are as ever."""
    client = wire()
    client.intake.admission = NoRoom(3)
    assert [answer.status for answer in client.send(delivery(WAIT_5))] == [503]
    assert [answer.status for answer in client.send(delivery(WAIT_5, body=b"{"))] == [503, 400]


@pytest.mark.parametrize("seconds", [(1, 3, 2), (3, 1, 2)])
@on_virtual_clock
async def test_waits_of_one_connection_run_out_each_in_its_time(seconds: tuple[int, ...]) -> None:
    """And are told in order: a shorter one behind a longer is told with it."""
    client = wire()
    for each in seconds:
        client.send(delivery(b"Prefer: wait=%d" % each))
    for moment in (1, 2, 3):
        await until(moment + 0.5)
        over = [each <= moment for each in seconds]
        in_turn = over.index(False) if False in over else len(over)
        assert [answer.status for answer in await told(client)] == [202] * in_turn
    client.send(delivery(b"Prefer: wait=1"))
    await until(4.49)
    assert len(await told(client)) == 3
    await until(4.5)
    assert len(await told(client)) == 4


@on_virtual_clock
async def test_a_shorter_wait_behind_a_longer_one_is_over_in_its_time() -> None:
    """What is delivered after it does not count, though the answer is not written yet."""
    client = wire()
    client.send(delivery(b"Prefer: wait=3") + delivery(b"Prefer: wait=1"))
    await until(2.0)
    client.intake.deliver(1)
    client.intake.deliver(0)
    assert [answer.status for answer in await told(client)] == [200, 202]


# preferences and the configuration


@pytest.mark.parametrize("limits", [PATIENT, HASTY])
@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        (b"wait=2", 2),
        (b"wait=20", 20),
        (b"respond-async, wait=10", 10),
        (b'wait="2"', 2),
        (b"wait=9999", 600),
    ],
)
@on_virtual_clock
async def test_a_producer_waits_as_long_as_it_asks(
    limits: ReceiverLimits, field: bytes, seconds: int
) -> None:
    """Whatever the configuration says, and no longer than ten minutes."""
    client = wire(limits)
    client.send(delivery(b"Prefer: " + field))
    await until(seconds - 0.01)
    assert await told(client) == []
    await until(seconds)
    assert (await only(client)).status == 202


@pytest.mark.parametrize("limits", [PATIENT, HASTY])
@pytest.mark.parametrize("field", [b"respond-async", b"wait=0", b"respond-async, wait=0"])
def test_a_producer_that_asks_not_to_wait_does_not(limits: ReceiverLimits, field: bytes) -> None:
    """202 within the call, whatever the configuration says."""
    (answer,) = Wire(limits).send(delivery(b"Prefer: " + field))
    assert (answer.status, answer.headers["preference-applied"]) == (202, field.decode())


@pytest.mark.parametrize("lines", [(), (b"Prefer: return=minimal",), (b"Prefer: wait=soon",)])
@on_virtual_clock
async def test_who_says_nothing_waits_as_configured(lines: tuple[bytes, ...]) -> None:
    """For 5 s here; an unusable preference says nothing, and nothing is claimed to be honoured."""
    client = wire(PATIENT)
    client.send(delivery(*lines))
    await until(4.99)
    assert await told(client) == []
    await until(5.0)
    answer = await only(client)
    assert (answer.status, "preference-applied" in answer.headers) == (202, False)


def test_who_says_nothing_is_answered_at_once_as_configured() -> None:
    """The usual way."""
    assert [answer.status for answer in Wire(HASTY).send(delivery())] == [202]


@on_virtual_clock
async def test_several_prefer_fields_are_one_list() -> None:
    """RFC 7240 2: they may be split over lines."""
    client = wire()
    client.send(delivery(ASYNC, b"prefer: wait=3"))
    await until(3.0)
    assert (await only(client)).headers["preference-applied"] == "respond-async, wait=3"


@pytest.mark.parametrize("outcome", [200, 202, 502])
@on_virtual_clock
async def test_the_answer_says_what_was_honoured(outcome: int) -> None:
    """RFC 7240 3, whatever came of the wait."""
    client = wire()
    client.send(delivery(WAIT_5))
    match outcome:
        case 200:
            client.intake.deliver(0)
        case 502:
            client.intake.give_up(0)
    await until(5.0)
    answer = await only(client)
    assert (answer.status, answer.headers["preference-applied"]) == (outcome, "wait=5")


@on_virtual_clock
async def test_a_known_head_waits_as_the_first_of_its_kind() -> None:
    """What a request prefers is part of its head."""
    client = wire()
    for seconds in (2, 2, 2, 3, 3):
        began = now()
        client.send(delivery(b"Prefer: wait=%d" % seconds))
        count = len(await told(client))
        await until(began + seconds - 0.01)
        assert len(await told(client)) == count
        await until(began + seconds)
        assert len(await told(client)) == count + 1


# the disk


@on_virtual_clock
async def test_nothing_is_answered_before_the_disk_has_it() -> None:
    """Then 202, as ever."""
    client = wire()
    client.intake.admission = Pending
    assert client.send(delivery()) == []
    await until(9.0)
    assert await told(client) == []
    client.intake.pending[0].decide(ACCEPTED)
    assert (await only(client)).status == 202


@pytest.mark.parametrize(
    ("admission", "reason", "detail"),
    [
        (NoRoom(3), "no_room", "there is no room for this request now; send it again later"),
        (Draining(3), "draining", "the gateway is going down and takes nothing new"),
        (Unwritten(3), "no_room", "the journal cannot be written; send it again later"),
    ],
)
@pytest.mark.parametrize("line", [WAIT_5, ASYNC])
@on_virtual_clock
async def test_what_the_disk_does_not_take_is_503(
    admission: Admission,
    reason: str,
    detail: str,
    line: bytes,
) -> None:
    """Counted for every event of the request, with the time after which to come again.

    Who is told of the drain comes again to another, so that the connection ends.
    """
    closes = admission == Draining(3)
    client = wire()
    client.intake.admission = Pending
    client.send(batch("a", "b", line=line))
    client.intake.pending[0].decide(admission)
    answer = await only(client)
    assert (answer.status, answer.headers["retry-after"], answer.closes) == (503, "3", closes)
    assert (answer.problem["detail"], answer.problem["errors"]) == (detail, [{"reason": reason}])
    assert client.refused == {reason: 2}
    assert client.transport.has_ended is closes


def test_a_journal_that_is_known_to_fail_is_503_before_the_body() -> None:
    """The intake may know it beforehand."""
    client = Wire()
    client.intake.foreseen = Unwritten(7)
    (answer,) = client.send(delivery())
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert client.refused == {"no_room": 1}


@on_virtual_clock
async def test_a_wait_for_the_delivery_counts_from_the_request() -> None:
    """The disk's time is part of it."""
    client = wire()
    client.intake.admission = Pending
    client.send(delivery(WAIT_5))
    await until(3.0)
    client.intake.pending[0].decide(ACCEPTED)
    await until(4.99)
    assert await told(client) == []
    await until(5.0)
    assert (await only(client)).status == 202


@on_virtual_clock
async def test_a_wait_that_is_over_ends_with_the_disks_answer() -> None:
    """Not before: what is not on disk is not accepted."""
    client = wire()
    client.intake.admission = Pending
    client.send(delivery(b"Prefer: wait=1"))
    await until(3.0)
    assert await told(client) == []
    client.intake.pending[0].decide(ACCEPTED)
    assert (await only(client)).status == 202


@on_virtual_clock
async def test_what_is_on_disk_may_be_delivered_in_time() -> None:
    """200, also after a longer wait than the disk is given."""
    client = wire()
    client.intake.admission = Pending
    client.send(delivery(b"Prefer: wait=60"))
    client.intake.pending[0].decide(ACCEPTED)
    await until(50.0)
    client.intake.deliver(0, "bus-1")
    assert (await only(client)).json["results"] == [delivered("1", "bus-1")]


@pytest.mark.parametrize("line", [ASYNC, b"Prefer: wait=600", b"Prefer: wait=1"])
@on_virtual_clock
async def test_a_disk_that_hangs_is_503_after_the_request_time_out(line: bytes) -> None:
    """The event may be accepted later, and the client sends it again: at least once. It is told once."""
    client = wire(limited(request_timeout_seconds=10.0))
    client.intake.admission = Pending
    client.send(delivery(line))
    await until(9.99)
    assert await told(client) == []
    await until(10.0)
    answer = await only(client)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.problem["detail"] == "the journal cannot be written; send it again later"
    client.intake.pending[0].decide(ACCEPTED)
    for index in range(len(client.intake.entries)):
        client.intake.deliver(index)
    assert len(await told(client)) == 1
    assert client.refused == {"no_room": 1}


# many


@on_virtual_clock
async def test_a_thousand_connections_wait_at_once() -> None:
    """Each with a time of its own; each is told once, of its own event."""
    client = wire(limited(max_connections=2000))
    others = [client.connect() for _ in range(1000)]
    for number, (connection, _) in enumerate(others):
        connection.data_received(delivery(b"Prefer: wait=%d" % (number % 7 + 1)))
    await until(3.5)
    held = [number for number in range(1000) if number % 7 >= 3]
    for number in reversed(held):
        client.intake.deliver(number, f"bus-{number}")
    await settle()
    for number, (_, transport) in enumerate(others):
        (answer,) = answers(transport.written)
        assert (answer.status, b"bus-%d" % number in answer.body) == (
            (200, True) if number in held else (202, False)
        )
        assert len(transport.writes) == 1


@on_virtual_clock
async def test_delivered_events_are_not_kept_for_an_answer_whose_turn_has_not_come() -> None:
    """They have left the buffer's bound, and nothing else would bound them."""
    client = wire(None, "orders", "stuck")
    client.send(delivery(WAIT_5, target=b"/events/stuck"))
    large = EVENT.replace(b'{"n":1}', b'"%b"' % (b"x" * 500_000))
    tracemalloc.start()
    try:
        for _ in range(10):
            client.send(request(BATCHED, WAIT_5, target=b"/events/orders", body=b"[%b,%b]" % (large, large)))
            client.intake.deliver(1)
            client.intake.deliver(2)
            del client.intake.entries[1:], client.intake.accepted[1:]
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
    client.intake.deliver(0)
    assert [answer.status for answer in await told(client)] == [200] * 11


@on_virtual_clock
async def test_no_more_is_read_while_too_many_bytes_are_owed() -> None:
    """Answers in line are memory too: a batch's has the ids that its client has chosen."""
    client = wire(None, "orders", "stuck")
    client.send(delivery(WAIT_5, target=b"/events/stuck"))
    whole = batch(*(f"{n:0200000}" for n in range(3))).replace(b" / ", b" /events/orders ", 1)
    for sent in range(2):
        client.send(whole)
        assert not client.transport.is_reading_paused
        for index in range(1, 4):
            client.intake.deliver(3 * sent + index)
    client.send(whole)
    assert client.transport.is_reading_paused
    assert len(client.intake.entries) == 7
    client.intake.deliver(0)
    assert [answer.status for answer in await told(client)] == [200] * 3
    assert not client.transport.is_reading_paused
    for index in range(7, 10):
        client.intake.deliver(index)
    assert [answer.status for answer in await told(client)] == [200] * 4
