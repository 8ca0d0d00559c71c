"""The sum that is the product: accepted = delivered + dead-lettered + expired + held, at every step."""

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.entry import Batch
from gateway.errors import BlockedError, RefusedError, SendError, ThrottledError, UnavailableError
from gateway.pipeline.retry import RetryPolicy
from gateway.pipeline.settings import DestinationSettings
from gateway.sender import Delivered, Hold, Limits, Outcome, Rejected, Retry, RetryAlone, RetryReason
from tests.pipeline.desk import Desk
from tests.support.build import event
from tests.support.clock import on_virtual_clock, until
from tests.support.receipt import FakeReceipt
from tests.support.sender import FakeSender, Step

LIMITS = Limits(max_entries=4, max_bytes=500, max_entry_bytes=400)

OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(
    [
        Delivered("bus-1"),
        Delivered(),
        Retry("broken"),
        Retry("slow", reason=RetryReason.THROTTLED),
        Retry("odd", max_attempts=2),
        RetryAlone("unclear"),
        Hold("no_rights"),
        Rejected("bad"),
    ]
)

ERRORS: st.SearchStrategy[SendError | BaseException] = st.sampled_from(
    [
        ThrottledError("slow"),
        ThrottledError("slow", retry_after_seconds=3.0),
        UnavailableError("reset"),
        BlockedError("no_rights"),
        RefusedError("bad"),
        ValueError("a bug of the sender's"),
    ]
)


class Mixture:
    """Answers each entry with the next of some outcomes, around and around."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes
        self.used = 0

    def __call__(self, batch: Batch) -> list[Outcome]:
        """One for each entry, or one too few where there are none."""
        answer = []
        for _ in batch.entries[0 if self.outcomes else 1 :]:
            answer.append(self.outcomes[self.used % len(self.outcomes)] if self.outcomes else Delivered())
            self.used += 1
        return answer


ANSWERS = st.one_of(ERRORS, OUTCOMES, st.lists(OUTCOMES, max_size=6).map(Mixture))
STEPS = st.builds(Step, ANSWERS, st.sampled_from([0.0, 0.0, 0.01, 0.3, 5.0]))

ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.001, 0.05, 0.4, 2.0]),
        st.lists(st.integers(0, 400), min_size=1, max_size=9),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)
"""How long after the last, the sizes of the events, and whether the disk is full from then on."""

SETTINGS = st.builds(
    DestinationSettings,
    max_events=st.just(1000),
    max_bytes=st.just(1 << 20),
    flush_interval_seconds=st.sampled_from([0.001, 0.2, 3.0]),
    sends_when_idle=st.booleans(),
    max_in_flight=st.sampled_from([1, 2, 16]),
    max_requests_per_second=st.sampled_from([0, 20]),
    request_timeout_seconds=st.sampled_from([0.2, 10.0]),
    retry=st.builds(
        RetryPolicy,
        max_attempts=st.sampled_from([0, 1, 3]),
        max_age_seconds=st.sampled_from([1.0, 3600.0]),
        backoff_initial_seconds=st.sampled_from([0.1, 2.0]),
        backoff_max_seconds=st.just(30.0),
    ),
)


class Bookkeeper:
    """Checks the books of a desk whenever it is asked."""

    def __init__(self, desk: Desk, tuned: DestinationSettings) -> None:
        self.desk = desk
        self.tuned = tuned
        self.receipt = FakeReceipt()
        self.accepted = 0

    def accept(self, sizes: list[int]) -> None:
        """Take an event of each size."""
        ids = [str(self.accepted + index) for index in range(len(sizes))]
        self.accepted += len(sizes)
        self.desk.accept_events(
            [event(name, json_bytes=size) for name, size in zip(ids, sizes, strict=True)], self.receipt
        )
        self.check()

    def check(self) -> None:
        """The sum holds, in every one of its terms."""
        statistics, sender = self.desk.destination.statistics(), self.desk.sender
        counters = statistics.counters
        assert statistics.unaccounted == 0
        assert counters.accepted == self.accepted
        assert min(statistics.buffered, statistics.in_flight, statistics.retrying) >= 0
        assert statistics.held == statistics.buffered + statistics.in_flight + statistics.retrying
        assert (statistics.buffer_bytes > 0) is (statistics.held > 0)
        assert sender.in_flight <= self.tuned.max_in_flight
        for request in sender.requests:
            assert len(request.ids) <= LIMITS.max_entries
            assert request.size <= LIMITS.max_bytes
        told = Counter(word for word, *_ in self.receipt.told)
        assert told["delivered"] == counters.delivered
        assert told["given_up"] == counters.expired + sum(counters.dead_lettered.values())
        assert len(self.desk.dead_letters.letters) == told["given_up"]


async def watch(books: Bookkeeper, seconds: float) -> None:
    """Let time pass, and check the books at every tenth of it and at odd moments in between."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        await until(min(end, loop.time() + max(seconds / 10, 1e-6)))
        books.check()


@given(script=st.lists(STEPS, max_size=30), arrivals=ARRIVALS, tuned=SETTINGS, drains=st.booleans())
@settings(max_examples=150, deadline=None)
@on_virtual_clock
async def test_every_event_is_settled_once_and_the_sum_holds_at_every_step(
    script: list[Step],
    arrivals: list[tuple[float, list[int], bool]],
    tuned: DestinationSettings,
    *,
    drains: bool,
) -> None:
    """Whatever the bus answers, however late, and with the disk failing now and then."""
    desk = Desk(FakeSender(*script, limits=LIMITS), tuned, 0.5)
    books = Bookkeeper(desk, tuned)
    loop = asyncio.create_task(desk.destination.run())
    for pause, sizes, disk_is_full in arrivals:
        await watch(books, pause)
        desk.dead_letters.is_full = disk_is_full
        books.accept(sizes)
    desk.dead_letters.is_full = False
    if drains:
        await desk.destination.drain(asyncio.get_running_loop().time() + 900.0)
    else:
        await watch(books, 900.0)
    books.check()
    assert desk.held == 0
    assert sorted(name for _, name, *_ in books.receipt.told) == sorted(map(str, range(books.accepted)))
    assert await desk.destination.stop() == []
    await loop


@given(
    script=st.lists(STEPS, max_size=20),
    arrivals=ARRIVALS,
    tuned=SETTINGS,
    last_seconds=st.sampled_from([0.0, 0.01, 0.25, 1.1]),
)
@settings(max_examples=100, deadline=None)
@on_virtual_clock
async def test_what_a_stop_gives_back_and_what_was_settled_are_all_there_was(
    script: list[Step],
    arrivals: list[tuple[float, list[int], bool]],
    tuned: DestinationSettings,
    last_seconds: float,
) -> None:
    """Stopped at any moment: each event is either told or given back, and never both."""
    desk = Desk(FakeSender(*script, limits=LIMITS), tuned, 0.5)
    books = Bookkeeper(desk, tuned)
    loop = asyncio.create_task(desk.destination.run())
    for pause, sizes, disk_is_full in arrivals:
        await watch(books, pause)
        desk.dead_letters.is_full = disk_is_full
        books.accept(sizes)
    await until(asyncio.get_running_loop().time() + last_seconds)
    left = await desk.destination.stop()
    books.check()
    assert desk.held == len(left)
    names = [entry.event.id for entry in left] + [name for _, name, *_ in books.receipt.told]
    assert sorted(names) == sorted(map(str, range(books.accepted)))
    assert [entry.arrived_at for entry in left] == sorted(entry.arrived_at for entry in left)
    await loop
