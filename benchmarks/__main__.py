"""Every measurement of the gateway in one run: `python -m benchmarks`, or `make bench`.

Costs are CPU time as the operating system accounts it, on a processor that the measured program has to
itself; they are compared as ratios within the run, for microseconds differ from machine to machine.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks import depth, latency, lone, memory
from benchmarks.load import producer
from benchmarks.load.environment import Environment
from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.report import cost_lines, cost_values, ratio_lines, ratio_values, ratios
from benchmarks.load.scenarios import TABLES, Table
from benchmarks.load.server import ROOT, BenchmarkError
from benchmarks.load.workshop import Workshop, measure
from benchmarks.programs import MICRO, PACKING, Program, is_there, summary_of

OUT = ROOT / "build" / "bench.jsonl"
QUICK_DEPTHS = (1_000, 100_000)


class Effort(Struct, frozen=True):
    """How long to measure."""

    rounds: int | None
    """None: as many as each part has by default."""
    seconds: int
    is_quick: bool
    """A look, not a measurement: one round of everything."""

    def rounds_of(self, default: int) -> int:
        """For a part with so many by default."""
        return 1 if self.is_quick else self.rounds or default


Figures = dict[str, Any]
Part = Callable[[Processors, Effort], Figures]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything; the exit code says whether it could be measured, not whether it was fast."""
    options = parser().parse_args(arguments)
    processors = Processors.available()
    environment = Environment.here(processors)
    print(*environment.lines(), sep="\n", flush=True)
    effort = Effort(options.rounds, options.seconds, options.quick)
    began = time.monotonic()
    row: Figures = {"environment": environment, "effort": effort}
    try:
        with interruptible(), pinned_to(processors.load):
            for name in options.only or PARTS:
                row |= {name: PARTS[name](processors, effort)}
    except BenchmarkError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    append(options.out, row)
    print(f"\n{time.monotonic() - began:.0f} s in all; added to {options.out}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    found.add_argument("--rounds", type=int, help="runs of each scenario (default: 1 to 5, by part)")
    found.add_argument("--seconds", type=int, default=1, help="of load in each run (default: 1)")
    found.add_argument("--quick", action="store_true", help="one round of everything: a look, no measurement")
    found.add_argument("--only", choices=PARTS, nargs="+", help="these parts instead of all")
    found.add_argument("--out", type=Path, default=OUT, help="add a line of JSON here (default: %(default)s)")
    return found


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM is as Ctrl-C within: what was started ends first."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def measure_programs(programs: Sequence[Program], processors: Processors, _: Effort) -> Figures:
    """Parts without a gateway's process: what they print, of those that there are."""
    found = {}
    for program in programs:
        if is_there(program.module):
            lines = summary_of(program, processors)
            show(program.title, lines)
            found[program.module] = lines
    return found


def measure_table(table: Table, processors: Processors, effort: Effort) -> Figures:
    """CPU time of whole processes, and its ratios."""
    rounds, seconds = effort.rounds_of(table.rounds), effort.seconds
    if not producer.is_available():
        show(table.title, [producer.MISSING])
        return {}
    with Workshop(processors) as workshop:
        summaries = measure(workshop, table.scenarios, rounds=rounds, seconds=seconds)
    found = ratios(summaries, table.comparisons)
    show(f"{table.title} (rounds: {rounds}, of {seconds} s each)", cost_lines(summaries))
    if found:
        show("beside the aims", ratio_lines(found))
    return {"rounds": rounds, "costs": cost_values(summaries), "ratios": ratio_values(found)}


def measure_depth(processors: Processors, effort: Effort) -> Figures:
    """CPU time of accepting while many are held."""
    found = depth.measure(processors, depths=QUICK_DEPTHS if effort.is_quick else depth.DEPTHS)
    show("while the bus does not answer", depth.lines(found))
    return {"depths": found, "growth": depth.growth(found)}


def measure_latency(processors: Processors, effort: Effort) -> Figures:
    """Time to the 202 at half of the highest rate."""
    if not producer.is_available():
        show("latency", [producer.MISSING])
        return {}
    rounds = effort.rounds_of(latency.ROUNDS)
    found = latency.measure(processors, rounds=rounds, seconds=effort.seconds)
    show(f"latency, open loop (rounds: {rounds})", found.lines())
    return {"latency": found, "added_p99_milliseconds": found.added_p99}


def measure_lone(processors: Processors, effort: Effort) -> Figures:
    """Time that one event alone waits."""
    found = lone.measure(processors, events=lone.EVENTS // 10 if effort.is_quick else lone.EVENTS)
    show("low load", found.lines())
    return found.figures()


def measure_memory(processors: Processors, _: Effort) -> Figures:
    """Resident memory, idle and full."""
    kept = memory.measure(processors)
    show("memory", kept.lines())
    return msgspec.structs.asdict(kept)


PARTS: dict[str, Part] = {
    "packing": partial(measure_programs, PACKING),
    "micro": partial(measure_programs, MICRO),
    **{name: partial(measure_table, table) for name, table in TABLES.items()},
    "depth": measure_depth,
    "latency": measure_latency,
    "lone": measure_lone,
    "memory": measure_memory,
}


def show(title: str, lines: Iterator[str] | Sequence[str]) -> None:
    """Print a part under its title."""
    print(f"\n{title}", *(f"  {line}" for line in lines), sep="\n", flush=True)


def append(path: Path, row: Figures) -> None:
    """Add a line to the file of results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(msgspec.json.encode(row) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
