"""May another request go now? Level in flight, rate, throttling, and probing of a bus that is down. Pure."""

from enum import StrEnum
from math import inf

from gateway.pipeline.pace import Pace

PROBE_SECONDS = 1.0
"""How often a bus that is down, or a fault that an operator must mend, is tried again."""

FAILURES_UNTIL_DOWN = 3
"""Requests in a row without a usable answer after which the bus counts as down: one reset is no outage."""

PAUSE_INITIAL_SECONDS = 0.1
PAUSE_MAX_SECONDS = 5.0
"""The wait after throttling without a hint: doubled at each further pause, up to this. The least is also
the least that a hint may ask for."""

CALM_SECONDS = 10.0
"""So long after the last throttling the bus counts as up again: what comes and goes is one trouble."""


class Health(StrEnum):
    """How the bus answers, as `/status` shows it."""

    UP = "up"
    THROTTLED = "throttled"
    DOWN = "down"
    BLOCKED = "blocked"


class Pressure:
    """Bounds the requests in flight and their rate. Time comes in as a number, jitter in [0, 1).

    Throttling pauses the destination, halves its level and slows its pace; both rise again with the
    answers, the level by one with every level's worth of them. While the bus is down or blocked one
    request at a time goes, once a second.
    """

    def __init__(self, *, max_in_flight: int, max_requests_per_second: float = 0) -> None:
        self._max_in_flight = max_in_flight
        self._level = float(max_in_flight)
        self._pace = Pace(max_requests_per_second)
        self._paused_until = -inf
        self._pause_seconds = PAUSE_INITIAL_SECONDS
        self._throttled_at = -inf
        self._failures = 0
        self.health = Health.UP

    @property
    def limit(self) -> int:
        """Requests that may be in flight together now."""
        return 1 if self.is_probing else int(self._level)

    @property
    def requests_per_second_limit(self) -> float:
        """The rate that requests keep to, configured or learned; infinity: none."""
        return self._pace.limit

    def drain(self) -> None:
        """Forget the learned rate: the deadline is near, and the bus says for itself what is too much."""
        self._pace.forget()

    @property
    def is_probing(self) -> bool:
        """Whether single requests are sent only to see if the bus is back."""
        return self.health in (Health.DOWN, Health.BLOCKED)

    def next_allowed(self, in_flight: int) -> float:
        """The monotonic time from which on a request may go; infinity: not before an answer comes."""
        if in_flight >= self.limit:
            return inf
        return max(self._paused_until, self._pace.free_at)

    def sent(self, now: float) -> None:
        """A request goes out."""
        self._pace.sent(now)

    def answered(self, now: float, *, seconds: float, in_flight: int) -> None:
        """The bus took a request after `seconds`; it was one of `in_flight`, itself counted."""
        self._failures = 0
        self._pace.answered(now)
        if now < self._paused_until and not self.is_probing:
            return  # sent before the bus complained: tells nothing new
        if self.is_probing:
            self._paused_until = -inf
        self._pause_seconds = PAUSE_INITIAL_SECONDS
        self._level = min(self._max_in_flight, self._level + 1 / self._level)
        if self.health is not Health.THROTTLED or now >= self._throttled_at + CALM_SECONDS:
            self.health = Health.UP

    def throttled(self, now: float, *, retry_after_seconds: float | None, jitter: float) -> None:
        """The bus asks us to slow down, for so long if it said so."""
        self._failures = 0
        if retry_after_seconds is None:
            pause = self._pause_seconds * (0.5 + 0.5 * jitter)
        else:
            pause = max(retry_after_seconds, PAUSE_INITIAL_SECONDS)
        if now >= self._paused_until:  # the others in flight tell nothing new
            self._level = max(1.0, self._level / 2)
            self._pause_seconds = min(PAUSE_MAX_SECONDS, self._pause_seconds * 2)
        self._pace.throttled(now)
        self._paused_until = max(self._paused_until, now + pause)
        self._throttled_at = now
        self.health = Health.THROTTLED

    def unavailable(self, now: float, *, retry_after_seconds: float | None, in_flight: int) -> None:
        """One of `in_flight` requests got no usable answer, or one that says when to come again."""
        self._failures += 1
        self._paused_until = max(self._paused_until, now + (retry_after_seconds or 0.0))
        if self._failures >= FAILURES_UNTIL_DOWN or self.is_probing:
            self.health = Health.DOWN
            self._paused_until = max(self._paused_until, now + PROBE_SECONDS)

    def blocked(self, now: float) -> None:
        """An operator must mend something before the bus takes anything."""
        self._failures = 0
        self.health = Health.BLOCKED
        self._paused_until = max(self._paused_until, now + PROBE_SECONDS)
