"""The known ways to hide a request in another, each by name: refused, or read in the one way there is.

Every stream ends with a request for `/smuggled`, which a confused server would take for one of its own.
"""

import pytest

from tests.fuzz.reading import End, HttpRequest, Reading
from tests.fuzz.receiver import Receiver
from tests.fuzz.streams import cut_everywhere
from tests.fuzz.verdict import faults
from tests.fuzz.witnesses import H11, Node
from tests.support.http import EVENT, STRUCTURED, Wire, delivery, request

HOST = b"Host: gateway.example"
CHUNKED = b"Transfer-Encoding: chunked"
SMUGGLED = request(method=b"GET", target=b"/smuggled")


def first(*lines: bytes, body: bytes = b"", line: bytes = b"POST /first HTTP/1.1") -> bytes:
    """A request of exactly those lines."""
    return b"\r\n".join((line, HOST, *lines, b"", body))


def chunks(text: bytes) -> bytes:
    """A request whose chunked body is exactly `text`."""
    return first(CHUNKED, body=text)


LENGTHS = {
    "CL.TE": first(b"Content-Length: 6", CHUNKED, body=b"0\r\n\r\nG"),
    "TE.CL": first(CHUNKED, b"Content-Length: 3", body=b"8\r\nSMUGGLED\r\n0\r\n\r\n"),
    "TE.TE, the second unknown": first(CHUNKED, b"Transfer-Encoding: x", body=b"0\r\n\r\n"),
    "TE.TE, the first unknown": first(b"Transfer-Encoding: x", CHUNKED, body=b"0\r\n\r\n"),
    "TE.TE, both chunked": first(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "TE.TE, identity": first(b"Transfer-Encoding: identity", CHUNKED, body=b"0\r\n\r\n"),
    "TE with a vertical tab": first(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n"),
    "TE with a space before the colon": first(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "TE that is quoted": first(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"),
    "TE with a parameter": first(b"Transfer-Encoding: chunked;a=b", body=b"0\r\n\r\n"),
    "TE with a NUL": first(b"Transfer-Encoding: chunked\0", body=b"0\r\n\r\n"),
    "TE with an empty member": first(b"Transfer-Encoding: ,chunked", body=b"0\r\n\r\n"),
    "TE that is empty": first(b"Transfer-Encoding:", body=b"0\r\n\r\n"),
    "TE that is folded": first(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
    "TE before another coding": first(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "TE in HTTP/1.0": first(CHUNKED, body=b"0\r\n\r\n", line=b"POST /first HTTP/1.0"),
    "CL twice, the same": first(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
    "CL twice, different": first(b"Content-Length: 5", b"Content-Length: 0", body=b"hello"),
    "CL as a list": first(b"Content-Length: 5, 5", body=b"hello"),
    "CL with a plus": first(b"Content-Length: +5", body=b"hello"),
    "CL with a minus": first(b"Content-Length: -5", body=b"hello"),
    "CL in hexadecimal": first(b"Content-Length: 0x5", body=b"hello"),
    "CL with an underscore": first(b"Content-Length: 1_0", body=b"hellohello"),
    "CL with a space inside": first(b"Content-Length: 5 0", body=b"hello"),
    "CL with a fraction": first(b"Content-Length: 5.0", body=b"hello"),
    "CL that is empty": first(b"Content-Length:", body=b"hello"),
    "CL beyond 64 bits": first(b"Content-Length: 18446744073709551621", body=b"hello"),
    "CL with a NUL": first(b"Content-Length: 5\0", body=b"hello"),
    "CL with a space before the colon": first(b"Content-Length : 5", body=b"hello"),
    "CL that is folded": first(b"Content-Length:\r\n 5", body=b"hello"),
}

CHUNKS = {
    "chunk size with a plus": chunks(b"+5\r\nhello\r\n0\r\n\r\n"),
    "chunk size with a minus": chunks(b"-5\r\nhello\r\n0\r\n\r\n"),
    "chunk size with a prefix": chunks(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk size with an underscore": chunks(b"0_5\r\nhello\r\n0\r\n\r\n"),
    "chunk size with a space before it": chunks(b" 5\r\nhello\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "chunk size that is empty": chunks(b"\r\nhello\r\n0\r\n\r\n"),
    "chunk size before a bare LF": chunks(b"5\nhello\r\n0\r\n\r\n"),
    "chunk size before a bare CR": chunks(b"5\rhello\r\n0\r\n\r\n"),
    "chunk extension that ends with a bare LF": chunks(b"5;a\nhello\r\n0\r\n\r\n"),
    "chunk extension with a bare CR": chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "chunk extension with a NUL": chunks(b"5;a\0\r\nhello\r\n0\r\n\r\n"),
    "chunk that ends with a bare LF": chunks(b"5\r\nhello\n0\r\n\r\n"),
    "chunk that ends with a bare CR": chunks(b"5\r\nhello\r0\r\n\r\n"),
    "chunk that does not end": chunks(b"5\r\nhello0\r\n\r\n"),
    "chunk longer than its size": chunks(b"4\r\nhello\r\n0\r\n\r\n"),
    "last chunk before a bare LF": chunks(b"5\r\nhello\r\n0\n\r\n"),
    "end of the chunks with a bare LF": chunks(b"5\r\nhello\r\n0\r\n\n"),
    "trailer that frames: a length": chunks(b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"),
    "trailer that frames: a coding": chunks(b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "trailer with a space before the colon": chunks(b"5\r\nhello\r\n0\r\nX : y\r\n\r\n"),
    "trailer that is folded": chunks(b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n"),
}

HEADS = {
    "bare LF in the request line": first(line=b"POST /first HTTP/1.1\nX: y"),
    "bare LF between header lines": first(b"X: y\nContent-Length: 5", body=b"hello"),
    "bare LF behind the head": first(b"X: y")[:-2] + b"\n",
    "only bare LFs": first(b"X: y").replace(b"\r\n", b"\n"),
    "bare CR between header lines": first(b"X: y\rContent-Length: 5", body=b"hello"),
    "bare CR behind the head": first(b"X: y")[:-2] + b"\r",
    "bare CR in a value": first(b"X: a\rb"),
    "CR twice": first(b"X: y\r"),
    "folded by a space": first(b"X: y", b" Content-Length: 5", body=b"hello"),
    "folded by a tab": first(b"X: y", b"\tContent-Length: 5", body=b"hello"),
    "first line folded": b"POST /first HTTP/1.1\r\n " + HOST + b"\r\n\r\n",
    "NUL in a name": first(b"X\0: y"),
    "NUL in a value": first(b"X: \0"),
    "NUL in the target": first(line=b"POST /first\0 HTTP/1.1"),
    "name that is empty": first(b": y"),
    "line without a colon": first(b"Content-Length"),
    "no Host": b"POST /first HTTP/1.1\r\n\r\n",
    "two Hosts": first(b"Host: other.example"),
    "two equal Hosts": first(HOST),
    "Host with a user": b"POST /first HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "Host with a path": b"POST /first HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a version that is none": first(line=b"POST /first HTTP/1.10"),
    "a version with a space": first(line=b"POST /first HTTP/ 1.1"),
    "no version": b"GET /first\r\n",
    "tab in the request line": first(line=b"POST\t/first HTTP/1.1"),
    "space behind the request line": first(line=b"POST /first HTTP/1.1 "),
    "target without a slash": first(line=b"POST first HTTP/1.1"),
    "target with a space": first(line=b"POST /fir st HTTP/1.1"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

REFUSED = LENGTHS | CHUNKS | HEADS


@pytest.mark.parametrize("data", REFUSED.values(), ids=list(REFUSED))
def test_what_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(data: bytes) -> None:
    """One answer, the connection's last; so too when the network cuts it anywhere."""
    stream = data + SMUGGLED
    reading, heard = Receiver().listen((stream,))
    assert reading == Reading([], End.REFUSED)
    assert [(answer.status in (400, 501, 505), answer.closes) for answer in heard] == [(True, True)]
    assert_the_same_in_two_pieces(stream, reading)


def post(body: bytes = b"", *headers: tuple[bytes, bytes], target: bytes = b"/first") -> HttpRequest:
    """What shall have been read."""
    return HttpRequest(b"POST", target, ((b"host", b"gateway.example"), *headers), body)


IN_CHUNKS = (b"transfer-encoding", b"chunked")
READ = {
    "chunk extension": (chunks(b"5;a=b\r\nhello\r\n0\r\n\r\n"), post(b"hello", IN_CHUNKS)),
    "quoted chunk extension": (chunks(b'5;a="b c;d"\r\nhello\r\n0;e\r\n\r\n'), post(b"hello", IN_CHUNKS)),
    "chunk size with zeros before it": (chunks(b"0005\r\nhello\r\n00\r\n\r\n"), post(b"hello", IN_CHUNKS)),
    "trailer": (
        chunks(b"5\r\nhello\r\n0\r\nX: GET /smuggled HTTP/1.1\r\n\r\n"),
        post(b"hello", IN_CHUNKS),
    ),
    "trailer with a Host": (chunks(b"0\r\nHost: other\r\n\r\n"), post(b"", IN_CHUNKS)),
    "TE in capitals": (
        first(b"TRANSFER-ENCODING: CHUNKED", body=b"0\r\n\r\n"),
        post(b"", (b"transfer-encoding", b"CHUNKED")),
    ),
    "CL with zeros before it": (
        first(b"Content-Length: 005", body=b"hello"),
        post(b"hello", (b"content-length", b"005")),
    ),
    "CL with an underscore in its name": (first(b"Content_Length: 5"), post(b"", (b"content_length", b"5"))),
    "request in a body": (
        first(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED),
        post(SMUGGLED, (b"content-length", b"%d" % len(SMUGGLED))),
    ),
    "request in a chunk": (
        chunks(b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)),
        post(SMUGGLED, IN_CHUNKS),
    ),
    "offer of another protocol": (
        first(b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: 5", body=b"hello"),
        post(b"hello", (b"connection", b"Upgrade"), (b"upgrade", b"h2c"), (b"content-length", b"5")),
    ),
    "target in absolute-form": (
        first(line=b"POST http://other.example/first HTTP/1.1"),
        post(target=b"http://other.example/first"),
    ),
}


@pytest.mark.parametrize(("data", "expected"), READ.values(), ids=list(READ))
def test_what_can_be_read_in_one_way_alone_is_read_so_and_the_next_request_is_its_own(
    data: bytes, expected: HttpRequest
) -> None:
    """Two requests, the second that for `/smuggled`, for here it stands where a request may."""
    stream = data + SMUGGLED
    reading, _ = Receiver().listen((stream,))
    smuggled = HttpRequest(b"GET", b"/smuggled", ((b"host", b"gateway.example"),), b"")
    assert reading == Reading([expected, smuggled], End.IDLE)
    assert_the_same_in_two_pieces(stream, reading)


def assert_the_same_in_two_pieces(stream: bytes, reading: Reading) -> None:
    """Cut at every byte."""
    readings = Receiver().read(list(cut_everywhere(stream)))
    assert readings == [reading] * len(readings)


@pytest.mark.skipif(not Node.is_available(), reason="Node is not installed")
def test_h11_and_node_bear_witness_to_every_shape() -> None:
    """Whole and in two pieces; what they read otherwise is for a reason of the table."""
    shapes = [data + SMUGGLED for data in (*REFUSED.values(), *(data for data, _ in READ.values()))]
    # Together with the upgrade that it declines Node throws the next request away.
    shapes = [shape for shape in shapes if b"Upgrade" not in shape]
    streams = [(data,) for data in shapes] + [
        cut for data in shapes for cut in list(cut_everywhere(data))[::7]
    ]
    witnesses = zip(H11().read(streams), Node().read(streams), strict=True)
    found = [
        (stream, fault)
        for stream, ours, others in zip(streams, Receiver().read(streams), witnesses, strict=True)
        for fault in faults(b"".join(stream), ours, others)
    ]
    assert found == []


ROUTED = {
    "absolute-form": (b"POST http://other.example/events HTTP/1.1", 202),
    "absolute-form without a path": (b"POST http://other.example HTTP/1.1", 202),
    "absolute-form without a host": (b"POST http:///events HTTP/1.1", 404),
    "absolute-form of another scheme": (b"POST ftp://other.example/events HTTP/1.1", 404),
    "authority-form": (b"CONNECT gateway.example:80 HTTP/1.1", 404),
    "asterisk-form": (b"POST * HTTP/1.1", 404),
}


@pytest.mark.parametrize(("line", "status"), ROUTED.values(), ids=list(ROUTED))
def test_each_form_of_target_names_one_path_or_none(line: bytes, status: int) -> None:
    """The host in an absolute target chooses nothing, and no tunnel is opened: what follows is HTTP."""
    wire = Wire()
    data = first(STRUCTURED, b"Content-Length: %d" % len(EVENT), body=EVENT, line=line)
    answers = wire.send(data + delivery())
    assert [answer.status for answer in answers] == [status, 202]
