"""The judging parts of the long runs: a benchmark that cannot fail says nothing."""

import socket
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.endurance.accounts import read_destinations
from benchmarks.endurance.bus import Recorder, reserved_port
from benchmarks.endurance.findings import at_most, exit_code, lines, reckoning_findings
from benchmarks.endurance.ledger import Ledger, Reckoning, arrivals_of, reckon
from benchmarks.endurance.narrator import line
from benchmarks.endurance.producers import MAX_LAG_SECONDS, Manner, Manners, Schedule
from benchmarks.endurance.recovery import Count, growth, rate_between, recovery_seconds
from benchmarks.endurance.traffic import ContentMode as Sent
from benchmarks.endurance.traffic import Mix, Parcel, Traffic
from benchmarks.endurance.watch import read_scrape
from benchmarks.endurance.weather import spells
from gateway.cloudevents.http import ContentMode, Envelope, read_events
from gateway.emulators.faults import Fault, kind_of
from gateway.event import Event


def rolled(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - seeded dice, no secret


def ledger(*, accepted: Sequence[int] = (), unanswered: Sequence[int] = ()) -> Ledger:
    found = Ledger()
    for number in accepted:
        found.answered(range(number, number + 1), 202)
    for number in unanswered:
        found.left_unanswered(range(number, number + 1))
    return found


def reckoning(**counts: Any) -> Reckoning:
    return Reckoning(**{**dict.fromkeys(Reckoning.__struct_fields__, 0), "unexpected": {}, **counts})


def counts(*rates: float, step: float = 0.2, begin: float = 100.0) -> list[Count]:
    """A count every `step` seconds, with so many events a second in between."""
    found = [Count(begin, 0)]
    for rate in rates:
        found.append(Count(found[-1].at + step, found[-1].events + round(rate * step)))
    return found


METRICS = """\
# TYPE gateway_events_accepted_total counter
gateway_events_accepted_total{destination="orders"} 10.0
gateway_events_delivered_total{destination="orders"} 5.0
gateway_events_dead_lettered_total{destination="orders",reason="rejected"} 1.0
gateway_events_dead_lettered_total{reason="attempts",destination="orders"} 1.0
gateway_events_expired_total{destination="orders"} 1.0
gateway_events_held{destination="orders",state="buffered"} 2.0
gateway_bus_requests_total{destination="orders",outcome="delivered"} 3.0
gateway_bus_requests_total{destination="orders",outcome="throttled"} 4.0
gateway_buffer_bytes{destination="orders"} 1.5e+03
gateway_events_accepted_total{destination="copies"} 7.0
gateway_events_delivered_total{destination="copies"} 6.0
gateway_requests_total{code="202"} 17.0
"""


# Traffic.


def events_of(parcel: Parcel, mode: ContentMode) -> Sequence[Event]:
    head, _, body = parcel.request.partition(b"\r\n\r\n")
    pairs = [field.split(b": ", 1) for field in head.split(b"\r\n")[1:]]
    headers = [(name.lower(), value) for name, value in pairs]
    assert int(dict(headers)[b"content-length"]) == len(body)
    return read_events(Envelope(mode, headers, None), body, received_at=0.0)


@pytest.mark.parametrize("mode", Sent)
def test_a_parcel_holds_valid_events_with_its_numbers_as_ids(mode: Sent) -> None:
    """The gateway's own reader finds them, in every content mode; no number comes twice."""
    traffic = Traffic(Mix(median_bytes=1_500, sigma=1.0), [mode], rolled(1))
    parcels = [traffic.draw() for _ in range(20)]
    for parcel in parcels:
        assert [event.id for event in events_of(parcel, ContentMode[mode.name])] == list(
            map(str, parcel.numbers)
        )
    numbers = [number for parcel in parcels for number in parcel.numbers]
    assert numbers == list(range(len(numbers)))


def test_events_are_as_large_as_drawn() -> None:
    """To the byte, with both ends of the mix among them."""
    mix = Mix(median_bytes=3_000, sigma=3.0)
    traffic = Traffic(mix, [Sent.STRUCTURED], rolled(1))
    sizes = [len(events_of(traffic.draw(), ContentMode.STRUCTURED)[0].json) for _ in range(200)]
    assert (min(sizes), max(sizes)) == (200, 60_000)


def test_the_same_seed_sends_the_same() -> None:
    """So a run that failed can be repeated."""
    first, second = (Traffic(Mix(800, 1.0), list(Sent), rolled(7)) for _ in range(2))
    assert [first.draw() for _ in range(20)] == [second.draw() for _ in range(20)]


def test_parcels_are_due_at_the_rate_asked_for() -> None:
    """At 10 a second: a batch of five makes the next one wait for half a second."""
    schedule = Schedule(10.0, now=100.0)
    assert [schedule.take(events, 100.0) for events in (1, 5, 1)] == pytest.approx([100.0, 100.1, 100.6])


def test_a_producer_that_was_held_up_catches_up_on_little() -> None:
    """A minute's arrears would be a burst."""
    schedule = Schedule(10.0, now=100.0)
    assert schedule.take(1, 160.0) == 160.0 - MAX_LAG_SECONDS


def test_producers_go_away_as_often_as_they_are_told() -> None:
    """A tenth without waiting, a fifth in the middle; nobody if not told."""
    dice = rolled(1)
    drawn = Counter(Manners(leave=0.1, break_off=0.2).draw(dice) for _ in range(10_000))
    assert drawn[Manner.LEAVE] == pytest.approx(1_000, rel=0.2)
    assert drawn[Manner.BREAK_OFF] == pytest.approx(2_000, rel=0.2)
    assert {Manners().draw(dice) for _ in range(1_000)} == {Manner.WAIT}


def test_every_kind_of_fault_strikes_in_turn() -> None:
    """Within forty spells all that an emulated bus can do wrong is there, for some time each."""
    deck = list(islice(spells(rolled(3)), 40))
    kinds = {kind_of(fault) for spell in deck for fault in spell.faults.standing}
    assert kinds >= {fault.__struct_config__.tag for fault in Fault.__args__} - {"pass"}
    assert any(spell.faults.down for spell in deck)
    assert any(spell.faults.poison for spell in deck)
    assert any(spell.faults.max_requests_per_second for spell in deck)
    assert all(spell.seconds > 0 for spell in deck)


# The bus.


def test_a_recorded_event_is_in_the_file_at_once(tmp_path: Path) -> None:
    """Nothing is left in the recorder that killing it could lose; a second one goes on in the same file."""
    path = tmp_path / "arrived"
    Recorder(path).take([{"Detail": '{"id":"1"}'}, {"Detail": '{"id":"2"}'}])
    recorder = Recorder(path)
    recorder.take([{"Detail": '{"id":"2"}'}])
    assert path.read_bytes() == b"1\n2\n2\n"
    assert (recorder.received.events, recorder.received.requests) == (1, 1)


def test_a_torn_line_of_the_record_is_no_arrival() -> None:
    """The bus was killed within a write: 12 may be the beginning of 123."""
    assert arrivals_of([b"1\n", b"2\n", b"2\n", b"12"]) == {1: 1, 2: 2}


def test_a_reserved_port_refuses_until_a_bus_listens_there() -> None:
    """And again after it: as a bus that is away."""
    with reserved_port() as port:
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
            with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
                pass


# The reckoning.


def test_what_arrived_or_was_buried_is_not_lost() -> None:
    """Twice is no loss either, and is counted."""
    found = reckon(ledger(accepted=[1, 2, 3]), {1: 1, 2: 3}, buried=[3])
    assert (found.lost, found.doubled, found.arrived, found.buried) == (0, 2, 2, 1)
    assert found.is_right


def test_what_was_accepted_and_is_nowhere_is_lost() -> None:
    """The one thing that must never be."""
    found = reckon(ledger(accepted=[1, 2]), {1: 1})
    assert found.lost == 1
    assert not found.is_right


def test_an_event_whose_answer_nobody_read_may_arrive_or_not() -> None:
    """Nothing was promised."""
    assert reckon(ledger(unanswered=[1, 2]), {1: 1}).is_right


def test_an_event_that_arrives_though_it_was_refused_is_uninvited() -> None:
    """Its producer was told to come again, so it would be there twice."""
    books = ledger(accepted=[1])
    books.answered(range(2, 5), 503)
    found = reckon(books, {1: 1, 3: 1})
    assert (found.refused, found.uninvited) == (3, 1)
    assert not found.is_right


def test_an_answer_that_should_not_be_is_counted_by_its_status() -> None:
    """A 500 or a 400 to a valid event is a fault of the gateway or of the benchmark."""
    books = ledger(accepted=[1])
    books.answered(range(2, 3), 500)
    assert reckon(books, {1: 1}).unexpected == {500: 1}


# The accounts.


def test_metrics_are_read_by_destination_and_added_up() -> None:
    """All samples of a name, whatever their other labels and the order of them."""
    accounts = read_destinations(METRICS)
    assert accounts.keys() == {"orders", "copies"}
    orders = accounts["orders"]
    assert (orders.dead_lettered, orders.bus_requests, orders.buffer_bytes) == (2, 7, 1_500)


def test_the_sum_is_checked_for_each_destination() -> None:
    """10 = 5 + 2 + 1 + 2 holds; 7 = 6 does not, and says where."""
    scrape = read_scrape(METRICS, at=1.0, resident_bytes=2)
    assert scrape.unbalanced == ("copies",)
    assert (scrape.account.accepted, scrape.account.delivered) == (17, 11)


def test_the_story_tells_rates_between_two_scrapes() -> None:
    """Two seconds later: 10 more accepted is 5 a second."""
    before = read_scrape(METRICS, at=10.0, resident_bytes=1 << 20)
    after = read_scrape(METRICS.replace("} 10.0", "} 20.0"), at=12.0, resident_bytes=3 << 19)
    assert line(before, before, after).split() == ["2", "5", "0", "2", "1.5", "0.0", "fails"]


# Rates.


def test_a_rate_is_that_of_the_time_asked_for() -> None:
    """Between 100.4 and 101 only; without two counts there is none."""
    found = counts(0, 0, 1_000, 1_000, 1_000)
    assert rate_between(found, 100.39, 101.01) == pytest.approx(1_000)
    assert rate_between(found, 100.39, 100.41) == 0.0


def test_recovery_is_the_end_of_the_first_fast_step_if_all_is_fast_after_it() -> None:
    """Four steps without deliveries, then full speed: 5 steps of 0.2 s."""
    found = counts(*[0] * 4, *[1_000] * 20)
    assert recovery_seconds(found, returned_at=100.0, full_rate=900) == pytest.approx(1.0)


def test_a_relapse_is_no_recovery() -> None:
    """Fast for a second, slow for another, then for good: only that counts."""
    found = counts(*[1_000] * 5, *[100] * 5, *[1_000] * 20)
    seconds = recovery_seconds(found, returned_at=100.0, full_rate=900)
    assert seconds is not None
    assert 2.0 <= seconds <= 2.21


def test_one_slow_step_in_a_fast_second_is_no_relapse() -> None:
    """A flush that falls behind a scrape: the second it is in was full."""
    found = counts(*[1_000] * 6, 800, 1_200, *[1_000] * 12)
    assert recovery_seconds(found, returned_at=100.0, full_rate=900) == pytest.approx(0.2)


def test_what_never_gets_fast_again_has_not_recovered() -> None:
    """Nor has what was slow at its end."""
    assert recovery_seconds(counts(*[500] * 20), returned_at=100.0, full_rate=900) is None
    slow_end = counts(*[1_000] * 20, *[500] * 8)
    assert recovery_seconds(slow_end, returned_at=100.0, full_rate=900) is None


def test_growth_compares_medians() -> None:
    """One high moment is no growth."""
    assert growth([100, 100, 900], [110, 110, 50]) == pytest.approx(0.1)


# The verdict.


def test_a_broken_promise_fails_the_run() -> None:
    """A loss, a sum that fails, an event out of nothing, an odd answer: each by itself."""
    for broken in (reckoning(lost=1), reckoning(uninvited=1), reckoning(unexpected={500: 1})):
        assert exit_code(list(reckoning_findings(broken, scrapes=9, unbalanced=0))) == 1
    assert exit_code(list(reckoning_findings(reckoning(), scrapes=9, unbalanced=1))) == 1
    assert exit_code(list(reckoning_findings(reckoning(doubled=5), scrapes=9, unbalanced=0))) == 0


def test_an_aim_that_is_missed_is_only_told() -> None:
    """How fast a machine is nobody promises."""
    finding = at_most("full speed again after", 2.5, 2.0, unit="s")
    assert exit_code([finding]) == 0
    assert " ".join(next(lines([finding])).split()) == "full speed again after 2.5 s <= 2 s missed"
