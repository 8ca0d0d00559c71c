"""Benchmarks that are one program each, without a gateway's process: run, and what they print kept."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from msgspec import Struct

from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.server import ROOT, BenchmarkError


class Program(Struct, frozen=True):
    """A module to be run with `python -m`."""

    title: str
    module: str
    arguments: Sequence[str] = ()


PACKING = (Program("packing", "benchmarks.packing", ("--only", "realistic")),)
MICRO = (
    Program("packing alone", "benchmarks.micro.pack"),
    Program("the receiver without a socket", "benchmarks.micro.receive"),
    Program("the journal without a receiver", "benchmarks.micro.journal"),
    Program("the senders' HTTP client", "benchmarks.micro.client"),
    Program("parsing", "benchmarks.micro.parse"),
    Program("admitting, framing, signing and posting", "benchmarks.micro.frame"),
    Program("framing and signing, by vendor", "benchmarks.micro.sign"),
)


def is_there(module: str) -> bool:
    """Whether it can be run with `python -m`; a package needs a `__main__` for that."""
    found = find_spec(module)
    return found is not None and (
        found.submodule_search_locations is None or find_spec(f"{module}.__main__") is not None
    )


def summary_of(program: Program, processors: Processors) -> Sequence[str]:
    """All it prints after its last empty line. Raises BenchmarkError if it fails."""
    command = (sys.executable, "-m", program.module, *program.arguments)
    with pinned_to(processors.server):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - our own modules
    if done.returncode:
        raise BenchmarkError(f"{program.module} failed:\n{done.stderr}")
    return done.stdout.rstrip("\n").rpartition("\n\n")[2].lstrip("\n").splitlines()
