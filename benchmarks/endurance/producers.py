"""Producers: connections that send at a steady pace, whatever the gateway's speed, and remember each answer.

A parcel that is answered with 503 is not sent again: its producer knows, and the pace stays as it is.
"""

import asyncio
import re
import time
from enum import Enum
from random import Random
from urllib.parse import urlsplit

from msgspec import Struct

from benchmarks.endurance.ledger import Ledger
from benchmarks.endurance.traffic import Parcel, Traffic

ANSWER_SECONDS = 30.0
MAX_LAG_SECONDS = 0.5
"""How much a producer that was held up catches up on: more would be a burst, and no steady load."""
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_CLOSE = b"\r\nconnection: close\r\n"
_BROKEN = (OSError, EOFError, TimeoutError)


class Manner(Enum):
    """How a producer goes about a request."""

    WAIT = "wait"
    LEAVE = "leave"
    """Sends it whole and goes away without reading the answer."""
    BREAK_OFF = "break_off"
    """Goes away in the middle."""


class Manners(Struct, frozen=True):
    """How often producers go away."""

    leave: float = 0.0
    break_off: float = 0.0

    def draw(self, dice: Random) -> Manner:
        """For one request."""
        drawn = dice.random()
        if drawn < self.leave:
            return Manner.LEAVE
        return Manner.BREAK_OFF if drawn < self.leave + self.break_off else Manner.WAIT


class Schedule:
    """When the next parcel is due. `now` is monotonic seconds."""

    def __init__(self, events_a_second: float, now: float) -> None:
        self._events_a_second = events_a_second
        self._next = now

    def take(self, events: int, now: float) -> float:
        """The time at which a parcel of so many events is to be sent."""
        due = max(self._next, now - MAX_LAG_SECONDS)
        self._next = due + events / self._events_a_second
        return due


class Producers:
    """`connections` of them share one schedule, one traffic and one ledger."""

    def __init__(
        self,
        url: str,
        traffic: Traffic,
        *,
        events_a_second: float,
        connections: int,
        manners: Manners,
        seed: int,
    ) -> None:
        self._url = url
        self._traffic = traffic
        self._schedule = Schedule(events_a_second, time.monotonic())
        self._connections = connections
        self._manners = manners
        self._dice = Random(seed)
        self._has_ended = False
        self.ledger = Ledger()

    async def run(self) -> None:
        """Send until `stop`; what is on its way then is still answered."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._connections):
                group.create_task(self._produce(Connection(self._url)))

    def stop(self) -> None:
        """Send nothing more."""
        self._has_ended = True

    async def _produce(self, connection: "Connection") -> None:
        try:
            while not self._has_ended:
                parcel = self._traffic.draw()
                now = time.monotonic()
                await asyncio.sleep(self._schedule.take(len(parcel.numbers), now) - now)
                if not self._has_ended:
                    await self._send(connection, parcel, self._manners.draw(self._dice))
        finally:
            connection.close()

    async def _send(self, connection: "Connection", parcel: Parcel, manner: Manner) -> None:
        match manner:
            case Manner.WAIT:
                await self._ask(connection, parcel)
            case Manner.LEAVE:
                self.ledger.left_unanswered(parcel.numbers)
                await connection.leave_after(parcel.request)
            case Manner.BREAK_OFF:
                self.ledger.cut_off(parcel.numbers)
                await connection.leave_after(parcel.request[: self._dice.randrange(1, len(parcel.request))])

    async def _ask(self, connection: "Connection", parcel: Parcel) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status = await connection.exchange(parcel.request)
        except _BROKEN:
            connection.close()
            self.ledger.left_unanswered(parcel.numbers)
        else:
            self.ledger.answered(parcel.numbers, status)


class Connection:
    """One keep-alive connection, opened when it is needed."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, request: bytes) -> int:
        """The status of the answer. Raises OSError or EOFError if there is none."""
        reader, writer = await self._open()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        await reader.readexactly(int(length[1]) if length else 0)
        if _CLOSE in head.lower():
            self.close()
        return int(head[9:12])

    async def leave_after(self, sent: bytes) -> None:
        """Send this and close, whatever is still to come; what of it arrives is not known."""
        try:
            _, writer = await self._open()
            writer.write(sent)
            await writer.drain()
        except OSError:
            pass  # gone already: as good
        self.close()

    def close(self) -> None:
        """Close it; the next request opens it again."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._address.hostname, self._address.port)
        return self._streams
