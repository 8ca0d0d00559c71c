"""The receiver on real sockets: listening, draining, ending. Time-outs are milliseconds."""

import asyncio
import socket
import stat
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.admission import Draining
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.server import Listen, ListenTcp, ListenUnix, Receiver
from tests.support.http import EVENT, STRUCTURED, Answer, answers, delivery, request
from tests.support.intake import FakeIntake
from tests.support.limits import limited

LOOPBACK = ListenTcp("127.0.0.1", 0)
QUICK = limited(
    request_timeout_seconds=0.02, idle_timeout_seconds=0.02, linger_seconds=0.02, max_connections=2
)
PATIENT = limited()
WAITS = b"Prefer: wait=60"
SOON = 5.0
"""Seconds that no test needs: a bound, so that a fault fails and does not hang."""


@asynccontextmanager
async def running(
    *listeners: Listen, limits: ReceiverLimits = PATIENT, intake: FakeIntake | None = None
) -> AsyncIterator[tuple[Receiver, list[Listen]]]:
    """A started receiver and where it listens."""
    receiver = Receiver(intake or FakeIntake(), limits, listeners or (LOOPBACK,))
    try:
        yield receiver, list(await receiver.start())
    finally:
        await receiver.aclose(asyncio.get_running_loop().time())


class Client:
    """A connection to a listener."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Write it all."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> Answer:
        """The next answer."""
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), SOON)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return answers(head + await self._reader.readexactly(length))[0]

    async def rest(self) -> bytes:
        """Everything until the receiver ends the connection."""
        return await asyncio.wait_for(self._reader.read(), SOON)

    async def end(self) -> None:
        """End its side, and go on reading."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Go away at once: a plain close looks as if the client still read."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def post(self) -> Answer:
        """Deliver an event."""
        await self.send(delivery())
        return await self.answer()


@asynccontextmanager
async def connected(listener: Listen) -> AsyncIterator[Client]:
    """A client of that listener."""
    if isinstance(listener, ListenUnix):
        reader, writer = await asyncio.open_unix_connection(listener.path)
    else:
        reader, writer = await asyncio.open_connection(listener.host, listener.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def begun(receiver: Receiver) -> None:
    """Return once a body is being read."""
    async with asyncio.timeout(SOON):
        while not receiver.statistics().receiving_bytes:  # noqa: ASYNC110 - the receiver tells nobody
            await asyncio.sleep(0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_events_are_received_over_tcp(host: str) -> None:
    """IPv4 and IPv6, on a port of the kernel's choice, many to a connection."""
    async with running(ListenTcp(host, 0)) as (receiver, [bound]), connected(bound) as client:
        assert isinstance(bound, ListenTcp)
        assert (bound.host, bound.port > 0) == (host, True)
        assert [(await client.post()).status for _ in range(3)] == [202] * 3
        assert receiver.statistics().requests[202] == 3
        assert receiver.statistics().connections == 1


async def test_events_are_received_over_a_unix_socket(tmp_path: Path) -> None:
    """A socket for owner and group only, and gone at the end."""
    path = tmp_path / "events.sock"
    async with running(ListenUnix(str(path))) as (_, [bound]), connected(bound) as client:
        assert bound == ListenUnix(str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert (await client.post()).status == 202
    assert not path.exists()


async def test_a_stale_socket_file_is_replaced(tmp_path: Path) -> None:
    """A process that was killed leaves its file behind."""
    path = tmp_path / "events.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with running(ListenUnix(str(path))) as (_, [bound]), connected(bound) as client:
        assert (await client.post()).status == 202


async def test_a_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    """Another gateway listens there: that is an error, and it goes on."""
    path = tmp_path / "events.sock"
    async with running(ListenUnix(str(path))) as (_, [bound]):
        with pytest.raises(OSError, match="in use"):
            await Receiver(FakeIntake(), PATIENT, [ListenUnix(str(path))]).start()
        async with connected(bound) as client:
            assert (await client.post()).status == 202


async def test_a_socket_in_use_whose_backlog_is_full_is_left_alone(tmp_path: Path) -> None:
    """Its owner is slow, not gone, and is not waited for."""
    path = tmp_path / "events.sock"
    with socket.socket(socket.AF_UNIX) as owner, socket.socket(socket.AF_UNIX) as client:
        owner.bind(str(path))
        owner.listen(0)
        client.connect(str(path))
        with pytest.raises(OSError, match="in use"):
            await Receiver(FakeIntake(), PATIENT, [ListenUnix(str(path))]).start()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """Whatever it is, it is not ours."""
    path = tmp_path / "events.sock"
    path.write_text("notes")
    with pytest.raises(OSError, match="in use"):
        await Receiver(FakeIntake(), PATIENT, [ListenUnix(str(path))]).start()
    assert path.read_text() == "notes"


async def test_the_socket_of_a_successor_is_left_alone(tmp_path: Path) -> None:
    """Only the file that was bound is removed at the end."""
    path = tmp_path / "events.sock"
    async with running(ListenUnix(str(path))):
        path.rename(tmp_path / "kept")
        path.write_text("another's")
    assert path.read_text() == "another's"


async def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """All listeners or none."""
    path = tmp_path / "events.sock"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        receiver = Receiver(FakeIntake(), PATIENT, [ListenUnix(str(path)), ListenTcp(*taken.getsockname())])
        with pytest.raises(OSError, match="in use"):
            await receiver.start()
    assert not path.exists()


async def test_drain_and_aclose_are_safe_without_a_start_and_twice() -> None:
    """Whoever ends things need not know how far they came."""
    receiver = Receiver(FakeIntake(), PATIENT, [LOOPBACK])
    for _ in range(2):
        await receiver.drain()
        await receiver.aclose(0.0)
    (bound,) = await receiver.start()
    for _ in range(2):
        await receiver.drain()
        await receiver.aclose(asyncio.get_running_loop().time() + SOON)
    assert isinstance(bound, ListenTcp)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(bound.host, bound.port)


async def test_a_slow_request_is_answered_with_408() -> None:
    """And the answer arrives, with the connection's end behind it."""
    limits = limited(request_timeout_seconds=0.02, linger_seconds=0.02)
    async with running(limits=limits) as (_, [bound]), connected(bound) as client:
        await client.send(delivery()[:-1])
        assert (await client.answer()).status == 408
        assert await client.rest() == b""


async def test_an_idle_connection_ends() -> None:
    """Without a word."""
    async with running(limits=QUICK) as (_, [bound]), connected(bound) as client:
        assert await client.rest() == b""


async def test_an_early_answer_is_not_lost_while_the_body_still_comes() -> None:
    """Our side ends and the rest is drained: no reset overtakes the 413."""
    async with running() as (_, [bound]), connected(bound) as client:
        await client.send(request(STRUCTURED, b"Content-Length: 5000000") + bytes(1_000_000))
        answer = await client.answer()
        assert (answer.status, answer.closes) == (413, True)
        assert await client.rest() == b""


async def test_one_connection_too_many_is_told_so() -> None:
    """503 before it asks anything."""
    limits = limited(max_connections=1)
    async with running(limits=limits) as (_, [bound]), connected(bound) as first:
        assert (await first.post()).status == 202
        async with connected(bound) as second:
            answer = await second.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")


async def test_a_drain_waits_for_open_requests() -> None:
    """They finish, and their answers are the last of their connections; nobody new gets in."""
    intake = FakeIntake()
    async with running(intake=intake) as (receiver, [bound]), connected(bound) as client:
        await client.post()
        await client.send(delivery()[:-1])
        await begun(receiver)
        drained = asyncio.create_task(receiver.drain())
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            async with connected(bound):
                pass
        assert not drained.done()
        await client.send(EVENT[-1:])
        answer = await client.answer()
        assert (answer.status, answer.closes) == (202, True)
        await asyncio.wait_for(drained, SOON)
        assert len(intake.events) == 2


async def waited_for(intake: FakeIntake, *, events: int = 1) -> None:
    """Return once somebody waits for the delivery of so many events."""
    async with asyncio.timeout(SOON):
        while len(intake.entries) < events:  # noqa: ASYNC110 - the intake tells nobody
            await asyncio.sleep(0)


async def test_who_waits_for_the_delivery_is_told_over_a_socket() -> None:
    """Also a client that has ended its side; then the connection ends."""
    intake = FakeIntake()
    async with (
        running(intake=intake) as (_, [bound]),
        connected(bound) as client,
        connected(bound) as other,
    ):
        await client.send(delivery(WAITS))
        await client.end()
        await waited_for(intake)
        await other.post()  # by then the receiver has seen the end
        intake.deliver(0)
        answer = await client.answer()
        assert (answer.status, answer.closes) == (200, True)
        assert await client.rest() == b""


async def test_who_waits_for_the_delivery_in_vain_is_told_in_time() -> None:
    """202, on a real clock."""
    intake = FakeIntake()
    limits = limited(default_wait_seconds=0.02)
    async with running(limits=limits, intake=intake) as (_, [bound]), connected(bound) as client:
        assert (await client.post()).status == 202
        assert len(intake.entries) == 1


async def test_who_goes_away_while_it_waits_hurts_nobody() -> None:
    """Its connection is gone before its event is delivered; another's is told."""
    intake = FakeIntake()
    async with running(intake=intake) as (receiver, [bound]), connected(bound) as client:
        async with connected(bound) as leaver:
            await leaver.send(delivery(WAITS))
            await waited_for(intake)
            leaver.reset()
        await client.send(delivery(WAITS))
        await waited_for(intake, events=2)
        async with asyncio.timeout(SOON):
            while receiver.statistics().connections > 1:  # noqa: ASYNC110 - the receiver tells nobody
                await asyncio.sleep(0)
        intake.deliver(0)
        intake.deliver(1)
        assert (await client.answer()).status == 200
        assert receiver.statistics().requests[200] == 1


async def test_a_drain_waits_for_who_waits_for_the_delivery() -> None:
    """It is an open request; its answer is the connection's last."""
    intake = FakeIntake()
    async with running(intake=intake) as (receiver, [bound]), connected(bound) as client:
        await client.send(delivery(WAITS))
        await waited_for(intake)
        drained = asyncio.create_task(receiver.drain())
        await asyncio.sleep(0)
        assert not drained.done()
        intake.deliver(0)
        answer = await client.answer()
        assert (answer.status, answer.closes) == (200, True)
        await asyncio.wait_for(drained, SOON)


async def test_closing_gives_who_waits_for_the_delivery_until_the_deadline() -> None:
    """One is told before it, the other is cut."""
    intake = FakeIntake()
    async with (
        running(intake=intake) as (receiver, [bound]),
        connected(bound) as first,
        connected(bound) as second,
    ):
        for client, events in ((first, 1), (second, 2)):
            await client.send(delivery(WAITS))
            await waited_for(intake, events=events)
        closed = asyncio.create_task(receiver.aclose(asyncio.get_running_loop().time() + 0.05))
        await asyncio.sleep(0)
        intake.deliver(0)
        assert (await first.answer()).status == 200
        assert await second.rest() == b""
        await asyncio.wait_for(closed, SOON)
    assert receiver.statistics().requests[200] == 1


async def test_a_new_request_on_an_old_connection_is_refused_while_draining() -> None:
    """It gets the intake's 503 and not a reset."""
    intake = FakeIntake()
    async with running(intake=intake) as (receiver, [bound]), connected(bound) as client:
        await client.post()
        intake.foreseen = Draining(5)
        await receiver.drain()
        answer = await client.post()
        assert (answer.status, answer.headers["retry-after"], answer.closes) == (503, "5", True)


async def test_closing_ends_idle_connections_at_once() -> None:
    """There is nothing to wait for."""
    async with running() as (receiver, [bound]), connected(bound) as client:
        await client.post()
        await asyncio.wait_for(receiver.aclose(asyncio.get_running_loop().time() + 60.0), SOON)
        assert await client.rest() == b""
        assert receiver.statistics().connections == 0


async def test_closing_waits_for_open_requests_until_the_deadline() -> None:
    """Then they are cut, without an answer."""
    async with running() as (receiver, [bound]), connected(bound) as client:
        await client.send(delivery()[:-1])
        await begun(receiver)
        await receiver.aclose(asyncio.get_running_loop().time() + 0.01)
        assert receiver.statistics().connections == 0
        assert await client.rest() == b""
        assert not any(receiver.statistics().requests.values())
