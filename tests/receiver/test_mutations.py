"""Whatever comes, the receiver keeps its head: no exception escapes, and no request is blamed on us."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.receiver.limits import ReceiverLimits
from tests.support.http import EVENT, STRUCTURED, Wire, chunked, delivery, request

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
    b"Connection: upgrade\r\nUpgrade: x\r\n", b"CONNECT ", b"POST / HTTP/1.1\r\n", b"HTTP/2.0", b"{", b"]",
)  # fmt: skip
ALLOWED = {200, 202, 400, 404, 405, 408, 413, 414, 415, 417, 422, 431, 501, 503, 505}

mutations = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 12), st.sampled_from(SPLICES) | st.binary(max_size=4)),
    max_size=4,
)


def mutate(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """`data` with pieces cut out and others put in."""
    for position, cut, splice in changes:
        start = position % (len(data) + 1)
        data = data[:start] + splice + data[start + cut :]
    return data


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=3), mutations, st.integers(1, 50))
def test_any_bytes_get_answers_that_are_the_clients_fault(
    seeds: list[bytes], changes: list[tuple[int, int, bytes]], piece: int
) -> None:
    """In any pieces; every answer is counted, and every accepted request is an answer of 202."""
    wire = Wire(ReceiverLimits(max_body_bytes=300, max_receiving_bytes=400, max_header_bytes=500))
    answers = wire.send(mutate(b"".join(seeds), changes), piece=piece)
    wire.connection.eof_received()
    wire.pass_time(100.0)
    assert {answer.status for answer in answers} <= ALLOWED | {100}
    assert set(wire.statuses) <= ALLOWED
    assert wire.statuses.get(202, 0) == len(wire.intake.accepted)
    assert wire.transport.has_ended
    assert wire.statistics.receiving_bytes == 0


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=2), mutations)
def test_the_same_events_are_taken_whole_and_byte_by_byte(
    seeds: list[bytes], changes: list[tuple[int, int, bytes]]
) -> None:
    """Where the network cuts decides nothing about what is a request."""
    data = mutate(b"".join(seeds), changes)
    whole, bytewise = Wire(), Wire()
    whole.send(data)
    bytewise.send(data, piece=1)
    for wire in (whole, bytewise):
        wire.connection.eof_received()
    assert [event.json for event in bytewise.intake.events] == [event.json for event in whole.intake.events]
    assert whole.transport.has_ended == bytewise.transport.has_ended
