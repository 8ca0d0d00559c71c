"""How fast a counter rises, over the last seconds. Pure: the clock comes in as a number."""

from collections import deque

WINDOW_SECONDS = 10.0
STEP_SECONDS = 1.0


class Rate:
    """The slope of a counter over about ten seconds, from at most one sample a second."""

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
        """The counter's mean rise since the oldest sample kept; 0.0 while nothing is known."""
        self.sample(total, now)
        then, before = self._samples[0]
        return (total - before) / (now - then) if now > then else 0.0
