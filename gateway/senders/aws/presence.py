"""Whether the event bus is there, asked of EventBridge with `DescribeEventBus`.

For EventBridge answers 200 to events for a bus that does not exist, and drops them: EventBridge User
Guide, "Sending events with PutEvents". Knows when to ask and what an answer means, not how to ask.
"""

import logging
import time
from collections.abc import Awaitable, Callable

from gateway.errors import BlockedError, RefusedError, SendError
from gateway.senders.single_flight import SingleFlight

LOOK_AGAIN_SECONDS = 300.0
"""For so long events for a bus deleted meanwhile may be lost unseen, and no longer. All gateways of an
account share the rate at which it may ask: a thousand of them make three calls a second of this."""

_MISSING = "ResourceNotFoundException"
_NO_RIGHT = "AccessDeniedException"
_NEVER = float("inf")

_log = logging.getLogger(__name__)


class BusPresence:
    """Asks before the first send, after trouble, and now and then. `clock` gives monotonic seconds.

    `describe` asks EventBridge, and raises a SendError for every answer but a description.
    """

    def __init__(
        self,
        describe: Callable[[], Awaitable[object]],
        *,
        event_bus: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._describe = describe
        self._event_bus = event_bus
        self._clock = clock
        self._look_first = SingleFlight(self._look)
        self._look_again_at: float | None = None
        """None: nothing is known of the bus."""
        self._told_of_missing_right = False

    async def ensure(self) -> None:
        """Return if the bus is there, or nothing speaks against it; called before each send.

        Raises BlockedError if it is missing. While nothing is known of it, all who call wait for one
        look, and get its SendError if it fails.
        """
        if self._look_again_at is None:
            await self._look_first()
        elif self._clock() >= self._look_again_at:
            await self._look_again()

    def forget(self) -> None:
        """Something is wrong that an operator must mend, and it may be the bus: look before the next send."""
        self._look_again_at = None

    async def _look_again(self) -> None:
        # Put off before the answer is there: the others need not wait for it, and a look that hangs
        # costs one send its time, not all.
        self._look_again_at = self._clock() + LOOK_AGAIN_SECONDS
        try:
            await self._look()
        except SendError as error:
            # Whatever else is wrong, the bus was there: whether it takes events, it tells when asked to.
            if error.code == _MISSING:
                self.forget()
                raise

    async def _look(self) -> None:
        try:
            await self._describe()
        except RefusedError as error:  # the question, not an event: no entry must be given up for it
            raise BlockedError(error.code, error.message, request_id=error.request_id) from error
        except BlockedError as error:
            if error.code == _NO_RIGHT:
                self._do_without(error)
                return
            if error.code == _MISSING:
                raise self._missing(error) from error
            raise
        self._look_again_at = self._clock() + LOOK_AGAIN_SECONDS

    def _missing(self, error: BlockedError) -> BlockedError:
        message = f'event bus "{self._event_bus}": {error.message}'
        return BlockedError(error.code, message, request_id=error.request_id)

    def _do_without(self, error: BlockedError) -> None:
        """Without the right to look, look no more while all is well: each would stand in the audit log."""
        self._look_again_at = _NEVER
        if self._told_of_missing_right:
            return
        self._told_of_missing_right = True
        _log.warning(
            "no right to look up the event bus: events for a bus that does not exist would be lost unseen",
            extra={
                "event_bus": self._event_bus,
                "request_id": error.request_id,
                "right": "events:DescribeEventBus",
            },
        )
