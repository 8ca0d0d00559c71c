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
from math import inf
from typing import Any

from msgspec.structs import replace

from gateway import __version__
from gateway.admin.server import Admin
from gateway.admin.status import destination_status
from gateway.bearer import BearerTokens
from gateway.config import Config, DestinationConfig
from gateway.config.change import Change
from gateway.config.exposure import warnings
from gateway.config.masked import masked
from gateway.config.source import ConfigSource
from gateway.config.tls import certificate_expiry, server_context
from gateway.errors import ConfigError, ConfigFault
from gateway.exit_code import ExitCode
from gateway.membership import ALONE, Membership
from gateway.pipeline.destination import Destination
from gateway.pipeline.fan_out import FanOut
from gateway.pipeline.settings import Clocks
from gateway.process import process_statistics, raise_descriptor_limit
from gateway.receiver.server import Listen, Receiver
from gateway.reconfiguration import Parts, take_up
from gateway.reloading import Reloading
from gateway.sender import SenderPlugin, SenderStatus
from gateway.snapshots import DestinationStatistics, Snapshot
from gateway.storage import Storage
from gateway.wiring import access, dead_letters, destination_settings, listeners, receiver_limits, url

log = logging.getLogger(__name__)


LAST_ANSWERS_SECONDS = 1.0
"""How long open requests may take to be answered when everything else is done."""


SECURE_SECONDS = 5.0
"""So long before the end of the grace what is held is put on disk first, and delivered then: whoever ends
us at the deadline loses nothing."""

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
    """One gateway: `start`, then `run_until` somebody asks it to stop; it drains before it returns.

    As one of several workers it has its own part of the configured limits, and no administration interface.
    """

    def __init__(
        self,
        config: Config,
        plugins: Mapping[str, SenderPlugin],
        source: ConfigSource | None = None,
        member: Membership = ALONE,
    ) -> None:
        self._config = config
        self._plugins = plugins
        self._reloading = None if source is None else Reloading(source, self.apply)
        self._loop = asyncio.get_running_loop()
        self._state = State.STARTING
        self._stop_asked = asyncio.Event()
        self._hurry = asyncio.Event()
        self._started_at = time.time()
        self._exit_code = ExitCode.OK
        self._unaccounted: dict[str, int] = {}
        """By destination: the difference that was last found, and told."""
        self._destinations = {
            name: self._build(destination) for name, destination in config.destinations.items()
        }
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._storage = Storage(config, member)
        self._intake = FanOut(
            self._destinations, drain_seconds=config.shutdown.deadline, stores=self._storage.stores
        )
        self._receiver = Receiver(
            self._intake,
            receiver_limits(config.receiver),
            listeners(config.receiver, member),
            access(config.receiver),
            server_context(config.receiver.tls),
        )
        self._certificate_expires_at = _certificate_expires_at(config)
        self._admin = (
            Admin(self, config.admin.listen, BearerTokens(config.admin.tokens)) if member.is_alone else None
        )
        self._bound: Sequence[Listen] = ()
        self.admin_address = ""

    # Lifecycle.

    async def start(self) -> None:
        """Take up work. Raises ConfigError for a directory that cannot be used, OSError.

        The receiver comes last: once an event is accepted, nothing can fail the start any more.
        """
        _warn(self._config)
        try:
            self._storage.open()
            if self._admin is not None:
                with naming(f"admin.listen = {self._config.admin.listen}"):
                    self.admin_address = await self._admin.start()
            with naming(f"receiver.listen = {', '.join(self._config.receiver.listen)}"):
                self._bound = await self._receiver.bind()
            self._take_back()
        except BaseException:
            await self._close()
            raise
        self._loops = {
            name: asyncio.create_task(destination.run(), name=f"destination {name}")
            for name, destination in self._destinations.items()
        }
        if self._reloading is not None:
            self._watching = asyncio.create_task(self._reloading.watch())
        self._step(State.RUNNING)
        try:
            await self._receiver.serve()
        except OSError as error:  # another process was quicker; one listener may have taken events by now
            self._fail("the receiver cannot listen", error)
            return
        gc.collect()
        gc.freeze()  # what stands now stays: later collections need not look at it
        if self._admin is not None:  # else there is one for all workers, which says so for all of them
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
        await _cancel(filter(None, [self._watching]))
        self._intake.drain()
        deadline = self._loop.time() + self._config.shutdown.deadline
        log.info("draining", extra={"held": self._held()})
        last_requests = asyncio.create_task(self._receiver.drain())
        securing = self._loop.call_at(deadline - SECURE_SECONDS, self._secure)
        await self._deliver_until(deadline)
        securing.cancel()
        await _cancel([last_requests])  # what still comes in would only be refused; `_close` bounds it
        await asyncio.gather(*[self._stop(name) for name in self._destinations])
        self._check_accounts()
        await self._close()
        self._step(State.STOPPED)
        log.info("stopped", extra={"exit_code": int(self._exit_code)})

    def _secure(self) -> None:
        """Begin to put on disk what is held, and deliver on: there is little grace left."""
        for name, destination in self._destinations.items():
            self._storage.secure(name, destination.entries())

    async def _stop(self, name: str) -> None:
        """Stop one destination; what it has not delivered is kept on disk, or the exit code says so."""
        left = await self._destinations[name].stop()
        if not await self._storage.keep(name, left):
            self._exit_code = ExitCode.FAILED

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
        try:
            await asyncio.wait([drain, self._loops[name]], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel([drain])

    async def _close(self) -> None:
        """Give everything back; each part bounds its own time, or is bounded here."""
        await _cancel(self._loops.values())
        self._report_failures()
        await self._receiver.aclose(self._loop.time() + LAST_ANSWERS_SECONDS)
        admin = [] if self._admin is None else [self._admin]
        parts: list[Admin | Destination] = [*admin, *self._destinations.values()]
        for part in parts:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await part.aclose()
            except TimeoutError:
                log.warning("a part of the gateway does not close", extra={"part": type(part).__name__})
        await self._storage.aclose()

    def _report_failures(self) -> None:
        for name, loop in self._loops.items():
            if not loop.cancelled() and (failure := loop.exception()) is not None:
                self._exit_code = ExitCode.FAILED
                log.critical("a destination has failed", extra={"destination": name}, exc_info=failure)

    def _step(self, state: State) -> None:
        assert state in NEXT[self._state], f"{self._state} -> {state}"
        self._state = state

    # A configuration that changes.

    async def reload(self) -> Change:
        """Take up the configuration's file as it is now. Raises ConfigError: nothing has changed."""
        if self._reloading is None:
            raise ConfigError([ConfigFault("--config", "there is no file that could be read again")])
        return await self._reloading.reload()

    def ask_for_reload(self) -> None:
        """The same for SIGHUP, which waits for no answer: the log has it."""
        if self._reloading is None:
            log.warning("there is no configuration file that could be read again")
        else:
            self._reloading.ask()

    async def apply(self, new: Config) -> Change:
        """Take up all that can change, or raise ConfigError and change nothing."""
        if self._state is not State.RUNNING:
            raise ConfigError([ConfigFault("--config", "nothing is taken up any more: the gateway drains")])
        expires_at = _certificate_expires_at(new)
        parts = Parts(self._plugins, self._destinations, self._receiver, self._intake, self._admin)
        found = take_up(self._config, new, parts)
        self._config, self._certificate_expires_at = found.config, expires_at
        raise_descriptor_limit(found.config)
        _warn(found.config)
        return found

    # What outlives the process.

    def _take_back(self) -> None:
        for name, destination in self._destinations.items():
            if restored := self._storage.take_back(name):
                destination.restore(restored)
        self._storage.report_strangers(list(self._destinations))

    @property
    def hangs(self) -> bool:
        """Whether a thread is stuck in the file system, which the process must not wait for."""
        return self._storage.hangs or any(each.is_burying for each in self._destinations.values())

    def _check_accounts(self) -> None:
        """Compare what was accepted with what became of it; a difference fails the process's end."""
        for name, destination in self._destinations.items():
            unaccounted = destination.statistics().unaccounted
            if unaccounted != self._unaccounted.get(name, 0):
                self._unaccounted[name] = unaccounted
                self._exit_code = ExitCode.FAILED
                log.error("the accounts do not add up", extra={
                    "destination": name, "events": unaccounted})  # fmt: skip

    @property
    def receiver_addresses(self) -> Sequence[str]:
        """Where producers may post, as clients name it."""
        return [url(bound, self._config.receiver) for bound in self._bound]

    # What the administration interface may ask.

    async def refresh(self) -> None:
        """Nothing to do: the figures are here."""

    def snapshot(self) -> Snapshot:
        """Every figure at this moment, taken in one step."""
        return Snapshot(
            replace(self._receiver.statistics(), certificate_expires_at=self._certificate_expires_at),
            {name: _statistics(destination) for name, destination in self._destinations.items()},
            self._storage.statistics(),
            process=process_statistics(started_at=self._started_at),
            reload=None if self._reloading is None else self._reloading.statistics(),
        )

    def senders(self) -> dict[str, SenderStatus]:
        """What the sender of each destination says of itself."""
        return {name: destination.sender.status() for name, destination in self._destinations.items()}

    def unready_because(self) -> str | None:
        """Why an event would not be accepted now; None if it would."""
        if self._state is not State.RUNNING or self._intake.is_draining:
            return self._state.value
        full = [name for name, each in self._destinations.items() if each.is_full]
        if full:
            return f"full: {', '.join(full)}"
        return "; ".join(self._storage.obstacles()) or None

    def status(self) -> Mapping[str, Any]:
        """The gateway for a person or a script: no secret, no event data."""
        self._check_accounts()
        snapshot, senders = self.snapshot(), self.senders()
        return {
            "version": __version__,
            "state": self._state.value,
            "unready_because": self.unready_because(),
            "uptime_seconds": round(time.time() - self._started_at, 3),
            "receiver": {"listen": self.receiver_addresses, "connections": snapshot.receiver.connections},
            "destinations": {
                name: destination_status(statistics, senders[name])
                for name, statistics in snapshot.destinations.items()
            },
            "last_reload": None if self._reloading is None else self._reloading.status(),
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


def _statistics(destination: Destination) -> DestinationStatistics:
    """With what its sender alone knows."""
    expiry = destination.sender.status().credentials_expire_at
    return replace(destination.statistics(), credentials_expire_at=inf if expiry is None else expiry)


def _certificate_expires_at(config: Config) -> float:
    expiry = certificate_expiry(config.receiver.tls)
    return inf if expiry is None else expiry


def _warn(config: Config) -> None:
    for warning in warnings(config, time.time()):
        log.warning("%s", warning)


@contextmanager
def naming(key: str) -> Iterator[None]:
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
