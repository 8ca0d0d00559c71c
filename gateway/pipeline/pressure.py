"""May another request go now? Level in flight, rate, throttling, and probing of a bus that is down. Pure."""

from enum import StrEnum
from math import inf

from gateway.pipeline.level import Level
from gateway.pipeline.pace import Pace

PROBE_SECONDS = 1.0
"""How often a bus that is down, or a fault that an operator must mend, is tried again."""

FAILURES_UNTIL_DOWN = 3
"""Requests in a row without a usable answer after which the bus counts as down: one reset is no outage."""

REFUSALS_UNTIL_PAUSE = 4
"""Throttled requests in a row after which, without a hint, all wait: fewer may be chance."""

PAUSE_INITIAL_SECONDS = 0.02
PAUSE_MAX_SECONDS = 5.0
"""That wait: doubled with each that follows upon the last, up to this. Short at first: once a rate is
learned every pause is capacity lost."""

HINT_LEAST_SECONDS = 0.1
"""The least that a hint may ask for."""

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

    Trouble lowers the level, and throttling teaches a rate; both rise again with the answers. While the
    bus is down or blocked one request a second goes, even if those before it are unanswered; the first
    that is answered ends this, and the level begins anew.
    """

    def __init__(self, *, max_in_flight: int, max_requests_per_second: float = 0) -> None:
        self._max_in_flight = max_in_flight
        self._level = Level(max_in_flight)
        self._pace = Pace(max_requests_per_second)
        self._paused_until = -inf
        self._pause_seconds = PAUSE_INITIAL_SECONDS
        self._throttled_at = -inf
        self._probe_at = -inf
        self._returned_at = -inf
        self._stale = 0
        """Probes that were unanswered when the bus returned, and still are: they tell nothing of it now,
        and hold no place of the level, which begins with fewer."""
        self._failures = 0
        self._refusals = 0
        """In a row, as those before."""
        self.health = Health.UP

    @property
    def limit(self) -> int:
        """Requests that may be in flight together now; of probes, those that may go at one moment."""
        return 1 if self.is_probing else self._level.limit

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
        if in_flight >= self._max_in_flight:
            return inf
        allowed = max(self._paused_until, self._pace.free_at)
        if self.is_probing:
            return max(allowed, self._probe_at)
        return allowed if in_flight - self._stale < self._level.limit else inf

    def sent(self, now: float) -> None:
        """A request goes out."""
        self._pace.sent(now)
        self._probe_at = now + PROBE_SECONDS

    def answered(self, now: float, *, seconds: float, in_flight: int) -> None:
        """The bus took a request after `seconds`; it was one of `in_flight`, itself counted."""
        self._failures = self._refusals = 0
        self._pace.answered(now)
        if self.is_probing:
            self._return(now, unanswered=in_flight - 1)
        elif now - seconds < self._returned_at:
            self._stale = max(0, self._stale - 1)
        else:
            self._level.answered(now, seconds=seconds, in_flight=in_flight - self._stale)
        if now >= self._paused_until:  # else it was sent before the bus complained
            self._pause_seconds = PAUSE_INITIAL_SECONDS
        if self.health is not Health.THROTTLED or now >= self._throttled_at + CALM_SECONDS:
            self.health = Health.UP

    def throttled(self, now: float, *, retry_after_seconds: float | None, jitter: float) -> None:
        """The bus asks us to slow down, for so long if it said so."""
        self._failures = 0
        self._refusals += 1
        if self.is_probing:
            self._return(now, unanswered=0)
        hint = 0.0 if retry_after_seconds is None else max(retry_after_seconds, HINT_LEAST_SECONDS)
        if hint:
            self._pause(now + hint, now)
        elif self._refusals >= REFUSALS_UNTIL_PAUSE and now >= self._paused_until:
            self._pause(now + self._pause_seconds * (0.5 + 0.5 * jitter), now)
            self._pause_seconds = min(PAUSE_MAX_SECONDS, self._pause_seconds * 2)
        self._pace.throttled(now, pause_seconds=hint)
        self._throttled_at = now
        self.health = Health.THROTTLED

    def unavailable(self, now: float, *, retry_after_seconds: float | None, in_flight: int) -> None:
        """One of `in_flight` requests got no usable answer, or one that says when to come again."""
        self._paused_until = max(self._paused_until, now + (retry_after_seconds or 0.0))
        if self._stale:
            self._stale -= 1
            return
        self._failures += 1
        self._level.failed(now, in_flight=in_flight)
        if self._failures >= FAILURES_UNTIL_DOWN or self.is_probing:
            self._probe(now, Health.DOWN)

    def blocked(self, now: float) -> None:
        """An operator must mend something before the bus takes anything."""
        self._failures = 0
        self._probe(now, Health.BLOCKED)

    def _pause(self, until: float, now: float) -> None:
        """Nothing goes before `until`. What rate is too high is not known at first, so the level falls."""
        self._paused_until = max(self._paused_until, until)
        if not self._pace.is_learned:
            self._level.failed(now, in_flight=self._level.limit)

    def _probe(self, now: float, health: Health) -> None:
        if not self.is_probing:
            self._probe_at = now + PROBE_SECONDS
            self._stale = 0
        self.health = health

    def _return(self, now: float, *, unanswered: int) -> None:
        """The bus answers again: nothing that was learned of it before is to be relied on."""
        self._level = Level(self._max_in_flight)
        self._returned_at, self._stale = now, unanswered
        self._paused_until = -inf
        self.health = Health.UP
