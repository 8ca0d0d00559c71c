"""Connections of the HTTP client: which are kept, which are not, and that none is left over."""

import asyncio
import gc
import socket
from collections.abc import Sequence
from random import Random

import pytest
from yarl import URL

from gateway.errors import UnavailableError
from gateway.senders.http import MAX_ANSWER_BYTES, HttpClient
from tests.senders.http.server import (
    HELLO,
    SOON,
    Play,
    answering,
    client_of,
    echo,
    post,
    read_request,
    serving,
    silence,
)
from tests.support.clock import on_virtual_clock, until
from tests.support.mutations import mutate


async def code_of(client: HttpClient, url: URL, body: bytes = b"{}") -> str:
    with pytest.raises(UnavailableError) as caught:
        await post(client, url, body)
    return caught.value.code


async def test_a_thousand_requests_go_over_one_connection() -> None:
    """Each gets its own answer."""
    async with serving(echo) as server, client_of() as client:
        for number in range(1000):
            assert (await post(client, server.url, b"%d" % number)).body == b"%d" % number
        assert server.accepted == 1


async def test_requests_at_once_have_a_connection_each() -> None:
    """No more are opened than are needed, and answers are not mixed up."""
    async with serving(echo) as server, client_of() as client:
        for _ in range(5):
            bodies = [b"%d" % number for number in range(16)]
            answers = await asyncio.gather(*(post(client, server.url, body) for body in bodies))
            assert [answer.body for answer in answers] == bodies
        assert server.accepted == 16


async def test_connections_are_bounded_and_the_rest_wait() -> None:
    """A bound is no error."""
    async with serving(echo) as server, client_of(max_connections=2) as client:
        bodies = [b"%d" % number for number in range(10)]
        answers = await asyncio.gather(*(post(client, server.url, body) for body in bodies))
        assert [answer.body for answer in answers] == bodies
        assert server.accepted == 2


async def test_each_origin_has_connections_of_its_own() -> None:
    """The same host at another port is another server."""
    async with serving(answering(HELLO)) as one, serving(echo) as other, client_of() as client:
        assert (await post(client, one.url / "a", b"x")).body == b"hello"
        assert (await post(client, other.url / "a", b"x")).body == b"x"
        assert (await post(client, one.url / "b", b"x")).body == b"hello"
        assert (one.accepted, other.accepted) == (1, 1)


@on_virtual_clock
async def test_a_connection_that_waited_long_is_closed() -> None:
    """Shorter than the minute after which load balancers close it; one that is used stays."""
    async with serving(answering(HELLO)) as server, client_of() as client:
        url = server.url
        await asyncio.gather(client.post(url, {}, b""), client.post(url, {}, b""))
        for moment in (20.0, 30.0):
            await until(moment)
            await client.post(url, {}, b"")
        await until(49.9)
        assert server.open == 2
        await until(50.1)
        assert server.open == 1
        await until(79.9)
        assert server.open == 1
        await until(80.1)
        assert server.open == 0
        await client.post(url, {}, b"")
        assert (server.accepted, server.open) == (3, 1)


class LateLoop(asyncio.SelectorEventLoop):
    """Learns of time only when it is told."""

    slept_seconds = 0.0

    def time(self) -> float:
        """Later by what was slept."""
        return super().time() + self.slept_seconds


def test_a_connection_that_grew_old_while_the_machine_slept_is_not_used() -> None:
    """The next request may come before any timer."""

    async def play() -> int:
        async with serving(echo) as server, client_of() as client:
            await client.post(server.url, {}, b"")
            loop = asyncio.get_running_loop()
            assert isinstance(loop, LateLoop)
            loop.slept_seconds = 60.0
            await client.post(server.url, {}, b"")
            return server.accepted

    with asyncio.Runner(loop_factory=LateLoop) as runner:
        assert runner.run(play()) == 2


@pytest.mark.parametrize(
    "answer",
    [
        HELLO + b"x",
        HELLO + HELLO,
        HELLO.replace(b"Content-Length", b"Connection: close\r\nContent-Length"),
        HELLO.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["a byte behind it", "two answers", "close", "HTTP/1.0"],
)
async def test_a_connection_is_not_used_again_if_its_server_does_not_say_so(answer: bytes) -> None:
    """The answer counts, and the next request has a connection of its own."""
    async with serving(answering(answer)) as server, client_of() as client:
        for accepted in (1, 2):
            assert (await post(client, server.url)).body == b"hello"
            assert server.accepted == accepted
            await server.until_ended(accepted)


async def test_an_answer_may_last_until_the_connection_ends() -> None:
    """Without a length, and without chunks."""
    play = answering(b"HTTP/1.1 200 OK\r\n\r\nhello", then_ends=True)
    async with serving(play) as server, client_of() as client:
        assert (await post(client, server.url)).body == b"hello"
        assert (await post(client, server.url)).body == b"hello"
        assert server.accepted == 2


async def test_a_connection_that_the_server_closes_while_it_waits_is_not_used() -> None:
    """Noticed before the next request, not by it."""
    async with serving(answering(HELLO, then_ends=True)) as server, client_of() as client:
        for accepted in (1, 2, 3):
            await post(client, server.url)
            await server.until_ended(accepted)
            assert server.accepted == accepted


async def test_what_a_server_says_unasked_ends_the_connection() -> None:
    """For instance that it is tired of waiting: the words must not be taken for the next answer."""
    speak = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HELLO)
        await speak.wait()
        writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with serving(play) as server, client_of() as client:
        await post(client, server.url)
        speak.set()
        await server.until_ended(1)
        assert (await post(client, server.url)).status == 200
        assert server.accepted == 2


async def test_a_request_that_meets_the_servers_end_is_not_sent_twice() -> None:
    """Nobody knows whether a server that closes had read it: whoever sent it decides."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        loop, url = asyncio.get_running_loop(), URL(f"http://127.0.0.1:{listening.getsockname()[1]}")
        async with client_of() as client:
            first = asyncio.ensure_future(post(client, url))
            peer, _ = await loop.sock_accept(listening)
            await loop.sock_recv(peer, 1 << 16)
            await loop.sock_sendall(peer, HELLO)
            await first
            peer.close()  # and the loop has had no time to notice
            assert await code_of(client, url) == "connection_reset"
            with pytest.raises(BlockingIOError):
                listening.accept()


@pytest.mark.parametrize("end", range(len(HELLO)))
async def test_an_answer_cut_anywhere_is_a_reset(end: int) -> None:
    """By the server's end, in order or not."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HELLO[:end])
        await writer.drain()

    async with serving(play) as server, client_of() as client:
        assert await code_of(client, server.url) == "connection_reset"


async def test_any_bytes_end_in_an_answer_or_unavailability() -> None:
    """Never in another error, and never in a wait: a server that has ended says no more."""
    dice = Random(7)  # noqa: S311 - the same bytes in every run
    codes = set[str]()
    seeds = (HELLO, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    splices = (b"\r\n", b"\0", b"Connection: close\r\n", b"Content-Length: 5\r\n", b"HTTP/1.1 100 OK\r\n\r\n")
    async with client_of() as client:
        for _ in range(200):
            play = answering(mutate(dice.choice(seeds), splices, dice), then_ends=True)
            async with serving(play) as server:
                try:
                    codes.add(str((await post(client, server.url)).status))
                except UnavailableError as error:
                    codes.add(error.code)
    assert {"200", "unreadable_answer", "connection_reset"} <= codes


async def test_an_answer_in_single_bytes_is_read() -> None:
    """However slowly it comes."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for byte in b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        await read_request(reader)
        writer.write(HELLO)
        await reader.read()

    async with serving(play) as server, client_of() as client:
        assert (await post(client, server.url)).body == b"hello"
        assert (await post(client, server.url)).body == b"hello"
        assert server.accepted == 1


async def test_a_server_that_has_ended_its_side_is_answered_by_our_end() -> None:
    """Half a connection is of no use to a client."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HELLO)
        writer.write_eof()
        await reader.read()

    async with serving(play) as server, client_of() as client:
        assert (await post(client, server.url)).body == b"hello"
        await server.until_ended(1)
        assert (await post(client, server.url)).body == b"hello"


async def test_an_answer_that_is_too_large_closes_the_connection() -> None:
    """What is left of it is not read."""
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 1)
    async with serving(answering(answer)) as server, client_of() as client:
        assert await code_of(client, server.url) == "answer_too_large"
        await server.until_ended(1)


LARGE = bytes(range(256)) * (4 << 12)
"""4 MiB, more than any two sockets hold between them."""


async def test_a_large_body_arrives_whole_at_a_slow_reader() -> None:
    """And the connection may be used again."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            left, body = int(head.rpartition(b"Content-Length: ")[2]), bytearray()
            while len(body) < left:
                body += await reader.read(10_000)
                await asyncio.sleep(0)
            writer.write(HELLO if body == LARGE else b"HTTP/1.1 500 Other\r\nContent-Length: 0\r\n\r\n")

    async with serving(play) as server, client_of() as client:
        for _ in range(2):
            assert (await post(client, server.url, LARGE)).status == 200
        assert server.accepted == 1


async def test_an_answer_before_the_bodys_end_counts() -> None:
    """A server may refuse what it has not read; the rest is not sent, nor the connection used again."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.Event().wait()

    async with serving(play) as server, client_of() as client:
        for accepted in (1, 2):
            assert (await post(client, server.url, LARGE)).status == 413
            assert server.accepted == accepted


async def test_an_end_before_the_bodys_end_is_a_reset() -> None:
    """Though there was nothing to read at that time."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001 - a play
        await reader.readuntil(b"\r\n\r\n")

    async with serving(play) as server, client_of() as client:
        assert await code_of(client, server.url, LARGE) == "connection_reset"


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never reads."""
    del reader, writer
    await asyncio.Event().wait()


async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begins to answer."""
    await read_request(reader)
    writer.write(HELLO[:-1])
    await reader.read()


@pytest.mark.parametrize(
    ("play", "body"),
    [(silence, b"{}"), (half, b"{}"), (deaf, LARGE)],
    ids=["waiting", "reading", "sending"],
)
async def test_a_cancelled_request_frees_its_connection_at_once(play: Play, body: bytes) -> None:
    """Nothing of it is left, and there is room for the next."""
    plays: list[Play] = [play, echo]

    async def play_next(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await plays.pop(0)(reader, writer)

    async with serving(play_next) as server, client_of(max_connections=1) as client:
        before = asyncio.all_tasks()
        sending = asyncio.ensure_future(client.post(server.url, {}, body))
        await asyncio.wait({sending}, timeout=0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert {task for task in asyncio.all_tasks() - before if "post" in repr(task.get_coro())} == set()
        assert (await post(client, server.url, b"next")).body == b"next"
    gc.collect()  # what was forgotten would complain now


@pytest.mark.parametrize("turns", range(12))
async def test_a_request_may_be_cancelled_at_any_turn(turns: int) -> None:
    """The next one gets its own answer, whatever was under way."""
    async with serving(echo) as server, client_of(max_connections=1) as client:
        for first in range(3):
            sending = asyncio.ensure_future(client.post(server.url, {}, b"%d" % first))
            for _ in range(turns):
                await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait({sending})
            assert (await post(client, server.url, b"next")).body == b"next"
    gc.collect()  # what was forgotten would complain now


async def test_closing_ends_requests_under_way() -> None:
    """They are told; the client may be closed again, and used again."""
    async with serving(silence) as server, client_of() as client:
        sending = asyncio.ensure_future(code_of(client, server.url))
        await asyncio.wait({sending}, timeout=0.05)
        await asyncio.gather(client.aclose(), client.aclose())
        assert await sending == "connection_reset"
        await server.until_ended(1)
    async with serving(echo) as server:
        assert (await post(client, server.url, b"again")).body == b"again"
        await client.aclose()


async def test_when_the_client_is_closed_its_connections_are() -> None:
    """Not some time later: whoever stops the loop then leaves nothing open."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        loop, url = asyncio.get_running_loop(), URL(f"http://127.0.0.1:{listening.getsockname()[1]}")
        async with client_of() as client:
            first = asyncio.ensure_future(post(client, url))
            peer, _ = await loop.sock_accept(listening)
            with peer:
                await loop.sock_recv(peer, 1 << 16)
                await loop.sock_sendall(peer, HELLO)
                await first
                await client.aclose()
                assert peer.recv(1) == b""


@pytest.mark.parametrize("turns", range(1, 8))
async def test_a_connection_opened_while_the_client_closes_is_not_kept(turns: int) -> None:
    """Its request may still be answered."""
    async with serving(echo) as server, client_of() as client:
        sending = asyncio.ensure_future(client.post(server.url, {}, b"late"))
        for _ in range(turns):
            await asyncio.sleep(0)
        await client.aclose()
        await asyncio.wait({sending})
        assert sending.exception() is not None or sending.result().body == b"late"
        await server.until_ended(server.accepted)


async def test_an_error_never_repeats_the_request() -> None:
    """Its headers hold credentials, its body other people's data."""
    answers: Sequence[bytes] = (b"", HELLO[:-1], b"nonsense", b"HTTP/1.1 200 OK\r\na: b\rc\r\n")
    for answer in answers:
        async with serving(answering(answer, then_ends=True)) as server, client_of() as client:
            with pytest.raises(UnavailableError) as caught:
                async with asyncio.timeout(SOON):
                    await client.post(server.url, {"authorization": "the-secret"}, b"the-data")
        assert "the-" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
