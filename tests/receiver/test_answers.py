"""A connection that owes answers: their order, their writes, its end, and what bounds them."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission import ACCEPTED, Draining, Pending
from gateway.receiver.answers import MAX_OWED
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.protocol import PIECE_BYTES, HttpConnection
from tests.support.clock import NothingWillHappenError, now, on_virtual_clock, run_virtual, settle, until
from tests.support.http import EVENT, Answer, Wire, answers, delivery, request
from tests.support.limits import limited
from tests.support.mutations import quick
from tests.support.transport import WholeTransport

WAIT = b"Prefer: wait=60"
WAITING = delivery(WAIT)
LIMITS = limited(idle_timeout_seconds=5.0, request_timeout_seconds=10.0, linger_seconds=1.0)


def wire(limits: ReceiverLimits = LIMITS) -> Wire:
    """A connection on the virtual clock."""
    return Wire(limits, clock=now)


def event(id_: str) -> bytes:
    """An event of that id."""
    return EVENT.replace(b'"id":"1"', b'"id":"%b"' % id_.encode())


async def told(connection: Wire) -> list[Answer]:
    """Every answer so far, once the loop has turned."""
    await settle()
    return answers(connection.transport.written)


async def statuses(connection: Wire) -> list[int]:
    """Of every answer so far."""
    return [answer.status for answer in await told(connection)]


# order


@on_virtual_clock
async def test_an_answer_known_at_once_waits_for_those_before_it() -> None:
    """Whatever it is, and whenever it came."""
    client = wire()
    client.send(WAITING + delivery() + request(method=b"GET", target=b"/nowhere"))
    client.send(delivery())
    assert await statuses(client) == []
    client.intake.deliver(0)
    assert await statuses(client) == [200, 202, 404, 202]
    client.send(delivery())
    assert await statuses(client) == [200, 202, 404, 202, 202]
    assert client.statuses == {200: 1, 202: 3, 404: 1}


@on_virtual_clock
async def test_the_time_of_a_body_begins_when_its_client_is_told_to_send_it() -> None:
    """An interim answer stands in line too: the client is not blamed for what it was not told."""
    client = wire()
    client.send(WAITING + delivery(b"Expect: 100-continue")[: -len(EVENT)])
    client.pass_time(0.0)
    await asyncio.sleep(30.0)
    client.pass_time(0.0)
    assert await statuses(client) == []
    client.intake.deliver(0)
    assert await statuses(client) == [200, 100]
    await asyncio.sleep(9.0)
    client.pass_time(0.0)
    assert await statuses(client) == [200, 100]
    await asyncio.sleep(1.0)
    client.pass_time(0.0)
    assert await statuses(client) == [200, 100, 408]


@on_virtual_clock
async def test_an_answer_behind_the_first_waits_for_it() -> None:
    """And what stands before the first that is not known is written at once."""
    client = wire()
    client.send(delivery() + WAITING + WAITING + delivery())
    client.intake.deliver(1)
    assert await statuses(client) == [202]
    client.intake.give_up(0)
    assert await statuses(client) == [202, 502, 200, 202]


@on_virtual_clock
async def test_answers_that_become_known_in_one_turn_are_one_write() -> None:
    """For each connection; a bus's batch settles many events."""
    client = wire()
    client.send(WAITING * 5 + delivery())
    for index in (4, 0, 2, 3, 1):
        client.intake.deliver(index)
    assert client.transport.writes == []
    assert await statuses(client) == [200] * 5 + [202]
    assert len(client.transport.writes) == 1


@on_virtual_clock
async def test_answers_are_counted_and_dated_when_they_are_written() -> None:
    """Not when their request came, nor when they were known behind another."""
    client = wire()
    client.send(WAITING + delivery())
    assert not client.statuses
    client.wall_time += 60.0
    client.service.sweep()
    client.intake.deliver(0)
    assert [answer.headers["date"] for answer in await told(client)] == ["Tue, 14 Nov 2023 22:14:20 GMT"] * 2
    assert client.statuses == {200: 1, 202: 1}


@on_virtual_clock
async def test_the_answer_to_head_has_no_body_behind_a_waiting_one_either() -> None:
    """RFC 9110 9.3.2, wherever it stands."""
    client = wire()
    client.send(WAITING + request(method=b"HEAD"))
    client.intake.deliver(0)
    await settle()
    assert b"HTTP/1.1 405 Method Not Allowed\r\n" in client.transport.written
    assert client.transport.written.endswith(b"\r\n\r\n")


@on_virtual_clock
async def test_an_interim_answer_waits_for_the_answers_before_it() -> None:
    """100 would be taken for the first request's."""
    client = wire()
    client.send(WAITING + delivery(b"Expect: 100-continue")[: -len(EVENT)])
    assert await statuses(client) == []
    client.intake.deliver(0)
    assert await statuses(client) == [200, 100]
    client.send(EVENT)
    assert await statuses(client) == [200, 100, 202]


EXPECTED = {"wait": 200, "accept": 202, "journal": 202, "nowhere": 404, "get": 405}
"""The status of each kind of request, once all is told."""
STEPS = st.lists(st.sampled_from(sorted(EXPECTED)), min_size=1, max_size=20)


def _request(step: str, number: int) -> bytes:
    match step:
        case "wait":
            return delivery(b"Prefer: wait=600", b"X-Request-Id: %d" % number, body=event(str(number)))
        case "nowhere":
            return request(method=b"GET", target=b"/nowhere")
        case "get":
            return request(method=b"GET")
        case _:
            return delivery(b"Prefer: respond-async", body=event(str(number)))


@quick
@given(STEPS, st.data())
def test_answers_are_in_order_once_each_whatever_becomes_known_when(
    steps: list[str], data: st.DataObject
) -> None:
    """Deliveries and the disk's decisions in any order, between requests in any number of chunks."""
    run_virtual(_mix(steps, data))


async def _mix(steps: Sequence[str], data: st.DataObject) -> None:
    client = wire(limited())
    waiting: list[Callable[[], None]] = []
    for number, step in enumerate(steps):
        client.intake.admission = Pending if step == "journal" else ACCEPTED
        before = len(client.intake.entries), len(client.intake.pending)
        client.connection.data_received(_request(step, number))
        if len(client.intake.entries) > before[0]:
            waiting.append(_delivery(client, before[0], number))
        if len(client.intake.pending) > before[1]:
            waiting.append(_decision(client, before[1]))
        for _ in range(data.draw(st.integers(0, min(2, len(waiting))))):
            waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))()
        if data.draw(st.booleans()):
            await settle()
    for tell in data.draw(st.permutations(waiting)):
        tell()
    found = await told(client)
    assert [answer.status for answer in found] == [EXPECTED[step] for step in steps]
    for number, answer in enumerate(found):
        if answer.status == 200:
            assert answer.json["results"][0]["bus_event_id"] == f"bus-{number}"
    assert sum(client.statuses.values()) == len(steps)
    assert not client.connection.has_open_request


def _delivery(client: Wire, index: int, number: int) -> Callable[[], None]:
    return lambda: client.intake.deliver(index, f"bus-{number}")


def _decision(client: Wire, index: int) -> Callable[[], None]:
    return lambda: client.intake.pending[index].decide(ACCEPTED)


# bounds


@on_virtual_clock
async def test_answers_owed_are_bounded() -> None:
    """Beyond them no requests are read, until one has been written."""
    client = wire()
    client.send(WAITING * (MAX_OWED - 1))
    assert not client.transport.is_reading_paused
    client.send(WAITING)
    assert client.transport.is_reading_paused
    client.intake.deliver(0)
    assert await statuses(client) == [200]
    assert not client.transport.is_reading_paused


@on_virtual_clock
async def test_answers_owed_are_bounded_within_one_chunk_too() -> None:
    """Thousands of requests that come at once are read as the answers go; each gets its own, in order."""
    client = wire()
    requests = [delivery(WAIT, body=event(str(number))) for number in range(2000)]
    client.send(b"".join(requests))
    assert MAX_OWED <= len(client.intake.accepted) <= MAX_OWED + PIECE_BYTES // len(requests[0]) + 1
    told = 0
    while told < len(client.intake.entries):
        for index in range(told, len(client.intake.entries)):
            client.intake.deliver(index)
            told += 1
        await settle()
    assert client.statuses == {200: 2000}
    assert [each.id for each in client.intake.events] == [str(number) for number in range(2000)]
    assert not client.transport.is_reading_paused


@on_virtual_clock
async def test_a_request_that_is_not_read_for_our_sake_has_its_time_later() -> None:
    """Too much is owed, so its rest waits in the socket: no fault of its client."""
    client = wire()
    client.send(WAITING * MAX_OWED + delivery()[:-1])
    await until(30.0)
    client.service.sweep()
    client.intake.deliver(0)
    assert await statuses(client) == [200]
    await until(39.0)
    client.service.sweep()
    for index in range(1, MAX_OWED):
        client.intake.deliver(index)
    assert await statuses(client) == [200] * MAX_OWED
    client.send(delivery()[-1:])
    assert await statuses(client) == [*[200] * MAX_OWED, 202]


@on_virtual_clock
async def test_a_client_that_does_not_read_is_not_read_from_when_less_is_owed_either() -> None:
    """Two reasons to pause: both must be gone."""
    client = wire()
    client.send(WAITING * MAX_OWED)
    client.connection.pause_writing()
    client.intake.deliver(0)
    await settle()
    assert client.transport.is_reading_paused
    client.connection.resume_writing()
    assert not client.transport.is_reading_paused
    client.send(WAITING)
    client.connection.pause_writing()
    client.connection.resume_writing()
    assert client.transport.is_reading_paused


@on_virtual_clock
async def test_a_connection_that_is_owed_an_answer_is_not_idle() -> None:
    """The wait has its own bound; idleness counts from the answer."""
    client = wire()
    client.send(WAITING)
    await until(30.0)
    client.service.sweep()
    client.intake.deliver(0)
    assert await statuses(client) == [200]
    await until(34.9)
    client.service.sweep()
    assert not client.transport.has_ended
    await until(35.0)
    client.service.sweep()
    assert client.transport.is_closed


@on_virtual_clock
async def test_a_slow_request_behind_a_waiting_one_is_timed_out() -> None:
    """408 in its turn, and then the end."""
    client = wire()
    client.send(WAITING + delivery()[:-1])
    await until(10.0)
    client.service.sweep()
    client.send(delivery())
    assert await statuses(client) == []
    client.intake.deliver(0)
    assert [(answer.status, answer.closes) for answer in await told(client)] == [(200, False), (408, True)]
    assert client.transport.has_written_eof
    assert client.statistics.receiving_bytes == 0


# the end


@pytest.mark.parametrize(
    "last",
    [
        delivery(WAIT, b"Connection: close"),
        delivery(WAIT, version=b"HTTP/1.0"),
    ],
)
@on_virtual_clock
async def test_a_connections_last_answer_may_be_waited_for(last: bytes) -> None:
    """It announces the end, which comes behind it; requests behind it are never read."""
    client = wire()
    client.send(WAITING + last + delivery())
    client.send(delivery() + b"\0\0")
    client.intake.deliver(1)
    await until(30.0)
    client.service.sweep()
    assert await statuses(client) == []
    assert not client.transport.has_ended
    client.intake.deliver(0)
    assert [(answer.status, answer.closes) for answer in await told(client)] == [(200, False), (200, True)]
    assert client.transport.has_written_eof
    assert len(client.intake.events) == 2
    await until(31.0)
    client.service.sweep()
    assert client.transport.is_aborted


@pytest.mark.parametrize("last", [delivery(b"Connection: close"), b"\0\0", b"post / HTTP/1.1\r\n"])
@on_virtual_clock
async def test_a_last_answer_that_is_known_waits_too(last: bytes) -> None:
    """Also one to rubbish, or to a method that nobody knows."""
    client = wire()
    client.send(WAITING + last + delivery())
    assert await statuses(client) == []
    client.intake.deliver(0)
    first, second = await told(client)
    assert (first.status, first.closes, second.closes) == (200, False, True)
    assert client.transport.has_written_eof


@on_virtual_clock
async def test_the_rest_of_a_refused_request_may_end_behind_a_waiting_one() -> None:
    """It does not come, or is rubbish: there is no second answer, and the first keeps its turn."""
    client = wire()
    client.send(WAITING + request(b"Content-Length: 10", target=b"/nowhere"))
    await until(10.0)
    client.service.sweep()
    assert await statuses(client) == []
    client.intake.deliver(0)
    assert [(answer.status, answer.closes) for answer in await told(client)] == [(200, False), (404, True)]
    assert client.transport.has_written_eof


@on_virtual_clock
async def test_a_refusal_that_closes_lets_those_behind_it_out() -> None:
    """Their events were taken; only the last answer may announce the end, and nothing more is read."""
    client = wire()
    client.intake.admission = Pending
    client.send(delivery() + delivery() + delivery()[:-1])
    client.intake.pending[0].decide(Draining(5))
    assert [(answer.status, answer.closes) for answer in await told(client)] == [(503, False)]
    client.send(b"}" + delivery())
    client.intake.pending[1].decide(ACCEPTED)
    assert [(answer.status, answer.closes) for answer in await told(client)] == [(503, False), (202, True)]
    assert client.transport.has_written_eof
    assert len(client.intake.events) == 2


@on_virtual_clock
async def test_a_client_that_has_ended_its_side_gets_what_it_is_owed() -> None:
    """As a client does that sends all it has and then reads: the transport is kept, and closed behind it."""
    client = wire()
    client.send(WAITING + WAITING)
    assert client.connection.eof_received()
    client.intake.deliver(0)
    await settle()
    assert not client.transport.has_ended
    client.intake.deliver(1)
    assert [(answer.status, answer.closes) for answer in await told(client)] == [(200, False), (200, True)]
    assert client.transport.is_closed


@on_virtual_clock
async def test_a_client_that_ends_within_a_request_gets_what_it_is_owed() -> None:
    """And a 400 for what it cut short."""
    client = wire()
    client.send(WAITING + delivery()[:-1])
    assert client.connection.eof_received()
    client.intake.deliver(0)
    assert await statuses(client) == [200, 400]
    assert client.transport.is_closed


@on_virtual_clock
async def test_a_client_of_a_transport_that_has_no_half_is_gone_when_it_ends() -> None:
    """TLS cannot be kept half open; its events stay accepted."""
    client, transport = wire(), WholeTransport()
    connection = HttpConnection(client.service)
    connection.connection_made(transport)
    connection.data_received(WAITING)
    assert not connection.eof_received()


def test_a_client_that_ends_and_is_owed_nothing_is_gone() -> None:
    """The transport closes itself, as ever."""
    client = Wire()
    client.send(delivery())
    assert not client.connection.eof_received()


@on_virtual_clock
async def test_a_client_that_goes_away_is_told_nothing() -> None:
    """Its events stay accepted; whoever tells of them tells nobody, and no answer is counted."""
    client = wire()
    client.send(WAITING + WAITING)
    client.intake.deliver(0)
    client.connection.connection_lost(ConnectionResetError())
    client.intake.deliver(1)
    assert await told(client) == []
    assert not client.statuses
    assert len(client.intake.events) == 2


@on_virtual_clock
async def test_a_connection_that_was_cut_is_not_written_to() -> None:
    """Its transport is closing, though it has not said so yet."""
    client = wire()
    client.send(WAITING)
    client.connection.abort()
    client.intake.deliver(0)
    assert await told(client) == []


def test_a_lost_connection_leaves_no_timer_behind() -> None:
    """Nothing is left to wait for at the moment it was lost."""

    async def lose() -> None:
        client = wire()
        client.send(WAITING)
        client.connection.connection_lost(None)
        await asyncio.Event().wait()

    with pytest.raises(NothingWillHappenError, match=r"at 0\.0$"):
        run_virtual(lose())


@on_virtual_clock
async def test_a_receipt_keeps_no_connection_alive() -> None:
    """Thousands of clients may come and go while a bus is down and their events are held."""
    client = wire()
    connection, _ = client.connect()
    connection.data_received(WAITING + delivery())
    gone = weakref.ref(connection)
    gc.disable()
    try:
        connection.connection_lost(None)
        del connection
        assert gone() is None
    finally:
        gc.enable()
    client.intake.deliver(0)


@on_virtual_clock
async def test_closing_idle_connections_spares_one_that_is_owed_an_answer() -> None:
    """It has an open request."""
    client = wire()
    client.send(WAITING)
    client.connection.close_idle()
    assert client.connection.has_open_request
    assert not client.transport.has_ended
    client.intake.deliver(0)
    assert await statuses(client) == [200]
    assert not client.connection.has_open_request
    client.connection.close_idle()
    assert client.transport.is_closed


@on_virtual_clock
async def test_while_draining_the_last_answer_owed_is_the_connections_last() -> None:
    """A waiting request is an open one; its answer ends the connection."""
    client = wire()
    client.send(WAITING + WAITING)
    client.service.is_draining = True
    client.intake.deliver(0)
    client.intake.deliver(1)
    assert [(answer.status, answer.closes) for answer in await told(client)] == [(200, False), (200, True)]
    assert client.transport.has_written_eof


@on_virtual_clock
async def test_while_draining_a_request_that_is_coming_is_answered_too() -> None:
    """Its answer is the last then."""
    client = wire()
    client.send(WAITING + delivery()[:-1])
    client.service.is_draining = True
    client.intake.deliver(0)
    assert [(answer.status, answer.closes) for answer in await told(client)] == [(200, False)]
    client.send(delivery()[-1:])
    assert [(answer.status, answer.closes) for answer in await told(client)] == [(200, False), (202, True)]
    assert client.transport.has_written_eof


@on_virtual_clock
async def test_a_failure_in_an_answer_is_ours_and_hurts_no_other() -> None:
    """500 and the end for that client; what the bus told the others is told."""
    client = wire()
    other, transport = client.connect()
    client.send(WAITING)
    other.data_received(WAITING)
    client.intake.give_up(0, "code", "\ud800")
    client.intake.deliver(1)
    assert [(answer.status, answer.closes) for answer in await told(client)] == [(500, True)]
    assert [answer.status for answer in answers(transport.written)] == [200]
