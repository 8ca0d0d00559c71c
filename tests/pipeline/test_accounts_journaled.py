"""The sum with a disk in between and a configuration that changes: nothing lost, doubled or left behind."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from gateway.admission import Accepted, Admission, Pending
from gateway.pipeline.fan_out import FanOut
from gateway.sender import Limits
from tests.pipeline.desk import Desk
from tests.pipeline.test_accounts import LIMITS, STEPS
from tests.support import build
from tests.support.build import event
from tests.support.clock import on_virtual_clock, until
from tests.support.receipt import FakeCaller
from tests.support.sender import FakeSender, Step
from tests.support.store import FakeStore

WIDER = Limits(max_entries=7, max_bytes=900, max_entry_bytes=400)


class Arrive(Struct, frozen=True):
    """Events of these sizes are posted together."""

    sizes: tuple[int, ...]


class Write(Struct, frozen=True):
    """The disk takes the oldest group, or refuses it."""

    is_taken: bool


class Adopt(Struct, frozen=True):
    """The configuration changes: another sender, or only other settings."""

    changes_sender: bool


class Wait(Struct, frozen=True):
    """Time passes."""

    seconds: float


Action = Arrive | Write | Adopt | Wait

ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.builds(Arrive, st.lists(st.integers(0, 400), min_size=1, max_size=5).map(tuple)),
    st.builds(Write, st.booleans()),
    st.builds(Adopt, st.booleans()),
    st.builds(Wait, st.sampled_from([0.0, 0.01, 0.3, 5.0])),
)


class World:
    """A journaled destination, and what every producer was told."""

    def __init__(self, script: list[Step]) -> None:
        self.desk = Desk(FakeSender(*script, limits=LIMITS), build.settings(), 0.5)
        self.senders = [self.desk.sender]
        self.store = FakeStore()
        self.caller = FakeCaller()
        self.posted = 0
        self.decided: dict[str, Admission] = {}
        self.intake = FanOut({"bus": self.desk.destination}, drain_seconds=1.0, stores={"bus": self.store})

    async def do(self, action: Action) -> None:
        """One step; afterwards the sum holds."""
        match action:
            case Arrive(sizes):
                self._post(sizes)
            case Write(is_taken) if self.store.unwritten:
                (self.store.write if is_taken else self.store.fail)()
            case Adopt(changes_sender):
                self._adopt(changes_sender=changes_sender)
            case Wait(seconds):
                await until(asyncio.get_running_loop().time() + seconds)
        self.check()

    def check(self) -> None:
        """Accepted is what was decided so, and all of it is somewhere."""
        statistics = self.desk.destination.statistics()
        assert statistics.unaccounted == 0
        assert statistics.counters.accepted == len(self.accepted)

    @property
    def accepted(self) -> list[str]:
        """The ids of the events that are ours."""
        return sorted(name for name, told in self.decided.items() if isinstance(told, Accepted))

    @property
    def settled(self) -> list[str]:
        """Those that a receipt was told of."""
        return sorted(name for _, name, *_ in self.caller.told.told)

    def _post(self, sizes: tuple[int, ...]) -> None:
        names = [str(self.posted + index) for index in range(len(sizes))]
        self.posted += len(sizes)
        events = [event(name, json_bytes=size) for name, size in zip(names, sizes, strict=True)]
        pending = self.intake.accept(events, None, self.caller)
        assert isinstance(pending, Pending)
        pending.then = lambda told: self.decided.update(dict.fromkeys(names, told))

    def _adopt(self, *, changes_sender: bool) -> None:
        if changes_sender:
            self.senders.append(FakeSender(limits=WIDER if len(self.senders) % 2 else LIMITS))
        self.desk.destination.adopt(self.senders[-1], build.settings(flush_interval_seconds=0.05))


@given(
    script=st.lists(STEPS, max_size=20),
    actions=st.lists(ACTIONS, max_size=25),
    is_stopped_early=st.booleans(),
)
@settings(max_examples=200, deadline=None)
@on_virtual_clock
async def test_what_the_disk_took_is_settled_once_whatever_changes_meanwhile(
    script: list[Step], actions: list[Action], *, is_stopped_early: bool
) -> None:
    """Stopped while the disk still has some: those are refused; what it refused is never sent."""
    world = World(script)
    destination = world.desk.destination
    loop = asyncio.create_task(destination.run())
    for action in actions:
        await world.do(action)
    if not is_stopped_early:
        while world.store.unwritten:
            await world.do(Write(is_taken=True))
        await destination.drain(asyncio.get_running_loop().time() + 900.0)
        assert world.settled == world.accepted
        assert destination.statistics().buffer_bytes == 0
    left = await destination.stop()
    while world.store.unwritten:
        await world.do(Write(is_taken=True))
    assert sorted([*world.settled, *[entry.event.id for entry in left]]) == world.accepted
    assert len(world.decided) == world.posted
    assert sorted(world.store.owed.values()) == sorted(entry.event.id for entry in left)
    sent = {name for sender in world.senders for request in sender.sent for name in request}
    assert sent <= set(world.accepted)
    await loop
    await destination.aclose()


@on_virtual_clock
async def test_the_end_waits_for_what_the_disk_is_asked_for() -> None:
    """A drain is not over while an event may still be accepted."""
    world = World([])
    loop = asyncio.create_task(world.desk.destination.run())
    await world.do(Arrive((10,)))
    drain = asyncio.create_task(world.desk.destination.drain(60.0))
    await until(1.0)
    assert not drain.done()
    await world.do(Write(is_taken=True))
    await drain
    assert world.settled == world.accepted == ["0"]
    await world.desk.destination.stop()
    await loop
