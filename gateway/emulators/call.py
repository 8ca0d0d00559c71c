"""One request on its way through an emulated bus, up to its place in the record."""

from typing import Any

import msgspec

from gateway.emulators.bus import Answer, Request, Reset
from gateway.emulators.faults import Decision
from gateway.emulators.received import ReceivedRequest, Record


class Call:
    """What is known of a request while it is processed. `wall_clock` is seconds since the epoch."""

    __slots__ = ("_record", "code", "decision", "number", "operation", "request", "results", "size", "time")

    def __init__(self, record: Record[Any], request: Request, wall_clock: float) -> None:
        self._record = record
        self.number = record.next_number()
        self.request = request
        self.time = wall_clock
        self.operation: str | None = None
        self.decision = Decision()
        self.code: str | None = None
        self.size = 0
        self.results: list[str | None] = []

    def finish(self, answer: Answer | Reset) -> Answer | Reset:
        """Record the request as answered; the answer with the latency that was decided for it."""
        if self.decision.latency_seconds:
            delay = answer.delay_seconds + self.decision.latency_seconds
            answer = msgspec.structs.replace(answer, delay_seconds=delay)
        self._record.finish(
            ReceivedRequest(
                self.number,
                self.time,
                self.operation,
                answer.status if isinstance(answer, Answer) else None,
                self.code,
                len(self.results),
                self.size,
                tuple(self.results),
            )
        )
        return answer
