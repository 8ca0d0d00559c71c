"""A server in a process of its own: started on one processor, accounted for, and ended."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from benchmarks.load.processors import pinned_to

ROOT = Path(__file__).parents[2]
"""Where servers start: `python -m benchmarks…` is found there. None may write to it."""
START_SECONDS = 20.0
_POLL_SECONDS = 0.02
_CPUCLOCK_SCHED = 2


class BenchmarkError(Exception):
    """A measurement that would say something else than it claims; the message says why."""


class Server:
    """`with` it: ready to serve within, killed at the end. None of them holds anything worth a drain.

    A server tells that it is ready by a JSON line on standard error with the message "ready", the
    URLs of its receivers and, where it has one, of its administration.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        processor: int | None,
        log: Path,
        environment: Mapping[str, str] | None = None,
        root: Path = ROOT,
    ) -> None:
        """`root` is the directory whose modules it runs."""
        self._arguments = arguments
        self._processor = processor
        self._log = log
        self._environment = clean_environment() | {"PYTHONPATH": str(root)} | dict(environment or {})
        self._root = root
        self._process: subprocess.Popen[bytes]
        self.url = ""
        self.admin_url = ""

    def __enter__(self) -> Self:
        # A session of its own: Ctrl-C comes to the benchmark alone, which then ends every server.
        with self._log.open("wb") as log, pinned_to(self._processor):
            self._process = subprocess.Popen(  # noqa: S603 - the benchmarks' own servers
                self._arguments,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self._root,
                env=self._environment,
                start_new_session=True,
            )
        try:
            ready = self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        self.url = ready["receiver"][0]
        self.admin_url = ready.get("admin", self.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """User and system time of all its threads, from its start, and of all its workers."""
        return sum(self.cpu_seconds_by_process().values())

    def cpu_seconds_by_process(self) -> dict[int, float]:
        """The same apart: of the process that was started, and of each of its workers, by id."""
        # The process's clock of clock_getcpuclockid(3), to the nanosecond; /proc/PID/stat has the
        # same account in steps of 10 ms.
        pids = [self.pid, *_children(self.pid)]
        return {pid: time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED) for pid in pids}

    def resident_bytes(self) -> int:
        """Memory it has in use now."""
        return self._status("VmRSS")

    def peak_resident_bytes(self) -> int:
        """The most it ever had in use."""
        return self._status("VmHWM")

    def log_end(self) -> str:
        """The last it said: the reason, where something went wrong."""
        return self._log.read_text()[-2_000:]

    def _status(self, key: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) << 10

    def _wait_until_ready(self) -> Mapping[str, Any]:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            for line in self._log.read_text().splitlines(keepends=True):
                if '"ready"' in line and line.endswith("\n"):
                    ready: Mapping[str, Any] = json.loads(line)
                    return ready
            time.sleep(_POLL_SECONDS)
        raise BenchmarkError(f"{' '.join(self._arguments)} did not start:\n{self.log_end()}")


def _children(pid: int) -> list[int]:
    """The processes that it has started and that are still there."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def clean_environment() -> dict[str, str]:
    """The environment without any credentials of this machine."""
    return {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
