"""What became of a request's events, as the answer to a producer that waited for it. Pure."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from gateway.entry import Entry
from gateway.errors import Fault, Reason
from gateway.receiver.responses import Response, Undelivered, problem


class Delivered(Struct, frozen=True, gc=False):
    """A bus has the event, under an id where it names one."""

    id: str
    source: str
    destination: str
    bus_event_id: str | None


class GivenUp(Struct, frozen=True, gc=False):
    """The event is dead-lettered or expired, under the bus's code or ours."""

    id: str
    source: str
    destination: str
    code: str
    message: str


Result = Delivered | GivenUp


def delivered(entry: Entry, destination: str, event_id: str | None) -> Result:
    """The bus has it."""
    return Delivered(entry.event.id, entry.event.source, destination, event_id)


def given_up(entry: Entry, destination: str, code: str, message: str) -> Result:
    """It will never be delivered."""
    return GivenUp(entry.event.id, entry.event.source, destination, code, message)


def results_response(results: Sequence[Result | None], *, events: int, fields: bytes) -> Response | None:
    """200 if all are delivered, 502 if one is given up; None if neither, as some are still held.

    `results` has those of all `events` at the first destination, then at the second, and so on; None is one
    that is still held. `fields` are header lines for either answer.
    """
    known = [result for place in range(events) for result in results[place::events] if result is not None]
    given_up = [result for result in known if isinstance(result, GivenUp)]
    if given_up:
        faults = _faults(results, events=events)
        return problem(
            502,
            f"given up for good: {len(given_up)} of {len(results)} deliveries",
            faults=faults,
            refused=(),  # each was accepted, and is counted where it was given up
            fields=fields,
            undelivered=Undelivered(given_up[0].code, known),
        )
    if len(known) < len(results):
        return None
    return Response(200, fields=b"Content-Type: application/json\r\n" + fields, body=_encode(_Results(known)))


def _faults(results: Sequence[Result | None], *, events: int) -> list[Fault]:
    """One for each event that a destination has given up; with its index if there are several events."""
    places = [
        place
        for place in range(events)
        if any(isinstance(result, GivenUp) for result in results[place::events])
    ]
    return [Fault(Reason.UNDELIVERABLE, index=place if events > 1 else None) for place in places]


class _Results(Struct):
    """The body of a 200."""

    results: Sequence[Result]


_encode = msgspec.json.Encoder().encode
