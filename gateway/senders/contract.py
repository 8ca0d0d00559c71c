"""The suite that every sender passes: inherit `SenderContract` in a test module and give it a harness.

    class TestMySender(SenderContract):
        @pytest.fixture
        async def harness(self) -> AsyncIterator[Harness]:
            async with FakeBus() as bus:
                yield MyHarness(bus)

Needs pytest and pytest-asyncio in auto mode; the running gateway never imports this module.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum, auto
from typing import Protocol, TypeVar

import pytest

from gateway.entry import Batch, Entry
from gateway.errors import BlockedError, EventTooLargeError, RefusedError, ThrottledError, UnavailableError
from gateway.event import Event
from gateway.sender import Delivered, Outcome, Sender

RETRY_AFTER_SECONDS = 7
"""The hint that `Step.THROTTLE_WITH_HINT` gives."""

PATIENCE_SECONDS = 10.0
"""Bounds every send, so that a sender that hangs fails its test instead of stopping the run."""


class Step(StrEnum):
    """What the scripted bus does with one publish request."""

    TAKE = auto()
    FAIL_SECOND_ENTRY = auto()
    """All others are taken."""
    THROTTLE = auto()
    THROTTLE_WITH_HINT = auto()
    REFUSE = auto()
    """As a whole, for something in it that is wrong."""
    RESET = auto()
    """The connection, before the request was processed."""
    STALL = auto()
    """Longer than anybody waits."""
    MISCOUNT = auto()
    """Answers with one result too few."""
    BLOCK = auto()
    """Refuses the credentials, or whatever an operator has to mend."""


class Harness(Protocol):
    """A sender and the bus it speaks to, as the suite needs them."""

    @property
    def sender(self) -> Sender:
        """The same sender throughout a test; its bus takes everything until told otherwise."""

    def script(self, *steps: Step) -> None:
        """What happens to the next publish requests; those after them are taken. Replaces the last script."""

    def mend(self) -> None:
        """What the operator does after `Step.BLOCK`; nothing where the bus itself takes the next request."""

    def event(self, size: int) -> Event:
        """A valid event that the bus counts as `size` bytes, unlike all others in its id."""

    def taken(self) -> Sequence[bytes]:
        """The JSON of every event that the bus has taken, in order."""


Test = TypeVar("Test", bound=Callable[..., Awaitable[None]])


def needs(step: Step) -> Callable[[Test], Test]:
    """Mark a test that a bus must be able to play this step for."""

    def mark(test: Test) -> Test:
        vars(test)[_NEEDS] = step
        return test

    return mark


_NEEDS = "needs_step"


class SenderContract:
    """One promise of the port `Sender` for each test.

    A bus that has no such thing as some of the steps names them with the reason:
    `class TestMySender(SenderContract, exempt={Step.THROTTLE: "it never does"})`.
    """

    def __init_subclass__(cls, *, exempt: Mapping[Step, str] | None = None) -> None:
        super().__init_subclass__()
        for name, member in list(vars(SenderContract).items()):
            if getattr(member, _NEEDS, None) in (exempt or {}):
                setattr(cls, name, None)

    async def test_every_entry_is_delivered_in_order_and_unchanged(self, harness: Harness) -> None:
        """One outcome for each entry, and the bus has the events' own JSON in the batch's order."""
        batch = batch_of(harness, count=3)
        assert all(isinstance(outcome, Delivered) for outcome in await send(harness, batch))
        assert harness.taken() == [entry.event.json for entry in batch.entries]

    @needs(Step.FAIL_SECOND_ENTRY)
    async def test_a_failed_entry_takes_no_other_with_it(self, harness: Harness) -> None:
        """Outcomes stand in the order of the entries, whatever became of each."""
        harness.script(Step.FAIL_SECOND_ENTRY)
        outcomes = await send(harness, batch_of(harness, count=3))
        assert [isinstance(outcome, Delivered) for outcome in outcomes] == [True, False, True]

    @needs(Step.THROTTLE)
    async def test_throttling_without_a_hint_is_told_as_such(self, harness: Harness) -> None:
        """ThrottledError pauses the destination; for how long is left to the gateway."""
        harness.script(Step.THROTTLE)
        with pytest.raises(ThrottledError) as caught:
            await send(harness, batch_of(harness))
        assert caught.value.retry_after_seconds is None

    @needs(Step.THROTTLE_WITH_HINT)
    async def test_throttling_passes_the_hint_on(self, harness: Harness) -> None:
        """`Retry-After` becomes seconds from now."""
        harness.script(Step.THROTTLE_WITH_HINT)
        with pytest.raises(ThrottledError) as caught:
            await send(harness, batch_of(harness))
        assert caught.value.retry_after_seconds == RETRY_AFTER_SECONDS

    @needs(Step.REFUSE)
    async def test_a_refused_request_is_not_retryable(self, harness: Harness) -> None:
        """RefusedError makes the gateway look for the culprit."""
        harness.script(Step.REFUSE)
        with pytest.raises(RefusedError):
            await send(harness, batch_of(harness))

    @needs(Step.RESET)
    async def test_a_reset_is_unavailability_and_the_next_request_passes(self, harness: Harness) -> None:
        """The sender itself sends nothing twice: one request is lost, and said so."""
        harness.script(Step.RESET)
        with pytest.raises(UnavailableError):
            await send(harness, batch_of(harness))
        await assert_usable(harness)

    @needs(Step.MISCOUNT)
    async def test_an_answer_of_another_length_is_no_answer(self, harness: Harness) -> None:
        """Nobody can tell which entry the missing result belongs to."""
        harness.script(Step.MISCOUNT)
        with pytest.raises(UnavailableError):
            await send(harness, batch_of(harness, count=2))

    @needs(Step.BLOCK)
    async def test_what_an_operator_must_mend_holds_the_entries(self, harness: Harness) -> None:
        """BlockedError, and once it is mended the same sender goes on."""
        harness.script(Step.BLOCK)
        with pytest.raises(BlockedError):
            await send(harness, batch_of(harness))
        harness.mend()
        await assert_usable(harness)

    @needs(Step.STALL)
    async def test_a_send_cut_short_by_time_leaves_the_sender_usable(self, harness: Harness) -> None:
        """The caller bounds the time; a stalled connection is not used again."""
        harness.script(Step.STALL)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await harness.sender.send(batch_of(harness))
        harness.script()
        await assert_usable(harness)

    @needs(Step.STALL)
    async def test_a_cancelled_send_ends_at_once_and_leaves_the_sender_usable(self, harness: Harness) -> None:
        """Cancellation is passed on, not swallowed or turned into an answer."""
        harness.script(Step.STALL)
        sending = asyncio.ensure_future(harness.sender.send(batch_of(harness)))
        await asyncio.wait({sending}, timeout=0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        harness.script()
        await assert_usable(harness)

    async def test_sends_at_once_do_not_mix(self, harness: Harness) -> None:
        """Several batches in flight each get their own outcomes, and each arrives whole."""
        batches = [batch_of(harness, count=2) for _ in range(4)]
        outcomes = await asyncio.gather(*(send(harness, batch) for batch in batches))
        assert all(isinstance(outcome, Delivered) for answer in outcomes for outcome in answer)
        taken = harness.taken()
        pairs = {(taken[index], taken[index + 1]) for index in range(0, len(taken), 2)}
        assert pairs == {(first.event.json, second.event.json) for first, second in entries_of(batches)}

    async def test_the_largest_event_is_admitted_and_delivered(self, harness: Harness) -> None:
        """`max_entry_bytes` is what an event may count, exactly."""
        largest = harness.sender.limits.max_entry_bytes
        batch = Batch.of([entry_of(harness, size=largest)])
        assert batch.size == largest
        assert isinstance((await send(harness, batch))[0], Delivered)

    async def test_an_event_one_byte_larger_is_not_admitted(self, harness: Harness) -> None:
        """The producer hears of it while it is still listening."""
        event = harness.event(harness.sender.limits.max_entry_bytes + 1)
        with pytest.raises(EventTooLargeError):
            harness.sender.admit(event)

    async def test_the_fullest_request_is_taken(self, harness: Harness) -> None:
        """`max_entries` entries that count `max_bytes` together, or as near as the largest entries allow."""
        limits = harness.sender.limits
        sizes = _shares(
            min(limits.max_bytes, limits.max_entries * limits.max_entry_bytes), limits.max_entries
        )
        batch = Batch.of([entry_of(harness, size=size) for size in sizes])
        assert len(batch.entries) == limits.max_entries
        assert batch.size == sum(sizes)
        assert all(isinstance(outcome, Delivered) for outcome in await send(harness, batch))

    async def test_admission_leaves_nothing_behind(self, harness: Harness) -> None:
        """An event counts the same each time it is asked about."""
        event = harness.event(1000)
        assert [harness.sender.admit(event), harness.sender.admit(event)] == [1000, 1000]

    async def test_closing_twice_is_safe(self, harness: Harness) -> None:
        """After a send as well as without one."""
        await harness.sender.aclose()
        await send(harness, batch_of(harness))
        await harness.sender.aclose()
        await harness.sender.aclose()


def entry_of(harness: Harness, *, size: int = 1000) -> Entry:
    """An admitted event of that size."""
    event = harness.event(size)
    return Entry(event, harness.sender.admit(event), arrived_at=0.0)


def batch_of(harness: Harness, *, count: int = 1) -> Batch:
    """A batch of small entries."""
    return Batch.of([entry_of(harness) for _ in range(count)])


def entries_of(batches: Sequence[Batch]) -> list[tuple[Entry, Entry]]:
    """The entries of batches of two."""
    return [(batch.entries[0], batch.entries[1]) for batch in batches]


async def send(harness: Harness, batch: Batch) -> Sequence[Outcome]:
    """Send, within bounds, and check that the outcomes are as many as the entries."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        outcomes = await harness.sender.send(batch)
    assert len(outcomes) == len(batch.entries)
    return outcomes


async def assert_usable(harness: Harness) -> None:
    """The next request is delivered."""
    assert isinstance((await send(harness, batch_of(harness)))[0], Delivered)


def _shares(total: int, count: int) -> list[int]:
    """`count` sizes that make up `total`, as even as can be."""
    return [total // count + (index < total % count) for index in range(count)]
