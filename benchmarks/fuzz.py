"""A million requests gone wrong: `python -m benchmarks.fuzz`, `make fuzz`.

Each is read whole and in two pieces, which must come to the same; is blamed on the client, if on anybody; and
means what it means to h11 and to Node's `http`, or is refused by a rule of the tests' table. With atheris the
mutations follow the coverage of the receiver. The exit code is 1 if anything does not hold, or memory grows.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the receiver is instrumented while it is imported
    from benchmarks.fuzzing.target import Mark, Target

REQUESTS = 1_000_000
MAX_GROWN_BLOCKS = 2_000
"""Of Python's memory between the first tenth and the end: one for each 500 requests is no leak of theirs."""


def report(target: "Target", *, seconds: float) -> int:
    """Print what came of it; the exit code."""
    target.judge()
    print(f"{target.streams} streams in {seconds:.0f} s, {seconds / target.streams * 1e6:.0f} us each")
    for (requests, end), count in sorted(target.ends.items(), key=lambda each: -each[1])[:10]:
        print(f"{count:>10}  {requests} requests, then {end.value}")
    grown = growth(target.marks)
    print(f"Python's memory: {grown:+} blocks since the first tenth")
    print(
        f"resident: {target.marks[0].resident_bytes >> 20} MiB, {target.marks[-1].resident_bytes >> 20} MiB"
    )
    print(*(f"BROKEN: {finding}" for finding in target.findings), sep="\n")
    print(f"{len(target.findings)} findings")
    return int(bool(target.findings) or grown > MAX_GROWN_BLOCKS)


def growth(marks: "Sequence[Mark]") -> int:
    """Blocks since the first tenth, when all that is kept for ever was made."""
    tenth = next(mark for mark in marks if mark.streams >= marks[-1].streams / 10)
    return marks[-1].blocks - tenth.blocks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="how many (default: 1,000,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (default: 1)")
    options = parser.parse_args(arguments)
    began = time.monotonic()

    def finish(target: "Target") -> int:
        return report(target, seconds=time.monotonic() - began)

    if find_spec("atheris") is not None:
        print("guided by coverage (atheris)", flush=True)
        import_module("benchmarks.fuzzing.guided").run(options.seed, options.requests, finish)
    print("blind: atheris is not installed", flush=True)
    return finish(import_module("benchmarks.fuzzing.blind").run(options.seed, options.requests))


if __name__ == "__main__":
    sys.exit(main())
