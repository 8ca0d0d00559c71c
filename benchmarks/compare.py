"""Whether a change made the gateway faster: `python -m benchmarks.compare BASE`, `make bench-compare BASE=…`.

BASE is any commit; its `gateway` is unpacked in a temporary directory, and measured in turn with that of the
working tree by the same instruments, interpreter and installed packages (so also with the entry points as
they are installed now). Each round starts fresh processes, for two processes of the same program differ
too, and the order alternates. Printed are the medians and the change, with the interval that encloses
the true median change with 95 % certainty; where it includes no change, there is none to speak of.
"""

import argparse
import io
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from benchmarks.differences import LEAST_ROUNDS, Difference, difference
from benchmarks.load.environment import Environment
from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.producer import MISSING, Mode, is_available
from benchmarks.load.scenarios import FEW, Scenario
from benchmarks.load.server import ROOT, BenchmarkError
from benchmarks.load.subjects import TO_AWS, TO_FILE
from benchmarks.load.workshop import Workshop, warm_up

ROUNDS = 9
SCENARIOS = {
    "accept, structured": Scenario("accept, structured", TO_FILE),
    "accept, binary": Scenario("accept, binary", TO_FILE, Mode.BINARY),
    "accept, batches of 100": Scenario("accept, batches of 100", TO_FILE, Mode.BATCHED, connections=FEW),
    "whole way, structured": Scenario("whole way, structured", TO_AWS),
}

Costs = dict[str, list[float]]
"""CPU microseconds an event, by scenario: one for each round."""


@contextmanager
def unpacked(commit: str) -> Iterator[Path]:
    """A directory with the package `gateway` as of `commit`. Raises BenchmarkError if there is none."""
    with TemporaryDirectory(prefix="gateway-compare-") as name:
        archive = subprocess.run(  # noqa: S603 - git takes the commit as a name and nothing else
            ("git", "archive", "--format=zip", "--end-of-options", commit, "gateway"),  # noqa: S607 - whichever git there is
            capture_output=True,
            check=False,
            cwd=ROOT,
        )
        if archive.returncode:
            raise BenchmarkError(f"git cannot unpack {commit}: {archive.stderr.decode().strip()}")
        # Not as tar: what makes unpacking one safe, `filter`, came with CPython 3.11.4.
        with ZipFile(io.BytesIO(archive.stdout)) as packed:
            packed.extractall(name)
        yield Path(name)


def measure(
    base: Path, processors: Processors, scenarios: Sequence[Scenario], *, rounds: int, seconds: int
) -> Mapping[str, Difference]:
    """All scenarios of both, round by round."""
    costs: dict[Path, Costs] = {root: {each.name: [] for each in scenarios} for root in (base, ROOT)}
    for number in range(rounds):
        roots = (base, ROOT) if number % 2 == 0 else (ROOT, base)
        for root in roots:
            take_round(root, processors, scenarios, seconds, costs[root])
    return {each.name: difference(costs[base][each.name], costs[ROOT][each.name]) for each in scenarios}


def take_round(
    root: Path, processors: Processors, scenarios: Sequence[Scenario], seconds: int, costs: Costs
) -> None:
    """Fresh processes, each scenario once."""
    with Workshop(processors, root=root) as workshop:
        warm_up(workshop, scenarios)
        for scenario in scenarios:
            sample = workshop.run(scenario, seconds=seconds)
            costs[scenario.name].append(sample.cpu_microseconds)


def lines(found: Mapping[str, Difference]) -> Iterator[str]:
    """For a person."""
    yield f"{'CPU microseconds an event':28}{'base':>8}{'now':>8}{'change':>9}{'95 % between':>20}"
    for name, each in found.items():
        interval = f"{each.least:+.1%} and {each.most:+.1%}"
        verdict = "within noise"
        if each.is_beyond_noise:
            verdict = "slower" if each.change > 0 else "faster"
        yield f"{name:28}{each.before:8.2f}{each.after:8.2f}{each.change:+9.1%}{interval:>20}  {verdict}"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    found.add_argument("base", metavar="BASE", help="the commit to compare the working tree with")
    found.add_argument(
        "--rounds", type=int, default=ROUNDS, help=f"at least {LEAST_ROUNDS} (default: {ROUNDS})"
    )
    found.add_argument("--seconds", type=int, default=1, help="of load in each run (default: 1)")
    found.add_argument("--only", choices=SCENARIOS, action="append", help="one scenario; may be given again")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code says whether it could be measured."""
    options = parser().parse_args(arguments)
    if not is_available():
        sys.stderr.write(f"{MISSING}\n")
        return 1
    if options.rounds < LEAST_ROUNDS:
        sys.stderr.write(f"--rounds must be at least {LEAST_ROUNDS}: fewer say nothing\n")
        return 2
    processors = Processors.available()
    scenarios = [SCENARIOS[name] for name in options.only or SCENARIOS]
    rounds, seconds = options.rounds, options.seconds
    try:
        with pinned_to(processors.load), unpacked(options.base) as base:
            print(*Environment.here(processors).lines(), f"base: {options.base}", sep="\n", flush=True)
            print(*lines(measure(base, processors, scenarios, rounds=rounds, seconds=seconds)), sep="\n")
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
