"""The bounded store: held is offered minus released, whatever is done to it."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from gateway.entry import Entry
from gateway.pipeline.buffer import EVENT_OVERHEAD_BYTES, Buffer, event_bytes
from tests.support.build import entries, entry, event

MAX_EVENTS = 12
MAX_BYTES = 12_000
SIZES = st.integers(0, 500)


def room(held: list[Entry]) -> int:
    """The bytes that the buffer should count for these."""
    return sum(event_bytes(each.event) + EVENT_OVERHEAD_BYTES for each in held)


class BufferMachine(RuleBasedStateMachine):
    """A buffer beside the plainest model of one: a sorted list, and a list of what was taken."""

    taken = Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        self.buffer = Buffer(max_events=MAX_EVENTS, max_bytes=MAX_BYTES)
        self.waiting: list[Entry] = []
        self.away: list[Entry] = []
        self.now = 0.0

    def _arrivals(self, sizes: list[int], *, is_awaited: bool = False) -> list[Entry]:
        self.now += 1.0
        arrived = [
            entry(size=size, arrived_at=self.now, of=event(str(size), json_bytes=4 * size)) for size in sizes
        ]
        for each in arrived:
            each.is_awaited = is_awaited
        return arrived

    @rule(sizes=st.lists(SIZES, min_size=1, max_size=5), is_awaited=st.booleans())
    def offer(self, sizes: list[int], *, is_awaited: bool) -> None:
        """All or none, and none only for want of room."""
        offered = self._arrivals(sizes, is_awaited=is_awaited)
        held = [*self.waiting, *self.away]
        fits = len(held) + len(offered) <= MAX_EVENTS and room(held) + room(offered) <= MAX_BYTES
        assert self.buffer.has_room(len(offered), sum(event_bytes(each.event) for each in offered)) is fits
        assert self.buffer.offer(offered) is fits
        if fits:
            self.waiting += offered

    @rule(sizes=st.lists(SIZES, min_size=1, max_size=5), enters=st.booleans())
    def reserve(self, sizes: list[int], *, enters: bool) -> None:
        """Room is held from then on, until they enter, or are released without having waited."""
        reserved = self._arrivals(sizes)
        before = self.buffer.statistics()
        if not self.buffer.reserve(reserved):
            assert not self.buffer.has_room(len(reserved), sum(event_bytes(each.event) for each in reserved))
            return
        assert self.buffer.statistics().held_bytes == before.held_bytes + room(reserved)
        assert len(self.buffer) == before.waiting_events
        if enters:
            self.buffer.enter(reserved)
            self.waiting += reserved
        else:
            self.buffer.release(reserved)

    @rule(target=taken, count=st.integers(0, 8))
    def take(self, count: int) -> list[Entry]:
        """The oldest, and no more than asked for."""
        taken = self.buffer.take(count)
        assert taken == self.waiting[:count]
        del self.waiting[:count]
        self.away += taken
        return taken

    @rule(group=consumes(taken))
    def restore(self, group: list[Entry]) -> None:
        """Never refused, and in front of what arrived later."""
        self.buffer.restore(group)
        self.away = [each for each in self.away if not any(each is other for other in group)]
        self.waiting = sorted([*group, *self.waiting], key=lambda each: each.arrived_at)

    @rule(group=consumes(taken))
    def release(self, group: list[Entry]) -> None:
        """Their room is free."""
        self.buffer.release(group)
        self.away = [each for each in self.away if not any(each is other for other in group)]

    @rule(sizes=st.lists(SIZES, min_size=1, max_size=5))
    def hold(self, sizes: list[int]) -> None:
        """Never refused, even over the bounds."""
        again = self._arrivals(sizes)
        self.buffer.hold(again)
        self.buffer.restore(again)
        self.waiting += again

    @invariant()
    def books_are_right(self) -> None:
        """Every figure is the model's."""
        held, statistics = [*self.waiting, *self.away], self.buffer.statistics()
        assert self.buffer.held == statistics.held_events == len(held)
        assert statistics.held_bytes == room(held)
        assert len(self.buffer) == statistics.waiting_events == len(self.waiting)
        assert self.buffer.size == statistics.waiting_size == sum(each.size for each in self.waiting)
        assert self.buffer.oldest is (self.waiting[0] if self.waiting else None)
        assert [id(each) for each in self.buffer.entries()] == [id(each) for each in self.waiting]
        all_awaited = bool(self.waiting) and all(each.is_awaited for each in self.waiting)
        assert self.buffer.is_all_awaited is all_awaited


TestBuffer = BufferMachine.TestCase
"""Held is offered minus released, in order of arrival, after any sequence of calls."""


def test_an_event_counts_its_long_attributes_as_the_text_that_they_are_held_as() -> None:
    """Four bytes a character with a single emoji; of a short event the overhead covers them."""
    short, long = event("x" * 100), event("x" * 50_000 + "\N{GRINNING FACE}")
    assert event_bytes(short) == len(short.json)
    assert event_bytes(long) > len(long.json) + 200_000


def test_restored_entries_lead() -> None:
    """What was taken and comes back stands in front of what arrived meanwhile, in its old order."""
    buffer = Buffer(max_events=10, max_bytes=100_000)
    buffer.offer([entry("1", arrived_at=1.0), entry("2", arrived_at=2.0)])
    taken = buffer.take(2)
    buffer.offer([entry("3", arrived_at=3.0)])
    buffer.restore(taken)
    assert [each.event.id for each in buffer.take(3)] == ["1", "2", "3"]


def test_a_younger_entry_that_comes_back_does_not_hide_an_older_one() -> None:
    """The first entry is always the oldest: deadlines and expiry rest on it."""
    buffer = Buffer(max_events=10, max_bytes=100_000)
    buffer.offer([entry("old", arrived_at=1.0), entry("young", arrived_at=2.0)])
    old, young = buffer.take(2)
    buffer.restore([old])
    buffer.restore([young])
    assert buffer.oldest is old


def test_entries_of_one_moment_keep_their_order() -> None:
    """Those that come back lead those of the same moment that never left."""
    buffer = Buffer(max_events=10, max_bytes=100_000)
    buffer.offer(entries(1, 1, 1))
    buffer.restore(buffer.take(2))
    assert [each.event.id for each in buffer.take(3)] == ["0", "1", "2"]


def test_room_is_held_until_release() -> None:
    """What was taken still counts against the bound: it is in memory all the same."""
    buffer = Buffer(max_events=1, max_bytes=100_000)
    first = entry("1")
    assert buffer.offer([first])
    buffer.take(1)
    assert not buffer.offer([entry("2")])
    buffer.release([first])
    assert buffer.offer([entry("2")])


def test_a_bound_met_exactly_is_room() -> None:
    """The last event and the last byte that are configured can be used."""
    one = entry()
    buffer = Buffer(max_events=1, max_bytes=room([one]))
    assert buffer.could_ever_hold(1, len(one.event.json))
    assert not buffer.could_ever_hold(1, len(one.event.json) + 1)
    assert not buffer.could_ever_hold(2, 0)
    assert buffer.offer([one])
    assert buffer.statistics().held_bytes == buffer.max_bytes


def test_entries_that_never_wait_are_held() -> None:
    """`hold` takes room and gives nothing to take."""
    buffer = Buffer(max_events=1, max_bytes=100_000)
    buffer.hold([entry()])
    assert buffer.held == 1
    assert len(buffer) == 0
    assert not buffer.has_room(1, 0)


@given(st.lists(st.floats(0, 10), max_size=30), st.randoms(use_true_random=False))
def test_whatever_comes_back_in_whatever_order_the_oldest_is_first(
    arrivals: list[float], random: Random
) -> None:
    """Groups restored in any order come out in order of arrival."""
    buffer = Buffer(max_events=100, max_bytes=1_000_000)
    held = [entry(str(at), arrived_at=at) for at in arrivals]
    buffer.hold(held)
    buffer.restore(held)
    taken = buffer.take(100)
    random.shuffle(taken)
    while taken:
        cut = random.randint(1, len(taken))
        buffer.restore(taken[:cut])
        del taken[:cut]
    assert [each.arrived_at for each in buffer.take(100)] == sorted(arrivals)
