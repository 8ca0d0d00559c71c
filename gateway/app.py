"""The gateway as a whole: the only place that builds its parts and joins them; start, drain, stop.

Starts inside out (senders, destinations, receiver), drains outside in.
"""

import asyncio
import gc
import logging
import os
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.admin.server import Admin
from gateway.admin.status import destination_status
from gateway.cloudevents.json import read_event
from gateway.config import (
    Config,
    DeadLettersConfig,
    DestinationConfig,
    ListenAddress,
    ReceiverConfig,
    WhenIdle,
)
from gateway.config.masked import masked
from gateway.entry import Entry
from gateway.errors import ConfigError, ConfigFault
from gateway.event import Event
from gateway.exit_code import ExitCode
from gateway.metrics import Snapshot
from gateway.pipeline import disk
from gateway.pipeline.dead_letter import DeadLetterFiles, DeadLetters, NoDeadLetters
from gateway.pipeline.destination import Destination
from gateway.pipeline.fan_out import FanOut
from gateway.pipeline.retry import RetryPolicy
from gateway.pipeline.settings import Clocks, DestinationSettings
from gateway.pipeline.spill import Spill
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.server import Listen, ListenTcp, ListenUnix, Receiver
from gateway.sender import SenderPlugin

log = logging.getLogger(__name__)


LAST_ANSWERS_SECONDS = 1.0
"""How long open requests may take to be answered when everything else is done."""


SPILL_SECONDS = 10.0
"""How long the disk may take for what one destination could not deliver."""

CLOSE_SECONDS = 2.0
"""How long one part may take to close."""


class State(Enum):
    """Where the gateway is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPED = "stopped"


NEXT = {
    State.STARTING: {State.RUNNING, State.STOPPED},
    State.RUNNING: {State.DRAINING},
    State.DRAINING: {State.STOPPED},
    State.STOPPED: set[State](),
}
"""The legal steps."""


class App:
    """One gateway: `start`, then `run_until` somebody asks it to stop; it drains before it returns."""

    def __init__(self, config: Config, plugins: Mapping[str, SenderPlugin]) -> None:
        self._config = config
        self._plugins = plugins
        self._loop = asyncio.get_running_loop()
        self._state = State.STARTING
        self._stop_asked = asyncio.Event()
        self._hurry = asyncio.Event()
        self._started_at = time.time()
        self._exit_code = ExitCode.OK
        self.hangs = False
        """Whether a thread is stuck in the file system, which the process must not wait for."""
        self._destinations = {
            name: self._build(destination) for name, destination in config.destinations.items()
        }
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._intake = FanOut(self._destinations, drain_seconds=config.shutdown.deadline)
        self._receiver = Receiver(
            self._intake,
            receiver_limits(config.receiver),
            [_listener(each) for each in config.receiver.listen],
        )
        self._admin = Admin(self, config.admin.listen)
        self._spill_lock: disk.DirectoryLock | None = None
        self._spill = Spill(Path(config.shutdown.spill), _read_back) if config.shutdown.spill else None
        self.receiver_addresses: Sequence[str] = ()
        self.admin_address = ""

    # Lifecycle.

    async def start(self) -> None:
        """Take up work. Raises ConfigError for a directory that cannot be used, OSError.

        The receiver comes last: once an event is accepted, nothing can fail the start any more.
        """
        self._check_directories()
        try:
            with _naming(f"admin.listen = {self._config.admin.listen}"):
                self.admin_address = await self._admin.start()
            with _naming(f"receiver.listen = {', '.join(self._config.receiver.listen)}"):
                self.receiver_addresses = [_url(bound) for bound in await self._receiver.bind()]
            self._restore_spilled()
        except BaseException:
            await self._close()
            raise
        self._loops = {
            name: asyncio.create_task(destination.run(), name=f"destination {name}")
            for name, destination in self._destinations.items()
        }
        self._step(State.RUNNING)
        try:
            await self._receiver.serve()
        except OSError as error:  # another process was quicker; one listener may have taken events by now
            self._fail("the receiver cannot listen", error)
            return
        gc.collect()
        gc.freeze()  # what stands now stays: later collections need not look at it
        log.info("ready", extra={"receiver": self.receiver_addresses, "admin": self.admin_address,
                                 "version": __version__})  # fmt: skip

    async def run_until_stopped(self) -> ExitCode:
        """Work until `request_drain`, or until a part of the gateway fails; then drain and stop."""
        stop = asyncio.create_task(self._stop_asked.wait())
        ends: list[asyncio.Task[Any]] = [stop, *self._loops.values()]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        await self._drain()
        return self._exit_code

    def _fail(self, message: str, error: BaseException) -> None:
        self._exit_code = ExitCode.FAILED
        log.critical(message, exc_info=error)
        self.request_drain()

    def request_drain(self) -> None:
        """Drain and stop; asking again changes nothing."""
        self._stop_asked.set()

    def hurry(self) -> None:
        """Stop trying to deliver, and spill."""
        self.request_drain()
        self._hurry.set()

    async def _drain(self) -> None:
        self._step(State.DRAINING)
        self._intake.drain()
        deadline = self._loop.time() + self._config.shutdown.deadline
        log.info("draining", extra={"held": self._held()})
        last_requests = asyncio.create_task(self._receiver.drain())
        await self._deliver_until(deadline)
        await _cancel([last_requests])  # what still comes in would only be refused; `_close` bounds it
        lefts = await asyncio.gather(*[destination.stop() for destination in self._destinations.values()])
        self.hangs = any(destination.is_burying for destination in self._destinations.values())
        for name, left in zip(self._destinations, lefts, strict=True):
            if left:
                await self._keep(name, left)
        self._check_accounts()
        await self._close()
        self._step(State.STOPPED)
        log.info("stopped", extra={"exit_code": int(self._exit_code)})

    async def _deliver_until(self, deadline: float) -> None:
        """Let every destination send what it holds, until the deadline or until told to hurry."""
        hurry = asyncio.create_task(self._hurry.wait())
        everything = asyncio.gather(*[self._deliver(name, deadline) for name in self._destinations])
        ends: list[asyncio.Future[Any]] = [everything, hurry]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        await _cancel(ends)

    async def _deliver(self, name: str, deadline: float) -> None:
        """Drain one destination; one whose loop has failed delivers no more, and is not waited for."""
        drain = asyncio.create_task(self._destinations[name].drain(deadline))
        await asyncio.wait([drain, self._loops[name]], return_when=asyncio.FIRST_COMPLETED)
        await _cancel([drain])

    async def _close(self) -> None:
        """Give everything back; each part bounds its own time, or is bounded here."""
        await _cancel(self._loops.values())
        self._report_failures()
        await self._receiver.aclose(self._loop.time() + LAST_ANSWERS_SECONDS)
        parts: list[Admin | Destination] = [self._admin, *self._destinations.values()]
        for part in parts:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await part.aclose()
            except TimeoutError:
                log.warning("a part of the gateway does not close", extra={"part": type(part).__name__})
        if self._spill_lock is not None:
            self._spill_lock.release()

    def _report_failures(self) -> None:
        for name, loop in self._loops.items():
            if not loop.cancelled() and (failure := loop.exception()) is not None:
                self._exit_code = ExitCode.FAILED
                log.critical("a destination has failed", extra={"destination": name}, exc_info=failure)

    def _step(self, state: State) -> None:
        assert state in NEXT[self._state], f"{self._state} -> {state}"
        self._state = state

    # What outlives the process.

    def _check_directories(self) -> None:
        wanted = {"shutdown.spill": self._config.shutdown.spill}
        for name, destination in self._config.destinations.items():
            wanted[f"destinations.{name}.dead_letters.path"] = destination.dead_letters.path
        faults = [
            ConfigFault(key, f"the directory cannot be written: {obstacle}")
            for key, path in wanted.items()
            if path and (obstacle := disk.obstacle(Path(path))) is not None
        ]
        if faults:
            raise ConfigError(faults)
        if self._config.shutdown.spill:
            self._spill_lock = disk.DirectoryLock(Path(self._config.shutdown.spill))
            if not self._spill_lock.acquire():
                raise ConfigError([ConfigFault("shutdown.spill", "another process uses this directory")])

    def _restore_spilled(self) -> None:
        if self._spill is None:
            return
        for name, destination in self._destinations.items():
            if restored := self._spill.read(name):
                destination.restore(restored)
                log.info("took back what was spilled", extra={"destination": name, "events": len(restored)})
        for path in self._spill.strangers(list(self._destinations)):
            log.warning("a spill file belongs to no destination", extra={"file": str(path)})

    async def _keep(self, name: str, left: list[Entry]) -> None:
        """Write what was not delivered to disk; without that it is lost, and the exit code says so."""
        extra: dict[str, Any] = {"destination": name, "events": len(left)}
        if self._spill is None:
            self._exit_code = ExitCode.FAILED
            log.error("events are lost: they were not delivered, and shutdown.spill is empty", extra=extra)
            return
        try:
            async with asyncio.timeout(SPILL_SECONDS):
                path = await asyncio.to_thread(self._spill.write, name, left)
        except Exception as error:  # noqa: BLE001 - the other destinations' events are still to be kept
            self._exit_code = ExitCode.FAILED
            self.hangs = self.hangs or isinstance(error, TimeoutError)
            log.critical("events could not be spilled: they are lost, but for those that an earlier start "
                         "spilled", extra=extra | {"error": repr(error)})  # fmt: skip
            return
        for entry in left:
            if entry.receipt is not None:
                entry.receipt.kept(entry)
        log.warning("events were spilled for the next start", extra=extra | {"file": str(path)})

    def _check_accounts(self) -> None:
        for name, destination in self._destinations.items():
            if unaccounted := destination.statistics().unaccounted:
                self._exit_code = ExitCode.FAILED
                log.error("the accounts do not add up", extra={
                    "destination": name, "events": unaccounted})  # fmt: skip

    # What the administration interface may ask.

    def snapshot(self) -> Snapshot:
        """Every figure at this moment, taken in one step."""
        return Snapshot(
            self._receiver.statistics(),
            {name: destination.statistics() for name, destination in self._destinations.items()},
        )

    def unready_because(self) -> str | None:
        """Why an event would not be accepted now; None if it would."""
        if self._state is not State.RUNNING or self._intake.is_draining:
            return self._state.value
        full = [name for name, each in self._destinations.items() if not each.has_room(1, 0)]
        return f"full: {', '.join(full)}" if full else None

    def status(self) -> Mapping[str, Any]:
        """The gateway for a person or a script: no secret, no event data."""
        snapshot = self.snapshot()
        return {
            "version": __version__,
            "state": self._state.value,
            "unready_because": self.unready_because(),
            "uptime_seconds": round(time.time() - self._started_at, 3),
            "receiver": {"listen": self.receiver_addresses, "connections": snapshot.receiver.connections},
            "destinations": {
                name: destination_status(statistics, self._destinations[name].sender.status())
                for name, statistics in snapshot.destinations.items()
            },
            "configuration": masked(self._config),
        }

    def _held(self) -> int:
        return sum(destination.statistics().held for destination in self._destinations.values())

    # Building.

    def _build(self, config: DestinationConfig) -> Destination:
        return Destination(
            config.name,
            self._plugins[config.type].create(config.sender),
            destination_settings(config),
            dead_letters(config.dead_letters, config.name),
            Clocks(self._loop.time, time.time, random.random),
        )


@contextmanager
def _naming(key: str) -> Iterator[None]:
    """Say which key named the address that cannot be listened on."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, f"{key}: {reason}") from error


async def _cancel(tasks: Iterable[asyncio.Future[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _read_back(json: bytes, received_at: float) -> Event:
    return read_event(json, received_at=received_at)


def _listener(address: ListenAddress) -> Listen:
    return ListenTcp(address.host, address.port) if address.path is None else ListenUnix(address.path)


def _url(bound: Listen) -> str:
    if isinstance(bound, ListenUnix):
        return f"unix:{bound.path}"
    host = f"[{bound.host}]" if ":" in bound.host else bound.host
    return f"http://{host}:{bound.port}"


def dead_letters(config: DeadLettersConfig, destination: str) -> DeadLetters:
    """Where that destination's dead letters go."""
    if not config.path:
        return NoDeadLetters()
    return DeadLetterFiles(Path(config.path) / destination, max_bytes=config.max_bytes)


def destination_settings(config: DestinationConfig) -> DestinationSettings:
    """The pipeline's own view of a destination's sections."""
    delivery = config.delivery
    return DestinationSettings(
        max_events=config.buffer.max_events,
        max_bytes=int(config.buffer.max_bytes),  # a plain number, which prints as one
        flush_interval_seconds=config.flush.interval,
        sends_when_idle=config.flush.when_idle is WhenIdle.SEND,
        max_in_flight=delivery.max_in_flight,
        max_requests_per_second=delivery.max_requests_per_second,
        request_timeout_seconds=delivery.request_timeout,
        retry=RetryPolicy(
            max_attempts=delivery.max_attempts,
            max_age_seconds=delivery.max_age,
            backoff_initial_seconds=delivery.backoff_initial,
            backoff_max_seconds=delivery.backoff_max,
        ),
    )


def receiver_limits(config: ReceiverConfig) -> ReceiverLimits:
    """The receiver's own view of its section."""
    return ReceiverLimits(
        max_body_bytes=int(config.max_body_bytes),  # plain numbers, which print as such
        max_receiving_bytes=int(config.max_receiving_bytes),
        max_connections=config.max_connections,
        idle_timeout_seconds=config.idle_timeout,
        request_timeout_seconds=config.request_timeout,
    )
