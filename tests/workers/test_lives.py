"""A worker's figures through its deaths: no counter falls, no event is counted twice, what is lost shows."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from gateway.snapshots import ProcessStatistics, Snapshot
from gateway.workers.lives import Lives
from tests.workers.snapshots import counters, snapshot, statistics


def life(*, accepted: int = 0, delivered: int = 0, restored: int = 0, in_flight: int = 0) -> Snapshot:
    """A worker with one destination at one moment; what is not delivered is held, and adds up."""
    return snapshot(
        bus=statistics(
            counters=counters(accepted=accepted + restored, delivered=delivered, restored=restored),
            buffered=accepted + restored - delivered - in_flight,
            in_flight=in_flight,
            buffer_max_bytes=100,
        )
    )


def figures(lives: Lives) -> tuple[int, int, int, int]:
    """Accepted, delivered, held and unaccounted."""
    total = lives.total().destinations["bus"]
    return total.counters.accepted, total.counters.delivered, total.held, total.unaccounted


def test_what_a_dead_worker_held_is_held_until_its_successor_speaks() -> None:
    """It is on disk, and nobody has it twice."""
    lives = Lives({"bus"})
    lives.heard(life(accepted=10, delivered=4, in_flight=3))
    lives.ended(in_order=False)
    assert figures(lives) == (10, 4, 6, 0)
    assert lives.total().workers.alive == 0
    assert lives.total().destinations["bus"].buffer_max_bytes == 0


def test_what_the_successor_takes_back_is_counted_once() -> None:
    """It was accepted by the dead worker, and by its successor again."""
    lives = Lives({"bus"})
    lives.heard(life(accepted=10, delivered=4))
    lives.ended(in_order=False)
    assert lives.heard(life(restored=6, delivered=1)) == {}
    assert figures(lives) == (10, 5, 5, 0)


def test_what_came_after_the_last_word_is_counted_when_it_is_taken_back() -> None:
    """The journal knows of more than the supervisor had heard of."""
    lives = Lives({"bus"})
    lives.heard(life(accepted=10, delivered=4))
    lives.ended(in_order=False)
    lives.heard(life(restored=9))
    assert figures(lives) == (13, 4, 9, 0)


def test_what_a_journal_owes_no_more_was_delivered_after_the_last_word() -> None:
    """Nothing else takes an event out of a journal, but for a dead letter, which is rare."""
    lives = Lives({"bus"})
    lives.heard(life(accepted=10, delivered=4))
    lives.ended(in_order=False)
    assert lives.heard(life(restored=2)) == {}
    assert figures(lives) == (10, 8, 2, 0)


def test_without_a_journal_what_a_killed_worker_held_is_lost_and_shows() -> None:
    """It was accepted, and nobody knows more."""
    lives = Lives(())
    lives.heard(life(accepted=10, delivered=4))
    lives.ended(in_order=False)
    assert lives.held_by_the_dead() == {"bus": 6}
    assert lives.heard(life(accepted=1)) == {"bus": 6}
    assert figures(lives) == (11, 4, 1, 6)


def test_a_worker_that_ended_in_order_has_settled_nothing_since() -> None:
    """What it has neither spilled nor journaled is lost, journal or not."""
    lives = Lives({"bus"})
    lives.heard(life(accepted=10, delivered=4))
    lives.ended(in_order=True)
    assert lives.held_by_the_dead() == {}
    assert lives.heard(life(restored=5)) == {"bus": 1}
    assert figures(lives) == (10, 4, 5, 1)


def test_a_successor_that_never_spoke_has_taken_nothing_back() -> None:
    """The one after it does."""
    lives = Lives({"bus"})
    lives.heard(life(accepted=10, delivered=4))
    lives.ended(in_order=False)
    lives.ended(in_order=False)
    lives.heard(life(restored=6))
    assert figures(lives) == (10, 4, 6, 0)


class Life(Struct, frozen=True):
    """What becomes of one worker before and after it is last heard of."""

    accepted: int
    delivered: int
    accepted_unheard: int
    delivered_unheard: int


lives_of_a_worker = st.lists(st.builds(Life, *[st.integers(0, 20)] * 4), min_size=1, max_size=6)


@given(lives_of_a_worker)
def test_with_a_journal_the_sum_holds_and_nothing_falls_through_any_number_of_deaths(
    deaths: list[Life],
) -> None:
    """Each life takes back exactly what the one before owed, and dies at some moment after its last word."""
    lives, owed, before = Lives({"bus"}), 0, (0, 0)
    for each in deaths:
        delivered = min(each.delivered, owed + each.accepted)
        lives.heard(life(restored=owed))
        lives.heard(life(restored=owed, accepted=each.accepted, delivered=delivered))
        after = figures(lives)[:2]
        assert figures(lives)[3] == 0
        assert after[0] >= before[0]
        assert after[1] >= before[1]
        before = after
        lives.ended(in_order=False)
        assert figures(lives)[:2] == after
        assert figures(lives)[3] == 0
        owed += each.accepted - delivered + each.accepted_unheard
        owed -= min(owed, each.delivered_unheard)


def test_the_time_that_a_dead_worker_has_worked_stays_counted_and_its_memory_is_free() -> None:
    """CPU time is a counter, which Prometheus would take to begin anew; memory is only what is there now."""
    lives = Lives(())
    for cpu_seconds in (5.0, 2.0):
        process = ProcessStatistics(cpu_seconds=cpu_seconds, resident_bytes=100, started_at=7.0)
        lives.heard(replace(snapshot(), process=process))
        lives.ended(in_order=True)
    assert lives.total().process == ProcessStatistics(cpu_seconds=7.0)
    lives.heard(replace(snapshot(), process=ProcessStatistics(cpu_seconds=1.0, resident_bytes=30)))
    assert lives.total().process == ProcessStatistics(cpu_seconds=8.0, resident_bytes=30)
