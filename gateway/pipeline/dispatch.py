"""The loop that sends what one destination holds, in batches, and settles each entry exactly once.

It decides in one synchronous step (`_advance`) and then waits; a task per batch sends and settles.
Slots come first and batches second: while all are busy entries gather, and pack tighter.
"""

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from enum import Enum
from math import inf

from gateway.entry import Batch, Entry
from gateway.pipeline.account import Account
from gateway.pipeline.admit import measure
from gateway.pipeline.backlog import Departure
from gateway.pipeline.buffer import Buffer, in_order_of_arrival
from gateway.pipeline.burial import Burial
from gateway.pipeline.census import census
from gateway.pipeline.dead_letter import DeadLetters
from gateway.pipeline.delivery import Attempt, BusOutcome, attempt
from gateway.pipeline.feedback import tell
from gateway.pipeline.in_flight import InFlight, Request
from gateway.pipeline.pressure import PROBE_SECONDS
from gateway.pipeline.retry import Company, GiveUpReason
from gateway.pipeline.settings import Clocks, DestinationSettings
from gateway.pipeline.settlement import Again, GivenUp, halves, settle
from gateway.pipeline.steering import asks_alike, new_backlog, new_pressure
from gateway.sender import RetryReason, Sender
from gateway.snapshots import DestinationStatistics, count

STOP_GRACE_SECONDS = 5.0
"""How long the end waits for dead letters that are being written: a thread cannot be cancelled."""


class Phase(Enum):
    """Where a destination is in its life; the steps go down this list."""

    WORKING = "working"
    DRAINING = "draining"
    STOPPED = "stopped"


class Dispatch:
    """Sends what `buffer` holds, by one sender after another, and keeps the account of it.

    What comes in is first put into `buffer`, then told of. `emptied` is set while nothing is held.
    """

    def __init__(
        self,
        name: str,
        sender: Sender,
        settings: DestinationSettings,
        dead_letters: DeadLetters,
        clocks: Clocks,
    ) -> None:
        self.sender = sender
        self.buffer = Buffer(max_events=settings.max_events, max_bytes=settings.max_bytes)
        self.account = Account(name)
        self.burial = Burial(name, dead_letters, self.account, wall=clocks.wall, release=self.release)
        self.emptied = asyncio.Event()
        self.emptied.set()
        self._settings = settings
        self._clocks = clocks
        self._backlog = new_backlog(self.buffer, sender, settings)
        self._pressure = new_pressure(settings)
        self._in_flight = InFlight()
        self._phase = Phase.WORKING
        self._burying: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._waits_for_events = False
        self._failure: BaseException | None = None

    # What comes in and goes out.

    def arrived(self, events: int) -> None:
        """Count them, and wake the loop if it has something new to think about."""
        self.account.counters.accepted += events
        if len(self.buffer) == events:  # the first to wait: a deadline, and an age to look after
            self.emptied.clear()
            self._wake.set()
        elif self._waits_for_events and self._backlog.is_full:
            self._waits_for_events = False
            self._wake.set()

    def take_over(self, entries: Sequence[Entry]) -> None:
        """As `arrived`, of entries with room held that another sender, or none yet, has measured."""
        self.account.counters.accepted += len(entries)
        self._put_back_measured(entries)
        self.emptied.clear()
        self._wake.set()

    def release(self, entries: Sequence[Entry]) -> None:
        """Free the room of entries that are settled, or never came."""
        self.buffer.release(entries)
        if not self.buffer.held:
            self.emptied.set()

    def _put_back_measured(self, entries: Sequence[Entry]) -> None:
        """Let entries wait whose measure is another sender's; what cannot be sent is buried."""
        measured = measure(self.sender, entries)
        self._backlog.put_back(measured.entries)
        self._bury(measured.given_up)

    # Change.

    def adopt(self, sender: Sender, settings: DestinationSettings) -> Collection[asyncio.Task[None]]:
        """Go on with these; the tasks of what is still out by the former sender, if this is another."""
        waiting, former = self._backlog.give_back(), self.sender
        if sender is not former or not asks_alike(self._settings, settings):
            self._pressure = new_pressure(settings)
        self.sender, self._settings = sender, settings
        self.buffer.max_events, self.buffer.max_bytes = settings.max_events, settings.max_bytes
        self.account.counters.requests_saved += self._backlog.requests_saved
        self._backlog = new_backlog(self.buffer, sender, settings)
        if self._phase is Phase.DRAINING:
            self._backlog.drain(self._clocks.monotonic())
        self._wake.set()
        if sender is former:
            self._backlog.put_back(waiting)
            return ()
        self._put_back_measured(waiting)
        return self._in_flight.change_sender()

    # The loop.

    async def run(self) -> None:
        """Send what is held, until `stop` or cancelled. Raises only what is a bug of ours."""
        loop = asyncio.get_running_loop()
        while self._phase is not Phase.STOPPED:
            wake_at = self._advance()
            if self._failure is not None:
                raise self._failure
            timer = None if wake_at == inf else loop.call_at(wake_at, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                if timer is not None:
                    timer.cancel()
            self._wake.clear()

    def _advance(self) -> float:
        """Do all that can be done now; when there will be more to do."""
        now = self._clocks.monotonic()
        self.account.sample(now)
        self._expire(now)
        while (allowed := self._pressure.next_allowed(len(self._in_flight))) <= now:
            departure = self._backlog.next_departure(
                now, in_flight=len(self._in_flight), probing=self._pressure.is_probing
            )
            if departure is None:
                break
            self._launch(departure, now)
        self._waits_for_events = allowed <= now
        due = self._backlog.next_due(now, in_flight=len(self._in_flight)) if allowed <= now else allowed
        return min(due, self._backlog.next_expiry())

    def _launch(self, departure: Departure, now: float) -> None:
        batch, is_probe = departure.batch, self._pressure.is_probing
        request = self._in_flight.begin(batch.entries, self.sender)
        request.task = self._start(self._deliver(batch, request))
        self._pressure.sent(now)
        if departure.reason is not None:
            limits = self.sender.limits
            self.account.flushed(batch, departure.reason, limits, now, is_probe=is_probe)

    async def _deliver(self, batch: Batch, request: Request) -> None:
        started = self._clocks.monotonic()
        try:
            result = await attempt(
                request.sender,
                batch,
                timeout_seconds=self._settings.request_timeout_seconds,
                begun=request.begun,
            )
        finally:
            request.timeout = None  # it has ended, and cannot be shortened any more
        seconds = self._clocks.monotonic() - started
        self.account.answered(result, seconds, self._clocks.wall())
        self._settle(batch, request, result, seconds)
        if result.outcome is not BusOutcome.DELIVERED or self._settings.sends_when_idle:
            self._waits_for_events = False
        if not self._waits_for_events:  # else this slot is one more than the loop has a use for
            self._wake.set()

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = failure  # a bug of ours: the loop raises it, the entries stay where they are
            self._wake.set()

    # Settlement.

    def _settle(self, batch: Batch, request: Request, result: Attempt, seconds: float) -> None:
        """Act on every outcome, known after `seconds`; then nothing of `batch` is in flight any more."""
        now = self._clocks.monotonic()
        is_current = request.sender is self.sender
        if is_current:  # how the bus answers a former one says nothing of this
            self._adjust(request, result, seconds, now)
        if result.splits:
            self._in_flight.end(request)
            self._split(batch, now, is_current=is_current)
            return
        settlement = settle(
            batch.entries, result.outcomes, self._settings.retry, now=now, jitter=self._clocks.jitter()
        )
        self._in_flight.end(request)
        self.account.settled_batch(settlement, now)
        self._take_back(settlement.again, settlement.held, now, is_current=is_current)
        self._bury(settlement.given_up)
        self.release([entry for entry, _ in settlement.delivered])
        for entry, event_id in settlement.delivered:
            if entry.receipt is not None:
                entry.receipt.delivered(entry, event_id)

    def _split(self, batch: Batch, now: float, *, is_current: bool) -> None:
        """Send a refused batch again in halves, to find the culprit."""
        count(self.account.counters.retried, RetryReason.SPLIT, len(batch.entries))
        again = [Again(list(half), now, Company.SAME) for half in halves(batch.entries)]
        self._take_back(again, [], now, is_current=is_current)

    def _take_back(
        self, again: Sequence[Again], held: Sequence[Entry], now: float, *, is_current: bool
    ) -> None:
        """Take back what was not settled; what went by a former sender begins anew."""
        if not is_current:
            self._put_back_measured([*held, *[entry for each in again for entry in each.entries]])
            return
        for each in again:
            self._backlog.send_again(each)
        if again and self._phase is Phase.DRAINING:
            self._backlog.hasten(now + PROBE_SECONDS)  # no backoff may outlast the deadline
        self._backlog.put_back(held)

    def _adjust(self, request: Request, result: Attempt, seconds: float, now: float) -> None:
        """Tell the pressure how the bus answered; whatever waited for its return goes at once."""
        pressure, was_probing = self._pressure, self._pressure.is_probing
        tell(
            pressure,
            result,
            seconds=seconds,
            in_flight=len(self._in_flight),
            now=now,
            jitter=self._clocks.jitter(),
        )
        if was_probing and not pressure.is_probing:
            self._backlog.hasten(now)
            self._in_flight.give_up_others(request, now)
        self.account.health_is(pressure.health)

    def _expire(self, now: float) -> None:
        self._bury(
            [
                GivenUp(entry, GiveUpReason.EXPIRED, "expired", "older than delivery.max_age")
                for entry in self._backlog.remove_expired(now)
            ]
        )

    def _bury(self, given_up: Sequence[GivenUp]) -> None:
        if not given_up:
            return
        self.burial.add(given_up)
        if not self.is_burying:
            self._burying = self._start(self.burial.write_all())

    # The end.

    def drain(self) -> None:
        """Send everything at once, from now on."""
        if self._phase is Phase.WORKING:
            self._phase = Phase.DRAINING
            self._pressure.drain()
        self._backlog.drain(self._clocks.monotonic())
        self._wake.set()

    async def stop(self) -> list[Entry]:
        """Cancel what is in flight; every entry that is not settled, oldest first. They stay held."""
        self._phase = Phase.STOPPED
        self._wake.set()
        self.burial.close()
        for task in self._in_flight.tasks:
            task.cancel()
        tasks = [*self._in_flight.tasks, *filter(None, [self._burying])]
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_GRACE_SECONDS)
        entries = self._in_flight.give_back() + self._backlog.give_back() + self.burial.give_back()
        self._backlog.put_back(entries)
        return in_order_of_arrival(entries)

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is sent any more."""
        return self._phase is Phase.STOPPED

    @property
    def is_burying(self) -> bool:
        """Whether dead letters are being written at this moment, be it in a thread that hangs."""
        return self._burying is not None and not self._burying.done()

    def entries(self) -> list[Entry]:
        """Every entry that is held at this moment, oldest first."""
        unburied = [*self.burial.writing, *self.burial.waiting]
        return in_order_of_arrival([*self._in_flight.entries(), *self._backlog.entries(), *unburied])

    def statistics(self) -> DestinationStatistics:
        """A snapshot, taken in one step: its sums hold."""
        return census(
            self.account,
            self.buffer,
            self._backlog,
            self._in_flight,
            self.burial,
            self._pressure,
            self._clocks.monotonic(),
        )
