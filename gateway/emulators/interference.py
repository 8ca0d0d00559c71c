"""Faults that look alike on every bus: they strike the connection or the answer, not the API."""

from typing import TypeVar

import msgspec

from gateway.emulators.bus import Answer, Reset
from gateway.emulators.faults import (
    Nonsense,
    Reply,
    RequestFault,
    ResetAfter,
    ResetBefore,
    Stall,
    Unavailable,
)

T = TypeVar("T")

_HTML = {"Content-Type": "text/html"}


def before(fault: RequestFault | None) -> Answer | Reset | None:
    """What a request gets in place of being processed; None: it is processed."""
    match fault:
        case ResetBefore():
            return Reset()
        case Unavailable(status=502 | 504 as status):
            return Answer(status, b"<html><h1>Bad gateway</h1></html>", _HTML)
        case Reply(body=body, status=status, content_type=content_type):
            return Answer(status, body.encode(), {"Content-Type": content_type})
        case _:
            return None


def miscounted(fault: RequestFault | None, results: list[T]) -> list[T]:
    """The results to answer with, one too few or too many if the fault says so."""
    return fault.miscount(results) if isinstance(fault, Nonsense) else results


def after(fault: RequestFault | None, answer: Answer) -> Answer | Reset:
    """What becomes of the answer to a request that was processed."""
    match fault:
        case ResetAfter():
            return Reset()
        case Nonsense() if (body := fault.body()) is not None:
            return msgspec.structs.replace(answer, status=200, body=body)
        case Stall(seconds=seconds):
            return msgspec.structs.replace(answer, delay_seconds=seconds)
        case _:
            return answer
