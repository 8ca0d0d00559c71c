"""A destination on the virtual clock, with a fake bus and fake dead letters, its loop running."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gateway.entry import Receipt
from gateway.event import Event
from gateway.pipeline.destination import Destination
from gateway.pipeline.settings import Clocks, DestinationSettings
from gateway.snapshots import DestinationCounters
from tests.support.build import WALL_AT_START, event, settings
from tests.support.clock import now, settle
from tests.support.dead_letters import FakeDeadLetters
from tests.support.sender import FakeSender

LARGEST_JITTER = 1 - 2**-53


def clocks(jitter: float = LARGEST_JITTER) -> Clocks:
    """The running loop's time for both clocks, and one face of the dice."""
    return Clocks(now, lambda: WALL_AT_START + now(), lambda: jitter)


class Desk:
    """What a test of a destination holds in its hands."""

    def __init__(self, sender: FakeSender, settings: DestinationSettings, jitter: float) -> None:
        self.sender = sender
        self.dead_letters = FakeDeadLetters()
        self.destination = Destination("bus", sender, settings, self.dead_letters, clocks(jitter))

    @property
    def counters(self) -> DestinationCounters:
        """What has happened so far."""
        return self.destination.statistics().counters

    @property
    def held(self) -> int:
        """Accepted and not settled."""
        return self.destination.statistics().held

    def accept(self, *ids: str, json_bytes: int = 0, receipt: Receipt | None = None) -> None:
        """Take an event of each id, all at once."""
        self.accept_events([event(each, json_bytes=json_bytes) for each in ids], receipt)

    def accept_many(self, count: int, *, json_bytes: int = 0) -> None:
        """Take events with ids from "0" on, all at once."""
        self.accept(*map(str, range(count)), json_bytes=json_bytes)

    def accept_events(self, events: Sequence[Event], receipt: Receipt | None = None) -> None:
        """Take these."""
        self.destination.offer(events, self.destination.admit(events), receipt)


@asynccontextmanager
async def running(
    sender: FakeSender, tuned: DestinationSettings | None = None, *, jitter: float = LARGEST_JITTER
) -> AsyncIterator[Desk]:
    """A desk whose destination runs; afterwards its accounts must add up, and no task of it failed."""
    desk = Desk(sender, settings() if tuned is None else tuned, jitter)
    loop = asyncio.create_task(desk.destination.run())
    await settle()
    try:
        yield desk
        assert desk.destination.statistics().unaccounted == 0
    finally:
        await desk.destination.stop()
        await loop
        await desk.destination.aclose()
