"""Answers out of bytes: whole, byte by byte, cut short, too large, and wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UnavailableError
from gateway.senders.answer import Answer
from gateway.senders.http_answer import MAX_ANSWER_BYTES, MAX_HEAD_BYTES, AnswerReader
from tests.support.mutations import mutated, quick

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = OK + b"X-Request-Id: r-1\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n"
TRAILERS = CHUNKED[:-2] + b"X-Request-Id: late\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\nX-Request-Id: early\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
DELIMITED = {
    "length": LENGTH,
    "chunked": CHUNKED,
    "trailers": TRAILERS,
    "after interim answers": INTERIM + LENGTH,
    "no content": EMPTY,
    "empty": OK + b"Content-Length: 0\r\n\r\n",
    "last": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "error": b"HTTP/1.1 503 Slow Down\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
}
UNTIL_CLOSE = {"until close": OK + b"\r\nhello", "old until close": b"HTTP/1.0 200 OK\r\n\r\nhello"}

delimited = pytest.mark.parametrize("data", DELIMITED.values(), ids=list(DELIMITED))
until_close = pytest.mark.parametrize("data", UNTIL_CLOSE.values(), ids=list(UNTIL_CLOSE))


def read(data: bytes, *, piece: int = 1 << 20, then_ends: bool = False) -> Answer | None:
    """The answer in `data`, fed in pieces; None if it is not complete."""
    reader = AnswerReader()
    for start in range(0, len(data), piece):
        if (answer := reader.feed(data[start : start + piece])) is not None:
            return answer
    return reader.end() if then_ends else None


def code_of(data: bytes, *, piece: int = 1 << 20, then_ends: bool = False) -> str:
    """How the reader refuses `data`."""
    with pytest.raises(UnavailableError) as caught:
        read(data, piece=piece, then_ends=then_ends)
    return caught.value.code


def test_an_answer_is_its_status_headers_and_body() -> None:
    """Headers in any case, decoded when they are asked for."""
    answer = read(LENGTH)
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.headers["x-request-id"] == "r-1"
    assert dict(answer.headers) == {"x-request-id": "r-1", "content-length": "5"}


@delimited
def test_an_answer_is_the_same_whole_and_byte_by_byte(data: bytes) -> None:
    """Where the network cuts decides nothing."""
    assert read(data) == read(data, piece=1) == read(data, piece=7) is not None


@delimited
def test_an_answer_cut_anywhere_is_none(data: bytes) -> None:
    """Never a shorter one."""
    for end in range(len(data)):
        assert code_of(data[:end], then_ends=True) == "connection_reset"


@until_close
def test_an_answer_of_no_known_length_lasts_until_the_connection_ends(data: bytes) -> None:
    """Even an empty one; nothing can follow it."""
    head = data.index(b"\r\n\r\n") + 4
    for end in range(len(data)):
        if end < head:
            assert code_of(data[:end], then_ends=True) == "connection_reset"
        else:
            answer = read(data[:end], piece=1, then_ends=True)
            assert answer is not None
            assert answer.body == data[head:end]


@pytest.mark.parametrize(
    ("data", "keeps_alive"),
    [
        (LENGTH, True),
        (CHUNKED, True),
        (INTERIM + LENGTH, True),
        (EMPTY, True),
        (LENGTH.replace(b"1.1", b"1.0"), False),
        (LENGTH.replace(b"X-Request-Id: r-1", b"Connection: close"), False),
        (LENGTH.replace(b"X-Request-Id: r-1", b"connection: a, Close"), False),
        (LENGTH.replace(b"1.1", b"1.0").replace(b"X-Request-Id: r-1", b"Connection: keep-alive"), True),
        (LENGTH + b"x", False),
        (LENGTH + LENGTH, False),
        (CHUNKED + b"0\r\n\r\n", False),
        (EMPTY + b"hello", False),
        (LENGTH.replace(b"X-Request-Id: r-1", b"Connection: close") + b"x", False),
    ],
)
def test_a_connection_is_kept_only_if_nothing_speaks_against_it(data: bytes, *, keeps_alive: bool) -> None:
    """What stands behind an answer belongs to no request of ours."""
    reader = AnswerReader()
    assert reader.feed(data) is not None
    assert reader.keeps_alive is keeps_alive


def test_answers_on_one_connection_do_not_mix() -> None:
    """Neither headers nor bodies are left over for the next."""
    reader = AnswerReader()
    for data in [*DELIMITED.values()][:6] * 2:
        assert reader.feed(data) == read(data)
        reader.expect()


def test_a_trailer_is_not_for_us() -> None:
    """It could change what was read already."""
    answer = read(TRAILERS)
    assert answer is not None
    assert dict(answer.headers) == {"transfer-encoding": "chunked"}


def test_interim_answers_are_skipped() -> None:
    """Their headers too."""
    answer = read(INTERIM + LENGTH)
    assert answer is not None
    assert answer.headers["X-Request-Id"] == "r-1"


def test_of_several_headers_of_one_name_the_first_counts() -> None:
    """As with aiohttp's headers, and those of most others."""
    answer = read(OK + b"a: 1\r\nA: 2\r\nContent-Length: 0\r\n\r\n")
    assert answer is not None
    assert (answer.headers["A"], len(answer.headers)) == ("1", 2)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x03\x00\x02\x02\x46",
        b"HTTP/3.0 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\nabc" + LENGTH,
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 99999999999999999999\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"a: \0\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    """However it is cut."""
    assert code_of(data) == code_of(data, piece=1) == "unreadable_answer"


def test_another_protocol_is_not_switched_to() -> None:
    """Nobody asked for it; the status says what happened."""
    with pytest.raises(UnavailableError, match="status 101"):
        read(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")


def big(size: int) -> bytes:
    return OK + b"Content-Length: %d\r\n\r\n" % size + b"x" * size


def big_chunked(size: int) -> bytes:
    return OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("piece", [1000, 1 << 18, 1 << 22])
def test_a_body_may_be_as_large_as_allowed_and_no_larger(piece: int) -> None:
    """By a length, in chunks, or until the end."""
    for made in (big, big_chunked):
        answer = read(made(MAX_ANSWER_BYTES), piece=piece)
        assert answer is not None
        assert len(answer.body) == MAX_ANSWER_BYTES
        assert code_of(made(MAX_ANSWER_BYTES + 1), piece=piece) == "answer_too_large"
    assert code_of(OK + b"\r\n" + b"x" * (MAX_ANSWER_BYTES + 1), piece=piece) == "answer_too_large"


@pytest.mark.parametrize("piece", [1000, MAX_HEAD_BYTES])
@pytest.mark.parametrize(
    "data",
    [
        OK + b"a: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
        OK + b"a: b\r\n" * (MAX_HEAD_BYTES // 6) + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * (MAX_HEAD_BYTES + 1),
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_HEAD_BYTES // 24),
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;a=" + b"x" * (MAX_HEAD_BYTES + 1),
        CHUNKED[:-2] + b"a: " + b"x" * 2 * MAX_HEAD_BYTES,
    ],
    ids=["header", "headers", "reason", "interim", "chunk extension", "trailer"],
)
def test_what_is_no_body_has_a_bound_of_its_own(data: bytes, piece: int) -> None:
    """Nobody collects an endless head, in whatever part of the answer it is hidden."""
    assert code_of(data, piece=piece) == "answer_too_large"


SPLICES = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"\xff", b"0\r\n\r\n", b"Content-Length: 5\r\n", b"HTTP/1.1 ",
    b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n",
    b"101", b"100", b"204", b"1.0", b"2.0", b"-1", b"ffffffffffffffff",
)  # fmt: skip
SEEDS = (*DELIMITED.values(), *UNTIL_CLOSE.values())
streams = mutated(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=2).map(b"".join), SPLICES)


def result_of(data: bytes, piece: int) -> Answer | str | None:
    try:
        return read(data, piece=piece, then_ends=True)
    except UnavailableError as error:
        return error.code


@quick
@given(streams, st.integers(2, 50))
def test_any_bytes_are_an_answer_or_unavailability(data: bytes, piece: int) -> None:
    """The same one in whatever pieces they come."""
    assert result_of(data, 1 << 20) == result_of(data, piece) == result_of(data, 1)
