"""How many requests may be in flight together: a level that finds itself, from 1 to a maximum. Pure.

Quick start, additive rise and multiplicative fall are those of TCP (RFC 5681). That latency tells of a queue
before anything is lost is taken from Netflix's concurrency-limits (its Gradient2 compares a short mean with
a long one) and Vector's adaptive request concurrency (a fall to 0.9 of the level, at most once a round).
Both let the reference follow a queue of their own making; here it stays, and a fall checks what it assumed:
latency that does not come down with the level has another cause, and then the level goes back.

Simulated (`tests/pipeline/test_pressure_simulation.py`) with a maximum of 16 and latencies log-normal around
30 ms: a bus without a bound gets 16 on the average; one that works on 4 at once is used up at a level of 8 to
9, one that works on 8 at 11 to 12; one that becomes three times slower by itself keeps nearly 16.
"""

from math import inf, log

from msgspec import Struct

START = 2.0
"""Where it begins; from there it doubles with every round trip, until there is trouble or nothing above."""

FAILURE_SHARE = 0.5
"""What is left of the level when a request got no answer, or was one too many."""

LATENCY_SHARE = 0.9
"""What is left of it after a round that was slow."""

SLOW = log(1.5)
"""By so much a slow round's latency is above the least: a half more, which requests may spend in a queue."""

SMOOTHING = 0.3
"""The weight of the latest round: a bus's latencies are log-normal, and a round has as few as eight."""

ROUND_LEAST = 8
"""Answers of a round at the least, lest two of them pass for a trend."""

TRIAL_SHARE = 0.4
"""Down to this share of where it began the level falls on account of latency alone; then it is judged."""

RELIEF = log(4 / 3)
"""So much of the latency must be gone by then: of a queue of ours it would be more than a half."""

LEAST_SECONDS = 1e-4
"""Below it nothing is told apart."""


class _Trial(Struct):
    """A fall on account of latency: where the level began, and the highest latency since."""

    level: float
    latency: float


class Level:
    """The limit of requests in flight. A round is as many answers as the limit has places, or a few more."""

    def __init__(self, maximum: int) -> None:
        self._maximum = float(maximum)
        self._level = min(START, self._maximum)
        self._starts_quickly = True
        self._fell_at = -inf
        self._stale = 0
        """Requests that were in flight at the last fall, and still are: they tell nothing new."""
        self._answers = 0
        self._logarithms = 0.0
        self._most_in_flight = 0
        """Of this round, as the two before."""
        self._heard = 0
        self._latency = 0.0
        """The smoothed logarithm of the seconds, as all that is called latency here."""
        self._least_latency = inf
        self._trial: _Trial | None = None

    @property
    def limit(self) -> int:
        """Requests that may be in flight together; at least one."""
        return int(self._level)

    def answered(self, now: float, *, seconds: float, in_flight: int) -> None:
        """The bus took a request after `seconds`; it was one of `in_flight`, itself counted."""
        self._most_in_flight = max(self._most_in_flight, in_flight)
        if now - seconds < self._fell_at:
            self._stale = max(0, self._stale - 1)
            return
        self._answers += 1
        self._logarithms += log(max(seconds, LEAST_SECONDS))
        # Half used is enough here: the answers of one wave come while the next is not sent yet.
        if self._starts_quickly and 2 * self._most_in_flight >= self.limit:
            self._rise()
        if self._answers >= max(self.limit, ROUND_LEAST):
            self._end_round()

    def failed(self, now: float, *, in_flight: int) -> None:
        """One of `in_flight` requests got no usable answer, or the bus says that they are too many."""
        if self._stale:
            self._stale -= 1
            return
        self._fall(FAILURE_SHARE)
        self._fell_at, self._stale = now, in_flight - 1
        self._trial = None
        self._begin_round()

    def _end_round(self) -> None:
        most_in_flight = self._most_in_flight
        self._measure()
        self._begin_round()
        if self._latency <= self._least_latency + SLOW:
            self._trial = None
            if most_in_flight >= self.limit and not self._starts_quickly:
                self._rise()
        elif 2 * most_in_flight >= self.limit:  # else it is not the level that makes a queue
            self._slow_round()

    def _begin_round(self) -> None:
        self._answers, self._logarithms, self._most_in_flight = 0, 0.0, 0

    def _measure(self) -> None:
        self._heard += self._answers
        weight = max(SMOOTHING, self._answers / self._heard)
        self._latency += weight * (self._logarithms / self._answers - self._latency)
        self._least_latency = min(self._least_latency, self._latency)

    def _slow_round(self) -> None:
        """Fall; or, if falling was no help, take the latency for the bus's own."""
        if self._trial is None:
            self._trial = _Trial(self._level, self._latency)
        trial = self._trial
        trial.latency = max(trial.latency, self._latency)
        if self._level > max(1.0, TRIAL_SHARE * trial.level):
            self._fall(LATENCY_SHARE)
            return
        self._trial = None
        if self._latency > trial.latency - RELIEF:
            self._least_latency = self._latency
            self._level = trial.level

    def _rise(self) -> None:
        self._level = min(self._maximum, self._level + 1)
        if self._level == self._maximum:
            self._starts_quickly = False

    def _fall(self, share: float) -> None:
        self._level = max(1.0, share * self._level)
        self._starts_quickly = False
