"""A request whose answer comes later: when its events are on disk, or delivered, or time is out.

Pure: knows no clock, no connection and no loop. Who owes the answer counts the time.
"""

from collections.abc import Callable, Sequence
from enum import Enum

from msgspec import Struct

from gateway.admission import Accepted, Admission, Unwritten
from gateway.entry import Entry, Receipt
from gateway.errors import Reason
from gateway.event import Event
from gateway.receiver.responses import ACCEPTED, Response, not_admitted, unavailable
from gateway.receiver.results import Result, delivered, given_up, results_response

DISK_RETRY_SECONDS = 5
"""What a client is told whose events the disk has not taken in time."""

RESTART_SECONDS = 5
"""What a client is told whose events the process could neither deliver nor keep before its end."""

_LOST = "the gateway goes down, and could neither deliver the events nor keep them; send them again later"


class Terms(Struct, frozen=True):
    """When a request is answered once its events are taken, and how that is told."""

    accepted: Response
    wait_seconds: float | None = None
    """The longest to wait for the delivery; None: not at all."""
    applied: bytes = b""
    """The header line about the preferences honoured, for whatever is answered; in `accepted` too."""


class Stage(Enum):
    """What a request waits for. UNDECIDED → HELD → KNOWN; any → KNOWN, which is final."""

    UNDECIDED = "undecided"
    """Whether its events are taken."""
    HELD = "held"
    """Their delivery."""
    KNOWN = "known"
    """Nothing: its answer can be told."""


class Waiting:
    """The caller of its events, and their receipt at the first destination that asks for one.

    For one event to one destination that is all there is. `then` is told when the answer is known, and
    when it is something else that is waited for; whoever listens no more calls `forget`.
    """

    __slots__ = (
        "_answer",
        "_destination",
        "_events",
        "_left",
        "_places",
        "_results",
        "_stage",
        "_terms",
        "patience_seconds",
        "since",
        "then",
    )

    def __init__(self, terms: Terms, events: Sequence[Event], *, disk_seconds: float) -> None:
        self.since = 0.0
        """When the request came, on the clock of who owes the answer."""
        self.patience_seconds = disk_seconds
        """How long after `since` what is waited for now must have come; then `expire`."""
        self.then: Callable[[Waiting], None] | None = None
        self._terms = terms
        self._events = events
        self._stage = Stage.UNDECIDED
        self._answer: Response | Exception | None = None
        """Once it is known; an error where it could not be found."""
        self._destination = ""
        self._results: list[Result | None] = []
        """Of every event at the first destination, then at the second, and so on."""
        self._left = 0
        """How many of them are yet to be told of."""
        self._places: dict[int, int] | None = None
        """Of several events, by their identity; an event is equal to another of the same content."""

    @property
    def is_known(self) -> bool:
        """Whether there is an answer."""
        return self._stage is Stage.KNOWN

    @property
    def is_plainly_accepted(self) -> bool:
        """Whether the answer is known, and the one that says nothing but that the disk has the events."""
        return self._answer is ACCEPTED

    def response(self) -> Response:
        """The answer, once it is known. Raises what went wrong when it was."""
        assert self._answer is not None, "not known yet"
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    @property
    def body_bytes(self) -> int:
        """What is held of the answer, once it is known."""
        return len(self._answer.body) if isinstance(self._answer, Response) else 0

    def forget(self) -> None:
        """Nobody waits any more; the buses may still hold this as a receipt, but it holds nothing."""
        self.then = None
        self._stage = Stage.KNOWN
        self._release()

    def admitted(self, admission: Admission) -> None:
        """The events are taken, or not."""
        if self._stage is not Stage.UNDECIDED:
            return  # too late
        if not isinstance(admission, Accepted):
            self._know(not_admitted(admission, events=len(self._events)))
        elif self._terms.wait_seconds is None or not self._left:
            self._know(self._decided())
        else:
            self._stage = Stage.HELD
            self.patience_seconds = self._terms.wait_seconds
            self._tell()

    def expire(self) -> None:
        """Time is out.

        Events that the disk still has may be accepted after the 503: delivery is at least once, so the
        client sends them again as it must after a lost answer.
        """
        if self._stage is Stage.UNDECIDED:
            self.admitted(Unwritten(DISK_RETRY_SECONDS))
        elif self._stage is Stage.HELD:
            self._know(self._decided())

    # the caller's side

    def receipt(self, destination: str) -> Receipt:
        """Its own for the first destination, and one more for each other."""
        begin = len(self._results)
        self._results += [None] * len(self._events)
        self._left += len(self._events)
        if begin:
            return _Share(self, destination, begin)
        self._destination = destination
        return self

    # the receipt's side

    def delivered(self, entry: Entry, event_id: str | None) -> None:
        """The first destination's bus has it."""
        self.settle(entry, 0, delivered(entry, self._destination, event_id))

    def given_up(self, entry: Entry, code: str, message: str) -> None:
        """The first destination has given it up."""
        self.settle(entry, 0, given_up(entry, self._destination, code, message))

    def kept(self, entry: Entry) -> None:
        """It is on disk for the next start: still held, but nobody will tell of it any more."""
        self.settle(entry, 0, None)

    def keeps(self, entry: Entry) -> bool:  # noqa: ARG002 - the receipt's signature
        """It stands on no disk because somebody waits for it."""
        return False

    def lost(self, entry: Entry) -> None:  # noqa: ARG002 - the receipt's signature
        """It is neither delivered nor on disk: its caller is told to send all of the request again.

        Each event has been accepted, and counts as no refusal any more.
        """
        if self._stage is Stage.HELD:
            self._know(unavailable(Reason.DRAINING, RESTART_SECONDS, events=0, closes=True, detail=_LOST))

    def settle(self, entry: Entry, begin: int, result: Result | None) -> None:
        """What became of an event at the destination whose results begin there; once for each."""
        if self._stage is Stage.KNOWN:
            return  # too late
        self._results[begin + self._place(entry.event)] = result
        self._left -= 1
        if not self._left:
            self._know(self._decided())

    # within

    def _place(self, event: Event) -> int:
        if len(self._events) == 1:
            return 0
        if self._places is None:
            self._places = {id(each): place for place, each in enumerate(self._events)}
        return self._places[id(event)]

    def _decided(self) -> Response | Exception:
        """200 if every event is delivered everywhere, 502 if one is given up, else 202.

        An error is for who reads the answer, not for the bus that tells of an event.
        """
        terms = self._terms
        if terms.wait_seconds is None:
            return terms.accepted
        try:
            told = results_response(self._results, events=len(self._events), fields=terms.applied)
        except Exception as error:  # noqa: BLE001 - raised again by `response`
            return error
        return terms.accepted if told is None else told

    def _know(self, answer: Response | Exception) -> None:
        """Hold nothing but the answer: its turn may come long after the events have left the buffer."""
        self._stage = Stage.KNOWN
        self._answer = answer
        self._release()
        self._tell()
        self.then = None

    def _release(self) -> None:
        self._events = ()
        self._results = []
        self._places = None

    def _tell(self) -> None:
        if self.then is not None:
            self.then(self)


class _Share:
    """The receipt of a request's events at one more destination."""

    __slots__ = ("_begin", "_destination", "_waiting")

    def __init__(self, waiting: Waiting, destination: str, begin: int) -> None:
        self._waiting = waiting
        self._destination = destination
        self._begin = begin

    def delivered(self, entry: Entry, event_id: str | None) -> None:
        """The bus has it."""
        self._waiting.settle(entry, self._begin, delivered(entry, self._destination, event_id))

    def given_up(self, entry: Entry, code: str, message: str) -> None:
        """It is dead-lettered or expired."""
        self._waiting.settle(entry, self._begin, given_up(entry, self._destination, code, message))

    def kept(self, entry: Entry) -> None:
        """It is on disk for the next start."""
        self._waiting.settle(entry, self._begin, None)

    def keeps(self, entry: Entry) -> bool:  # noqa: ARG002 - the receipt's signature
        """It stands on no disk because somebody waits for it."""
        return False

    def lost(self, entry: Entry) -> None:
        """It is neither delivered nor on disk."""
        self._waiting.lost(entry)
