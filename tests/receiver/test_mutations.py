"""Whatever comes, the receiver keeps its head: no exception escapes, and no request is blamed on us."""

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidEventError
from gateway.receiver.inflate import Coding, UnsupportedCodingError, content_coding, inflate
from tests.support.http import BATCHED, EVENT, STRUCTURED, Wire, chunked, delivery, request
from tests.support.limits import limited
from tests.support.mutations import mutated, quick

SEEDS = (
    delivery(),
    chunked(EVENT[:20], EVENT[20:], trailer=b"ce-id: 2\r\n"),
    delivery(b"Content-Encoding: gzip", b"Expect: 100-continue"),
    delivery(b"Connection: Upgrade", b"Upgrade: h2c"),
    request(b"ce-specversion: 1.0", b"ce-id: 1", b"ce-source: /s", b"ce-type: t", body=b"data"),
    request(b"WebHook-Request-Origin: x", method=b"OPTIONS"),
    delivery(version=b"HTTP/1.0", host=None),
)
SPLICES = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"\t", b"\xff", b"0\r\n\r\n", b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Host: x\r\n", b"Connection: close\r\n", b"Expect: x\r\n", STRUCTURED,
    b"Prefer: wait=0\r\n",
    b"Connection: upgrade\r\nUpgrade: x\r\n", b"CONNECT ", b"POST / HTTP/1.1\r\n", b"HTTP/2.0", b"{", b"]",
)  # fmt: skip
ALLOWED = {200, 202, 400, 404, 405, 408, 413, 414, 415, 417, 422, 431, 501, 503, 505}


streams = mutated(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=3).map(b"".join), SPLICES)


@quick
@given(streams, st.integers(1, 50))
def test_any_bytes_get_answers_that_are_the_clients_fault(data: bytes, piece: int) -> None:
    """In any pieces; every answer is counted, and every accepted request is an answer of 202."""
    wire = Wire(limited(max_body_bytes=300, max_receiving_bytes=400, max_header_bytes=500))
    answers = wire.send(data, piece=piece)
    wire.connection.eof_received()
    wire.pass_time(100.0)
    assert {answer.status for answer in answers} <= ALLOWED | {100}
    assert set(wire.statuses) <= ALLOWED
    assert wire.statuses.get(202, 0) == len(wire.intake.accepted)
    assert wire.transport.has_ended
    assert wire.statistics.receiving_bytes == 0


@quick
@given(streams)
def test_the_same_answers_are_given_whole_and_byte_by_byte(data: bytes) -> None:
    """Where the network cuts decides nothing about what is a request, and whose fault it is.

    Only whether a method nobody knows is 405 or 400 may hang on it, behind a request that was cut before.
    """
    whole, bytewise = Wire(), Wire()
    whole.send(data)
    bytewise.send(data, piece=1)
    for wire in (whole, bytewise):
        wire.connection.eof_received()
    assert [event.json for event in bytewise.intake.events] == [event.json for event in whole.intake.events]
    assert _folded(bytewise.statuses) == _folded(whole.statuses)
    assert bytewise.refused == whole.refused
    assert whole.transport.has_ended == bytewise.transport.has_ended


def _folded(statuses: dict[int, int]) -> dict[int, int]:
    return {**statuses, 400: statuses.get(400, 0) + statuses.get(405, 0), 405: 0}


CODINGS: dict[bytes, Callable[[bytes], bytes]] = {
    b"identity": bytes,
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
}


@st.composite
def deliveries(draw: st.DrawFn) -> bytes:
    """A request that carries one event, in one of all the ways there are."""
    binary = (
        b"ce-specversion: 1.0",
        b"ce-id: 1",
        b"ce-source: /s",
        b"ce-type: t",
        b"Content-Type: text/plain",
    )
    head, body = draw(
        st.sampled_from([((STRUCTURED,), EVENT), ((BATCHED,), b"[" + EVENT + b"]"), (binary, b"hello")])
    )
    coding = draw(st.sampled_from(sorted(CODINGS)))
    body = CODINGS[coding](body)
    lines = (*head, b"Content-Encoding: " + coding)
    if draw(st.booleans()):
        return request(*lines, body=body)
    cuts = [0, *sorted(draw(st.sets(st.integers(1, len(body) - 1), max_size=5))), len(body)]
    chunks = [b"%x\r\n%b\r\n" % (end - start, body[start:end]) for start, end in pairwise(cuts)]
    return request(*lines, b"Transfer-Encoding: chunked") + b"".join(chunks) + b"0\r\n\r\n"


@quick
@given(st.lists(deliveries(), min_size=1, max_size=6), st.integers(0, 200))
def test_any_good_requests_in_any_pieces_are_taken(requests: list[bytes], piece: int) -> None:
    """Every mode, framing and coding behind every other."""
    wire = Wire()
    assert [answer.status for answer in wire.send(b"".join(requests), piece=piece)] == [202] * len(requests)
    assert [event.id for event in wire.intake.events] == ["1"] * len(requests)
    assert wire.statistics.receiving_bytes == 0


@quick
@given(
    mutated(
        st.sampled_from([gzip.compress(EVENT), gzip.compress(b"") + gzip.compress(EVENT)]), [b"\x1f\x8b\x08"]
    )
    | mutated(st.just(zlib.compress(EVENT)), [b"\x78\x9c"]),
    st.sampled_from(Coding),
    st.integers(0, 100),
)
def test_mutated_streams_are_decoded_within_the_limit_or_refused(
    body: bytes, coding: Coding, max_bytes: int
) -> None:
    """Checksums make it all but sure that what is decoded is what was encoded."""
    with suppress(InvalidEventError):
        assert inflate(body, coding, max_bytes=max_bytes) in (b"", EVENT)


@quick
@given(
    st.binary(max_size=40)
    | st.lists(st.sampled_from([b"gzip", b"deflate", b"identity", b","])).map(b" ".join)
)
def test_any_content_encoding_names_a_coding_or_none_or_is_refused(field: bytes) -> None:
    """No bytes of a field break anything."""
    with suppress(UnsupportedCodingError):
        assert content_coding(field) in (None, *Coding)
