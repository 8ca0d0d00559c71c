"""One worker's place: who dies is replaced, sooner or later or not at all, and nobody when all drain."""

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import cast

import pytest

from gateway.exit_code import ExitCode
from gateway.workers.messages import Order, Ready, Report
from gateway.workers.process import WorkerProcess
from gateway.workers.slot import Slot
from tests.support.clock import now, on_virtual_clock, until
from tests.workers.snapshots import counters, snapshot, statistics


class FakeWorker:
    """Is ready at once unless told otherwise; ends with that code after so many seconds, or drained."""

    def __init__(self, *, code: int = 0, seconds: float = 1e9, is_ready: bool = True, held: int = 0) -> None:
        self.is_ready = is_ready
        self.is_settled = False
        self.orders: list[Order] = []
        self.hung_at: float | None = None
        self._code = code
        self._seconds = seconds
        self._held = held
        self._drained = asyncio.Event()
        self._began = 0.0

    def begin(self, heard: Callable[[Ready | Report], None]) -> None:
        """It says that it is ready, and what it holds."""
        self._began = now()
        if self.is_ready:
            heard(Ready(("http://127.0.0.1:1",)))
            bus = statistics(counters=counters(accepted=self._held), buffered=self._held)
            heard(Report(1, snapshot(bus=bus), None, {}))

    def unanswered_seconds(self) -> float:
        return 0.0 if self.hung_at is None else now() - self.hung_at

    def kill(self) -> None:
        self._code = -signal.SIGKILL
        self._drained.set()

    def order(self, order: Order) -> None:
        self.orders.append(order)
        self.is_settled = True
        self._drained.set()

    def age_seconds(self) -> float:
        return now() - self._began

    async def wait(self) -> int:
        try:
            async with asyncio.timeout(self._seconds):
                await self._drained.wait()
        except TimeoutError:
            return self._code
        return 0 if self.is_settled else self._code


class Script:
    """Hands out one worker after the other, and notes when."""

    def __init__(self, *workers: FakeWorker) -> None:
        self._workers = list(workers)
        self.started_at: list[float] = []

    async def start(self, heard: Callable[[Ready | Report], None]) -> WorkerProcess:
        self.started_at.append(now())
        worker = self._workers.pop(0)
        worker.begin(heard)
        return cast("WorkerProcess", worker)


def killed(seconds: float, held: int = 0) -> FakeWorker:
    return FakeWorker(code=-signal.SIGKILL, seconds=seconds, held=held)


@on_virtual_clock
async def test_a_worker_that_dies_is_replaced_soon() -> None:
    """It had worked for a minute: the next may as well."""
    last = FakeWorker()
    script = Script(killed(60.0), last)
    slot = Slot(0, script.start, ["bus"])
    keeping = asyncio.create_task(slot.keep())
    await until(61.0)
    assert script.started_at == [0.0, pytest.approx(60.1)]
    assert (slot.is_ready, slot.restarts) == (True, 1)
    slot.drain()
    await keeping
    assert last.orders == [Order.DRAIN]
    assert slot.worst is ExitCode.OK


@on_virtual_clock
async def test_a_worker_that_dies_at_once_is_replaced_later_and_later_and_then_no_more() -> None:
    """What ends five in a row will end the sixth."""
    script = Script(*[killed(1.0) for _ in range(5)])
    slot = Slot(0, script.start, ["bus"])
    await slot.keep()
    waits = [
        after - before - 1.0 for before, after in zip(script.started_at, script.started_at[1:], strict=False)
    ]
    assert waits == [pytest.approx(seconds) for seconds in (0.2, 0.4, 0.8, 1.6)]
    assert slot.worst is ExitCode.FAILED


@on_virtual_clock
async def test_a_worker_that_has_worked_ends_the_row() -> None:
    """Nine deaths, and no five of them in a row."""
    script = Script(*[killed(1.0)] * 4, killed(9.0), *[killed(1.0)] * 4, FakeWorker())
    slot = Slot(0, script.start, ["bus"])
    keeping = asyncio.create_task(slot.keep())
    await until(60.0)
    assert (len(script.started_at), slot.is_ready) == (10, True)
    slot.drain()
    await keeping


@pytest.mark.parametrize(
    ("code", "worst"), [(2, ExitCode.BAD_USAGE), (1, ExitCode.FAILED), (-9, ExitCode.FAILED)]
)
@on_virtual_clock
async def test_a_first_worker_that_does_not_come_up_is_not_replaced(code: int, worst: ExitCode) -> None:
    """As with one process, the start has failed, with its exit code."""
    slot = Slot(0, Script(FakeWorker(code=code, seconds=1.0, is_ready=False)).start, [])
    await slot.keep()
    assert slot.worst is worst


@on_virtual_clock
async def test_a_drain_does_not_wait_for_the_next_start() -> None:
    """There is to be none."""
    script = Script(*[killed(1.0)] * 3)
    slot = Slot(0, script.start, ["bus"])
    keeping = asyncio.create_task(slot.keep())
    await until(3.7)  # it will be time at 4.4
    slot.drain()
    await keeping
    assert len(script.started_at) == 3
    assert now() == pytest.approx(3.7)


@on_virtual_clock
async def test_what_a_worker_held_that_dies_in_the_drain_is_lost_without_a_journal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody will take it back: an error, and the exit code."""
    slot = Slot(0, Script(killed(9.0, held=3)).start, [])
    keeping = asyncio.create_task(slot.keep())
    await until(9.05)
    slot.drain()
    with caplog.at_level(logging.ERROR):
        await keeping
    (record,) = [each for each in caplog.records if each.message.startswith("events are lost")]
    assert vars(record)["events"] == 3
    assert slot.worst is ExitCode.FAILED


@on_virtual_clock
async def test_a_worker_that_is_to_be_replaced_drains_first() -> None:
    """It has done nothing wrong."""
    first, second = FakeWorker(), FakeWorker()
    slot = Slot(0, Script(first, second).start, [])
    keeping = asyncio.create_task(slot.keep())
    await until(1.0)
    slot.replace()
    await until(2.0)
    assert first.orders == [Order.DRAIN]
    assert (slot.restarts, slot.is_ready) == (1, True)
    slot.drain()
    await keeping
    assert slot.worst is ExitCode.OK


@on_virtual_clock
async def test_a_worker_that_hangs_for_long_is_killed_and_replaced() -> None:
    """It does nothing else either; one that is slow for a while is left alone."""
    first = FakeWorker()
    slot = Slot(0, Script(first, FakeWorker()).start, ["bus"])
    keeping = asyncio.create_task(slot.keep())
    await until(10.0)
    first.hung_at = 10.0
    await until(39.0)
    slot.end_if_hung()
    await until(39.5)
    assert slot.restarts == 0
    await until(41.0)
    slot.end_if_hung()
    await until(42.0)
    assert slot.restarts == 1
    assert slot.is_ready
    slot.drain()
    await keeping


@on_virtual_clock
async def test_a_system_that_starts_no_process_is_asked_again() -> None:
    """It may have had too many for a while."""
    workers = Script(killed(9.0), FakeWorker())
    refusals = [OSError(11, "Resource temporarily unavailable")]

    async def start(heard: Callable[[Ready | Report], None]) -> WorkerProcess:
        if workers.started_at and refusals:
            raise refusals.pop()
        return await workers.start(heard)

    slot = Slot(0, start, ["bus"])
    keeping = asyncio.create_task(slot.keep())
    await until(10.0)
    assert (slot.is_ready, slot.restarts) == (True, 2)
    slot.drain()
    await keeping
