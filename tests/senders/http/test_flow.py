"""What a connection writes, and when: bytes in and out of a transport without a socket."""

import asyncio

import pytest

from gateway.errors import UnavailableError
from gateway.senders.answer import Answer
from gateway.senders.http_connection import PIECE_BYTES, Connection
from tests.senders.http.server import HELLO
from tests.support.clock import settle
from tests.support.transport import FakeTransport

HEAD = b"POST / HTTP/1.1\r\n\r\n"
LARGE = bytes(5 * PIECE_BYTES - 1)


class Wire:
    """A connection, the transport that it has, and how often it was lost."""

    def __init__(self) -> None:
        self.lost: list[Connection] = []
        self.connection = Connection(self.lost.append)
        self.transport = FakeTransport()
        self.connection.connection_made(self.transport)

    async def ask(self, body: bytes) -> "asyncio.Task[Answer]":
        """A request that has got as far as it can."""
        asked = asyncio.ensure_future(self.connection.exchange(HEAD, body))
        await settle()
        return asked


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES])
async def test_a_body_that_is_not_large_goes_out_with_its_head(size: int) -> None:
    """In one write, which mostly is one packet."""
    wire = Wire()
    asked = await wire.ask(bytes(size))
    assert wire.transport.writes == [HEAD + bytes(size)]
    wire.connection.data_received(HELLO)
    assert (await asked).body == b"hello"
    assert wire.connection.is_reusable


async def test_a_large_body_goes_out_whole_in_pieces() -> None:
    """While there is room for them."""
    wire = Wire()
    asked = await wire.ask(LARGE)
    assert wire.transport.written == HEAD + LARGE
    assert max(map(len, wire.transport.writes)) == PIECE_BYTES
    wire.connection.data_received(HELLO)
    assert (await asked).body == b"hello"
    assert wire.connection.is_reusable


async def test_a_piece_waits_until_there_is_room_for_it() -> None:
    """So that no more than one stands in memory twice."""
    wire = Wire()
    wire.connection.pause_writing()
    asked = await wire.ask(LARGE)
    assert wire.transport.written == HEAD
    wire.connection.resume_writing()
    wire.connection.pause_writing()
    await settle()
    assert len(wire.transport.written) == len(HEAD) + PIECE_BYTES
    wire.connection.resume_writing()
    await settle()
    assert wire.transport.written == HEAD + LARGE
    wire.connection.data_received(HELLO)
    assert (await asked).body == b"hello"


@pytest.mark.parametrize("is_answered", [True, False])
async def test_nothing_is_sent_after_the_answer(*, is_answered: bool) -> None:
    """Nor after the end; and the connection, on which half a request stands, is not used again."""
    wire = Wire()
    wire.connection.pause_writing()
    asked = await wire.ask(LARGE)
    if is_answered:
        wire.connection.data_received(HELLO)
        assert (await asked).body == b"hello"
    else:
        wire.connection.connection_lost(None)
        with pytest.raises(UnavailableError):
            await asked
    assert wire.transport.written == HEAD
    assert not wire.connection.is_reusable


async def test_a_connection_whose_request_is_not_all_sent_is_not_used_again() -> None:
    """It was answered early, but who knows whether the rest is ever read."""
    wire = Wire()
    asked = await wire.ask(b"{}")
    wire.transport.unread_bytes = 1
    wire.connection.data_received(HELLO)
    assert (await asked).body == b"hello"
    assert not wire.connection.is_reusable
    wire.connection.close()
    assert wire.transport.is_aborted


async def test_an_idle_connection_is_closed_in_peace() -> None:
    """TLS has something to say at the end."""
    wire = Wire()
    wire.connection.close()
    assert (wire.transport.is_closed, wire.transport.is_aborted) == (True, False)


async def test_a_connection_lost_is_told_of_once() -> None:
    """And its request with it; another one would not be sent."""
    wire = Wire()
    asked = await wire.ask(b"{}")
    wire.connection.connection_lost(ConnectionResetError(104, "Connection reset by peer"))
    with pytest.raises(UnavailableError, match="reset by peer") as caught:
        await asked
    assert caught.value.code == "connection_reset"
    assert wire.lost == [wire.connection]
    with pytest.raises(UnavailableError, match="connection_reset"):
        await wire.connection.exchange(HEAD, b"{}")


@pytest.mark.parametrize("begun", [b"", HELLO[:-1]], ids=["nothing", "half an answer"])
async def test_a_time_out_of_the_kernel_is_one(begun: bytes) -> None:
    """What was sent was never acknowledged."""
    wire = Wire()
    asked = await wire.ask(b"{}")
    wire.connection.data_received(begun)
    wire.connection.connection_lost(TimeoutError(110, "Connection timed out"))
    with pytest.raises(UnavailableError, match="timed out") as caught:
        await asked
    assert caught.value.code == "timeout"


async def test_an_answer_that_came_before_the_end_counts() -> None:
    """Both may be found in one turn of the loop."""
    wire = Wire()
    asked = await wire.ask(b"{}")
    wire.connection.data_received(HELLO)
    wire.connection.eof_received()
    wire.connection.connection_lost(None)
    assert (await asked).body == b"hello"
    assert not wire.connection.is_reusable
