"""One life of one worker: its process, and the channel to it."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from typing import Self

from gateway.config import Config
from gateway.errors import ConfigFault
from gateway.membership import Membership
from gateway.workers.channel import Channel
from gateway.workers.messages import Adopt, Adopted, Ask, Begin, Order, Ready, Report

ANSWER_SECONDS = 1.0
"""How long a report may take before the last one has to do."""

ADOPT_SECONDS = 10.0
"""How long another configuration may take: certificates and directories are looked at."""

MAX_UNANSWERED = 8
"""Reports asked for; a worker that owes so many is asked for no more."""


class WorkerProcess:
    """A worker from its start to its end; `heard` gets every word that it is ready, and every report."""

    def __init__(
        self, process: asyncio.subprocess.Process, channel: Channel, heard: Callable[[Ready | Report], None]
    ) -> None:
        self._process = process
        self._channel = channel
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, asyncio.Future[Report]] = {}
        self._adopting: dict[int, asyncio.Future[Adopted]] = {}
        self._number = 0
        self._listening = asyncio.create_task(self._listen())
        self._answered_at = self._started_at = self._loop.time()
        self.is_ready = False
        """Whether it has said so."""
        self._has_gone = False
        """Whether it can be heard no more, though its process may not have ended yet."""
        self.is_settled = False
        """Whether it has said that everything is settled or kept: its end will be in order."""

    @classmethod
    async def start(cls, config: Config, member: Membership, heard: Callable[[Ready | Report], None]) -> Self:
        """Run this interpreter once more, with its part of the configuration. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway.workers.worker", str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *member.sockets.values()),
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        channel = await Channel.over(ours)
        channel.send(Begin(config, member))
        return cls(process, channel, heard)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def age_seconds(self) -> float:
        """Since its start."""
        return self._loop.time() - self._started_at

    def unanswered_seconds(self) -> float:
        """For how long it has owed a report."""
        return self._loop.time() - self._answered_at if self._asked else 0.0

    async def ask(self) -> None:
        """Have it report; back when it has, or ANSWER_SECONDS later."""
        if self._has_gone or not self.is_ready or len(self._asked) >= MAX_UNANSWERED:
            return
        if not self._asked:
            self._answered_at = self._loop.time()
        self._number += 1
        self._asked[self._number] = answer = self._loop.create_future()
        self._channel.send(Ask(self._number))
        await asyncio.wait([answer], timeout=ANSWER_SECONDS)

    async def adopt(self, config: Config) -> tuple[ConfigFault, ...] | None:
        """Have it take up a configuration; its faults, or None if it did not say."""
        if self._has_gone:
            return None
        self._number += 1
        self._adopting[self._number] = answer = self._loop.create_future()
        self._channel.send(Adopt(self._number, config))
        await asyncio.wait([answer], timeout=ADOPT_SECONDS)
        return answer.result().faults if answer.done() and not answer.cancelled() else None

    def order(self, order: Order) -> None:
        """Tell it to drain, or to hurry with that."""
        self._channel.send(order)

    def kill(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Its exit code when it has ended, and has been heard to the end; negative: the signal it died of."""
        code = await self._process.wait()
        await self._listening
        return code

    async def _listen(self) -> None:
        """Hear what it says until it has gone; then nobody waits for it any more."""
        while (message := await self._channel.receive()) is not None:
            if isinstance(message, Ready):
                self.is_ready = True
                self._heard(message)
            elif isinstance(message, Report):
                self._reported(message)
            elif isinstance(message, Adopted):
                self._adopting.pop(message.number).set_result(message)
        self._has_gone = True
        for asked in self._asked.values():
            asked.cancel()
        for adopting in self._adopting.values():
            adopting.cancel()
        self._asked.clear()
        await self._channel.aclose()

    def _reported(self, report: Report) -> None:
        self._answered_at = self._loop.time()
        self.is_settled = self.is_settled or not report.number
        self._heard(report)
        if (answer := self._asked.pop(report.number, None)) is not None:
            answer.set_result(report)
