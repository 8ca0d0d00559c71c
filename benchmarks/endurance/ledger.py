"""What producers were told of their events, and whether the bus and the dead letters agree. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus

from msgspec import Struct

TAKEN = (HTTPStatus.OK, HTTPStatus.ACCEPTED)
TOLD_TO_COME_AGAIN = HTTPStatus.SERVICE_UNAVAILABLE


class Ledger:
    """The producers' own account, by the numbers of their events."""

    def __init__(self) -> None:
        self.accepted: set[int] = set()
        """Answered with 202, or with 200."""
        self.unanswered: set[int] = set()
        """Sent whole, but the connection ended before the answer: accepted or not, nobody was told."""
        self.refused = 0
        """Events answered with 503: theirs is the producer, who knows."""
        self.abandoned = 0
        """Events whose producer went away in the middle of the request."""
        self.unexpected: Counter[int] = Counter()
        """Requests by every other status."""

    def answered(self, numbers: range, status: int) -> None:
        """The request with these events got that status."""
        if status in TAKEN:
            self.accepted.update(numbers)
        elif status == TOLD_TO_COME_AGAIN:
            self.refused += len(numbers)
        else:
            self.unexpected[status] += 1

    def left_unanswered(self, numbers: range) -> None:
        """The whole request was sent, and no answer read."""
        self.unanswered.update(numbers)

    def cut_off(self, numbers: range) -> None:
        """Only a part of the request was sent."""
        self.abandoned += len(numbers)


class Reckoning(Struct, frozen=True):
    """Where every event is at the end."""

    accepted: int
    unanswered: int
    refused: int
    abandoned: int
    arrived: int
    """Different events at the bus."""
    doubled: int
    """Arrivals of events that had arrived before."""
    buried: int
    """Different events in dead letters."""
    lost: int
    """Accepted, and neither at the bus nor in a dead letter."""
    uninvited: int
    """At the bus or in a dead letter, though refused or never sent whole."""
    unexpected: dict[int, int]
    """Requests by status, where it was neither taken nor told to come again."""

    @property
    def is_right(self) -> bool:
        """Nothing lost, nothing invented, and no answer that should not be."""
        return not (self.lost or self.uninvited or self.unexpected)


def reckon(ledger: Ledger, arrivals: Mapping[int, int], buried: Collection[int] = ()) -> Reckoning:
    """Compare the producers' account with how often each event came to the bus and what was buried."""
    settled = arrivals.keys() | set(buried)
    return Reckoning(
        accepted=len(ledger.accepted),
        unanswered=len(ledger.unanswered),
        refused=ledger.refused,
        abandoned=ledger.abandoned,
        arrived=len(arrivals),
        doubled=sum(arrivals.values()) - len(arrivals),
        buried=len(set(buried)),
        lost=len(ledger.accepted - settled),
        uninvited=len(settled - ledger.accepted - ledger.unanswered),
        unexpected=dict(ledger.unexpected),
    )


def arrivals_of(lines: Iterable[bytes]) -> Counter[int]:
    """How often each number stands in a bus's record, one in each line; a torn last line does not count."""
    return Counter(int(line) for line in lines if line.endswith(b"\n"))
