"""One worker's place: who is in it, what all who were have done, and who comes next."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping

from msgspec import Struct

from gateway.exit_code import ExitCode
from gateway.snapshots import Snapshot
from gateway.workers.lives import Lives
from gateway.workers.messages import Order, Ready, Report
from gateway.workers.process import WorkerProcess

log = logging.getLogger(__name__)

QUICK_SECONDS = 5.0
"""A worker that fails sooner has worked in vain; what ended it may end the next."""

MAX_VAIN = 5
"""In a row; then there is no point in another."""

HUNG_SECONDS = 30.0
"""A worker that owes a report for so long does nothing else either."""

BACKOFF_INITIAL_SECONDS = 0.1
BACKOFF_MAX_SECONDS = 5.0

Start = Callable[[Callable[[Ready | Report], None]], Awaitable[WorkerProcess]]
"""Starts the worker of this slot; what it says goes to the argument."""


class _End(Struct, frozen=True):
    """How a life ended."""

    code: int
    """The exit code; negative: the signal it died of."""
    was_vain: bool


class Slot:
    """Worker `index`: `keep` has one there until `drain`, or until it makes no sense any more."""

    def __init__(self, index: int, start: Start, journaled: Collection[str]) -> None:
        self.index = index
        self.restarts = 0
        self.report: Report | None = None
        """The last of the worker that is there now."""
        self.worst = ExitCode.OK
        """What the slot makes of the gateway's exit code."""
        self.became_ready = asyncio.Event()
        """Set once a first worker takes events."""
        self.receiver_addresses: tuple[str, ...] = ()
        self._start = start
        self._lives = Lives(journaled)
        self._process: WorkerProcess | None = None
        self._vain = 0
        """Workers that have ended in vain, in a row."""
        self._draining = asyncio.Event()

    async def keep(self) -> None:
        """Start a worker, and another whenever it has ended unasked. Returns when there is to be none."""
        while not self._draining.is_set():
            end = await self._live()
            if self._draining.is_set():
                self.worst = ExitCode.FAILED if end.code else self.worst
            elif self._may_go_on(end):
                self.restarts += 1
                level = logging.ERROR if end.code else logging.WARNING
                log.log(level, "a worker has ended; another takes its place",
                        extra={"worker": self.index, **_ending(end.code)})  # fmt: skip
                await self._pause()
            else:
                break
        self._report_lost(self._lives.held_by_the_dead())

    async def _live(self) -> _End:
        """One life, from its start."""
        try:
            self._process = process = await self._start(self._heard)
        except OSError as error:
            log.error("no worker can be started", extra={"worker": self.index, "error": error.strerror})  # noqa: TRY400 - the reason says it all
            return _End(ExitCode.FAILED, was_vain=True)
        if self._draining.is_set():
            process.order(Order.DRAIN)
        code = await process.wait()
        self._process = self.report = None
        self._lives.ended(in_order=process.is_settled)
        has_worked = process.is_ready and process.age_seconds() >= QUICK_SECONDS
        return _End(code, was_vain=code != ExitCode.OK and not has_worked)

    def _may_go_on(self, end: _End) -> bool:
        """Whether another worker may fare better."""
        code = end.code
        self._vain = self._vain + 1 if end.was_vain else 0
        if not self.became_ready.is_set():  # as one process: what cannot start is not tried again
            self.worst = ExitCode.BAD_USAGE if code == ExitCode.BAD_USAGE else ExitCode.FAILED
            return False
        if self._vain >= MAX_VAIN:
            log.critical("a worker ends again and again; the gateway gives up", extra={
                "worker": self.index, **_ending(code)})  # fmt: skip
            self.worst = ExitCode.FAILED
            return False
        return True

    async def _pause(self) -> None:
        """Wait before the next start, the longer the oftener the last ones were in vain."""
        seconds = min(BACKOFF_INITIAL_SECONDS * 2**self._vain, BACKOFF_MAX_SECONDS)
        waiting = asyncio.create_task(self._draining.wait())
        await asyncio.wait([waiting], timeout=seconds)
        waiting.cancel()

    def _heard(self, message: Ready | Report) -> None:
        if isinstance(message, Ready):
            self.receiver_addresses = message.receiver
            self.became_ready.set()
        else:
            self.report = message
            self._report_lost(self._lives.heard(message.snapshot))

    def _report_lost(self, lost: Mapping[str, int]) -> None:
        for destination, events in lost.items():
            self.worst = ExitCode.FAILED
            log.error("events are lost with the memory of a worker, but for the last delivered", extra={
                "worker": self.index, "destination": destination, "events": events})  # fmt: skip

    @property
    def process(self) -> WorkerProcess | None:
        """The worker that is there now, ready or not."""
        return self._process

    @property
    def is_ready(self) -> bool:
        """Whether it takes events."""
        return self._process is not None and self._process.is_ready

    def total(self) -> Snapshot:
        """What all lives have done together."""
        return self._lives.total()

    def drain(self) -> None:
        """Have the worker drain and end, and put no other there."""
        self._draining.set()
        if self._process is not None:
            self._process.order(Order.DRAIN)

    def end_if_hung(self) -> None:
        """Kill a worker that does not answer any more: another can take over what it has on disk."""
        if self._process is not None and self._process.unanswered_seconds() > HUNG_SECONDS:
            log.error("a worker does not answer any more, and is killed", extra={"worker": self.index})
            self._process.kill()

    def replace(self) -> None:
        """Have the worker drain and end, and another take its place, with the configuration as it is then."""
        if self._process is not None:
            self._process.order(Order.DRAIN)


def _ending(code: int) -> dict[str, object]:
    if code >= 0:
        return {"exit_code": code}
    return {"signal": signal.Signals(-code).name}
