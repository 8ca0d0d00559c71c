"""Every measurement of the gateway in one run: `python -m benchmarks`, or `make bench`.

Costs are CPU time as the operating system accounts it, on a processor that the measured program has to
itself; they are compared as ratios within the run, for microseconds differ from machine to machine.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import memory
from benchmarks.load import producer
from benchmarks.load.environment import Environment
from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.report import Ratio, cost_lines, ratio_lines, ratios
from benchmarks.load.scenarios import COMPARISONS, SCENARIOS
from benchmarks.load.server import ROOT, BenchmarkError
from benchmarks.load.workshop import Summary, Workshop, measure

MICRO = {
    "pack": "packing",
    "receive": "the receiver without a socket",
    "journal": "the journal without a receiver",
    "client": "the senders' HTTP client",
    "parse": "parsing",
    "frame": "framing",
}
"""Modules of `benchmarks.micro`, those of them that there are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything; the exit code says whether it could be measured, not whether it was fast."""
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was started ends first
    processors = Processors.available()
    environment = Environment.here(processors)
    print(*environment.lines(), sep="\n", flush=True)
    os.sched_setaffinity(0, {processors.load})
    began = time.monotonic()
    row: dict[str, Any] = {"environment": environment}
    try:
        for name in [options.only] if options.only else PARTS:
            row |= PARTS[name](processors, options)
    except BenchmarkError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"\n{time.monotonic() - began:.0f} s in all")
    if options.out is not None:
        append(options.out, row)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    found.add_argument("--rounds", type=int, default=7, help="runs of each scenario (default: 7)")
    found.add_argument("--seconds", type=int, default=1, help="of load in each run (default: 1)")
    found.add_argument("--only", choices=PARTS, help="one part instead of all")
    found.add_argument("--out", type=Path, help="append the results to this file as one line of JSON")
    return found


def measure_micro(processors: Processors, options: argparse.Namespace) -> dict[str, Any]:  # noqa: ARG001 - one shape
    """Parts without a process of their own; they print, and give no values."""
    for name, title in MICRO.items():
        if find_spec(f"benchmarks.micro.{name}") is not None:
            show(title, micro(name, processors))
    return {}


def measure_load(processors: Processors, options: argparse.Namespace) -> dict[str, Any]:
    """CPU time of whole processes, and its ratios."""
    rounds, seconds = options.rounds, options.seconds
    if not producer.is_available():
        show("whole processes", [producer.MISSING])
        return {}
    with Workshop(processors) as workshop:
        summaries = measure(workshop, SCENARIOS, rounds=rounds, seconds=seconds)
    found = ratios(summaries, COMPARISONS)
    show(f"whole processes, {rounds} rounds of {seconds} s each", cost_lines(summaries))
    show("beside the aims", ratio_lines(found))
    return {
        "inputs": {"rounds": rounds, "seconds": seconds, "scenarios": inputs()},
        "scenarios": scenario_values(summaries),
        "ratios": ratio_values(found),
    }


def measure_memory(processors: Processors, options: argparse.Namespace) -> dict[str, Any]:  # noqa: ARG001 - one shape
    """Resident memory, idle and full."""
    kept = memory.measure(processors)
    show("memory", kept.lines())
    return {"memory": kept}


PARTS: dict[str, Callable[[Processors, argparse.Namespace], dict[str, Any]]] = {
    "micro": measure_micro,
    "load": measure_load,
    "memory": measure_memory,
}


def micro(name: str, processors: Processors) -> Iterator[str]:
    """The summary of a micro benchmark: all it prints after its table's end."""
    command = (sys.executable, "-m", f"benchmarks.micro.{name}")
    with pinned_to(processors.server):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - our own modules
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} failed:\n{done.stderr}")
    yield from done.stdout.rpartition("\n\n")[2].splitlines()


def show(title: str, lines: Iterator[str] | Sequence[str]) -> None:
    """Print a part under its title."""
    print(f"\n{title}", *(f"  {line}" for line in lines), sep="\n", flush=True)


def inputs() -> list[dict[str, Any]]:
    """The table of scenarios as values."""
    return [
        {
            "name": scenario.name,
            "mode": scenario.mode,
            "event_bytes": scenario.event_bytes,
            "connections": scenario.connections,
        }
        for scenario in SCENARIOS
    ]


def scenario_values(summaries: dict[str, Summary]) -> dict[str, Any]:
    """Each scenario's median and every run of it."""
    return {
        name: {"cpu_microseconds": summary.cpu_microseconds, "samples": summary.samples}
        for name, summary in summaries.items()
    }


def ratio_values(found: list[Ratio]) -> list[dict[str, Any]]:
    """Each aim and what came of it."""
    return [
        {"comparison": ratio.comparison, "ratio": ratio.value, "verdict": ratio.verdict} for ratio in found
    ]


def append(path: Path, row: dict[str, Any]) -> None:
    """Add a line to the file of results."""
    with path.open("ab") as file:
        file.write(msgspec.json.encode(row) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
