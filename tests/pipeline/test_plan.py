"""Which entries leave together: full batches at once, partial ones at their deadline, each entry once."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.entry import Entry
from gateway.pipeline.buffer import Buffer
from gateway.pipeline.flush import FlushReason, FlushTiming
from gateway.pipeline.plan import WINDOW_ENTRIES, PlannedBatch, Planner
from gateway.sender import Limits
from tests.support.build import entries, entry

LIMITS = Limits(max_entries=10, max_bytes=1000, max_entry_bytes=1000)
INTERVAL = 0.2


class CountingBuffer(Buffer):
    """Knows how much was looked at: what is packed is taken first."""

    entries_taken = 0
    times_taken = 0

    def take(self, max_entries: int) -> list[Entry]:
        """As a buffer does, and counts."""
        taken = super().take(max_entries)
        self.times_taken += 1
        self.entries_taken += len(taken)
        return taken


HALF_OF_A_TENTH = LIMITS.max_bytes // LIMITS.max_entries // 2
"""Ten of these are a full batch by count, and half of one by size: some dozens must be packed."""


class Bench:
    """A buffer, its timing and its planner."""

    def __init__(self, *, sends_when_idle: bool = False, limits: Limits = LIMITS) -> None:
        self.buffer = CountingBuffer(max_events=1_000_000, max_bytes=1 << 40)
        self.timing = FlushTiming(
            interval_seconds=INTERVAL,
            sends_when_idle=sends_when_idle,
            max_entries=limits.max_entries,
            max_bytes=limits.max_bytes,
        )
        self.planner = Planner(self.buffer, self.timing, limits)

    def arrive(self, *sizes: int, at: float = 0.0) -> None:
        """Entries of these sizes come in."""
        assert self.buffer.offer(entries(*sizes, arrived_at=at))

    def leave(self, now: float, *, in_flight: int = 0) -> list[PlannedBatch]:
        """Everything that leaves at `now`, as long as a slot is free for it."""
        batches = []
        while planned := self.planner.next_batch(now, in_flight=in_flight):
            batches.append(planned)
        return batches


def sizes_of(planned: PlannedBatch) -> list[int]:
    """The sizes of its entries."""
    return [each.size for each in planned.batch.entries]


def test_a_batch_full_by_count_leaves_at_once() -> None:
    """The tenth entry closes it, and the eleventh waits."""
    bench = Bench()
    bench.arrive(*[1] * 11)
    (planned,) = bench.leave(0.0)
    assert planned.reason is FlushReason.FULL
    assert sizes_of(planned) == [1] * 10
    assert len(bench.buffer) == 1


def test_a_batch_nearly_full_by_bytes_leaves_at_once() -> None:
    """95 % of the bytes are as good as all of them."""
    bench = Bench()
    bench.arrive(500, 450)
    (planned,) = bench.leave(0.0)
    assert planned.reason is FlushReason.FULL
    assert planned.batch.size == 950


def test_a_batch_to_which_no_usual_entry_fits_leaves_at_once() -> None:
    """Two that cannot travel together, and nothing smaller in sight: waiting cannot help either."""
    bench = Bench()
    bench.arrive(600, 600)
    assert [(planned.reason, sizes_of(planned)) for planned in bench.leave(0.0)] == [
        (FlushReason.FULL, [600]),
        (FlushReason.FULL, [600]),
    ]


def test_a_partial_batch_leaves_exactly_at_the_arrival_of_its_oldest_and_the_interval() -> None:
    """No entry waits longer for company, and none leaves earlier."""
    bench = Bench()
    bench.arrive(1, at=0.1)
    bench.arrive(1, at=0.15)
    deadline = bench.planner.next_due(0.15, in_flight=0)
    assert deadline == 0.1 + INTERVAL
    assert bench.leave(deadline - 1e-9) == []
    (planned,) = bench.leave(deadline)
    assert planned.reason is FlushReason.INTERVAL
    assert len(planned.batch.entries) == 2


def test_each_open_batch_has_its_own_deadline() -> None:
    """When the oldest leaves, entries that did not fit beside it wait for their own time."""
    bench = Bench()
    bench.arrive(700, at=0.0)
    bench.arrive(30, 600, at=0.1)
    (first,) = bench.leave(INTERVAL)
    assert sizes_of(first) == [700, 30]
    assert bench.planner.next_due(INTERVAL, in_flight=1) == 0.1 + INTERVAL
    (second,) = bench.leave(0.1 + INTERVAL)
    assert sizes_of(second) == [600]


def test_a_single_large_entry_leaves_because_of_its_deadline() -> None:
    """What made it leave is told as it was, although nothing like it would have fitted beside it."""
    bench = Bench()
    bench.arrive(600)
    assert bench.leave(0.0) == []
    (planned,) = bench.leave(INTERVAL)
    assert planned.reason is FlushReason.INTERVAL


def test_with_when_idle_send_the_oldest_batch_leaves_while_nothing_is_in_flight() -> None:
    """One batch, not all: then something is in flight, and the others may wait for company."""
    bench = Bench(sends_when_idle=True)
    bench.arrive(500, 20, 400)
    planned = bench.planner.next_batch(0.0, in_flight=0)
    assert planned is not None
    assert planned.reason is FlushReason.IDLE
    bench.arrive(1)
    assert bench.planner.next_batch(0.0, in_flight=1) is None


def test_draining_lets_everything_leave_in_batches_as_full_as_can_be() -> None:
    """A deep backlog leaves in full batches; only the last window may leave some partial."""
    bench = Bench()
    bench.arrive(*[60] * 1003)
    bench.timing.drain()
    batches = bench.leave(0.0)
    assert {planned.reason for planned in batches} == {FlushReason.DRAIN}
    assert [len(planned.batch.entries) for planned in batches] == [10] * 100 + [3]
    assert len(bench.buffer) == 0


def test_planned_batches_are_kept_until_they_are_sent() -> None:
    """One packing serves every slot that comes free, and the oldest batch goes first."""
    bench = Bench()
    bench.arrive(*[HALF_OF_A_TENTH] * 40)
    for lacking in (30, 20, 10, 0):
        assert bench.planner.next_batch(0.0, in_flight=0) is not None
        assert bench.planner.waiting_events == lacking
    assert bench.buffer.times_taken == 1


def test_what_is_planned_can_be_taken_back() -> None:
    """Every entry, once; nothing is planned any more."""
    bench = Bench()
    bench.arrive(*[HALF_OF_A_TENTH] * 25)
    bench.planner.next_batch(0.0, in_flight=0)
    assert [each.event.id for each in bench.planner.give_back()] == [str(index) for index in range(10, 20)]
    assert bench.planner.waiting_events == 0
    assert bench.planner.oldest_planned is None


def test_requests_saved_counts_against_the_order_of_arrival() -> None:
    """Six and four, six and four: in order of arrival 600, 600+400 and 400 would need three requests."""
    bench = Bench()
    bench.arrive(600, 600, 400, 400)
    assert len(bench.leave(0.0)) == 2
    assert bench.planner.requests_saved == 1


def test_nothing_is_saved_where_order_of_arrival_is_optimal() -> None:
    """The figure is what packing earned, no more."""
    bench = Bench()
    bench.arrive(*[100] * 30)
    assert len(bench.leave(0.0)) == 3
    assert bench.planner.requests_saved == 0


def test_a_window_without_a_full_batch_stops_nothing() -> None:
    """Large entries with a tenth of tiny ones: no batch is full, and half of them leave."""
    bench = Bench()
    bench.arrive(*([600] * 8 + [1]) * 100)
    batches = bench.leave(0.0)
    gone = sum(len(planned.batch.entries) for planned in batches)
    assert gone >= WINDOW_ENTRIES // 2
    assert gone + len(bench.buffer) == 900


def test_a_bus_that_takes_more_entries_than_a_window_gets_full_batches() -> None:
    """The window is as wide as one batch at least."""
    bench = Bench(limits=Limits(max_entries=2000, max_bytes=1_000_000, max_entry_bytes=1000))
    bench.arrive(*[1] * 4500)
    assert [len(planned.batch.entries) for planned in bench.leave(0.0)] == [2000, 2000]


def test_leftovers_are_not_packed_again_at_each_arrival() -> None:
    """Entries that fit nowhere arrive one by one: each is looked at a bounded number of times."""
    bench = Bench()
    count = 0
    for index in range(2000):
        bench.arrive(1 if index % 9 == 0 else 600, at=index * 1e-6)
        count += sum(len(planned.batch.entries) for planned in bench.leave(index * 1e-6, in_flight=1))
    assert count + len(bench.buffer) == 2000
    assert bench.buffer.entries_taken <= 64 * 2000


def test_a_deep_backlog_is_looked_at_about_twice() -> None:
    """50,000 entries of mixed sizes leave in windows: linear, whatever the depth."""
    bench = Bench()
    bench.arrive(*[(37 * index) % 990 + 1 for index in range(50_000)])
    gone = sum(len(planned.batch.entries) for planned in bench.leave(0.0))
    assert gone > 49_000
    assert bench.buffer.entries_taken <= 2 * 50_000


STEPS = st.lists(
    st.one_of(
        st.lists(st.integers(0, 1000), min_size=1, max_size=40),
        st.floats(0.001, 0.3),
    ),
    max_size=30,
)


@given(steps=STEPS, sends_when_idle=st.booleans())
def test_every_entry_leaves_once_in_time_and_never_in_a_batch_over_the_limits(
    *, steps: list[list[int] | float], sends_when_idle: bool
) -> None:
    """Arrivals and pauses of any kind; slots are always free."""
    bench, now, arrived, left = Bench(sends_when_idle=sends_when_idle), 0.0, 0, Counter[str]()

    def leave() -> None:
        for planned in bench.leave(now, in_flight=1):
            batch = planned.batch
            assert batch.size == sum(each.size for each in batch.entries) <= LIMITS.max_bytes
            assert 1 <= len(batch.entries) <= LIMITS.max_entries
            assert sorted(batch.entries, key=lambda each: each.arrived_at) == list(batch.entries)
            left.update(each.event.id for each in batch.entries)

    def wait_until(moment: float) -> None:
        nonlocal now
        while (due := bench.planner.next_due(now, in_flight=1)) <= moment:
            now = max(now, due)
            before = left.total()
            leave()
            assert left.total() > before, "due, and nothing left"
        now = moment

    for step in steps:
        if isinstance(step, list):
            new = [entry(str(arrived + index), size=size, arrived_at=now) for index, size in enumerate(step)]
            arrived += len(new)
            assert bench.buffer.offer(new)
            leave()
        else:
            wait_until(now + step)
        oldest = bench.buffer.oldest
        assert oldest is None or oldest.arrived_at + INTERVAL > now
        assert left.total() + len(bench.buffer) == arrived
    wait_until(now + INTERVAL)
    assert left == Counter({str(index): 1 for index in range(arrived)})


def test_past_the_interval_a_window_s_partial_batch_still_waits_for_those_behind() -> None:
    """A backlog that is late leaves in the fewest requests, not with a partial one for each window."""
    bench = Bench()
    bench.arrive(*[LIMITS.max_bytes // 3] * (3 * WINDOW_ENTRIES))
    assert len(bench.leave(now=INTERVAL)) == WINDOW_ENTRIES
