"""Without atheris: mutations of good requests, the same for the same seed."""

from benchmarks.fuzzing.target import Target
from tests.fuzz.streams import spoilt


def run(seed: int, requests: int) -> Target:
    """So many."""
    target = Target(seed=seed)
    for data in spoilt(requests, seed=seed):
        target.take(data)
    return target
