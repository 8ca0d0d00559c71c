"""HTTP/1.1 as it must be read (RFC 9112): each request whole and byte by byte."""

import pytest

from gateway.receiver.limits import ReceiverLimits
from tests.support.http import EVENT, STRUCTURED, Answer, Wire, chunked, delivery, request
from tests.support.limits import limited

HOST = b"Host: gateway.example"


def exchange(data: bytes, limits: ReceiverLimits | None = None) -> tuple[list[Answer], Wire]:
    """The answers to `data`: they must be the same for the whole of it and for its single bytes."""
    whole, bytewise = Wire(limits), Wire(limits)
    answers = whole.send(data)
    assert bytewise.send(data, piece=1) == answers
    assert [event.id for event in bytewise.intake.events] == [event.id for event in whole.intake.events]
    assert bytewise.transport.has_ended == whole.transport.has_ended
    assert bytewise.statistics == whole.statistics
    return answers, whole


def only(data: bytes, limits: ReceiverLimits | None = None) -> Answer:
    """The one answer to `data`."""
    answers, _ = exchange(data, limits)
    assert len(answers) == 1
    return answers[0]


def raw(*lines: bytes, body: bytes = b"") -> bytes:
    """A request of exactly those lines."""
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def test_an_event_is_accepted_with_an_empty_answer() -> None:
    """202 has no body, and the connection lives on."""
    answers, wire = exchange(delivery())
    assert [(answer.status, answer.body, answer.closes) for answer in answers] == [(202, b"", False)]
    assert [event.id for event in wire.intake.events] == ["1"]
    assert not wire.transport.has_ended


def test_the_accepted_answer_is_exactly_these_bytes() -> None:
    """The status line, the date of the moment, and no body: what a producer reads most."""
    wire = Wire()
    wire.send(delivery())
    assert wire.transport.written == (
        b"HTTP/1.1 202 Accepted\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Length: 0\r\n\r\n"
    )


def test_the_date_follows_the_clock() -> None:
    """An origin server dates its answers (RFC 9110 6.6.1)."""
    wire = Wire()
    wire.pass_time(2.0)
    assert wire.send(delivery())[0].headers["date"] == "Tue, 14 Nov 2023 22:13:22 GMT"


def test_pipelined_requests_are_answered_in_order() -> None:
    """An error of content does not end the connection: the next request is served."""
    answers, wire = exchange(delivery() + delivery(body=b"{") + request(method=b"GET") + delivery())
    assert [answer.status for answer in answers] == [202, 400, 405, 202]
    assert len(wire.intake.events) == 2


def test_pipelined_answers_are_written_once() -> None:
    """One readable chunk, one write."""
    wire = Wire()
    wire.send(delivery() * 5)
    assert len(wire.transport.writes) == 1
    assert wire.statuses == {202: 5}


@pytest.mark.parametrize("ends", [b"\r\n", b"\r\n\r\n", b"\n"])
def test_empty_lines_before_a_request_are_skipped(ends: bytes) -> None:
    """RFC 9112 2.2: at least one such line SHOULD be ignored."""
    assert only(ends + delivery()).status == 202


def test_a_chunked_body_is_put_together() -> None:
    """Chunk borders mean nothing."""
    answers, wire = exchange(chunked(EVENT[:10], EVENT[10:11], EVENT[11:]) + delivery())
    assert [answer.status for answer in answers] == [202, 202]
    assert wire.intake.events[0].json == wire.intake.events[1].json


@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b"CHUNKED"])
def test_the_name_of_a_transfer_coding_has_no_case(coding: bytes) -> None:
    """RFC 9112 7."""
    body = b'%x;name=value;other="a b"\r\n%b\r\n0;last\r\n\r\n' % (len(EVENT), EVENT)
    assert only(request(STRUCTURED, b"Transfer-Encoding: " + coding) + body).status == 202


def test_trailers_are_not_headers() -> None:
    """RFC 9112 7.1.2: `ce-` fields after the body are no attributes."""
    answers, wire = exchange(
        chunked(EVENT, trailer=b"ce-id: other\r\nContent-Type: text/plain\r\n") + delivery()
    )
    assert [answer.status for answer in answers] == [202, 202]
    assert wire.intake.events[0].id == "1"


@pytest.mark.parametrize(
    "field", [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"transfer-encoding: gzip"]
)
def test_a_trailer_that_would_frame_the_body_is_malformed(field: bytes) -> None:
    """RFC 9110 6.5.1 forbids to send one; whoever does may mean to smuggle a request."""
    answers, wire = exchange(chunked(EVENT, trailer=field + b"\r\n") + delivery())
    assert [(answer.status, answer.closes) for answer in answers] == [(400, True)]
    assert not wire.intake.events


def test_a_trailer_that_ends_the_connection_ends_it() -> None:
    """The parser reads nothing behind it, so the answer must not promise that."""
    answers, wire = exchange(chunked(EVENT, trailer=b"Connection: close\r\n") + delivery())
    assert [(answer.status, answer.closes) for answer in answers] == [(202, True)]
    assert len(wire.intake.events) == 1


@pytest.mark.parametrize("field", [b"Host: other", b"Expect: 200-ok", b"Connection: Upgrade\r\nUpgrade: h2c"])
def test_any_other_trailer_changes_nothing(field: bytes) -> None:
    """Whatever it would mean in a head."""
    answers, _ = exchange(chunked(EVENT, trailer=field + b"\r\n") + delivery())
    assert [(answer.status, answer.closes) for answer in answers] == [(202, False)] * 2


@pytest.mark.parametrize(
    "size", [b"+46", b"-46", b"0x46", b"4_6", b" 46", b"46 ", b"", b"g", "\uff146".encode(), b"F" * 17]
)
def test_a_chunk_size_is_hex_digits_only(size: bytes) -> None:
    """No sign, prefix, underscore or space (RFC 9112 7.1)."""
    assert len(EVENT) == 0x46, "the sizes are those of this event"
    data = request(STRUCTURED, b"Transfer-Encoding: chunked") + size + b"\r\n" + EVENT + b"\r\n0\r\n\r\n"
    answer = only(data)
    assert (answer.status, answer.closes) == (400, True)


def test_a_chunk_longer_than_its_size_is_malformed() -> None:
    """What follows the announced bytes is not guessed at."""
    data = request(STRUCTURED, b"Transfer-Encoding: chunked") + b"3\r\n" + EVENT + b"\r\n0\r\n\r\n"
    assert only(data).status == 400


MALFORMED = {
    "transfer coding and length": raw(
        b"POST / HTTP/1.1", HOST, b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"
    ),
    "length and transfer coding": raw(
        b"POST / HTTP/1.1", HOST, b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "transfer coding twice": raw(
        b"POST / HTTP/1.1",
        HOST,
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked",
        body=b"0\r\n\r\n",
    ),
    "transfer coding in 1.0": raw(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "two different lengths": raw(
        b"POST / HTTP/1.1", HOST, b"Content-Length: 5", b"Content-Length: 6", body=b"hello"
    ),
    "one length twice": raw(
        b"POST / HTTP/1.1", HOST, b"Content-Length: 5", b"Content-Length: 5", body=b"hello"
    ),
    "list of lengths": raw(b"POST / HTTP/1.1", HOST, b"Content-Length: 5, 5", body=b"hello"),
    "signed length": raw(b"POST / HTTP/1.1", HOST, b"Content-Length: +5", body=b"hello"),
    "negative length": raw(b"POST / HTTP/1.1", HOST, b"Content-Length: -5"),
    "hexadecimal length": raw(b"POST / HTTP/1.1", HOST, b"Content-Length: 0x5", body=b"hello"),
    "empty length": raw(b"POST / HTTP/1.1", HOST, b"Content-Length:", body=b"hello"),
    "length with a space": raw(b"POST / HTTP/1.1", HOST, b"Content-Length: 5 5", body=b"hello"),
    "length of non-ASCII digits": raw(
        b"POST / HTTP/1.1", HOST, "Content-Length: \uff15".encode(), body=b"hello"
    ),
    "length beyond 64 bits": raw(b"POST / HTTP/1.1", HOST, b"Content-Length: 18446744073709551616"),
    "no host": raw(b"POST / HTTP/1.1"),
    "two hosts": raw(b"POST / HTTP/1.1", HOST, HOST),
    "two hosts in 1.0": raw(b"POST / HTTP/1.0", HOST, b"host: other"),
    "host with a space": raw(b"POST / HTTP/1.1", b"Host: a b"),
    "host with a path": raw(b"POST / HTTP/1.1", b"Host: a/b"),
    "space before the colon": raw(b"POST / HTTP/1.1", HOST, b"X : a"),
    "no colon": raw(b"POST / HTTP/1.1", HOST, b"Xa"),
    "no name": raw(b"POST / HTTP/1.1", HOST, b": a"),
    "bad name": raw(b"POST / HTTP/1.1", HOST, b"X(y): a"),
    "name beyond ASCII": raw(b"POST / HTTP/1.1", HOST, "\u212a: a".encode()),
    "folded line": raw(b"POST / HTTP/1.1", HOST, b"X: a", b" b"),
    "line folded with a tab": raw(b"POST / HTTP/1.1", HOST, b"X: a", b"\tb"),
    "folded first line": raw(b"POST / HTTP/1.1", b" Host: x"),
    "NUL in a value": raw(b"POST / HTTP/1.1", HOST, b"X: a\0b"),
    "bare CR in a value": raw(b"POST / HTTP/1.1", HOST, b"X: a\rb"),
    "control character in a value": raw(b"POST / HTTP/1.1", HOST, b"X: a\x0bb"),
    "bare LF after the request line": b"POST / HTTP/1.1\nHost: x\r\n\r\n",
    "bare LF after a header": b"POST / HTTP/1.1\r\nHost: x\nX: a\r\n\r\n",
    "bare LF after the head": b"POST / HTTP/1.1\r\nHost: x\r\n\n",
    "tabs in the request line": b"POST\t/\tHTTP/1.1\r\nHost: x\r\n\r\n",
    "space at the end of the request line": raw(b"POST / HTTP/1.1 ", HOST),
    "space at its beginning": raw(b" POST / HTTP/1.1", HOST),
    "lower-case protocol": raw(b"POST / http/1.1", HOST),
    "relative target": raw(b"POST events HTTP/1.1", HOST),
    "control character in the target": raw(b"POST /\x01 HTTP/1.1", HOST),
    "byte beyond ASCII in the target": raw(b"POST /\xff HTTP/1.1", HOST),
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a method alone": b"GARBAGE\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=list(MALFORMED))
def test_malformed_http_is_refused_and_the_connection_ends(data: bytes) -> None:
    """400 and close, and what follows is never taken for another request."""
    answers, wire = exchange(data + delivery())
    assert [(answer.status, answer.closes) for answer in answers] == [(400, True)]
    assert wire.transport.has_ended
    assert not wire.intake.events
    assert (wire.statuses, wire.refused) == ({400: 1}, {"malformed_http": 1})


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"identity", b"xchunked", b"chunked;q=1"])
def test_an_unknown_transfer_coding_is_not_implemented(coding: bytes) -> None:
    """RFC 9112 6.1: 501, and the end of the connection, as nobody knows where the body ends."""
    answers, wire = exchange(request(STRUCTURED, b"Transfer-Encoding: " + coding) + b"0\r\n\r\n" + delivery())
    assert [(answer.status, answer.closes) for answer in answers] == [(501, True)]
    assert wire.transport.has_ended


def test_chunked_before_another_coding_is_refused() -> None:
    """RFC 9112 6.3: the length cannot be known."""
    assert only(request(b"Transfer-Encoding: chunked, gzip")).status == 400


@pytest.mark.parametrize("version", [b" HTTP/2.0", b" HTTP/0.9", b"", b" HTTP/1.2", b" HTTP/3.1"])
def test_another_version_is_not_supported(version: bytes) -> None:
    """505 and close; no version at all is that of HTTP/0.9."""
    answer = only(b"POST /" + version + b"\r\n\r\n")
    assert (answer.status, answer.closes) == (505, True)


def test_the_preface_of_http_2_is_not_supported() -> None:
    """A client that knows HTTP/2 is there without asking (RFC 9113 3.4)."""
    answer = only(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert (answer.status, answer.closes) == (505, True)


def test_values_lose_the_blanks_around_them() -> None:
    """RFC 9110 5.5: spaces and tabs on both sides are none of the value."""
    head = b"Content-Type: \t application/cloudevents+json \t "
    assert only(request(head, body=EVENT)).status == 202


def test_a_request_without_length_has_an_empty_body() -> None:
    """RFC 9112 6.3: never 411."""
    assert only(request(STRUCTURED)).status == 400


def test_http_1_0_is_answered_and_closed() -> None:
    """It needs no Host, and asking for keep-alive changes nothing."""
    data = delivery(b"Connection: keep-alive", version=b"HTTP/1.0", host=None)
    answers, wire = exchange(data + data)
    assert [(answer.status, answer.closes) for answer in answers] == [(202, True)]
    assert wire.transport.has_ended
    assert len(wire.intake.events) == 1


@pytest.mark.parametrize("value", [b"close", b"Close", b"keep-alive, close"])
def test_a_connection_is_closed_on_request(value: bytes) -> None:
    """RFC 9112 9.6: after the answer, and nothing behind it is read."""
    answers, wire = exchange(delivery(b"Connection: " + value) + delivery())
    assert [(answer.status, answer.closes) for answer in answers] == [(202, True)]
    assert wire.transport.has_written_eof
    assert len(wire.intake.events) == 1


UPGRADES = [
    (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"),
    (b"Connection: Upgrade", b"Upgrade: websocket"),
]


@pytest.mark.parametrize("lines", UPGRADES, ids=["h2c", "websocket"])
def test_an_upgrade_is_ignored(lines: tuple[bytes, bytes]) -> None:
    """RFC 9110 7.8: the request is served in HTTP/1.1 with its whole body, and so is the next."""
    answers, wire = exchange((delivery(*lines) + chunked(EVENT, lines=lines)) * 2 + delivery())
    assert [answer.status for answer in answers] == [202] * 5
    assert len(wire.intake.events) == 5


@pytest.mark.parametrize("lines", UPGRADES, ids=["h2c", "websocket"])
def test_the_body_of_a_refused_upgrade_is_no_request(lines: tuple[bytes, bytes]) -> None:
    """Refused before its body, it is read away as any other."""
    answers, wire = exchange(request(*lines, target=b"/nowhere", body=delivery()) + delivery())
    assert [answer.status for answer in answers] == [404, 202]
    assert len(wire.intake.events) == 1


def test_a_tunnel_is_not_opened() -> None:
    """CONNECT names no path of ours."""
    answers, wire = exchange(raw(b"CONNECT example.com:443 HTTP/1.1", HOST) + delivery())
    assert answers[0].status == 404
    assert len(wire.intake.events) == len(answers) - 1


@pytest.mark.parametrize("whole", [delivery(), chunked(EVENT)], ids=["length", "chunked"])
def test_a_request_cut_short_is_none(whole: bytes) -> None:
    """RFC 9112 8: nothing is taken, wherever the connection ends; whoever still listens is told."""
    for end in range(1, len(whole)):
        wire = Wire()
        wire.send(whole[:end])
        wire.connection.eof_received()
        assert not wire.intake.accepted
        assert wire.statuses == {400: 1}


def test_a_connection_that_ends_between_requests_gets_no_answer() -> None:
    """There is nothing to answer."""
    wire = Wire()
    wire.send(delivery())
    wire.connection.eof_received()
    wire.connection.connection_lost(None)
    assert wire.statuses == {202: 1}


LIMITS = limited(max_request_line_bytes=100, max_header_bytes=300, max_header_lines=6)


def test_a_long_request_line_is_refused() -> None:
    """414 and close (RFC 9110 15.5.15)."""
    answer = only(delivery(target=b"/?" + b"x" * 100), LIMITS)
    assert (answer.status, answer.closes) == (414, True)


def test_a_long_unknown_method_is_refused() -> None:
    """The request line counts whole, also when its method is none; at the limit it may still end."""
    assert not exchange(b"x" * 100, LIMITS)[0]
    answer = only(b"x" * 101, LIMITS)
    assert (answer.status, answer.closes) == (414, True)


def test_a_large_header_section_is_refused() -> None:
    """431 and close (RFC 6585 5)."""
    answer = only(delivery(b"X: " + b"x" * 300), LIMITS)
    assert (answer.status, answer.closes) == (431, True)


def test_a_header_section_at_its_limit_is_read() -> None:
    """The limit itself is allowed."""
    rest = 300 - len(b"\r\n".join((HOST, STRUCTURED, b"X: ", b"Content-Length: 70", b"")))
    assert only(delivery(b"X: " + b"x" * rest), LIMITS).status == 202
    assert only(delivery(b"X: " + b"x" * (rest + 1)), LIMITS).status == 431


def test_a_header_section_in_two_pieces_counts_whole() -> None:
    """Each piece alone would be within the limit."""
    data = delivery(b"X: " + b"x" * 300)
    assert [answer.status for answer in Wire(LIMITS).send(data, piece=200)] == [431]


def test_a_header_section_without_end_is_refused() -> None:
    """Nothing is kept that has no end: not a value, not a name."""
    for line in (b"X: ", b"X", b""):
        wire = Wire(LIMITS)
        endless = b"POST / HTTP/1.1\r\n" + line + b"x" * 1000
        assert [answer.status for answer in wire.send(endless, piece=1)] == [431]


def test_many_header_lines_are_refused() -> None:
    """Lines are limited beside bytes."""
    assert only(delivery(*[b"X: y"] * 3), LIMITS).status == 202
    assert only(delivery(*[b"X: y"] * 4), LIMITS).status == 431


def test_trailers_without_end_are_refused() -> None:
    """A body that is over does not keep a connection busy for ever."""
    wire = Wire(LIMITS)
    endless = chunked(EVENT)[:-2] + b"X: y\r\n" * 100
    assert [answer.status for answer in wire.send(endless, piece=50)] == [431]


def test_the_default_limits_let_a_64_kib_event_pass() -> None:
    """CE Size Limits: headers included, in any mode."""
    lines = [b"ce-%b: %b" % (name, b"x" * 9000) for name in (b"a", b"b", b"c", b"d", b"e", b"f", b"g")]
    needed = [b"ce-specversion: 1.0", b"ce-id: 1", b"ce-source: /s", b"ce-type: t"]
    assert only(request(*needed, *lines, body=b"")).status == 202


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (delivery(target=b"/?" + b"x" * ((16 << 10) - 2)), 202),
        (delivery(target=b"/?" + b"x" * ((16 << 10) - 1)), 414),
        (delivery(*[b"X: y"] * 997), 202),
        (delivery(*[b"X: y"] * 998), 431),
        (delivery(b"X: " + b"x" * (95 << 10)), 202),
        (delivery(b"X: " + b"x" * (96 << 10)), 431),
    ],
    ids=["line", "longer line", "lines", "more lines", "section", "larger section"],
)
def test_heads_have_limits_that_nobody_needs_to_set(data: bytes, status: int) -> None:
    """16 KiB of target, 1000 lines, 96 KiB of header section."""
    assert Wire().send(data)[0].status == status


@pytest.mark.parametrize(
    "line", [b"post / HTTP/1.1", b"FROB / HTTP/1.1", b"POSTS /events?x HTTP/1.1", b"DESCRIBE / HTTP/1.1"]
)
def test_a_method_that_http_does_not_know_is_not_allowed(line: bytes) -> None:
    """405 with Allow, though the parser stops at its first wrong letter; nothing behind it is read."""
    answers, wire = exchange(raw(line, HOST) + delivery())
    assert [(answer.status, answer.headers["allow"]) for answer in answers] == [(405, "POST, OPTIONS")]
    assert wire.transport.has_ended


def test_the_path_of_an_unknown_method_counts_first() -> None:
    """404 comes before 405 (§16)."""
    assert only(raw(b"FROB /nowhere HTTP/1.1", HOST)).status == 404


@pytest.mark.parametrize("first", [delivery(), chunked(EVENT), delivery(body=b"FROB / HTTP/1.1\r\n") * 2])
@pytest.mark.parametrize(("target", "status"), [(b"/", 405), (b"/nowhere", 404), (b"/\x01", 400)])
def test_an_unknown_method_behind_another_request_has_its_own_line(
    first: bytes, target: bytes, status: int
) -> None:
    """In one chunk with others it is answered as alone: its line begins where the last request ended."""
    answers, wire = exchange(first + raw(b"FROB " + target + b" HTTP/1.1", HOST) + delivery())
    assert (answers[-1].status, answers[-1].closes) == (status, True)
    assert len(answers) == 1 + first.count(b"Host: ")
    assert wire.transport.has_ended


@pytest.mark.parametrize(
    ("first", "cut", "status"),
    [
        (delivery(), 2, 202),
        (delivery(), 100, 202),
        (delivery(), len(delivery()) - 1, 202),
        (delivery(target=b"/nowhere", body=b"FROB /nowhere HTTP/1.1\r\n"), -24, 404),
    ],
    ids=["method", "head", "body", "refused"],
)
def test_an_unknown_method_behind_the_end_of_another_request_is_malformed(
    first: bytes, cut: int, status: int
) -> None:
    """Where that one began in an earlier chunk, nobody knows where the line begins: refused all the same."""
    wire = Wire()
    wire.send(first[:cut])
    answers = wire.send(first[cut:] + raw(b"FROB / HTTP/1.1", HOST))
    assert [(answer.status, answer.closes) for answer in answers] == [(status, False), (400, True)]


def test_an_unknown_method_that_is_cut_behind_another_request_has_its_own_line() -> None:
    """Its beginning, which could still become a method, is found behind the whole request."""
    wire = Wire()
    wire.send(delivery() + b"MO")
    answers = wire.send(raw(b"FO / HTTP/1.1", HOST))
    assert [(answer.status, answer.closes) for answer in answers] == [(202, False), (405, True)]
