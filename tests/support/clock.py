"""A virtual clock: an event loop whose time jumps to the next timer when nothing is ready.

Hours pass in milliseconds, and every moment is exact. A loop that never rests, or that waits for what
can never come, fails its test instead of hanging it.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

RESTLESS_TURNS = 10_000
"""Turns of the loop at one moment after which it is taken for a busy loop."""

RESOLUTION_SECONDS = 1e-9
"""Timers that are closer than that are one moment, as for asyncio; so clocks must not show years."""

THREAD_SECONDS = 10.0
"""Real time that a thread or a socket may take before the test is given up."""


class RestlessLoopError(Exception):
    """The loop turns and turns at one moment: something wakes itself."""


class NothingWillHappenError(Exception):
    """Every task waits, and no timer is set."""


class _JumpingSelector(selectors.DefaultSelector):
    """Asks for what is ready without waiting; where the loop would sleep, time passes instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.turns = 0
        self.threads = 0
        self.timers: list[float] = []
        self._turns_at_this_moment = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; else the next timer's moment becomes now."""
        self.turns += 1
        self._turns_at_this_moment += 1
        if self._turns_at_this_moment > RESTLESS_TURNS:
            self._turns_at_this_moment = 0  # what is left must still be cancelled
            raise RestlessLoopError(f"{RESTLESS_TURNS} turns at {self.now}")
        if self.threads and (timeout is None or timeout > 0):
            return self._wait_for_thread()
        if ready := super().select(0):
            return ready
        if timeout is None:
            raise NothingWillHappenError(f"nothing is left to wait for at {self.now}")
        if timeout > 0:
            self._jump(timeout)
        return []

    def _wait_for_thread(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Time stands still while a thread works."""
        if not (ready := super().select(THREAD_SECONDS)):
            raise NothingWillHappenError("a thread does not come to an end")
        return ready

    def _jump(self, seconds: float) -> None:
        """To the very number that a timer was set for: a sum of differences misses it by a hair."""
        target = exact = self.now + seconds
        while self.timers and self.timers[0] <= target + RESOLUTION_SECONDS:
            moment = heapq.heappop(self.timers)
            if moment >= target - RESOLUTION_SECONDS:
                exact = moment
        self.now = exact
        self._turns_at_this_moment = 0


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop on a clock that nobody waits for; starts at 0.0."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now

    @property
    def turns(self) -> int:
        """How often the loop looked for something to do."""
        return self._jumping.turns

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's; the moment is remembered to the last bit."""
        heapq.heappush(self._jumping.timers, when)
        return super().call_at(when, callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, function: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """As asyncio's; time stands still until the thread is done."""
        future = super().run_in_executor(executor, function, *args)
        self._jumping.threads += 1
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, *arguments: Any) -> None:
        """As asyncio's, which waits for a thread."""
        self._jumping.threads += 1
        try:
            await super().shutdown_default_executor(*arguments)
        finally:
            self._jumping.threads -= 1

    def call_exception_handler(self, context: Mapping[str, Any]) -> None:
        """Nothing is only logged: an error that nobody awaits ends the test."""
        raise RuntimeError(context["message"]) from context.get("exception")

    def _thread_done(self, _: object) -> None:
        self._jumping.threads -= 1


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a virtual clock of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def on_virtual_clock(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make an asynchronous test a plain one that runs on a virtual clock."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtual(test(*args, **kwargs))

    return run


def now() -> float:
    """The running loop's time."""
    return asyncio.get_running_loop().time()


def turns() -> int:
    """How often the running virtual loop has looked for something to do."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), "run by run_virtual"
    return loop.turns


async def until(moment: float) -> None:
    """Let virtual time pass until `moment`, and all that happens at it happen."""
    loop = asyncio.get_running_loop()
    reached = asyncio.Event()
    loop.call_at(moment, reached.set)
    await reached.wait()
    await settle()


_TURNS_UNTIL_SETTLED = 20
"""More than any chain of tasks here is long."""


async def settle() -> None:
    """Let everything that is ready now run, without time passing."""
    for _ in range(_TURNS_UNTIL_SETTLED):
        await asyncio.sleep(0)
