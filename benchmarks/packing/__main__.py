"""How well and how fast entries are packed, beside the aims: `python -m benchmarks.packing`.

Prints every mix on every bus against the LP bound, then the summary. When entries leave is the business of
`benchmarks.packing.flush`.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from benchmarks.micro.mixes import ADVERSARIAL, REALISTIC, Mix
from benchmarks.micro.pack import cost_lines
from benchmarks.packing.aims import HEAD, Aim
from benchmarks.packing.quality import (
    ADVERSARIAL_AIMS,
    REALISTIC_AIMS,
    ROW_HEAD,
    always_lines,
    measure,
    ratio_lines,
    rows,
)


def realistic() -> Iterator[str]:
    """Mixes as they come."""
    return ratios(REALISTIC, REALISTIC_AIMS)


def adversarial() -> Iterator[str]:
    """Mixes that are known to hurt packers."""
    return ratios(ADVERSARIAL, ADVERSARIAL_AIMS)


PARTS = {"realistic": realistic, "adversarial": adversarial, "cost": cost_lines}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code is 0 whatever comes of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.packing", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part (default: all)")
    options = parser.parse_args(arguments)
    parts = [PARTS[options.only]] if options.only else PARTS.values()
    summary = list(chain.from_iterable(part() for part in parts))
    print(f"\n{HEAD}", *summary, sep="\n")
    return 0


def ratios(mixes: Mapping[str, Mix], aims: Sequence[Aim]) -> Iterator[str]:
    """Print the rows; the lines of the summary."""
    print(ROW_HEAD)
    packings = []
    for mix, sizes_of in mixes.items():
        found = list(measure({mix: sizes_of}))
        print(*(row.line() for row in rows(found)), sep="\n", flush=True)
        packings += found
    yield from ratio_lines(rows(packings), aims)
    yield from always_lines(packings)
    given_up = sum(packing.bound.is_exhausted for packing in packings)
    yield f"of {len(packings)} packings; the LP was given up early for {given_up}"


if __name__ == "__main__":
    sys.exit(main())
