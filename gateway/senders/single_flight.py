"""One call at a time for all who ask at once: they share its result, and its failure."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway.errors import SendError

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Awaiting it makes the call, or waits for the one under way.

    A call lives in the task that began it: if that is cancelled, the next who waits begins anew.
    """

    _result: T

    def __init__(self, call: Callable[[], Awaitable[T]]) -> None:
        self._call = call
        self._lock = asyncio.Lock()
        self._landed = 0
        self._failure: SendError | None = None

    async def __call__(self) -> T:
        """The call's result. Raises the SendError that the call raised."""
        landed_before = self._landed
        async with self._lock:
            if self._landed == landed_before:
                await self._fly()
                self._landed += 1
            if self._failure is not None:
                raise self._failure
            return self._result

    async def _fly(self) -> None:
        try:
            self._result, self._failure = await self._call(), None
        except SendError as failure:
            self._failure = failure
