"""What is sent in the fuzz tests: good requests, pieces to spoil them with, and any number of spoilt ones."""

import gzip
from collections.abc import Iterator, Sequence
from random import Random

from tests.fuzz.reading import Stream
from tests.support.http import BATCHED, EVENT, STRUCTURED, chunked, delivery, request
from tests.support.mutations import mutate

CHUNKED = b"Transfer-Encoding: chunked"

SEEDS: Sequence[bytes] = (
    delivery(),
    delivery(body=b"{}"),
    delivery() + delivery(body=b"[]"),
    chunked(b"hello", b"world"),
    chunked(b"hello", lines=[b"Trailer: x"], trailer=b"x: 1\r\n") + delivery(body=b"{}"),
    request(CHUNKED) + b'5;a=b;c="d e"\r\nhello\r\n00;x\r\n\r\n',
    delivery(b"Expect: 100-continue", body=b"{}"),
    delivery(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", body=b"{}") + delivery(body=b"{}"),
    delivery(b"Connection: close", body=b"{}") + delivery(body=b"{}"),
    delivery(b"Content-Encoding: gzip", b"Accept: */*", b"User-Agent: a/1 (b; c)", body=b"\x1f\x8b\x08"),
    request(b"ce-id: 1", b"ce-source: /s", b"ce-type: t", b"ce-specversion: 1.0", body=b"a\r\n\r\nb"),
    request(BATCHED, body=b"[" + EVENT + b"," + EVENT + b"]"),
    delivery(b"Content-Encoding: gzip", body=gzip.compress(EVENT, mtime=0)),
    delivery(
        b"traceparent: 00-%032x-%016x-01" % (1, 1), b"Prefer: respond-async", body=EVENT[:-1] + b',"a":1}'
    ),
    request(method=b"OPTIONS", target=b"*") + delivery(body=b"{}"),
    request(method=b"GET", target=b"/events/orders?a=b&c=%20#"),
    request(method=b"HEAD"),
    request(method=b"CONNECT", target=b"gateway.example:80"),
    request(target=b"http://gateway.example/events", body=b"{}"),
    delivery(version=b"HTTP/1.0", host=None, body=b"{}"),
    delivery(b"Connection: keep-alive", version=b"HTTP/1.0", body=b"{}") + delivery(body=b"{}"),
    b"\r\n" + delivery(body=b"{}"),
)

SPLICES: Sequence[bytes] = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b"\r\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"=",
    b'"', b"\\", b"\x0b", b"\x0c", b"\x1f", b"\x7f", b"\x80", b"\xa0", b"\xff", b"\xc2\x85", b"+", b"-",
    b"_", b"/", b"#", b"@", b"0", b"1", b"5", b"0x5", b"+5", b"-5", b"5, 5", b"5,6", b"005", b"5 ",
    b"1e1", b"a", b"F", b"ffffffffffffffff", b"18446744073709551616", b"\r\n ", b"\r\n\t", b" : ",
    b" :", b"X", b"Host", b"Host: b\r\n", b"host: gateway.example\r\n", b"Content-Length: 2\r\n",
    b"Content-Length: 5\r\n", b"content-length: 0\r\n", b"Content-Length: +2\r\n",
    b"Content_Length: 2\r\n", b"Content-Length : 2\r\n", b"Transfer-Encoding: chunked\r\n", b"chunked",
    b"identity", b"transfer-encoding: CHUNKED\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
    b"Transfer-Encoding : chunked\r\n", b"Transfer_Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding: \r\n", b"Transfer-Encoding\r\n",
    b"X: y\r\n", STRUCTURED + b"\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n",
    b"Connection: upgrade\r\nUpgrade: x\r\n", b"Expect: x\r\n", b"Expect: 100-continue\r\n",
    b"Prefer: respond-async\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n", b"0\r\nX: y\r\n\r\n", b"2\r\n", b"POST",
    b"POST / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: b\r\n\r\n",
    b"GET ", b"CONNECT ", b"QUERY ", b"post ", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/1.2", b" HTTP/2.0",
    b" HTTP/0.9", b"HTTP/1.1", b"PRI * HTTP/2.0\r\n\r\n", b"http://b/", b"*", b"b:80", EVENT,
    b'"a":1,', b'"id":null,', b'"data_base64":"",', b"\\u0000", b"\\ud800", b"{", b"}", b"[", b"]", b"1e999",
    b"ce-", b"ce-id: 2\r\n", b"%", b"%00", b"Content-Encoding: gzip\r\n", b"/events/orders", b"/events/",
)  # fmt: skip


def spoilt(number: int, *, seed: int) -> Iterator[bytes]:
    """So many streams that were good, one or two seeds each, and are so no more, or only by chance."""
    dice = Random(seed)  # noqa: S311 - to be the same again
    for _ in range(number):
        good = dice.choice(SEEDS) if dice.randrange(3) else dice.choice(SEEDS) + dice.choice(SEEDS)
        yield mutate(good, SPLICES, dice)


def cut(data: bytes, at: int) -> Stream:
    """`data` in two pieces."""
    return (data[:at], data[at:])


def cut_everywhere(data: bytes) -> Iterator[Stream]:
    """`data` in two pieces, in every way there is."""
    return (cut(data, at) for at in range(1, len(data)))
