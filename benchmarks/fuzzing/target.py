"""The receiver as a target: any bytes on a connection, and all that must hold of what it makes of them."""

import gc
import sys
from collections import Counter
from pathlib import Path
from random import Random

from msgspec import Struct

from gateway.receiver.heads import KnownHeads
from tests.fuzz.reading import End
from tests.fuzz.receiver import TELLABLE, Receiver, WholeReceiver
from tests.fuzz.streams import cut
from tests.fuzz.verdict import faults
from tests.fuzz.witnesses import H11, Node

TOGETHER = 20_000
"""So many streams go to the witnesses at a time."""
MAX_FINDINGS = 10


class Mark(Struct, frozen=True):
    """Memory at a moment when nothing of a request should be left."""

    streams: int
    blocks: int
    """Of Python's own memory, which no fuzzer's book-keeping is in."""
    resident_bytes: int


class Target:
    """Takes streams one by one; complains at the end, or when there is enough to complain about."""

    def __init__(self, *, seed: int) -> None:
        self._receiver = Receiver()
        self._whole = WholeReceiver()
        self._dice = Random(seed)
        self._witnesses = (H11(), *((Node(),) if Node.is_available() else ()))
        self._pending: list[bytes] = []
        self.streams = 0
        self.ends: Counter[tuple[int, End]] = Counter()
        """By the number of requests read, and what came after them."""
        self.marks: list[Mark] = []
        self.findings: list[str] = []

    def take(self, data: bytes) -> None:
        """Read it whole and cut somewhere; with many others it is shown to the witnesses."""
        self.streams += 1
        reading, heard = self._receiver.listen((data,))
        self.ends[len(reading.requests), reading.end] += 1
        statuses = {answer.status for answer in heard}.union(self._whole.statuses((data,)))
        if not TELLABLE.issuperset(statuses):
            self._complain(data, f"answered {statuses}")
        in_two = cut(data, self._dice.randint(0, len(data)))
        if self._receiver.read([in_two]) != [reading]:
            self._complain(data, f"is something else in two pieces: {in_two}")
        self._pending.append(data)
        if len(self._pending) == TOGETHER:
            self.judge()

    def judge(self) -> None:
        """Show what came since to the witnesses, and look at the memory."""
        whole = [(data,) for data in self._pending]
        ours = self._receiver.read(whole)
        others = zip(*(witness.read(whole) for witness in self._witnesses), strict=True)
        for data, reading, theirs in zip(self._pending, ours, others, strict=True):
            for fault in faults(data, reading, theirs):
                self._complain(data, fault)
        if self._receiver.service.statistics.receiving_bytes or self._receiver.service.connections:
            self.findings.append("bytes or connections are left over")
        self._pending.clear()
        del whole, ours, others
        for service in (self._receiver.service, self._whole.service):
            service.heads = KnownHeads(service.limits)  # bounded, but now more and now fewer
        gc.collect()
        self.marks.append(Mark(self.streams, sys.getallocatedblocks(), _resident_bytes()))

    def _complain(self, data: bytes, what: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(f"{data!r}\n    {what}")


def _resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) << 10
