"""Requests a second: within the configured rate and, after throttling, within one that is learned. Pure."""

from math import cbrt, inf

BURST_SECONDS = 0.1
"""A rate may be used up this far ahead: timers are no finer than milliseconds."""

THROTTLED_SHARE = 0.7
"""Of the rate at which requests went when the bus complained, so much is tried next."""

CUBIC_SCALE = 0.4
"""Requests a second, by the third power of seconds: how steeply the learned rate rises. With it the rate
comes back to where the bus complained in the cube root of 0.75 times that rate, stays near it for as long,
and then looks for more ever faster: CUBIC (RFC 9438), as the AWS SDKs' adaptive retry mode uses it."""

LEARNED_LEAST = 1.0
"""The learned rate falls no further: at one request a second nobody is hammered."""

CUT_SECONDS = 1.0
"""The learned rate is cut no more often: it takes so long to see what the last cut did."""


class Pace:
    """Spaces requests. Time comes in as a number; `max_requests_per_second` 0: none is configured."""

    def __init__(self, max_requests_per_second: float) -> None:
        self._configured = max_requests_per_second or inf
        self._learned = inf
        self._cut_at = -inf
        self._complained_at_rate = inf
        self._second_began = -inf
        self._sent_this_second = 0
        self._sent_last_second = 0
        self.free_at = -inf
        """The monotonic time from which on the next request keeps within the rate."""

    @property
    def limit(self) -> float:
        """Requests a second that may go; infinity: any number."""
        return min(self._configured, self._learned)

    def sent(self, now: float) -> None:
        """A request goes out."""
        self._turn_second(now)
        self._sent_this_second += 1
        if self.limit < inf:
            self.free_at = max(self.free_at, now - BURST_SECONDS) + 1 / self.limit

    def throttled(self, now: float) -> None:
        """The bus finds the rate of now too high."""
        if now < self._cut_at + CUT_SECONDS:
            return
        self._cut_at = now
        self._turn_second(now)
        share_of_last = max(0.0, 1 - (now - self._second_began))
        rate = self._sent_this_second + share_of_last * self._sent_last_second
        self._complained_at_rate = min(self._learned, rate)
        self._learned = max(LEARNED_LEAST, THROTTLED_SHARE * self._complained_at_rate)

    def answered(self, now: float) -> None:
        """The bus took a request: the learned rate follows its curve."""
        if self._learned < inf:
            back_after = cbrt(self._complained_at_rate * (1 - THROTTLED_SHARE) / CUBIC_SCALE)
            curve = CUBIC_SCALE * (now - self._cut_at - back_after) ** 3 + self._complained_at_rate
            self._learned = max(self._learned, curve)

    def _turn_second(self, now: float) -> None:
        if now < self._second_began + 1:
            return
        directly = now < self._second_began + 2
        self._sent_last_second = self._sent_this_second if directly else 0
        self._sent_this_second = 0
        self._second_began = self._second_began + 1 if directly else now
