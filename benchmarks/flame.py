"""Where the gateway spends its time under load: `python -m benchmarks.flame`, or `make flame`.

py-spy samples the running process from outside and draws build/flame-accept.svg and
build/flame-whole-way.svg. It reads another process's memory, which some machines and containers permit to
root only, or with the capability SYS_PTRACE, or not at all.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.producer import MISSING, Mode, is_available
from benchmarks.load.scenarios import Scenario
from benchmarks.load.server import ROOT, BenchmarkError
from benchmarks.load.subjects import TO_AWS, TO_FILE, Subject
from benchmarks.load.workshop import Workshop

SECONDS = 5
SAMPLES_A_SECOND = 500
SUBJECTS = {"accept": TO_FILE, "whole-way": TO_AWS}
DENIED = (
    "py-spy may not look at another process here: run as root, or in a container with --cap-add SYS_PTRACE"
)


def draw(workshop: Workshop, subject: Subject, mode: Mode, *, path: Path, seconds: int, native: bool) -> None:
    """Record the subject under load for so long. Raises BenchmarkError if it cannot be looked at."""
    scenario = Scenario(path.stem, subject, mode)
    with ExitStack() as stack:
        recording = Recording(workshop.server(subject).pid, path, seconds=seconds, native=native)
        recording.start()
        stack.callback(recording.join)
        workshop.run(scenario, seconds=seconds + 1)
    recording.check()


class Recording(Thread):
    """py-spy beside the load."""

    def __init__(self, pid: int, path: Path, *, seconds: int, native: bool) -> None:
        super().__init__()
        self._command = (
            *(str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid)),
            *("--output", str(path), "--duration", str(seconds), "--rate", str(SAMPLES_A_SECOND)),
            *(("--native",) if native else ()),
        )
        self._status: int | None = None
        self._said = ""

    def run(self) -> None:
        """Until it has drawn."""
        try:
            done = subprocess.run(self._command, capture_output=True, text=True, check=False)  # noqa: S603 - py-spy
        except FileNotFoundError:
            self._said = "py-spy is not installed: pip install '.[bench]'"
            return
        self._status, self._said = done.returncode, done.stderr

    def check(self) -> None:
        """Raise BenchmarkError if nothing was drawn."""
        if self._status == 0:
            return
        if "ermission" in self._said:
            raise BenchmarkError(DENIED)
        raise BenchmarkError(self._said)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flame", description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"of each (default: {SECONDS})")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.STRUCTURED, help="content mode")
    parser.add_argument("--only", choices=SUBJECTS, help="one of them")
    parser.add_argument("--native", action="store_true", help="C frames too")
    parser.add_argument("--into", type=Path, default=ROOT / "build", help="a directory (default: build)")
    options = parser.parse_args(arguments)
    if not is_available():
        sys.stderr.write(f"{MISSING}\n")
        return 1
    options.into.mkdir(parents=True, exist_ok=True)
    processors = Processors.available()
    try:
        with pinned_to(processors.load), Workshop(processors) as workshop:
            for name in [options.only] if options.only else SUBJECTS:
                path = options.into / f"flame-{name}.svg"
                seconds, native = options.seconds, options.native
                draw(workshop, SUBJECTS[name], options.mode, path=path, seconds=seconds, native=native)
                print(path)
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
