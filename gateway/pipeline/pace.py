"""Requests a second: within the configured rate and, after throttling, within one that is learned. Pure.

That a client learns a rate from throttling is taken from the adaptive retry mode of the AWS SDKs, which fall
to 0.7 of what was sent at any refusal and rise by CUBIC (RFC 9438). Here a rate falls to what was taken, and
only if more than one in twenty was refused: who complains now and then for reasons of its own has no rate.

Simulated (`tests/pipeline/test_pressure_simulation.py`): a minute after five seconds of learning, latencies
log-normal around 30 ms. Of 50 requests a second 96 to 100 % are used and 1 to 4 % refused, be they counted in
fixed windows, a sliding one or a bucket; of 400 in a bucket that saves up but five, 95 and 3 %; of 10 in a
sliding window, 91 and 2 %. While 50 a second are being learned a fifth to a half is refused. Where
one in a hundred is refused at random 99 % of the throughput is left; where it is one in twenty, less than
half: that is taken for a limit.
"""

from math import inf

TIMER_BURST_SECONDS = 0.1
"""The configured rate may be used up this far ahead, and by one request at least: timers are coarse."""

LEARNED_BURST_SECONDS = 0.03
"""Likewise the learned rate: a bus may save up as little as a few requests."""

ROUND_SECONDS = 1.0
ROUND_ANSWERS = 20
"""A round is judged when it has lasted as long as a bus's window, and has as many answers or lasts
`ROUND_MOST_SECONDS`."""

ROUND_MOST_SECONDS = 5.0

TOLERATED_SHARE = 0.05
"""Of a round's requests so many may be refused before the rate falls: to find a limit costs some."""

FALL_SHARE = 0.98
"""Of the rate that was taken, so much is tried next."""

LEARNED_LEAST = 5.0
"""The learned rate falls no further: below it pauses alone protect the bus, and a lull teaches nothing."""

USED_SHARE = 0.8
"""A rate of which less was sent is not the bound, and does not rise."""

RISE_SHARE = 0.01
RISE_MOST_SHARE = 0.1
"""By how much the rate rises after a round: slowly near what was refused, then ever faster, as in CUBIC."""

CALM_ROUNDS = 3
CALM_SHARE = 0.025
"""After so many rounds in a row, each with no more refused than that, every rise is twice the last."""


class Pace:
    """Spaces requests. Time comes in as a number; `max_requests_per_second` 0: none is configured."""

    def __init__(self, max_requests_per_second: float) -> None:
        self._configured = max_requests_per_second or inf
        self._learned = inf
        self.free_at = -inf
        """The monotonic time from which on the next request keeps within the rate."""
        self._round_began = inf
        self._taken = 0
        self._refused = 0
        """Of this round, as the two before."""
        self._settles = False
        """The round after a fall tells nothing: a bus still counts what came before."""
        self._calm_rounds = 0

    @property
    def limit(self) -> float:
        """Requests a second that may go; infinity: any number."""
        return min(self._configured, self._learned)

    @property
    def is_learned(self) -> bool:
        """Whether throttling has taught a rate."""
        return self._learned < inf

    def forget(self) -> None:
        """Learn anew from here on: there is no time left to be careful."""
        self._learned = inf
        self._round_began = inf
        if self._configured == inf:
            self.free_at = -inf

    def sent(self, now: float) -> None:
        """A request goes out."""
        if self.limit == inf:
            return
        burst = LEARNED_BURST_SECONDS if self._learned < self._configured else TIMER_BURST_SECONDS
        interval = 1 / self.limit
        saved_up = max(0.0, burst - interval)
        self.free_at = max(self.free_at, now - saved_up) + interval

    def throttled(self, now: float) -> None:
        """The bus finds the rate of now too high."""
        self._begin_round_if_none(now)
        self._refused += 1
        self._judge(now)

    def answered(self, now: float) -> None:
        """The bus took a request."""
        self._begin_round_if_none(now)
        self._taken += 1
        self._judge(now)

    def _begin_round_if_none(self, now: float) -> None:
        if self._round_began == inf:
            self._begin_round(now)

    def _begin_round(self, now: float) -> None:
        self._round_began, self._taken, self._refused = now, 0, 0

    def _judge(self, now: float) -> None:
        """Let the rate fall or rise, once in a round."""
        seconds, answers = now - self._round_began, self._taken + self._refused
        if seconds < ROUND_SECONDS or (answers < ROUND_ANSWERS and seconds < ROUND_MOST_SECONDS):
            return
        refused_share, rate = self._refused / answers, answers / seconds
        self._begin_round(now)
        if self._settles:
            self._settles = False
        elif refused_share > TOLERATED_SHARE:
            self._fall(self._learned if self.is_learned else rate, refused_share)
        elif rate >= USED_SHARE * self._learned:
            self._rise(refused_share)

    def _fall(self, rate: float, refused_share: float) -> None:
        """To just below what is taken of `rate`."""
        self._learned = max(LEARNED_LEAST, min(self._learned, FALL_SHARE * (1 - refused_share) * rate))
        self._settles = True
        self._calm_rounds = 0

    def _rise(self, refused_share: float) -> None:
        self._calm_rounds = self._calm_rounds + 1 if refused_share <= CALM_SHARE else 0
        doublings = max(0, self._calm_rounds - CALM_ROUNDS)
        self._learned *= 1 + min(RISE_MOST_SHARE, RISE_SHARE * 2.0 ** min(doublings, 10))
