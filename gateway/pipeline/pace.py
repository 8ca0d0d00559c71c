"""Requests a second: within the configured rate and, after throttling, within one that is learned. Pure.

What is learned is what the bus took, not a share of what was sent. In a simulation of a minute against a bus
of 10 to 600 requests a second this uses all of them and has 8 to 1 % refused; CUBIC, as in the AWS SDKs, uses
93 to 97 % and has 7 to 0 % refused, but sends a seventh as many where one in a hundred is refused at random.
"""

from collections import deque
from math import floor, inf

from msgspec import Struct

BURST_SECONDS = 0.1
"""A rate may be used up this far ahead: timers are no finer than milliseconds."""

MEMORY_SECONDS = 5
"""So many whole seconds are remembered, with what the bus took and refused in each."""

TOLERATED_SHARE = 0.05
"""Of the requests it may refuse so many before the rate falls: probing a limit costs some, and a bus that
complains now and then for reasons of its own has no rate that could be learned."""

LEARNED_SHARE = 0.95
"""Of the most that it took in one of the seconds, so much is tried next."""

LEARNED_LEAST = 5.0
"""The learned rate falls no further: below it pauses alone protect the bus, and a lull teaches nothing."""

RISE_SHARE = 0.1
"""By how much the learned rate rises with every second's worth of answers."""


class _Second(Struct):
    """What became of the requests answered in one second."""

    number: int
    taken: int = 0
    refused: int = 0


class Pace:
    """Spaces requests. Time comes in as a number; `max_requests_per_second` 0: none is configured."""

    def __init__(self, max_requests_per_second: float) -> None:
        self._configured = max_requests_per_second or inf
        self._learned = inf
        self._seconds: deque[_Second] = deque(maxlen=MEMORY_SECONDS + 1)
        """Those in which the bus answered."""
        self.free_at = -inf
        """The monotonic time from which on the next request keeps within the rate."""

    @property
    def limit(self) -> float:
        """Requests a second that may go; infinity: any number."""
        return min(self._configured, self._learned)

    def forget(self) -> None:
        """Learn anew from here on: there is no time left to be careful."""
        self._learned = inf
        self._seconds.clear()
        if self._configured == inf:
            self.free_at = -inf

    def sent(self, now: float) -> None:
        """A request goes out."""
        if self.limit < inf:
            self.free_at = max(self.free_at, now - BURST_SECONDS) + 1 / self.limit

    def throttled(self, now: float) -> None:
        """The bus finds the rate of now too high."""
        self._this_second(now).refused += 1
        recent = [second for second in self._seconds if second.number >= floor(now) - MEMORY_SECONDS]
        taken = sum([second.taken for second in recent])
        refused = sum([second.refused for second in recent])
        if refused > TOLERATED_SHARE * (taken + refused):
            most = max([second.taken for second in recent])
            self._learned = max(LEARNED_LEAST, min(self._learned, LEARNED_SHARE * most))

    def answered(self, now: float) -> None:
        """The bus took a request: a little more may do."""
        self._this_second(now).taken += 1
        if self._learned < inf:
            self._learned += RISE_SHARE

    def _this_second(self, now: float) -> _Second:
        number = floor(now)
        if not self._seconds or self._seconds[-1].number != number:
            self._seconds.append(_Second(number))
        return self._seconds[-1]
