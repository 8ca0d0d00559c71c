"""Content codings (RFC 9110, section 8.4): decoded bytes are the body, and never more than the limit."""

import gzip
import zlib

import pytest

from gateway.errors import EventTooLargeError, InvalidEventError, Reason
from gateway.receiver.inflate import Coding, UnsupportedCodingError, content_coding, inflate
from tests.support.http import BATCHED, EVENT, STRUCTURED, Wire, delivery, request
from tests.support.limits import limited

LIMIT = 1000
ENCODED = {Coding.GZIP: gzip.compress(EVENT), Coding.DEFLATE: zlib.compress(EVENT)}


@pytest.mark.parametrize(
    ("field", "coding"),
    [
        (None, None),
        (b"", None),
        (b"identity", None),
        (b"gzip", Coding.GZIP),
        (b"GZip", Coding.GZIP),
        (b"x-gzip", Coding.GZIP),
        (b"deflate", Coding.DEFLATE),
        (b"identity, gzip", Coding.GZIP),
        (b" ,gzip, ", Coding.GZIP),
    ],
)
def test_a_field_names_one_coding_or_none(field: bytes | None, coding: Coding | None) -> None:
    """Names have no case, x-gzip is gzip (RFC 9110 8.4.1.3), identity is harmless."""
    assert content_coding(field) is coding


@pytest.mark.parametrize("field", [b"br", b"zstd", b"compress", b"gzip, deflate", b"gzip gzip", b"\xff"])
def test_other_codings_are_unsupported(field: bytes) -> None:
    """Two at once included."""
    with pytest.raises(UnsupportedCodingError):
        content_coding(field)


@pytest.mark.parametrize("coding", Coding)
def test_a_body_is_decoded(coding: Coding) -> None:
    """What was encoded comes back."""
    assert inflate(ENCODED[coding], coding, max_bytes=LIMIT) == EVENT


@pytest.mark.parametrize("coding", Coding)
def test_the_limit_counts_decoded_bytes(coding: Coding) -> None:
    """Exactly the limit passes, one byte more does not."""
    assert inflate(ENCODED[coding], coding, max_bytes=len(EVENT)) == EVENT
    with pytest.raises(EventTooLargeError) as caught:
        inflate(ENCODED[coding], coding, max_bytes=len(EVENT) - 1)
    assert str(len(EVENT) - 1) in caught.value.detail


def test_a_bomb_stops_at_the_limit() -> None:
    """64 KB can hold 64 MB, which are never there."""
    with pytest.raises(EventTooLargeError):
        inflate(gzip.compress(bytes(64 << 20)), Coding.GZIP, max_bytes=LIMIT)


@pytest.mark.parametrize("coding", Coding)
def test_what_is_not_one_whole_stream_is_invalid(coding: Coding) -> None:
    """Cut anywhere, empty, plain, with a wrong checksum, or with something behind it: 400."""
    whole = ENCODED[coding]
    cuts = [whole[:end] for end in range(len(whole))]
    spoilt = whole[:-1] + bytes([whole[-1] ^ 1])
    for body in (*cuts, spoilt, whole + b"x", whole + whole[:-1], whole + b"\0", EVENT):
        with pytest.raises(InvalidEventError) as caught:
            inflate(body, coding, max_bytes=LIMIT)
        assert caught.value.http_status == 400
        assert caught.value.faults[0].reason is Reason.MALFORMED_HTTP


@pytest.mark.parametrize("coding", Coding)
def test_no_other_coding_is_guessed(coding: Coding) -> None:
    """What the field says is what the body must be."""
    (other,) = set(Coding) - {coding}
    with pytest.raises(InvalidEventError):
        inflate(ENCODED[other], coding, max_bytes=LIMIT)


def test_a_gzip_body_may_have_several_members() -> None:
    """RFC 1952 2.2: they follow one another, and so do their contents; the limit counts them together."""
    body = b"".join(gzip.compress(EVENT[start : start + 10]) for start in range(0, len(EVENT), 10))
    assert inflate(body, Coding.GZIP, max_bytes=len(EVENT)) == EVENT
    with pytest.raises(EventTooLargeError):
        inflate(body, Coding.GZIP, max_bytes=len(EVENT) - 1)


def test_the_members_of_a_body_are_bounded() -> None:
    """Sixteen, empty ones too: each costs more than its bytes."""
    empty = gzip.compress(b"")
    assert inflate(empty * 15 + gzip.compress(EVENT), Coding.GZIP, max_bytes=LIMIT) == EVENT
    with pytest.raises(InvalidEventError):
        inflate(empty * 16 + gzip.compress(EVENT), Coding.GZIP, max_bytes=LIMIT)


def test_a_deflate_body_is_one_stream() -> None:
    """RFC 1950 knows no members."""
    with pytest.raises(InvalidEventError):
        inflate(zlib.compress(EVENT) + zlib.compress(b" "), Coding.DEFLATE, max_bytes=LIMIT)


def test_a_bare_deflate_stream_is_invalid() -> None:
    """`deflate` is the zlib form (RFC 9110 8.4.1.2)."""
    bare = zlib.compressobj(wbits=-15)
    with pytest.raises(InvalidEventError):
        inflate(bare.compress(EVENT) + bare.flush(), Coding.DEFLATE, max_bytes=LIMIT)


@pytest.mark.parametrize("name", [b"gzip", b"x-gzip", b"deflate"])
def test_an_encoded_request_is_taken(name: bytes) -> None:
    """In every content mode the decoded bytes are the body."""
    encode = zlib.compress if name == b"deflate" else gzip.compress
    body, batch = encode(EVENT), encode(b"[" + EVENT + b"," + EVENT + b"]")
    wire = Wire()
    binary = (
        b"ce-specversion: 1.0",
        b"ce-id: 2",
        b"ce-source: /s",
        b"ce-type: t",
        b"Content-Type: application/json",
    )
    answers = wire.send(
        delivery(b"Content-Encoding: " + name, body=body)
        + request(*binary, b"Content-Encoding: " + name, body=body)
        + request(BATCHED, b"Content-Encoding: " + name, body=batch)
    )
    assert [answer.status for answer in answers] == [202] * 3
    assert [event.id for event in wire.intake.events] == ["1", "2", "1", "1"]
    assert b'"data":' + EVENT in wire.intake.events[1].json


def test_a_corrupt_body_is_answered_with_400() -> None:
    """Known coding, bad bytes; counted once and without closing."""
    wire = Wire()
    answer = wire.send(delivery(b"Content-Encoding: gzip"))[0]
    assert (answer.status, answer.closes, wire.refused) == (400, False, {"malformed_http": 1})


def test_a_body_over_the_limit_after_decoding_is_too_large() -> None:
    """413 with the limit; the encoded bytes were within it."""
    wire = Wire(limited(max_body_bytes=200))
    answer = wire.send(delivery(b"Content-Encoding: gzip", body=gzip.compress(b"x" * 201)))[0]
    assert answer.status == 413
    assert "200" in answer.problem["detail"]


def test_a_body_over_the_limit_before_decoding_is_too_large() -> None:
    """413 from its length alone, whatever it would become."""
    body = gzip.compress(EVENT, compresslevel=0) + gzip.compress(b"") * 10
    head = request(STRUCTURED, b"Content-Encoding: gzip", b"Content-Length: %d" % len(body))
    answers = Wire(limited(max_body_bytes=len(body) - 1)).send(head)
    assert [answer.status for answer in answers] == [413]


def test_a_compressed_media_type_is_no_coding() -> None:
    """`Content-Type: application/gzip` is data."""
    lines = (
        b"ce-specversion: 1.0",
        b"ce-id: 1",
        b"ce-source: /s",
        b"ce-type: t",
        b"Content-Type: application/gzip",
    )
    assert Wire().send(request(*lines, body=ENCODED[Coding.GZIP]))[0].status == 202
