"""A bus on virtual time and a sender that always has more: what `Pressure` makes of the two. Seeded.

A request takes half its latency to the bus and half back; latencies are log-normal, which spreads requests
that left evenly. The sender's timers are no finer than milliseconds, as an event loop's are.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from enum import Enum
from itertools import count
from math import inf

from msgspec import Struct

from gateway.pipeline.pressure import Pressure

MEDIAN_SECONDS = 0.030
SIGMA = 0.5
MEAN_SECONDS = MEDIAN_SECONDS * math.exp(SIGMA**2 / 2)
TIMER_SECONDS = 0.001

Allowance = Callable[[float], bool]
"""Whether the bus takes one more request at that moment; it counts those that it takes."""


def fixed_windows(rate: int, *, offset: float = 0.37) -> Allowance:
    """So many in every second of the bus's own clock."""
    window, taken = -1, 0

    def takes(now: float) -> bool:
        nonlocal window, taken
        if (number := math.floor(now + offset)) != window:
            window, taken = number, 0
        taken += 1
        return taken <= rate

    return takes


def sliding_window(rate: int) -> Allowance:
    """So many in any second."""
    taken: deque[float] = deque()

    def takes(now: float) -> bool:
        while taken and taken[0] <= now - 1:
            taken.popleft()
        if len(taken) == rate:
            return False
        taken.append(now)
        return True

    return takes


def token_bucket(rate: int, *, burst: int) -> Allowance:
    """So many a second, and so many saved up."""
    tokens, filled_at = float(burst), 0.0

    def takes(now: float) -> bool:
        nonlocal tokens, filled_at
        tokens, filled_at = min(burst, tokens + (now - filled_at) * rate), now
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return takes


def at_random(share: float) -> Allowance:
    """Refuses that share, whatever the rate."""
    dice = random.Random(7)  # noqa: S311 - a simulation
    return lambda _: dice.random() >= share


class Bus(Struct, frozen=True, kw_only=True):
    """How the bus behaves; by default it takes everything, any number at once."""

    takes: Allowance = lambda _: True
    servers: int = 0
    """Requests that are worked on at once; the others queue. 0: any number."""
    hangs_above: float = inf
    """Requests beyond so many at once are never answered."""
    timeout_seconds: float = 10.0
    """After which the sender gives them up."""
    slower: Callable[[float], float] = lambda _: 1.0
    """By what its latency is multiplied at a moment."""
    is_away: Callable[[float], bool] = lambda _: False
    """Whether connections are refused at a moment."""
    retry_after_seconds: float | None = None
    """The hint that a refusal carries."""


class Result(Enum):
    """What became of a request."""

    TAKEN = 1
    THROTTLED = 2
    UNAVAILABLE = 3


class Answer(Struct, frozen=True):
    """What became of a request, when, and what the limits in flight and in a second were then."""

    at: float
    result: Result
    limit: int
    rate_limit: float


class Run:
    """One sender and one bus for so many seconds; the first `learning_seconds` are not judged."""

    def __init__(
        self,
        bus: Bus,
        *,
        seconds: float,
        learning_seconds: float = 0.0,
        seed: int = 1,
        max_in_flight: int = 16,
    ) -> None:
        self._bus = bus
        self._dice = random.Random(seed)  # noqa: S311 - a simulation
        self._pressure = Pressure(max_in_flight=max_in_flight)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self._in_flight = 0
        self._hanging = 0
        self._servers = [0.0] * bus.servers
        self._began = learning_seconds
        self._seconds = seconds
        self.sent: list[float] = []
        self.answers: list[Answer] = []
        self._limit_seconds = 0.0
        self._run()

    @property
    def taken_per_second(self) -> float:
        """Requests that the bus took."""
        return self._count(Result.TAKEN) / (self._seconds - self._began)

    @property
    def refused_share(self) -> float:
        """Of all requests, those throttled."""
        return self._count(Result.THROTTLED) / sum([answer.at >= self._began for answer in self.answers])

    @property
    def mean_limit(self) -> float:
        """Over time."""
        return self._limit_seconds / (self._seconds - self._began)

    def speed(self, begin: float, end: float) -> float:
        """Requests a second that the bus took in that time."""
        return sum([a.result is Result.TAKEN and begin <= a.at < end for a in self.answers]) / (end - begin)

    def unlimited_from(self, begin: float) -> float:
        """The first moment from `begin` on at which no rate is learned; infinity: none."""
        return next((a.at for a in self.answers if a.at >= begin and a.rate_limit == inf), inf)

    def limits(self, begin: float, end: float) -> list[int]:
        """The limits in that time, answer by answer."""
        return [answer.limit for answer in self.answers if begin <= answer.at < end]

    def _count(self, result: Result) -> int:
        return sum([answer.result is result and answer.at >= self._began for answer in self.answers])

    def _run(self) -> None:
        now = 0.0
        while now < self._seconds:
            while (allowed := self._pressure.next_allowed(self._in_flight)) <= now:
                self._send(now)
            wake_at = (
                max(allowed, math.ceil(allowed / TIMER_SECONDS) * TIMER_SECONDS) if allowed < inf else inf
            )
            before, happens = now, None
            if self._events and self._events[0][0] <= wake_at:
                now, _, happens = heapq.heappop(self._events)
            else:
                now = max(now, wake_at)
            self._limit_seconds += self._pressure.limit * (max(now, self._began) - max(before, self._began))
            if happens is not None:
                happens(now)

    def _at(self, moment: float, happens: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), happens))

    def _send(self, now: float) -> None:
        self._pressure.sent(now)
        self.sent.append(now)
        seconds = self._dice.lognormvariate(math.log(MEDIAN_SECONDS), SIGMA) * self._bus.slower(now)
        if self._bus.is_away(now):
            self._at(now + TIMER_SECONDS, lambda moment: self._answered(moment, Result.UNAVAILABLE, now))
        elif self._in_flight - self._hanging >= self._bus.hangs_above:
            self._hanging += 1
            self._at(now + self._bus.timeout_seconds, lambda moment: self._gave_up(moment, now))
        elif self._servers:
            self._queue(now, seconds)
        else:
            self._at(now + seconds / 2, lambda moment: self._arrived(moment, seconds / 2, now))
        self._in_flight += 1

    def _queue(self, now: float, seconds: float) -> None:
        """The first server that is free works for the whole of the latency."""
        end = max(now, heapq.heappop(self._servers)) + seconds
        heapq.heappush(self._servers, end)
        self._at(end, lambda moment: self._answered(moment, Result.TAKEN, now))

    def _arrived(self, now: float, way_back_seconds: float, sent_at: float) -> None:
        result = Result.TAKEN if self._bus.takes(now) else Result.THROTTLED
        self._at(now + way_back_seconds, lambda moment: self._answered(moment, result, sent_at))

    def _gave_up(self, now: float, sent_at: float) -> None:
        self._hanging -= 1
        self._answered(now, Result.UNAVAILABLE, sent_at)

    def _answered(self, now: float, result: Result, sent_at: float) -> None:
        pressure, in_flight = self._pressure, self._in_flight
        match result:
            case Result.TAKEN:
                pressure.answered(now, seconds=now - sent_at, in_flight=in_flight)
            case Result.THROTTLED:
                hint = self._bus.retry_after_seconds
                pressure.throttled(now, retry_after_seconds=hint, jitter=self._dice.random())
            case Result.UNAVAILABLE:
                pressure.unavailable(now, retry_after_seconds=None, in_flight=in_flight)
        self._in_flight -= 1
        self.answers.append(Answer(now, result, pressure.limit, pressure.requests_per_second_limit))
