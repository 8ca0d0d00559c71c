"""One worker's place: who is in it, what all who were have done, and who comes next."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping

from gateway.exit_code import ExitCode
from gateway.snapshots import Snapshot
from gateway.workers.lives import Lives
from gateway.workers.messages import Order, Ready, Report
from gateway.workers.process import WorkerProcess

log = logging.getLogger(__name__)

QUICK_SECONDS = 5.0
"""A worker that ends sooner has not worked; what ended it will end the next."""

MAX_QUICK_DEATHS = 5
"""In a row; then there is no point in another."""

BACKOFF_INITIAL_SECONDS = 0.1
BACKOFF_MAX_SECONDS = 5.0

Start = Callable[[Callable[[Ready | Report], None]], Awaitable[WorkerProcess]]
"""Starts the worker of this slot; what it says goes to the argument."""


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
        self._quick_deaths = 0
        self._draining = asyncio.Event()

    async def keep(self) -> None:
        """Start a worker, and another whenever it has ended unasked. Returns when there is to be none."""
        while not self._draining.is_set():
            code, was_quick, was_ready = await self._live()
            if self._draining.is_set():
                self._judge_end(code)
                return
            if not self._may_go_on(code, was_quick=was_quick, was_ready=was_ready):
                return
            self.restarts += 1
            log.log(logging.ERROR if code else logging.WARNING, "a worker has ended; another takes its place",
                    extra={"worker": self.index, **_ending(code)})  # fmt: skip
            await self._pause()

    async def _live(self) -> tuple[int, bool, bool]:
        """One life; how it ended, whether soon, and whether it ever took events."""
        try:
            self._process = process = await self._start(self._heard)
        except OSError as error:
            log.error("no worker can be started", extra={"worker": self.index, "error": error.strerror})  # noqa: TRY400 - the reason says it all
            return ExitCode.FAILED, True, False
        if self._draining.is_set():
            process.order(Order.DRAIN)
        code = await process.wait()
        self._process = self.report = None
        self._lives.ended(in_order=process.is_settled)
        was_quick = code != ExitCode.OK and process.age_seconds() < QUICK_SECONDS
        return code, was_quick, process.is_ready

    def _may_go_on(self, code: int, *, was_quick: bool, was_ready: bool) -> bool:
        """Whether another worker may fare better."""
        self._quick_deaths = self._quick_deaths + 1 if was_quick else 0
        if not was_ready and not self.restarts:  # the first: as one process, the gateway does not start
            self.worst = ExitCode.BAD_USAGE if code == ExitCode.BAD_USAGE else ExitCode.FAILED
            return False
        if self._quick_deaths >= MAX_QUICK_DEATHS:
            log.critical("a worker ends again and again; the gateway gives up", extra={
                "worker": self.index, **_ending(code)})  # fmt: skip
            self.worst = ExitCode.FAILED
            return False
        return True

    async def _pause(self) -> None:
        """Wait before the next start, the longer the oftener the last ones were in vain."""
        seconds = min(BACKOFF_INITIAL_SECONDS * 2**self._quick_deaths, BACKOFF_MAX_SECONDS)
        waiting = asyncio.create_task(self._draining.wait())
        await asyncio.wait([waiting], timeout=seconds)
        waiting.cancel()

    def _judge_end(self, code: int) -> None:
        """The end of a drain."""
        if code:
            self.worst = ExitCode.FAILED
        self._report_lost(self._lives.held_by_the_dead())

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

    def replace(self) -> None:
        """Have the worker drain and end, and another take its place, with the configuration as it is then."""
        if self._process is not None:
            self._process.order(Order.DRAIN)


def _ending(code: int) -> dict[str, object]:
    if code >= 0:
        return {"exit_code": code}
    return {"signal": signal.Signals(-code).name}
