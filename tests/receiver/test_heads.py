"""Heads that are known again: requests under them must be taken as the parser would take them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission import Draining, NoRoom
from gateway.errors import EventTooLargeError
from gateway.receiver.heads import MAX_HEAD_BYTES, MAX_HEADS, MAX_SHAPES, USES_BEFORE_PATTERN
from gateway.receiver.protocol import MAX_STRANGE_HEADS
from tests.support.http import BATCHED, EVENT, STRUCTURED, Wire, delivery, request
from tests.support.limits import limited
from tests.support.mutations import mutated, quick

BINARY = (b"ce-specversion: 1.0", b"ce-source: /s", b"ce-type: t")
JSON = b"Content-Type: application/json"


def binary(*lines: bytes, body: bytes = b"{}") -> bytes:
    """An event in binary mode, its id among `lines`."""
    return request(JSON, *BINARY, *lines, body=body)


def statuses(wire: Wire, *requests: bytes) -> list[int]:
    """What requests are answered that come one after the other, each in one piece."""
    return [[answer.status for answer in wire.send(each)] for each in requests][-1]


def make_usual(wire: Wire, data: bytes) -> None:
    """Send a request so often that its head is tried before all others."""
    for _ in range(USES_BEFORE_PATTERN + 2):
        wire.connection.data_received(data)


def sized(number: int) -> bytes:
    """An event whose length differs from that of others."""
    return b'{"specversion":"1.0","id":"%d","source":"/s","type":"t"}' % number


def test_a_known_head_has_the_body_that_comes_with_it() -> None:
    """Of any length, under the same lines."""
    wire = Wire()
    assert statuses(wire, *(delivery(body=sized(10**size)) for size in range(5))) == [202] * 5
    assert [event.json for event in wire.intake.events] == [sized(10**size) for size in range(5)]


def test_a_known_head_has_the_attributes_that_come_with_it() -> None:
    """Those of the binary mode and the trace are of each request, in the places they had."""
    wire = Wire()
    parents = [b"00-%032x-%016x-01" % (number, number) for number in (1, 2, 3)]
    for parent in parents:
        wire.send(binary(b"CE-ID: " + parent[3:], b"traceparent: " + parent))
    assert [event.traceparent for event in wire.intake.events] == [parent.decode() for parent in parents]
    assert [event.id for event in wire.intake.events] == [parent[3:].decode() for parent in parents]
    assert len(wire.service.heads) == 1


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        (b"a b", "a b"),
        (b"a ", "a"),
        (b"a%20b", "a b"),
        (b'"a b"', "a b"),
        (b'"a"', "a"),
        ("é".encode(), "é"),
        (b"a:b\\", "a:b\\"),
    ],
)
def test_a_known_head_reads_every_value_as_an_unknown_one(value: bytes, attribute: str) -> None:
    """Whatever it holds, whether such a value came first or a plain one."""
    wire = Wire()
    for id_ in (b"plain", value, value, b"plain"):
        wire.send(binary(b"ce-id: " + id_))
    assert [event.id for event in wire.intake.events] == ["plain", attribute, attribute, "plain"]
    make_usual(wire, binary(b"ce-id: plain"))
    for id_ in (value, b"plain"):
        wire.send(binary(b"ce-id: " + id_))
    assert [event.id for event in wire.intake.events[-3:]] == ["plain", attribute, "plain"]


def test_a_usual_head_has_the_attributes_and_the_body_that_come_with_it() -> None:
    """Among heads of other shapes, when it has become usual and before."""
    wire = Wire()
    for number in range(3 * USES_BEFORE_PATTERN):
        wire.connection.data_received(binary(b"ce-id: %d" % number, body=b"%d" % 10 ** (number % 7)))
        wire.connection.data_received(delivery())
    assert [event.json for event in wire.intake.events[::2]] == [
        b'{"datacontenttype":"application/json","specversion":"1.0","source":"/s","type":"t","id":"%d","data":%d}'
        % (number, 10 ** (number % 7))
        for number in range(3 * USES_BEFORE_PATTERN)
    ]


def test_a_usual_head_takes_in_the_trace_of_each_request() -> None:
    """Beside a request's own id, which is nothing to the event; an event's own trace comes first."""
    wire = Wire()
    parents = [b"00-%032x-%016x-01" % (number, number) for number in range(1, USES_BEFORE_PATTERN + 10)]
    for parent in parents:
        lines = (b"ce-id: 1", b"traceparent: " + parent, b"tracestate: a=1, b=2", b"X-Request-Id: " + parent)
        wire.connection.data_received(binary(*lines))
    assert [event.traceparent for event in wire.intake.events] == [parent.decode() for parent in parents]
    assert wire.intake.events[-1].json.endswith(b'"tracestate":"a=1,b=2","data":{}}')
    assert b"x-request-id" not in wire.intake.events[-1].json.lower()


@pytest.mark.parametrize("line", [b"ce-time: noon", b"ce-specversion: 0.3", b"ce-dataschema: none"])
def test_a_usual_head_says_as_ever_what_is_wrong_with_a_value(line: bytes) -> None:
    """The same problem, named by the same words."""
    name = line.partition(b":")[0]
    good = {b"ce-time": b"2026-01-01T00:00:00Z", b"ce-specversion": b"1.0", b"ce-dataschema": b"a:b"}[name]
    rest = [each for each in (*BINARY, b"ce-id: 1") if not each.startswith(name)]
    usual, wrong = (request(JSON, *rest, each, body=b"{}") for each in (name + b": " + good, line))
    known, first = Wire(), Wire()
    make_usual(known, usual)
    assert known.send(wrong)[-1] == first.send(wrong)[-1]
    assert first.statuses == {400: 1}


def test_an_attribute_there_twice_is_refused_under_a_known_head() -> None:
    """Before and after an event of one id."""
    twice = binary(b"ce-id: 1", b"ce-id: 2")
    assert statuses(Wire(), twice, binary(b"ce-id: 1"), twice, twice) == [400, 202, 400, 400]


def test_a_head_without_its_attributes_is_another_head() -> None:
    """With the same other lines it is no event, in whatever order they come."""
    event, none = binary(b"ce-id: 1"), request(JSON, body=b"{}")
    assert statuses(Wire(), event, none, event, none) == [202, 415, 202, 415]


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Encoding: br",
        b"Transfer-Encoding: chunked",
        b"Host: two",
        b"Expect: more",
        b"Content-Length: 9",
    ],
)
def test_a_line_more_makes_it_another_head(line: bytes) -> None:
    """What is refused is never known, what is known never covers it."""
    refused = delivery(line)
    first = statuses(Wire(), refused)
    assert first != [202]
    assert statuses(Wire(), delivery(), delivery(), refused) == [202, 202, *first]


def test_more_than_a_body_is_the_next_request() -> None:
    """A piece in which two requests stand is two requests, and so is a request and a part of one."""
    wire = Wire()
    assert statuses(wire, delivery(), delivery() + delivery(), delivery() + delivery()[:20]) == [202] * 4
    assert statuses(wire, delivery()[20:]) == [202] * 5


def test_less_than_a_body_waits_for_its_rest() -> None:
    """The length is that of the head, not what happens to be there."""
    wire = Wire()
    assert statuses(wire, delivery(), delivery()[:-1]) == [202]
    assert statuses(wire, delivery()[-1:], delivery()) == [202, 202, 202]


def test_a_length_that_is_not_the_bodys_decides() -> None:
    """What follows the declared body is no part of it, and here no request."""
    wire = Wire()
    short = delivery().replace(b"Content-Length: %d" % len(EVENT), b"Content-Length: %d" % (len(EVENT) - 1))
    assert statuses(wire, delivery(), short)[:2] == [202, 400]
    assert len(wire.intake.events) == 1


@pytest.mark.parametrize("written", [b"00N", b"+N", b"N,N", b"N_0", b"0xN", b"-N", b"N9999999999999999999"])
def test_a_length_is_read_as_the_parser_reads_it(written: bytes) -> None:
    """However it is written, and whatever was known before."""
    length = b"%d" % len(EVENT)
    odd = delivery().replace(
        b"Content-Length: " + length, b"Content-Length: " + written.replace(b"N", length)
    )
    assert statuses(Wire(), delivery(), delivery(), odd)[2:] == statuses(Wire(), odd)


def test_a_refused_event_says_nothing_about_the_next() -> None:
    """The head was good, and is known; the body is read each time."""
    assert statuses(Wire(), delivery(body=b"{"), delivery(), delivery(body=b"[]")) == [400, 202, 400]


def test_a_refused_head_is_refused_again() -> None:
    """Also behind a good one on the same connection, and whole with its body."""
    wire = Wire()
    refused = request(b"Content-Type: application/cloudevents+avro", body=EVENT)
    assert statuses(wire, delivery(), refused, refused, delivery()) == [202, 415, 415, 202]


def test_a_known_head_finds_the_room_that_there_is() -> None:
    """Full, draining, never room enough, then free again: as told before the body, each time."""
    wire = Wire()
    wire.send(delivery())
    wire.intake.foreseen = NoRoom(3)
    wire.send(delivery())
    wire.intake.foreseen = EventTooLargeError("larger than the buffer")
    wire.send(delivery())
    wire.intake.foreseen = Draining(3)
    answers = wire.send(delivery())
    assert [(answer.status, answer.closes) for answer in answers] == [
        (202, False), (503, False), (413, False), (503, True)]  # fmt: skip


def test_a_known_head_knows_the_limits_of_a_body() -> None:
    """Its own, and that of all bodies together."""
    longer = EVENT + b" " * 1000
    for limits in (limited(max_body_bytes=1000), limited(max_receiving_bytes=1000)):
        first, known = Wire(limits), Wire(limits)
        refused = statuses(first, delivery(body=longer))
        assert refused in ([413], [503])
        assert statuses(known, delivery(), delivery(body=longer)) == [202, *refused]


def test_a_known_head_knows_the_limit_of_a_head() -> None:
    """Its lines may be longer than those of the first."""
    wire = Wire(limited(max_header_bytes=300))
    requests = [binary(b"ce-id: " + b"x" * size, body=b"x" * 300) for size in (1, 100, 299, 1)]
    assert statuses(wire, *requests) == [202, 202, 431]


def test_while_draining_the_answer_is_the_last() -> None:
    """Under a known head as under any."""
    wire = Wire()
    wire.send(delivery())
    wire.service.is_draining = True
    assert [answer.closes for answer in wire.send(delivery())] == [False, True]
    assert wire.transport.has_written_eof


def test_a_failure_of_ours_under_a_known_head_is_500(caplog: pytest.LogCaptureFixture) -> None:
    """Logged, and the connection ends; nothing escapes to the loop."""
    wire = Wire()
    wire.send(delivery())
    wire.intake.admission = RuntimeError("a bug")
    assert [(answer.status, answer.closes) for answer in wire.send(delivery())] == [(202, False), (500, True)]
    assert "a request failed" in caplog.text


def test_a_request_under_a_known_head_is_life() -> None:
    """The time a connection may idle begins anew with it."""
    wire = Wire(limited(idle_timeout_seconds=75.0))
    for _ in range(3):
        wire.send(delivery())
        wire.pass_time(50.0)
    assert not wire.transport.has_ended
    wire.pass_time(25.0)
    assert wire.transport.has_ended


def test_heads_are_remembered_in_bounded_number() -> None:
    """However many different ones come."""
    wire = Wire()
    for number in range(3 * MAX_SHAPES):
        wire.connection, _ = wire.connect()
        wire.send(delivery(b"User-Agent: %d" % number))
        assert len(wire.service.heads) <= MAX_SHAPES
    assert wire.statuses == {202: 3 * MAX_SHAPES}


def test_lengths_are_remembered_in_bounded_number() -> None:
    """However many different ones come under one head."""
    wire = Wire()
    for length in range(len(EVENT), len(EVENT) + 2 * MAX_HEADS):
        wire.connection.data_received(delivery(body=EVENT.ljust(length)))
    assert 1 < len(wire.service.heads) <= MAX_HEADS + 1
    assert wire.statuses == {202: 2 * MAX_HEADS}


def test_long_heads_are_not_remembered() -> None:
    """The bytes are bounded as well."""
    wire = Wire()
    long = delivery(b"User-Agent: " + b"x" * MAX_HEAD_BYTES)
    assert statuses(wire, long, long) == [202, 202]
    assert not len(wire.service.heads)


def test_a_connection_whose_heads_never_repeat_fills_no_memory() -> None:
    """After some of them no more are remembered; those of others still are."""
    wire = Wire()
    for number in range(4 * MAX_STRANGE_HEADS):
        wire.send(delivery(b"X-Number: %d" % number))
    assert len(wire.service.heads) == MAX_STRANGE_HEADS
    wire.connection, _ = wire.connect()
    wire.send(delivery())
    assert len(wire.service.heads) == MAX_STRANGE_HEADS + 1


SEEDS = (
    delivery(),
    delivery(body=sized(1)),
    delivery(b"traceparent: 00-%032x-%016x-01" % (1, 1)),
    delivery(b"Content-Encoding: gzip"),
    delivery(b"Expect: 100-continue"),
    delivery(b"Connection: Upgrade", b"Upgrade: h2c"),
    request(BATCHED, body=b"[" + EVENT + b"]"),
    binary(b"ce-id: 1"),
    binary(b"Ce-Id: 1", b"Ce-Subject: a b"),
    binary(b"ce-id: 1", b"X-Request-Id: 1"),
    request(STRUCTURED, method=b"PUT", body=EVENT),
)
SPLICES = (
    b"\r\n", b" ", b":", b"\t", b"\xff", b"%", b'"', b"1", b"Content-Length: 5\r\n", b"Host: x\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"ce-id: 2\r\n", b"ce-a: 2\r\n", b"\r\n\r\n",
)  # fmt: skip
broken = mutated(st.sampled_from(SEEDS), SPLICES)


@quick
@given(st.lists(st.sampled_from(SEEDS) | broken, min_size=2, max_size=8))
def test_the_same_answers_are_given_with_heads_that_are_known_and_without(pieces: list[bytes]) -> None:
    """Each piece comes twice: whole, when it may be known, and cut, when only the parser reads it."""
    known, cut = Wire(limited(max_body_bytes=300)), Wire(limited(max_body_bytes=300))
    for piece in [*pieces, *pieces]:
        known.send(piece)
        cut.send(piece[:1])
        cut.send(piece[1:])
    assert [event.json for event in known.intake.events] == [event.json for event in cut.intake.events]
    assert _folded(known.statuses) == _folded(cut.statuses)
    assert known.transport.has_ended == cut.transport.has_ended
    assert known.statistics.receiving_bytes == cut.statistics.receiving_bytes


@quick
@given(st.sampled_from(SEEDS), st.lists(st.sampled_from(SEEDS) | broken, min_size=1, max_size=4))
def test_the_same_answers_are_given_when_one_head_is_usual(usual: bytes, pieces: list[bytes]) -> None:
    """As when none is: to requests under it, and to all that resemble it."""
    limits = limited(max_body_bytes=300)
    known, cut = Wire(limits), Wire(limits)
    make_usual(known, usual)
    known.connection, known.transport = known.connect()
    known.intake.accepted.clear()
    for piece in pieces:
        known.send(piece)
        cut.send(piece[:1])
        cut.send(piece[1:])
    assert [event.json for event in known.intake.events] == [event.json for event in cut.intake.events]
    assert known.transport.has_ended == cut.transport.has_ended


def _folded(statuses: dict[int, int]) -> dict[int, int]:
    """400 for 405: of a method nobody knows only a whole line tells which."""
    return {**statuses, 400: statuses.get(400, 0) + statuses.get(405, 0), 405: 0}
