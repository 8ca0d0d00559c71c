"""Requests gone wrong by chance: what we make of them, beside what two other servers do."""

from collections import Counter
from random import Random

import pytest

from tests.fuzz.reading import End, Reader
from tests.fuzz.receiver import TELLABLE, Receiver, WholeReceiver
from tests.fuzz.streams import SEEDS, cut, cut_everywhere, spoilt
from tests.fuzz.verdict import LOOSER, STRICTER, faults
from tests.fuzz.witnesses import H11, Node

REQUESTS = 20_000
SEED = 1

needs_node = pytest.mark.skipif(not Node.is_available(), reason="Node is not installed")


@needs_node
def test_mutated_requests_mean_to_us_what_they_mean_to_h11_and_node() -> None:
    """Where either refuses so do we; where both agree we read the same; else a rule says why."""
    streams = list(spoilt(REQUESTS, seed=SEED))
    whole = [(data,) for data in streams]
    ours = Receiver().read(whole)
    witnesses = zip(H11().read(whole), Node().read(whole), strict=True)
    found = [
        (data, fault)
        for data, reading, others in zip(streams, ours, witnesses, strict=True)
        for fault in faults(data, reading, others)
    ]
    assert not found
    ends = Counter(reading.end for reading in ours)
    assert min(ends[end] for end in End) > REQUESTS // 50, "some are good, or not much is tried"


def test_mutated_requests_are_blamed_on_the_client_and_mean_the_same_in_two_pieces() -> None:
    """Cut anywhere; answers are 202 to each that was taken, and one of a client's faults, or 501 or 505."""
    receiver, dice = Receiver(), Random(SEED)  # noqa: S311 - to be the same again
    for data in spoilt(REQUESTS, seed=SEED + 1):
        reading, heard = receiver.listen((data,))
        assert receiver.read([cut(data, dice.randint(0, len(data)))]) == [reading]
        statuses = [answer.status for answer in heard]
        assert statuses[: len(reading.requests)] == [202] * len(reading.requests)
        assert TELLABLE.issuperset(statuses)
        assert len(statuses) == len(reading.requests) + (reading.end is End.REFUSED)
    assert receiver.service.statistics.receiving_bytes == 0
    assert not receiver.service.connections


def test_mutated_events_are_taken_or_refused_for_a_fault_of_theirs() -> None:
    """The whole receiver, events and all: cut anywhere it answers the same, and never 500."""
    receiver, dice = WholeReceiver(), Random(SEED)  # noqa: S311 - to be the same again
    seen: Counter[int] = Counter()
    for data in spoilt(REQUESTS, seed=SEED + 2):
        statuses = receiver.statuses((data,))
        assert receiver.statuses(cut(data, dice.randint(0, len(data)))) in (
            statuses,
            _method_unread(statuses),
        )
        seen.update(statuses)
    assert TELLABLE.issuperset(seen)
    assert {202, 400, 404, 405, 415, 501, 505} <= seen.keys()


def _method_unread(statuses: list[int]) -> list[int]:
    """Of a method that nobody knows, behind a request that was cut, the line cannot be found: 400."""
    return [*statuses[:-1], 400]


@pytest.mark.parametrize("reader", [Receiver(), H11(), pytest.param(Node(), marks=needs_node)], ids=type)
def test_good_requests_mean_the_same_cut_at_every_byte(reader: Reader) -> None:
    """For us, and for the witnesses too, or they were none."""
    for data in SEEDS:
        if isinstance(reader, Node) and b"\r\nConnection: " in data:
            continue  # there it depends on the piece: behind a last request, and behind a declined upgrade
        whole, *others = reader.read([(data,), *cut_everywhere(data)])
        assert others == [whole] * len(others)
        assert whole.requests or data.startswith(b"CONNECT")


def test_every_difference_that_is_wanted_has_a_reason() -> None:
    """The tables are short, and name a rule each."""
    for rule in (*STRICTER, *LOOSER):
        assert rule.name
        assert rule.because
