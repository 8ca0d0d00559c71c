"""A connection's life: bodies within limits, refusals before them, time, and clients that do not read."""

from itertools import pairwise
from typing import Any

import pytest

from gateway.admission import ACCEPTED, NoRoom, Pending
from gateway.receiver.protocol import HttpConnection
from tests.support.clock import now, on_virtual_clock, settle
from tests.support.http import EVENT, STRUCTURED, Wire, answers, chunked, delivery, request
from tests.support.limits import limited
from tests.support.transport import FakeTransport, WholeTransport

EXPECT = b"Expect: 100-continue"
LIMITS = limited(
    max_body_bytes=500_000,
    max_receiving_bytes=1_000_000,
    max_connections=2,
    idle_timeout_seconds=75.0,
    first_byte_timeout_seconds=75.0,
    request_timeout_seconds=10.0,
    linger_seconds=1.0,
)
KIB_256 = 256 << 10


def head(length: int, *lines: bytes) -> bytes:
    """The head of a structured event of that length."""
    return request(STRUCTURED, *lines, b"Content-Length: %d" % length)


@pytest.mark.parametrize("expectation", [EXPECT, b"expect: 100-Continue"])
def test_a_client_that_waits_is_told_to_continue(expectation: bytes) -> None:
    """100 when the head is good, and the final answer when the body is there."""
    wire = Wire()
    assert [answer.status for answer in wire.send(head(len(EVENT), expectation))] == [100]
    assert [answer.status for answer in wire.send(EVENT)] == [100, 202]


def test_a_chunked_body_may_be_waited_with_too() -> None:
    """Its length is unknown, so it may be there."""
    assert [answer.status for answer in Wire().send(chunked(EVENT, lines=[EXPECT]))] == [100, 202]


def test_the_interim_answer_keeps_its_place() -> None:
    """Behind the answers of the requests before it."""
    wire = Wire()
    answers = wire.send(delivery() + delivery(EXPECT) + delivery())
    assert [answer.status for answer in answers] == [202, 100, 202, 202]


def test_a_client_that_waits_with_no_body_is_just_answered() -> None:
    """There is nothing to continue with (RFC 9110 10.1.1)."""
    assert [answer.status for answer in Wire().send(head(0, EXPECT))] == [400]


def test_http_1_0_cannot_wait() -> None:
    """RFC 9110 10.1.1: the expectation of a 1.0 client is ignored."""
    answers = Wire().send(delivery(EXPECT, version=b"HTTP/1.0"))
    assert [answer.status for answer in answers] == [202]


def test_a_client_that_waits_gets_the_refusal_at_once() -> None:
    """The final status instead of 100; whether the body follows nobody knows, so the connection ends."""
    wire = Wire()
    wire.intake.foreseen = NoRoom(3)
    answers = wire.send(head(len(EVENT), EXPECT))
    assert [(answer.status, answer.closes) for answer in answers] == [(503, True)]
    assert wire.transport.has_written_eof


def test_a_body_over_its_limit_is_refused_before_it_comes() -> None:
    """413 from Content-Length alone; the connection ends, as the body is not read."""
    wire = Wire(LIMITS)
    answers = wire.send(head(500_001))
    assert [(answer.status, answer.closes) for answer in answers] == [(413, True)]
    assert "500000" in answers[0].problem["detail"]


def test_a_body_at_its_limit_is_read() -> None:
    """The limit itself is allowed, in pieces too."""
    wire = Wire(LIMITS)
    event = EVENT + b" " * (500_000 - len(EVENT))
    answers = wire.send(delivery(body=event) + chunked(event[:1000], event[1000:]), piece=65_536)
    assert [answer.status for answer in answers] == [202, 202]


def test_a_chunked_body_is_refused_as_soon_as_it_is_over_its_limit() -> None:
    """413 while it comes, and the rest is not parsed."""
    wire = Wire(LIMITS)
    answers = wire.send(chunked(*[b"x" * 100_000] * 10) + delivery(), piece=65_536)
    assert [(answer.status, answer.closes) for answer in answers] == [(413, True)]
    assert not wire.intake.accepted
    assert wire.statistics.receiving_bytes == 0


def test_a_small_rest_of_a_refused_request_is_read_away() -> None:
    """The answer comes at once, and the connection lives."""
    wire = Wire()
    refused = delivery(target=b"/nowhere", body=delivery() + b"x" * (KIB_256 - len(delivery())))
    first, rest = refused[:200], refused[200:]
    assert [(answer.status, answer.closes) for answer in wire.send(first)] == [(404, False)]
    assert [answer.status for answer in wire.send(rest + delivery(), piece=50_000)] == [404, 202]
    assert len(wire.intake.events) == 1


def test_a_large_rest_of_a_refused_request_ends_the_connection() -> None:
    """Our side ends, and what comes is thrown away, so that the answer is not lost to a reset."""
    wire = Wire()
    answers = wire.send(
        delivery(target=b"/nowhere", body=delivery() + b"x" * KIB_256) + delivery(), piece=50_000
    )
    assert [(answer.status, answer.closes) for answer in answers] == [(404, True)]
    assert wire.transport.has_written_eof
    assert not wire.transport.is_closing()
    wire.pass_time(1.0)
    assert wire.transport.is_aborted


def test_a_chunked_rest_of_a_refused_request_ends_the_connection() -> None:
    """Nobody knows how much it is."""
    answers = Wire().send(chunked(EVENT).replace(b"POST / ", b"POST /nowhere ") + delivery())
    assert [(answer.status, answer.closes) for answer in answers] == [(404, True)]


def test_bodies_being_read_are_bounded_over_all_connections() -> None:
    """What has come counts, whatever was declared; beyond the limit 503, and room when a body is done."""
    wire = Wire(limited(max_receiving_bytes=1000))
    other, transport = wire.connect()
    wire.send(head(1000) + EVENT + b" " * (900 - len(EVENT)))
    assert wire.statistics.receiving_bytes == 900
    other.data_received(head(101))
    assert transport.written.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in transport.written
    assert wire.refused == {"no_room": 1}
    wire.send(b" " * 100)
    assert wire.statistics.receiving_bytes == 0
    other.data_received(b" " * 101 + delivery())
    assert len(wire.intake.events) == 2


def test_silent_clients_take_no_room_for_bodies() -> None:
    """However many declare however much and send nothing: only what has come is held."""
    wire = Wire(limited(max_body_bytes=4 << 20, max_receiving_bytes=64 << 20))
    for _ in range(100):
        wire.connect()[0].data_received(head(4 << 20))
    assert wire.statistics.receiving_bytes == 0
    assert [answer.status for answer in wire.send(delivery())] == [202]


def test_a_body_that_finds_no_room_on_its_way_is_refused() -> None:
    """503 to the one whose piece was one too many; what it held is free."""
    wire = Wire(limited(max_receiving_bytes=1000))
    other, _ = wire.connect()
    other.data_received(head(950) + b" " * 600)
    wire.send(head(400) + b" " * 100)
    other.data_received(b" " * 300)
    answers = wire.send(b" ")
    assert [(answer.status, answer.closes) for answer in answers] == [(503, True)]
    assert wire.statistics.receiving_bytes == 900


def test_chunked_bodies_count_as_they_come() -> None:
    """503 and close for the one that finds no room."""
    wire = Wire(limited(max_receiving_bytes=1000))
    other, transport = wire.connect()
    other.data_received(head(950) + b" " * 949)
    answers = wire.send(chunked(EVENT))
    assert [(answer.status, answer.closes) for answer in answers] == [(503, True)]
    assert wire.statistics.receiving_bytes == 949
    assert [asked for asked, _ in wire.intake.asked] == [950, 0]
    assert not transport.written


CROWDED = limited(
    max_body_bytes=500_000,
    max_receiving_bytes=1_000_000,
    request_timeout_seconds=100.0,
    min_body_bytes_per_second=10_000,
)


def test_slow_bodies_make_room_when_it_is_scarce() -> None:
    """408 to whoever holds much and brings little; a quick one and a small one go on."""
    wire = Wire(CROWDED)
    quick, small = wire.connect(), wire.connect()
    wire.send(head(500_000) + b" " * 400_000)
    quick[0].data_received(head(500_000) + b" " * 300_000)
    small[0].data_received(head(50_000) + b" " * 9_999)
    for _ in range(2):
        wire.pass_time(1.0)
        wire.connection.data_received(b" " * 9_999)
        quick[0].data_received(b" " * 10_000)
    wire.pass_time(1.0)
    assert [(answer.status, answer.closes) for answer in wire.send(b"")] == [(408, True)]
    assert wire.statistics.receiving_bytes == 329_999
    assert not quick[1].written + small[1].written


def test_slow_bodies_take_their_time_while_there_is_room() -> None:
    """Nobody needs theirs."""
    wire = Wire(CROWDED)
    wire.send(head(500_000) + b" " * 400_000)
    for _ in range(9):
        wire.pass_time(10.0)
        wire.connection.data_received(b" ")
    assert not wire.transport.written


def test_a_chunked_body_holds_what_has_come() -> None:
    """Piece by piece, until it is whole; many small bodies together are bounded like one large one."""
    wire = Wire(limited(max_receiving_bytes=100))
    others = [wire.connect() for _ in range(2)]
    parts = [chunked(EVENT)[: -len(EVENT) // 2], chunked(EVENT)[-len(EVENT) // 2 :]]
    held = []
    for connection, transport in others:
        connection.data_received(parts[0])
        held.append((wire.statistics.receiving_bytes, transport.written[:12]))
    assert held == [(42, b""), (84, b"")]
    assert [answer.status for answer in wire.send(chunked(EVENT[:20], EVENT[20:]))] == [503]
    others[0][0].data_received(parts[1])
    assert wire.statistics.receiving_bytes == 42


def test_a_lost_connection_gives_back_what_it_held() -> None:
    """No answer can reach anybody, so none is counted."""
    wire = Wire()
    wire.send(head(900) + b"{")
    wire.connection.connection_lost(ConnectionResetError())
    assert wire.statistics.receiving_bytes == 0
    assert not wire.statuses
    assert not wire.service.connections


def test_connections_are_bounded() -> None:
    """One too many is told so at once; twice too many are cut, so that telling is bounded too."""
    wire = Wire(LIMITS)
    transports = [wire.connect()[1] for _ in range(4)]
    assert [transport.written[:13] for transport in transports] == [b"", *[b"HTTP/1.1 503 "] * 2, b""]
    assert transports[1].has_written_eof
    assert b"\r\nRetry-After: 1\r\n" in transports[1].written
    assert transports[3].is_aborted


def test_a_connection_that_ends_makes_room_for_another() -> None:
    """The limit counts those that are open."""
    wire = Wire(LIMITS)
    other, _ = wire.connect()
    other.connection_lost(None)
    assert not wire.connect()[1].written


def test_an_idle_connection_is_closed_in_time() -> None:
    """Counted from its last answer, and without a word."""
    wire = Wire(LIMITS)
    wire.pass_time(74.0)
    wire.send(delivery())
    wire.pass_time(74.0)
    assert not wire.transport.has_ended
    wire.pass_time(1.0)
    assert wire.transport.is_closed
    assert wire.statuses == {202: 1}


@pytest.mark.parametrize("part", [b"P", delivery()[:50], delivery()[:-1], chunked(EVENT)[:-1]])
def test_a_slow_request_is_timed_out(part: bytes) -> None:
    """408 and close, from the first byte on; bytes in between do not help."""
    wire = Wire(LIMITS)
    wire.pass_time(60.0)
    for byte in part[:9]:
        wire.send(bytes([byte]))
        wire.pass_time(1.0)
    assert not wire.transport.has_ended
    wire.send(part[9:])
    wire.pass_time(10.0 - min(len(part), 9))
    answers = wire.send(b"")
    assert [(answer.status, answer.closes) for answer in answers] == [(408, True)]
    assert wire.transport.has_written_eof
    assert wire.refused == {"timeout": 1}
    assert not wire.intake.accepted


def test_the_time_of_a_request_starts_anew_with_the_next() -> None:
    """A connection that is always in a request, each of them quick, is never timed out."""
    wire = Wire(LIMITS)
    for _ in range(5):
        wire.send(delivery()[30:] + delivery()[:30] if wire.statuses else delivery() + delivery()[:30])
        wire.pass_time(9.0)
    assert wire.statuses == {202: 5}


def test_a_refused_request_whose_rest_does_not_come_is_closed() -> None:
    """It has its answer, so it gets no second one."""
    wire = Wire(LIMITS)
    wire.send(request(b"Content-Length: 10", target=b"/nowhere"))
    wire.pass_time(10.0)
    assert wire.statuses == {404: 1}
    assert wire.transport.has_written_eof


def test_a_client_that_does_not_read_is_not_read_from() -> None:
    """Its answers cannot pile up: requests wait in its own socket until it reads."""
    wire = Wire()
    wire.connection.pause_writing()
    assert wire.transport.is_reading_paused
    wire.connection.resume_writing()
    assert not wire.transport.is_reading_paused


def test_a_client_that_reads_again_is_closed_gently() -> None:
    """What it has not read yet still reaches it."""
    wire = Wire(LIMITS)
    wire.connection.pause_writing()
    wire.connection.resume_writing()
    wire.pass_time(75.0)
    assert (wire.transport.is_closed, wire.transport.is_aborted) == (True, False)


def test_a_client_that_never_reads_is_cut() -> None:
    """Closing would wait for what it does not read."""
    wire = Wire(LIMITS)
    wire.send(delivery())
    wire.connection.pause_writing()
    wire.pass_time(75.0)
    assert wire.transport.is_aborted
    wire.connection.resume_writing()
    assert wire.transport.is_reading_paused


def test_a_connection_that_has_no_half_is_closed_whole() -> None:
    """Behind its last answer."""
    wire, transport = Wire(), WholeTransport()
    connection = HttpConnection(wire.service)
    connection.connection_made(transport)
    connection.data_received(delivery(b"Connection: close"))
    assert transport.written.startswith(b"HTTP/1.1 202 ")
    assert (transport.is_closed, transport.has_written_eof) == (True, False)


def test_after_the_last_answer_nothing_is_read() -> None:
    """Neither a request nor rubbish gets another answer."""
    wire = Wire()
    wire.send(delivery(b"Connection: close"))
    assert len(wire.send(delivery() + b"\0\0\0")) == 1
    assert len(wire.intake.events) == 1


@pytest.mark.parametrize("first", [b"POST / HTTP/1.1\r\nHost: a\r\n", chunked(EVENT)[:-2]])
def test_a_head_or_trailer_without_end_is_bounded_while_it_comes(first: bytes) -> None:
    """431 as soon as too many lines are kept: tens of thousands fit one chunk, and weigh far more."""
    wire = Wire()
    answers = wire.send(first + b"x: 1\r\n" * 30_000)
    assert [(answer.status, answer.closes) for answer in answers] == [(431, True)]


def test_a_head_without_end_is_bounded_in_bytes_too() -> None:
    """Few lines, each of them long."""
    answers = Wire().send(b"POST / HTTP/1.1\r\nHost: a\r\n" + (b"x: " + b"1" * 60_000 + b"\r\n") * 3)
    assert [(answer.status, answer.closes) for answer in answers] == [(431, True)]


def test_a_connection_that_never_begins_is_closed_soon() -> None:
    """Ten seconds to the first byte; a connection that was used waits for its next request far longer."""
    wire = Wire(limited(first_byte_timeout_seconds=10.0, idle_timeout_seconds=75.0))
    used, transport = wire.connect()
    used.data_received(delivery())
    wire.pass_time(9.0)
    assert not wire.transport.has_ended
    wire.pass_time(1.0)
    assert wire.transport.is_closed
    assert not transport.has_ended


def test_a_peer_has_its_share_of_the_connections() -> None:
    """One too many is told so, and another peer's is served; who leaves makes room."""
    wire = Wire(limited(max_connections_per_peer=2))
    connections = [wire.connect(("192.0.2.1", port)) for port in range(5)]
    assert [transport.written[:13] for _, transport in connections] == [
        b"",
        b"",
        *[b"HTTP/1.1 503 "] * 2,
        b"",
    ]
    assert connections[4][1].is_aborted
    assert not wire.connect(("192.0.2.2", 1))[1].written
    for connection, _ in connections[1:]:
        connection.connection_lost(None)
    assert not wire.connect(("192.0.2.1", 9))[1].written


def test_an_ipv6_peer_is_its_network() -> None:
    """Whoever has one address has the /64 around it; a mapped IPv4 address is that one's."""
    wire = Wire(limited(max_connections_per_peer=1))
    addresses = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.1"]
    transports = [wire.connect((address, 1, 0, 0))[1] for address in addresses]
    assert [bool(transport.written) for transport in transports] == [False, True, False, False, True]


@pytest.mark.parametrize("peername", [("127.0.0.1", 1), ("127.9.9.9", 1), ("::1", 1, 0, 0), "", None])
def test_the_application_beside_the_gateway_may_have_every_connection(peername: object) -> None:
    """Loopback and Unix sockets are no peers."""
    wire = Wire(limited(max_connections_per_peer=1, max_connections=10))
    assert not any(wire.connect(peername)[1].written for _ in range(9))
    assert wire.connect(peername)[1].written


def test_a_connection_ends_with_the_last_request_it_may_bring() -> None:
    """Its answer says so, and nothing behind it is read."""
    wire = Wire(limited(max_requests_per_connection=3))
    answers = wire.send(delivery() * 2 + request(method=b"GET") + delivery())
    assert [(answer.status, answer.closes) for answer in answers] == [(202, False), (202, False), (405, True)]
    assert wire.transport.has_written_eof


def test_an_old_connection_ends_with_its_next_answer() -> None:
    """No request is cut for it, and an idle one waits for a request or for its own time."""
    wire = Wire(limited(max_connection_age_seconds=100.0, idle_timeout_seconds=1000.0))
    assert not wire.send(delivery())[0].closes
    wire.send(delivery()[:50])
    wire.pass_time(9.0)
    wire.send(delivery()[50:])
    wire.pass_time(101.0)
    assert not wire.transport.has_ended
    assert [answer.closes for answer in wire.send(delivery())] == [False, False, True]


def test_connections_made_together_do_not_grow_old_together() -> None:
    """Give or take a tenth, and evenly: a load balancer gets them back one by one."""
    wire = Wire(limited(max_connection_age_seconds=100.0, idle_timeout_seconds=1000.0, max_connections=1000))
    connections = [wire.connect() for _ in range(200)]
    for connection, _ in connections:
        connection.data_received(delivery())
    ended = []
    wire.pass_time(89.0)
    for _ in range(22):
        for connection, transport in connections:
            if not transport.has_ended:
                connection.data_received(delivery())
        ended.append(sum(transport.has_ended for _, transport in connections))
        wire.pass_time(1.0)
    steps = [after - before for before, after in pairwise(ended)]
    assert (ended[0], ended[-1]) == (0, 200)
    assert max(steps) <= 2 * 200 / 20


def test_a_client_that_reads_nothing_for_long_is_cut() -> None:
    """As long as a request may take; one that reads a little now and then is not."""
    wire = Wire(LIMITS)
    reader, slow = wire.connect()
    for connection, transport in ((wire.connection, wire.transport), (reader, slow)):
        transport.unread_bytes = 100_000
        connection.pause_writing()
    for _ in range(10):
        slow.unread_bytes -= 1000
        wire.pass_time(1.0)
    assert (wire.transport.is_aborted, slow.is_aborted) == (True, False)


def test_a_client_that_leaves_too_much_unread_is_cut() -> None:
    """Its answers take no more room than their limit."""
    wire = Wire(limited(max_unread_bytes=1000))
    wire.transport.unread_bytes = 1000
    wire.connection.pause_writing()
    wire.pass_time(1.0)
    assert not wire.transport.is_aborted
    wire.transport.unread_bytes = 1001
    wire.pass_time(1.0)
    assert wire.transport.is_aborted


class FailingTransport(FakeTransport):
    """Writes nothing."""

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Fail."""
        raise ValueError(len(data))


@on_virtual_clock
async def test_a_connection_that_fails_keeps_no_answer_back_from_the_others() -> None:
    """It is ended; what the same batch has made known to others is told."""
    wire = Wire(clock=now)
    wire.intake.admission = Pending
    failing, transport = HttpConnection(wire.service), FailingTransport()
    failing.connection_made(transport)
    failing.data_received(delivery())
    assert wire.send(delivery()) == []
    for pending in wire.intake.pending:
        pending.decide(ACCEPTED)
    await settle()
    assert transport.is_aborted
    assert [answer.status for answer in answers(wire.transport.written)] == [202]
