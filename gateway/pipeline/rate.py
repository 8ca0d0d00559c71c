"""How fast a counter rises, over the last seconds. Pure: the clock comes in as a number."""

from collections import deque

WINDOW_SECONDS = 10.0
STEP_SECONDS = 1.0


class Rate:
    """The slope of a counter over about ten seconds, from at most one sample a second.

    Sampled whenever the counter may have risen: between two samples that are further apart it stood still
    until the second.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def sample(self, total: float, now: float) -> None:
        """Note the counter; cheap when called often."""
        samples = self._samples
        if samples and now < samples[-1][0] + STEP_SECONDS:
            return
        samples.append((now, total))
        while len(samples) > 1 and samples[1][0] <= now - WINDOW_SECONDS:
            samples.popleft()

    def per_second(self, total: float, now: float) -> float:
        """The counter's mean rise over the window; over a second where less is known."""
        self.sample(total, now)
        then, before = self._samples[0]
        return (total - before) / min(max(now - then, STEP_SECONDS), WINDOW_SECONDS)
