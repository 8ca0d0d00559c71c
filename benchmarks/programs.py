"""Benchmarks that are one program each, without a gateway's process: run, and what they print kept."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.server import ROOT, BenchmarkError

PACKING = {"benchmarks.packing": "packing"}
MICRO = {
    "benchmarks.micro.pack": "packing alone",
    "benchmarks.micro.receive": "the receiver without a socket",
    "benchmarks.micro.journal": "the journal without a receiver",
    "benchmarks.micro.client": "the senders' HTTP client",
    "benchmarks.micro.parse": "parsing",
    "benchmarks.micro.frame": "framing",
    "benchmarks.micro.sign": "framing and signing, by vendor",
}
"""Modules and what they measure; those of them that there are, are run."""


def is_there(module: str) -> bool:
    """Whether it can be run with `python -m`; a package needs a `__main__` for that."""
    found = find_spec(module)
    return found is not None and (
        found.submodule_search_locations is None or find_spec(f"{module}.__main__") is not None
    )


def summary_of(module: str, processors: Processors) -> Sequence[str]:
    """All it prints after its last empty line. Raises BenchmarkError if it fails."""
    with pinned_to(processors.server):
        done = subprocess.run(  # noqa: S603 - our own modules
            (sys.executable, "-m", module), capture_output=True, text=True, check=False, cwd=ROOT
        )
    if done.returncode:
        raise BenchmarkError(f"{module} failed:\n{done.stderr}")
    return done.stdout.rstrip("\n").rpartition("\n\n")[2].splitlines()
