"""Requests a second: within the configured rate and, after throttling, within one that is learned. Pure.

That a client learns a rate from throttling is taken from the adaptive retry mode of the AWS SDKs, which fall
to 0.7 of what was sent at any refusal and rise by CUBIC (RFC 9438). Here a rate falls to what was taken, and
only if more than one in twenty was refused: who complains now and then for reasons of its own has no rate.
And a fall checks what it assumed: if far below what was taken as much is refused, the bus refuses at random.

Simulated with eight seeds, latencies log-normal around 30 ms; three of them are held to bounds by `python
-m pytest tests/pipeline/test_pressure_simulation.py`. In a minute, after five seconds of learning, of 50
requests a second 95 to 100 % are used and 2 to 4 % refused, be they counted in fixed windows, a sliding
one or a bucket; of 400 in a bucket that saves up but five, 91 to 95 and 3 %; of 10 in a sliding window,
91 and 4 %. While 50 a second are being learned a quarter is refused, by a bucket that saves up as many
nearly a half. If each refusal asks for a second's pause, 84 % of 50 are used or more. Where one in twenty
or one in ten is refused at random 87 or 86 % of the throughput are left. Once nothing is refused any
more, half of the full speed, 235 a second, is back after 3 to 11 seconds, and the learned rate is
forgotten within 14; if each refusal asked for a second's pause, 15 and 17.
"""

from math import inf

from msgspec import Struct

TIMER_BURST_SECONDS = 0.1
"""The configured rate may be used up this far ahead, and by one request at least: timers are coarse."""

LEARNED_BURST_SECONDS = 0.03
"""Likewise the learned rate: a bus may save up as little as a few requests."""

ROUND_SECONDS = 1.0
"""A round is judged when it has lasted as long as a bus's window."""

ROUND_ANSWERS = 20
ROUND_MOST_SECONDS = 3.0
"""One with a refusal that may be chance goes on until it has as many answers, or has lasted that long."""

HASTE_SECONDS = 0.5
HASTE_SHARE = 0.2
"""Before a rate is learned half a second is enough if that share is refused, and as many as make a round."""

TOLERATED_SHARE = 0.05
"""Of a round's requests so many may be refused before the rate falls: to find a limit costs some."""

FALL_SHARE = 0.98
"""Of the rate that was taken, so much is tried next."""

LEARNED_LEAST = 5.0
"""The learned rate falls no further: below it pauses alone protect the bus."""

LEAST_CLEAN_ROUNDS = 3
"""That rate is none that was taken, so there is no reason to rise from it slowly: these are counted ahead."""

USED_SHARE = 0.5
"""A rate of which less was sent is not the bound, and does not rise."""

FORGOTTEN_SECONDS = 10.0
"""Such a rate is forgotten once the rounds have been calm for so long."""

RISE_SHARE = 0.01
RISE_GROWTH = 2.0
RISE_MOST_SHARE = 2.0
"""By how much the rate rises after a round: slowly near what was refused, then by ever more while nothing is
refused, so that any rate is reached from the least one within seconds."""

CALM_SHARE = 0.025
CALM_ROUNDS = 3
CALM_GROWTHS = 3
"""A round with no more refused than that is calm. It lets the rise grow too, but only from the fifth in a
row on, and so many times."""

TRIAL_SHARE = 0.8
INDIFFERENT_MOST_SHARE = 0.2
"""If at that share of what was taken as much is refused, the bus refuses that much at any rate, and the rate
goes back to where it began to fall. Of more than a fifth this is not believed: it would be rude to go on."""

HELPED_SHARE = 0.5
"""After a fall that was a help no more than this is left of the refused share."""

NO_CHANCE = 4.6
"""So was a fall if as many in a row are taken as would have had that many refused: chance does it one time in
a hundred, e to the minus 4.6."""

INDIFFERENT_WEIGHT = 0.1
"""Of a round that has less refused than that."""

PAUSE_FALL_SHARE = 0.98
PAUSE_HOLDS = 8
"""A refusal that stops everything for a while costs far more than one request. So a learned rate falls at the
first, to just below the last that was not refused, and stays there for so many times the while."""


class _Round(Struct, frozen=True):
    """What became of the requests of at least a second."""

    seconds: float
    taken: int
    refused: int

    @property
    def answers(self) -> int:
        return self.taken + self.refused

    @property
    def refused_share(self) -> float:
        return self.refused / self.answers

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.answers / self.seconds


class _Trial(Struct, frozen=True):
    """Where the rate began to fall: what was learned by then, and what was sent."""

    learned: float
    rate: float
    refused_share: float


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
        self._last = _Round(0.0, 0, 0)
        self._settles = False
        """The round after a fall tells of refusals nothing: a bus still counts what came before."""
        self._calm_since = inf
        self._calm_rounds = 0
        self._clean_rounds = 0
        """In a row with little and with nothing refused; none while the rate is held."""
        self._clean_answers = 0
        """In rounds in a row with nothing refused."""
        self._clean_rate = inf
        """The last learned rate of which nothing was refused; since a fall, that to which it fell."""
        self._held_until = -inf
        self._trial: _Trial | None = None
        self._indifferent_share = 0.0
        """What the bus seems to refuse whatever the rate is."""

    @property
    def limit(self) -> float:
        """Requests a second that may go; infinity: any number."""
        return min(self._configured, self._learned)

    @property
    def is_learned(self) -> bool:
        """Whether throttling has taught a rate."""
        return self._learned < inf

    def forget(self) -> None:
        """Let any rate go from here on, until it is refused."""
        self._learned = inf
        self._trial = None
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

    def throttled(self, now: float, *, pause_seconds: float = 0.0) -> None:
        """The bus finds the rate of now too high, and wants nothing at all for so long."""
        self._begin_round_if_none(now)
        self._refused += 1
        if pause_seconds and self.is_learned:
            self._fall_for_pause(now, pause_seconds)
        else:
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
        this = _Round(now - self._round_began, self._taken, self._refused)
        if not self._is_over(this):
            return
        self._begin_round(now)
        last, self._last = self._last, this
        settles, self._settles = self._settles, False
        if settles and this.refused:
            return
        self._count(now, this)
        if this.refused_share > self._indifferent_share + TOLERATED_SHARE:
            self._fall(last, this)
        elif not self.is_learned:
            return
        elif this.rate < USED_SHARE * self._learned:
            if now >= self._calm_since + FORGOTTEN_SECONDS:
                self.forget()
        elif now >= self._held_until:
            self._rise()

    def _is_over(self, this: _Round) -> bool:
        if this.seconds < ROUND_SECONDS:
            is_much = this.refused >= max(ROUND_ANSWERS, HASTE_SHARE * this.answers)
            return is_much and not self.is_learned and this.seconds >= HASTE_SECONDS
        may_be_chance = this.refused == 1 or (this.refused > 1 and not self.is_learned)
        return not may_be_chance or this.answers >= ROUND_ANSWERS or this.seconds >= ROUND_MOST_SECONDS

    def _count(self, now: float, this: _Round) -> None:
        share = this.refused_share
        if share < self._indifferent_share:
            self._indifferent_share += INDIFFERENT_WEIGHT * (share - self._indifferent_share)
        is_calm, is_held = share <= self._indifferent_share + CALM_SHARE, now < self._held_until
        self._calm_since = min(self._calm_since, now) if is_calm else inf
        self._calm_rounds = self._calm_rounds + 1 if is_calm and not is_held else 0
        self._clean_rounds = self._clean_rounds + 1 if not this.refused and not is_held else 0
        self._clean_answers = self._clean_answers + this.answers if not this.refused else 0
        if self._trial is not None and self._clean_answers * self._trial.refused_share > NO_CHANCE:
            self._trial = None

    def _fall(self, last: _Round, this: _Round) -> None:
        """To just below what the bus takes; or, if falling was no help, back to where that began."""
        trial, share, rate = self._trial, this.refused_share, min(self._learned, this.rate)
        if trial is None or not HELPED_SHARE * trial.refused_share <= share <= INDIFFERENT_MOST_SHARE:
            self._trial = _Trial(self._learned, rate, share)
        elif _was_no_help(trial, rate, this):
            self._trial = None
            self._learned, self._indifferent_share = trial.learned, share
            return
        # Of two windows that a round touches it may have both bursts; two rounds have three.
        taken_rate = (last.taken + this.taken) / (last.seconds + this.seconds)
        if self.is_learned:
            taken_rate = min(taken_rate, (1 - share) * self._learned)
        self._fall_to(FALL_SHARE * taken_rate)

    def _fall_for_pause(self, now: float, pause_seconds: float) -> None:
        if now >= self._held_until - PAUSE_HOLDS * pause_seconds:  # else it was sent before the last one
            self._fall_to(PAUSE_FALL_SHARE * self._clean_rate)
        self._held_until = now + (1 + PAUSE_HOLDS) * pause_seconds
        self._calm_since = inf
        self._round_began = inf

    def _fall_to(self, rate: float) -> None:
        self._learned = self._clean_rate = max(LEARNED_LEAST, min(self._learned, rate))
        self._settles = True
        self._calm_rounds = 0
        self._clean_rounds = LEAST_CLEAN_ROUNDS if rate < LEARNED_LEAST else 0

    def _rise(self) -> None:
        if self._clean_rounds:
            self._clean_rate = self._learned
        growths = max(0, self._clean_rounds - 1, min(self._calm_rounds - CALM_ROUNDS, CALM_GROWTHS))
        self._learned *= 1 + min(RISE_MOST_SHARE, RISE_SHARE * RISE_GROWTH ** min(growths, 10))
        if self._trial is not None and self._learned >= self._trial.rate:
            self._trial = None


def _was_no_help(trial: _Trial, rate: float, this: _Round) -> bool:
    """Whether, far below what was taken when the falling began, as much is refused."""
    is_far_below = rate <= TRIAL_SHARE * (1 - trial.refused_share) * trial.rate
    return is_far_below and this.answers >= ROUND_ANSWERS
