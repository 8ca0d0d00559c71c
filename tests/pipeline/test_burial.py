"""Entries that are given up are settled when their dead letters are on disk, and not before."""

import asyncio
from collections.abc import Sequence

from gateway.entry import Entry
from gateway.pipeline.account import Account
from gateway.pipeline.burial import AGAIN_SECONDS, WRITE_BYTES, Burial
from gateway.pipeline.dead_letter import DeadLetter
from gateway.pipeline.retry import GiveUpReason
from gateway.pipeline.settlement import GivenUp
from tests.support.build import WALL_AT_START, entry, event
from tests.support.clock import now, on_virtual_clock, until
from tests.support.dead_letters import FakeDeadLetters
from tests.support.receipt import FakeReceipt


class SlowDeadLetters(FakeDeadLetters):
    """A disk that takes two seconds."""

    async def write(self, letters: Sequence[DeadLetter]) -> int:
        """Keep them, later."""
        await until(now() + 2.0)
        return await super().write(letters)


class Grave:
    """A burial and all that it touches."""

    def __init__(self, dead_letters: FakeDeadLetters) -> None:
        self.account = Account("bus")
        self.released: list[Entry] = []
        self.burial = Burial(
            "bus",
            dead_letters,
            self.account,
            wall=lambda: WALL_AT_START + now(),
            release=self.released.extend,
        )


def given_up(name: str, *, json_bytes: int = 0, receipt: FakeReceipt | None = None) -> GivenUp:
    """An entry that the bus has refused."""
    dead = entry(of=event(name, json_bytes=json_bytes), receipt=receipt)
    return GivenUp(dead, GiveUpReason.REJECTED, "bad", "no such field")


@on_virtual_clock
async def test_an_entry_is_settled_when_its_letter_is_written() -> None:
    """Released, counted and told, in one step after the write."""
    grave, receipt = Grave(SlowDeadLetters()), FakeReceipt()
    grave.burial.add([given_up("1", receipt=receipt)])
    work = asyncio.create_task(grave.burial.write_all())
    await until(1.0)
    assert [each.event.id for each in grave.burial.writing] == ["1"]
    assert (grave.released, receipt.told) == ([], [])
    await work
    assert [each.event.id for each in grave.released] == ["1"]
    assert receipt.told == [("given_up", "1", "bad", "no such field")]
    assert grave.account.counters.dead_lettered["rejected"] == 1
    assert (grave.burial.writing, grave.burial.waiting) == ([], [])


@on_virtual_clock
async def test_what_is_added_during_a_write_is_written_next() -> None:
    """By the same work; nobody has to start it anew."""
    letters = SlowDeadLetters()
    grave = Grave(letters)
    grave.burial.add([given_up("1")])
    work = asyncio.create_task(grave.burial.write_all())
    await until(1.0)
    grave.burial.add([given_up("2")])
    await work
    assert (now(), letters.writes) == (4.0, 2)
    assert len(grave.released) == 2


@on_virtual_clock
async def test_a_write_carries_about_a_mebibyte() -> None:
    """However many wait, only so much is encoded at once; one larger than that goes alone."""
    letters = FakeDeadLetters()
    grave = Grave(letters)
    grave.burial.add([given_up(str(index), json_bytes=WRITE_BYTES // 4) for index in range(8)])
    grave.burial.add([given_up("huge", json_bytes=3 * WRITE_BYTES)])
    await grave.burial.write_all()
    assert letters.writes == 3
    assert len(letters.letters) == 9


@on_virtual_clock
async def test_a_failed_write_is_tried_again_and_keeps_the_order() -> None:
    """A second later, until it succeeds."""
    letters = FakeDeadLetters()
    letters.is_full = True
    grave = Grave(letters)
    grave.burial.add([given_up("1"), given_up("2")])
    work = asyncio.create_task(grave.burial.write_all())
    await until(2.5 * AGAIN_SECONDS)
    assert [each.event.id for each in grave.burial.waiting] == ["1", "2"]
    letters.is_full = False
    await work
    assert now() == 3 * AGAIN_SECONDS
    assert [each.event.id for each in grave.released] == ["1", "2"]
    assert grave.account.counters.retried["dead_letter_failed"] == 6


@on_virtual_clock
async def test_closing_ends_the_wait_for_a_disk_and_begins_no_write() -> None:
    """What is left can be taken back."""
    letters = FakeDeadLetters()
    letters.is_full = True
    grave = Grave(letters)
    grave.burial.add([given_up("1")])
    work = asyncio.create_task(grave.burial.write_all())
    await until(0.5)
    grave.burial.close()
    await work
    assert now() == 0.5
    assert letters.writes == 1
    assert [each.event.id for each in grave.burial.give_back()] == ["1"]
    assert grave.burial.give_back() == []


@on_virtual_clock
async def test_what_was_given_back_during_a_write_is_not_settled_here() -> None:
    """Its letter may be written as well: twice is better than never."""
    receipt, grave = FakeReceipt(), Grave(SlowDeadLetters())
    grave.burial.add([given_up("1", receipt=receipt)])
    work = asyncio.create_task(grave.burial.write_all())
    await until(1.0)
    assert [each.event.id for each in grave.burial.give_back()] == ["1"]
    await work
    assert (grave.released, receipt.told) == ([], [])
    assert grave.account.counters.dead_lettered["rejected"] == 0
