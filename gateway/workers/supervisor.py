"""The process that takes no events: keeps the workers alive, speaks for all of them, and ends them.

It owns what there is once: the addresses, the administration interface, the configuration's file and the
signals. Workers have the configuration from it alone, so that one that is replaced has what the others have.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from gateway import __version__
from gateway.admin.server import Admin
from gateway.admin.status import destination_status
from gateway.app import CLOSE_SECONDS, State, naming
from gateway.bearer import BearerTokens
from gateway.config import Config
from gateway.config.change import Change, change
from gateway.config.masked import masked
from gateway.config.source import ConfigSource
from gateway.errors import ConfigError, ConfigFault
from gateway.exit_code import ExitCode
from gateway.logs import set_level
from gateway.membership import Membership
from gateway.process import process_statistics
from gateway.reconfiguration import refuse_unusable
from gateway.reloading import Reloading
from gateway.sender import SenderStatus
from gateway.snapshots import Snapshot, WorkersStatistics
from gateway.workers.merge import merged, merged_processes
from gateway.workers.messages import Order, Ready, Report
from gateway.workers.process import WorkerProcess
from gateway.workers.share import share
from gateway.workers.slot import Slot
from gateway.workers.sockets import Sockets

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How old the last word of a worker that is killed may be."""

END_SECONDS = 30.0
"""Beyond shutdown.deadline: for the spill, the journals' last settlements and the end of a process."""


class Supervisor:
    """`count` workers: `start`, then `run_until_stopped`, which drains all of them before it returns."""

    def __init__(self, config: Config, source: ConfigSource, count: int) -> None:
        self._config = config
        self._count = count
        self._reloading = Reloading(source, self._apply)
        self._state = State.STARTING
        self._stop_asked = asyncio.Event()
        self._started_at = time.time()
        self._sockets = Sockets(config.receiver.listen, config.receiver.unix_socket_mode.bits)
        journaled = [name for name, each in config.destinations.items() if each.buffer.journal]
        self._slots = [Slot(index, partial(self._start_worker, index), journaled) for index in range(count)]
        self._keeping: list[asyncio.Task[None]] = []
        self._watching: list[asyncio.Task[None]] = []
        self._admin = Admin(self, config.admin.listen, BearerTokens(config.admin.tokens))
        self._receiver_addresses: tuple[str, ...] = ()
        self._exit_code = ExitCode.OK

    # Lifecycle.

    async def start(self) -> None:
        """Take the addresses, then start the workers. Raises OSError where an address cannot be had.

        A worker that does not come up is no error here: `run_until_stopped` returns at once.
        """
        with naming(f"receiver.listen = {', '.join(self._config.receiver.listen)}"):
            await self._sockets.bind()
        try:
            with naming(f"admin.listen = {self._config.admin.listen}"):
                admin_address = await self._admin.start()
        except OSError:
            self._sockets.close()
            raise
        # The first alone: it takes over what others have left, and its faults are everybody's.
        if not (await self._come_up(self._slots[:1]) and await self._come_up(self._slots[1:])):
            return
        self._receiver_addresses = self._slots[0].receiver_addresses
        await self.refresh()
        self._state = State.RUNNING
        self._watching = [
            asyncio.create_task(self._reloading.watch()),
            asyncio.create_task(self._look_after()),
        ]
        log.info("ready", extra={"receiver": self._receiver_addresses, "admin": admin_address,
                                 "workers": self._count, "version": __version__})  # fmt: skip

    async def run_until_stopped(self) -> ExitCode:
        """Until `request_drain`, or until a worker cannot be kept alive; then drain all and stop."""
        stop = asyncio.create_task(self._stop_asked.wait())
        await asyncio.wait([stop, *self._keeping, *self._watching], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        await self._drain()
        return self._exit_code

    def request_drain(self) -> None:
        """Drain all workers and stop; asking again changes nothing."""
        self._stop_asked.set()

    def hurry(self) -> None:
        """Have all workers spill at once."""
        self.request_drain()
        for process in self._processes():
            process.order(Order.HURRY)

    async def _come_up(self, slots: list[Slot]) -> bool:
        """Start the workers of those slots; whether all of them take events now."""
        keeping = [asyncio.create_task(slot.keep(), name=f"worker {slot.index}") for slot in slots]
        self._keeping += keeping
        stop = asyncio.create_task(self._stop_asked.wait())
        ready = asyncio.gather(*[slot.became_ready.wait() for slot in slots])
        ends: list[asyncio.Future[Any]] = [ready, stop, *self._keeping]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        are_ready = ready.done()
        await _cancel([ready, stop])
        return are_ready

    async def _start_worker(self, index: int, heard: Callable[[Ready | Report], None]) -> WorkerProcess:
        member = Membership(index, self._count, self._sockets.descriptors)
        return await WorkerProcess.start(self._part(member), member, heard)

    def _part(self, member: Membership) -> Config:
        return share(self._config, member, self._sockets.addresses)

    async def _drain(self) -> None:
        self._state = State.DRAINING
        await _cancel(self._watching)
        log.info("draining all workers")
        self._sockets.close()
        for slot in self._slots:
            slot.drain()
        seconds = self._config.shutdown.deadline + END_SECONDS
        _, hung = await asyncio.wait(self._keeping, timeout=seconds)
        if hung:
            log.critical("workers did not end in time, and are killed", extra={"workers": len(hung)})
            for process in self._processes():
                process.kill()
            await asyncio.wait(hung)
        self._exit_code = max([slot.worst for slot in self._slots])
        self._report_failures()
        await self._close()

    def _report_failures(self) -> None:
        for task in (*self._keeping, *self._watching):
            if not task.cancelled() and (failure := task.exception()) is not None:
                self._exit_code = ExitCode.FAILED
                log.critical("workers could not be looked after", exc_info=failure)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._admin.aclose()
        except TimeoutError:
            log.warning("a part of the gateway does not close", extra={"part": "Admin"})
        self._state = State.STOPPED
        log.info("all workers have ended", extra={"exit_code": int(self._exit_code)})

    async def _look_after(self) -> None:
        """Keep the last word of every worker young, and end those that say nothing any more."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.refresh()
            for slot in self._slots:
                slot.end_if_hung()

    def _processes(self) -> list[WorkerProcess]:
        return [slot.process for slot in self._slots if slot.process is not None]

    # A configuration that changes.

    async def reload(self) -> Change:
        """Take up the configuration's file as it is now. Raises ConfigError: nothing has changed."""
        return await self._reloading.reload()

    def ask_for_reload(self) -> None:
        """The same for SIGHUP, which waits for no answer: the log has it."""
        self._reloading.ask()

    async def _apply(self, new: Config) -> Change:
        """Have all workers take up what can change, or raise ConfigError and change nothing."""
        if self._state is not State.RUNNING:
            raise ConfigError([ConfigFault("--config", "nothing is taken up any more: the gateway drains")])
        found = change(self._config, new)
        refuse_unusable(found)
        first = next((slot for slot in self._slots if slot.is_ready), None)
        if first is not None and (faults := await self._hand_down(first, found.config)):
            raise ConfigError(faults)
        self._config = found.config  # who starts from now on has it from the start
        self._admin.tokens = BearerTokens(found.config.admin.tokens)
        set_level(found.config.log.level)
        await asyncio.gather(*[self._hand_down_or_replace(slot) for slot in self._slots if slot is not first])
        return found

    async def _hand_down(self, slot: Slot, config: Config) -> tuple[ConfigFault, ...]:
        """Have one worker take it up; its faults. One that does not answer is replaced by one that has it."""
        assert slot.process is not None, "asked only while it is ready"
        listen = self._sockets.addresses
        faults = await slot.process.adopt(share(config, Membership(slot.index, self._count), listen))
        if faults is None:
            slot.replace()
        return faults or ()

    async def _hand_down_or_replace(self, slot: Slot) -> None:
        if not slot.is_ready:
            slot.replace()  # it has begun with the former one
        elif faults := await self._hand_down(slot, self._config):
            log.error("a worker does not take the configuration up, and is replaced", extra={
                "worker": slot.index, "faults": [str(fault) for fault in faults]})  # fmt: skip
            slot.replace()

    # What the administration interface may ask.

    async def refresh(self) -> None:
        """Have every worker report; one that does not in time is shown as it was last heard of."""
        await asyncio.gather(*[process.ask() for process in self._processes()])

    def snapshot(self) -> Snapshot:
        """Every worker's last word added up, with what those before it have done, and this process."""
        total = merged([slot.total() for slot in self._slots])
        restarts = sum(slot.restarts for slot in self._slots)
        alive = sum(slot.is_ready for slot in self._slots)
        workers = WorkersStatistics(alive=alive, restarts=restarts)
        own = process_statistics(started_at=self._started_at)
        return replace(
            total,
            workers=workers,
            process=merged_processes([total.process, own]),
            reload=self._reloading.statistics(),
        )

    def unready_because(self) -> str | None:
        """Why no worker would accept an event now; None if one would."""
        if self._state is not State.RUNNING:
            return str(self._state.value)
        reasons = [_unready_because(slot) for slot in self._slots]
        if None in reasons:
            return None
        return "; ".join(
            f"worker {slot.index}: {why}" for slot, why in zip(self._slots, reasons, strict=True)
        )

    def status(self) -> Mapping[str, Any]:
        """The gateway for a person or a script: as of one process, and its workers."""
        snapshot = self.snapshot()
        return {
            "version": __version__,
            "state": self._state.value,
            "unready_because": self.unready_because(),
            "uptime_seconds": round(time.time() - self._started_at, 3),
            "receiver": {"listen": self._receiver_addresses, "connections": snapshot.receiver.connections},
            "workers": [_worker_status(slot) for slot in self._slots],
            "destinations": {
                name: destination_status(statistics, self._sender_status(name))
                for name, statistics in snapshot.destinations.items()
            },
            "last_reload": self._reloading.status(),
            "configuration": masked(self._config),
        }

    def _sender_status(self, destination: str) -> SenderStatus:
        """Of all workers' senders: the credentials that end first."""
        found = [slot.report.senders[destination] for slot in self._slots if slot.report is not None]
        ends = [each.credentials_expire_at for each in found if each.credentials_expire_at is not None]
        return SenderStatus(found[0].endpoint if found else "", min(ends, default=None))


def _unready_because(slot: Slot) -> str | None:
    if not slot.is_ready or slot.report is None:
        return "starting"
    return slot.report.unready_because


def _worker_status(slot: Slot) -> Mapping[str, Any]:
    process, report = slot.process, slot.report
    destinations = report.snapshot.destinations.values() if report is not None else ()
    return {
        "worker": slot.index,
        "pid": process and process.pid,
        "uptime_seconds": process and round(process.age_seconds(), 3),
        "restarts": slot.restarts,
        "connections": report and report.snapshot.receiver.connections,
        "accepted": sum(each.counters.accepted for each in destinations),
        "unready_because": _unready_because(slot),
    }


async def _cancel(tasks: Iterable[asyncio.Future[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
