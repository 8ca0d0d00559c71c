"""What a figure depends on and must be read with: machine, versions, commit."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from benchmarks.load.processors import Processors
from benchmarks.load.server import ROOT

PACKAGES = ("uvloop", "httptools", "msgspec", "orjson", "aiohttp", "aiobotocore", "prometheus-client")


class Environment(Struct, frozen=True):
    """Where and when, and of which commit."""

    at: str
    commit: str
    """Followed by "+" where the working tree differs from it."""
    machine: str
    kernel: str
    python: str
    packages: dict[str, str]
    wrk: str
    load_average: float
    """Of the last minute before: others on the machine make every figure worse, ratios less so."""
    processors: Processors

    @classmethod
    def here(cls, processors: Processors) -> "Environment":
        """This machine, now."""
        return cls(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=_commit(),
            machine=f"{_processor_model()}, {os.cpu_count()} processors",
            kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
            python=f"{platform.python_implementation()} {platform.python_version()}",
            packages={name: version(name) for name in PACKAGES},
            wrk=" ".join(_output(("wrk", "-v")).split()[:2]) or "wrk: not installed",
            load_average=round(os.getloadavg()[0], 2),
            processors=processors,
        )

    def lines(self) -> Sequence[str]:
        """For a person."""
        place = f"server on processor {self.processors.server}, load and bus on {self.processors.load}"
        if self.processors.are_shared:
            place += " (THE SAME: there is but one, and the ratios say little)"
        return (
            f"{self.at}, commit {self.commit}",
            f"{self.machine}; {self.kernel}; load average {self.load_average}",
            f"{self.python}; {', '.join(map(' '.join, self.packages.items()))}; {self.wrk}",
            place,
        )


def _commit() -> str:
    commit = _output(("git", "rev-parse", "--short", "HEAD")).strip()
    changed = _output(("git", "status", "--porcelain", "--", "gateway", "benchmarks"))
    return f"{commit}+" if changed else commit or "unknown"


def _processor_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _output(command: Sequence[str]) -> str:
    try:
        return subprocess.run(  # noqa: S603 - constant commands of this module
            command, capture_output=True, text=True, check=False, cwd=ROOT
        ).stdout
    except FileNotFoundError:
        return ""
