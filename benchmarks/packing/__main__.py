"""How well and how fast entries are packed, beside the aims: `python -m benchmarks.packing`."""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.micro.mixes import ADVERSARIAL, REALISTIC
from benchmarks.micro.pack import cost_lines
from benchmarks.packing.aims import HEAD
from benchmarks.packing.quality import (
    ADVERSARIAL_AIMS,
    REALISTIC_AIMS,
    ROW_HEAD,
    Packing,
    Row,
    always_lines,
    measure,
    ratio_lines,
    rows,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every mix on every bus, then the summary; the exit code is 0 whatever it says."""
    argparse.ArgumentParser(prog="python -m benchmarks.packing", description=__doc__).parse_args(arguments)
    print(ROW_HEAD)
    realistic = printed(list(measure(REALISTIC)))
    adversarial = printed(list(measure(ADVERSARIAL)))
    packings = [packing for row in [*realistic, *adversarial] for packing in row.packings]
    print(f"\n{HEAD}")
    print(*ratio_lines(realistic, REALISTIC_AIMS), *ratio_lines(adversarial, ADVERSARIAL_AIMS), sep="\n")
    print(*always_lines(packings), *cost_lines(), sep="\n")
    given_up = sum(packing.bound.is_exhausted for packing in packings)
    print(f"{len(packings)} packings; the LP was given up early for {given_up} of them")
    return 0


def printed(packings: Sequence[Packing]) -> list[Row]:
    """The rows of these, after they were printed."""
    found = rows(packings)
    print(*(row.line() for row in found), sep="\n", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
