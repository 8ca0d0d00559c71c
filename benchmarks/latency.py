"""How long a producer waits for its 202, in an open loop: `python -m benchmarks.latency`.

Requests are sent at planned times, half as many a second as the gateway takes at most, and measured from
those times (`load/pacer.py`). The floor gets the same requests in turn with the gateway, so that what the
pacer, the kernel and the machine add counts for both. A quantile is the median of the rounds'.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from msgspec import Struct

from benchmarks.load.environment import Environment
from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.producer import Mode, Paced, pace, request
from benchmarks.load.scenarios import USUAL_BYTES, Scenario
from benchmarks.load.server import BenchmarkError, Server
from benchmarks.load.subjects import FLOOR, TO_FILE, Subject
from benchmarks.load.workshop import Workshop

ROUNDS = 5
SECONDS = 2
CONNECTIONS = 32
SHARE_OF_MOST = 0.5
AIM_MILLISECONDS = 2.0
"""By how much the gateway's p99 may exceed the floor's."""


class Quantiles(Struct, frozen=True):
    """Milliseconds from the planned time: medians of the rounds."""

    p50: float
    p99: float
    p999: float
    lag_p99: float
    """Until the request was written."""

    @classmethod
    def of(cls, rounds: Sequence[Paced]) -> "Quantiles":
        """The medians."""
        return cls(
            median(each.p50_seconds for each in rounds) * 1e3,
            median(each.p99_seconds for each in rounds) * 1e3,
            median(each.p999_seconds for each in rounds) * 1e3,
            median(each.lag_p99_seconds for each in rounds) * 1e3,
        )


class Latency(Struct, frozen=True):
    """Of both, at one rate."""

    requests_a_second: float
    floor: Quantiles
    gateway: Quantiles

    @property
    def added_p99(self) -> float:
        """Milliseconds between the two."""
        return self.gateway.p99 - self.floor.p99

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"{'milliseconds to the 202':34}{'p50':>8}{'p99':>8}{'p99.9':>8}{'pacer late p99':>16}"
        for name, each in (("floor", self.floor), ("accept, structured", self.gateway)):
            yield f"{name:34}{each.p50:8.3f}{each.p99:8.3f}{each.p999:8.3f}{each.lag_p99:16.3f}"
        verdict = "good" if self.added_p99 <= AIM_MILLISECONDS else "missed"
        yield (
            f"at {self.requests_a_second:.0f} requests a second the gateway's p99 is {self.added_p99:+.3f} "
            f"ms from the floor's (aim {AIM_MILLISECONDS:.0f})  {verdict}"
        )


def measure(processors: Processors, *, rounds: int = ROUNDS, seconds: float = SECONDS) -> Latency:
    """At half of the gateway's highest rate. Raises BenchmarkError if a request is not accepted."""
    with Workshop(processors) as workshop:
        scenario = Scenario("accept, structured", TO_FILE)
        workshop.run(scenario, seconds=1)
        rate = workshop.run(scenario, seconds=1).events_a_second * SHARE_OF_MOST
        return measure_at(rate, workshop, rounds=rounds, seconds=seconds)


def measure_at(rate: float, workshop: Workshop, *, rounds: int, seconds: float) -> Latency:
    """Both in turn, at so many requests a second."""
    found: dict[str, list[Paced]] = {FLOOR.name: [], TO_FILE.name: []}
    with TemporaryDirectory(prefix="gateway-latency-") as directory:
        for _ in range(rounds):
            for subject in (FLOOR, TO_FILE):
                paced = run(workshop, subject, rate=rate, seconds=seconds, directory=Path(directory))
                found[subject.name].append(paced)
    return Latency(rate, Quantiles.of(found[FLOOR.name]), Quantiles.of(found[TO_FILE.name]))


def run(workshop: Workshop, subject: Subject, *, rate: float, seconds: float, directory: Path) -> Paced:
    """One round of one subject."""
    server: Server = workshop.server(subject)
    paced = pace(
        server.url,
        request(Mode.STRUCTURED, USUAL_BYTES),
        rate=rate,
        requests=round(rate * seconds),
        connections=CONNECTIONS,
        processor=workshop.processors.load,
        directory=directory,
    )
    if paced.refused:
        raise BenchmarkError(f"{subject.name} refused {paced.refused} requests:\n{server.log_end()}")
    return paced


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each (default: {ROUNDS})")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"a round (default: {SECONDS})")
    options = parser.parse_args(arguments)
    processors = Processors.available()
    with pinned_to(processors.load):
        print(*Environment.here(processors).lines(), sep="\n")
        print(*measure(processors, rounds=options.rounds, seconds=options.seconds).lines(), sep="\n")


if __name__ == "__main__":
    main()
