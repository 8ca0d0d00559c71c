"""One configured bus, as the rest of the gateway sees it: takes events, changes its sender, comes to an end.

How they are sent and settled is its dispatch's to know.
"""

import asyncio
import logging
from collections.abc import Sequence

from gateway.entry import Entry, Receipt
from gateway.event import Event
from gateway.pipeline.admit import admit_all, entries_of
from gateway.pipeline.dead_letter import DeadLetters
from gateway.pipeline.dispatch import Dispatch
from gateway.pipeline.forecast import is_full, seconds_until_room
from gateway.pipeline.retirement import Retirement, close_after
from gateway.pipeline.settings import Clocks, DestinationSettings
from gateway.pipeline.spill import RestoredEvent
from gateway.sender import Sender
from gateway.snapshots import DestinationStatistics

log = logging.getLogger(__name__)


class Destination:
    """Holds events for one bus from acceptance to settlement.

    `run` is the loop, owned by who starts it. `drain` and `stop` are safe twice and without `run`;
    what `stop` gives back stays held, and is never settled.
    """

    def __init__(
        self,
        name: str,
        sender: Sender,
        settings: DestinationSettings,
        dead_letters: DeadLetters,
        clocks: Clocks,
    ) -> None:
        self.name = name
        self._clocks = clocks
        self._dispatch = Dispatch(name, sender, settings, dead_letters, clocks)
        self._buffer = self._dispatch.buffer
        self._account = self._dispatch.account
        self._retirement = Retirement()

    @property
    def sender(self) -> Sender:
        """The one that measures and sends now."""
        return self._dispatch.sender

    # Acceptance: synchronous, called inside the producer's request.

    def admit(self, events: Sequence[Event]) -> list[int]:
        """The size of each as the bus counts it; raises EventTooLargeError or UndeliverableEventError."""
        return admit_all(self._dispatch.sender, events)

    def has_room(self, events: int, event_bytes: int) -> bool:
        """Whether so many events with so many bytes of JSON would be taken now."""
        return self._buffer.has_room(events, event_bytes)

    @property
    def is_full(self) -> bool:
        """Whether another event like those it holds would be refused now."""
        return is_full(self._buffer.statistics())

    def could_ever_hold(self, events: int, event_bytes: int) -> bool:
        """Whether an empty buffer would take them."""
        return self._buffer.could_ever_hold(events, event_bytes)

    def offer(self, events: Sequence[Event], sizes: Sequence[int], receipt: Receipt | None) -> bool:
        """Hold events that were admitted, all of them; or False, for want of room."""
        entries = entries_of(events, sizes, receipt, self._clocks.monotonic())
        if not self._buffer.offer(entries):
            return False
        self._dispatch.arrived(len(entries))
        return True

    def reserve(
        self, events: Sequence[Event], sizes: Sequence[int], receipt: Receipt | None
    ) -> Sequence[Entry] | None:
        """The entries of events that were admitted, with room held for them; or None, for want of room."""
        entries = entries_of(events, sizes, receipt, self._clocks.monotonic())
        if not self._buffer.reserve(entries):
            return None
        self._dispatch.emptied.clear()  # the end waits for what the disk is asked for
        return entries

    def enter(self, entries: Sequence[Entry], *, measured_by: Sender) -> None:
        """Accept entries with room reserved: now they are on disk. Not once it is stopped."""
        assert not self.is_stopped, "nobody would send them"
        now = self._clocks.monotonic()
        for entry in entries:
            entry.arrived_at = now
        if measured_by is self.sender:
            self._buffer.enter(entries)
            self._dispatch.arrived(len(entries))
        else:
            self._dispatch.take_over(entries)

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is accepted and nothing sent any more."""
        return self._dispatch.is_stopped

    def cancel(self, entries: Sequence[Entry]) -> None:
        """Give up the room reserved for entries that are not on disk."""
        self._dispatch.release(entries)

    def retry_after_seconds(self, events: int, event_bytes: int) -> int:
        """When there should be room for them, at the rate at which room is coming free."""
        now, account = self._clocks.monotonic(), self._account
        return seconds_until_room(
            self._buffer.statistics(),
            events=events,
            event_bytes=event_bytes,
            released_per_second=account.released_rate.per_second(account.settled, now),
        )

    def restore(self, restored: Sequence[RestoredEvent]) -> None:
        """Take back what an earlier life of the process accepted: never refused for want of room."""
        now, wall = self._clocks.monotonic(), self._clocks.wall()
        entries = [
            Entry(each.event, 0, now - max(0.0, wall - each.event.received_at), each.attempts, each.receipt)
            for each in restored
        ]
        self._buffer.hold(entries)
        self._account.counters.restored += len(entries)
        self._dispatch.take_over(entries)

    # Change.

    def adopt(self, sender: Sender, settings: DestinationSettings) -> None:
        """Go on with these: what waits is measured anew, what is in flight ends as it began.

        A sender that is no longer used is closed when its last request is answered.
        """
        former = self.sender
        unanswered = self._dispatch.adopt(sender, settings)
        if sender is not former:
            self._retirement.begin(close_after(unanswered, former))

    def bury_in(self, dead_letters: DeadLetters) -> None:
        """Write dead letters there from now on; the former ones are closed when their last is written."""
        self._retirement.begin(self._dispatch.burial.bury_in(dead_letters).aclose())

    # The loop, and its end.

    async def run(self) -> None:
        """Send what is held, until `stop` or cancelled. Raises only what is a bug of ours."""
        await self._dispatch.run()

    async def drain(self, deadline: float) -> None:
        """Send everything at once; returns when nothing is held, or at that monotonic time."""
        self._dispatch.drain()
        try:
            async with asyncio.timeout_at(deadline):
                await self._dispatch.emptied.wait()
        except TimeoutError:
            log.warning("not everything was delivered before the deadline", extra={
                "destination": self.name, "events": self._buffer.held})  # fmt: skip

    def entries(self) -> list[Entry]:
        """Every entry that is held at this moment, oldest first."""
        return self._dispatch.entries()

    async def stop(self) -> list[Entry]:
        """Cancel what is in flight; every entry that is not settled, oldest first. They stay held."""
        return await self._dispatch.stop()

    @property
    def is_burying(self) -> bool:
        """Whether dead letters are being written at this moment, be it in a thread that hangs."""
        return self._dispatch.is_burying

    async def aclose(self) -> None:
        """Give the senders' connections back; requests that are in flight must have ended."""
        await asyncio.gather(self.sender.aclose(), self._retirement.finish())

    def statistics(self) -> DestinationStatistics:
        """A snapshot for metrics and `/status`, taken in one step: its sums hold."""
        return self._dispatch.statistics()
