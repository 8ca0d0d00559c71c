"""What an emulated bus does wrong when it is told to: the fault document, and the dice that apply it.

Knows no bus: each one turns these faults into its own codes. Probabilities are rolled with a seeded
generator, so that a run can be repeated.
"""

import math
from collections.abc import Iterable
from email.utils import formatdate
from enum import StrEnum
from random import Random
from typing import Annotated, Any, Literal, Self, TypeVar

import msgspec
from msgspec import Meta, Struct

T = TypeVar("T")

Probability = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]


class FaultsError(ValueError):
    """A fault document that cannot be understood; the message names the key."""


class _Fault(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"
):
    probability: Probability = 1.0
    """How often it strikes: rolled once for each publish request."""


class Pass(_Fault, frozen=True, tag="pass"):
    """Nothing goes wrong: fills a step of a script."""


class FailEntries(_Fault, frozen=True, tag="fail_entries"):
    """Some entries of a request fail with `code`; `probability` is rolled for each of them."""

    code: str | None = None
    """None: what the bus calls an error of its own."""
    message: str = "The entry was failed on demand."
    indexes: tuple[int, ...] | None = None
    """The entries it may strike, counted from 0; None stands for all."""


class RetryAfterForm(StrEnum):
    """The two forms RFC 9110 gives the `Retry-After` header."""

    SECONDS = "seconds"
    DATE = "date"


class Throttle(_Fault, frozen=True, tag="throttle"):
    """The request is refused for its rate, with a `Retry-After` header if one is given."""

    retry_after_seconds: Seconds | None = None
    retry_after_form: RetryAfterForm = RetryAfterForm.SECONDS

    def headers(self, wall_clock: float) -> dict[str, str]:
        """The `Retry-After` header, rounded up to whole seconds; empty without one."""
        if self.retry_after_seconds is None:
            return {}
        if self.retry_after_form is RetryAfterForm.DATE:
            return {"Retry-After": formatdate(math.ceil(wall_clock + self.retry_after_seconds), usegmt=True)}
        return {"Retry-After": str(math.ceil(self.retry_after_seconds))}


class Unavailable(_Fault, frozen=True, tag="unavailable"):
    """The request is answered with `status`, unprocessed: 502 and 504 come from a proxy, as HTML."""

    status: Literal[500, 502, 503, 504] = 503


class Refuse(_Fault, frozen=True, tag="refuse"):
    """The request is refused, unprocessed, with a code of the bus's choice in the bus's own form."""

    code: str
    message: str = "The request was refused on demand."
    status: Annotated[int, Meta(ge=400, le=599)] = 400


class Reply(_Fault, frozen=True, tag="reply"):
    """The request is answered with just this, unprocessed."""

    body: str
    status: Annotated[int, Meta(ge=200, le=599)] = 200
    content_type: str = "application/json"


class Stall(_Fault, frozen=True, tag="stall"):
    """The request is processed, and answered `seconds` later."""

    seconds: Seconds = 30.0


class ResetBefore(_Fault, frozen=True, tag="reset_before"):
    """The connection is reset, and the request was not processed."""


class ResetAfter(_Fault, frozen=True, tag="reset_after"):
    """The connection is reset although the request was processed."""


class NonsenseForm(StrEnum):
    """How a 200 can make no sense."""

    GARBAGE = "garbage"
    EMPTY = "empty"
    HTML = "html"
    SHORT = "short"
    """One result too few."""
    LONG = "long"
    """One result too many."""


class Nonsense(_Fault, frozen=True, tag="nonsense"):
    """The request is processed, and answered with a 200 that nobody can read."""

    form: NonsenseForm = NonsenseForm.GARBAGE

    def miscount(self, results: list[T]) -> list[T]:
        """The results, one too few or too many if that is the form."""
        if self.form is NonsenseForm.SHORT:
            return results[:-1]
        if self.form is NonsenseForm.LONG:
            return [*results, *results[-1:]]
        return results

    def body(self) -> bytes | None:
        """What is answered in place of the bus's body; None where that stays."""
        return _NONSENSE_BODIES.get(self.form)


class ExpireToken(_Fault, frozen=True, tag="expire_token"):
    """The request's credentials are said to have expired."""


class DenyAccess(_Fault, frozen=True, tag="deny_access"):
    """The request's credentials are said to lack the right to publish."""


RequestFault = (
    Throttle
    | Unavailable
    | Refuse
    | Reply
    | Stall
    | ResetBefore
    | ResetAfter
    | Nonsense
    | ExpireToken
    | DenyAccess
)
Fault = Pass | FailEntries | RequestFault


class Faults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that shall go wrong. Faults strike publish requests that are well signed, and nothing else."""

    script: Annotated[tuple[Fault, ...], Meta(max_length=100_000)] = ()
    """One step for each publish request, in order; after the last one `standing` applies."""
    standing: Annotated[tuple[Fault, ...], Meta(max_length=100)] = ()
    """Rolled in order for each publish request: the first that strikes the whole request is taken,
    and every FailEntries beside it."""
    max_requests_per_second: Annotated[float, Meta(gt=0)] | None = None
    """A token bucket holding one second's worth; what exceeds it is throttled, and spends no step."""
    poison: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(max_length=100)] = ()
    """A request fails as a whole if an event in it contains one of these texts."""
    latency_seconds: Seconds = 0.0
    latency_jitter_seconds: Seconds = 0.0
    """Added to the latency, evenly spread between 0 and this."""
    down: bool = False
    """Every request is answered with a reset, but those to the control interface."""

    @classmethod
    def parse(cls, document: bytes) -> Self:
        """The faults in a JSON document. Raises FaultsError, which names the key."""
        try:
            return msgspec.json.decode(document, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise FaultsError(str(error)) from error


class Decision(Struct, frozen=True):
    """What goes wrong with one publish request."""

    request: RequestFault | None = None
    entries: tuple[FailEntries, ...] = ()
    latency_seconds: float = 0.0


_NO_FAULTS = Faults()
_NOTHING_WRONG = Decision()
_NONSENSE_BODIES = {
    NonsenseForm.GARBAGE: b'{"\x00\xff',
    NonsenseForm.EMPTY: b"",
    NonsenseForm.HTML: b"<html><body><h1>It works!</h1></body></html>",
}


class FaultInjector:
    """Applies `faults` to one request after another. `now` is monotonic seconds."""

    def __init__(self, seed: int = 0) -> None:
        self._random = Random(seed)  # nosec B311 # noqa: S311 - dice that can be rolled again, no secret
        self.struck: dict[str, int] = {}
        """How often each kind of fault struck since the start."""
        self.faults = _NO_FAULTS

    @property
    def faults(self) -> Faults:
        """The faults in force; setting them starts the script anew and fills the token bucket."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        self._is_idle = faults == _NO_FAULTS
        self._steps_taken = 0
        self._bucket = _TokenBucket(faults.max_requests_per_second or math.inf)

    @property
    def remaining(self) -> Faults:
        """The faults in force without the steps of the script that were taken already."""
        return msgspec.structs.replace(self._faults, script=self._faults.script[self._steps_taken :])

    def decide(self, now: float) -> Decision:
        """What goes wrong with the next publish request; takes a step of the script, if any is left."""
        faults = self._faults
        if self._is_idle:  # the usual case, and one the benchmarks pay for
            return _NOTHING_WRONG
        latency = faults.latency_seconds + faults.latency_jitter_seconds * self._random.random()
        if not self._bucket.take(now):
            self._count("rate")
            return Decision(Throttle(), (), latency)
        return self._roll(self._candidates(), latency)

    def failed_entries(self, decision: Decision, count: int) -> dict[int, FailEntries]:
        """Which of a request's `count` entries fail, by index."""
        failed: dict[int, FailEntries] = {}
        for fault in decision.entries:
            for index in range(count) if fault.indexes is None else fault.indexes:
                if 0 <= index < count and index not in failed and self._strikes(fault):
                    failed[index] = fault
                    self._count(kind_of(fault))
        return failed

    def finds_poison(self, texts: Iterable[str]) -> bool:
        """Whether one of a request's events makes all of it fail."""
        poison = self._faults.poison
        is_poisoned = bool(poison) and any(part in text for text in texts for part in poison)
        if is_poisoned:
            self._count("poison")
        return is_poisoned

    def is_down(self) -> bool:
        """Whether the bus shall not answer at all; counts as a strike if so."""
        if self._faults.down:
            self._count("down")
        return self._faults.down

    def _candidates(self) -> tuple[Fault, ...]:
        if self._steps_taken == len(self._faults.script):
            return self._faults.standing
        self._steps_taken += 1
        return (self._faults.script[self._steps_taken - 1],)

    def _roll(self, candidates: tuple[Fault, ...], latency: float) -> Decision:
        entries = tuple(fault for fault in candidates if isinstance(fault, FailEntries))
        for fault in candidates:
            if not isinstance(fault, FailEntries | Pass) and self._strikes(fault):
                self._count(kind_of(fault))
                return Decision(fault, entries, latency)
        return Decision(None, entries, latency)

    def _strikes(self, fault: Fault) -> bool:
        return fault.probability >= 1 or self._random.random() < fault.probability

    def _count(self, kind: str) -> None:
        self.struck[kind] = self.struck.get(kind, 0) + 1


def kind_of(fault: Fault) -> str:
    """The fault's `kind` in a document."""
    kind: Any = fault.__struct_config__.tag
    return str(kind)


class _TokenBucket:
    """Holds at most one second's worth of tokens, and never less than one can."""

    def __init__(self, tokens_per_second: float) -> None:
        self._rate = tokens_per_second
        self._capacity = max(1.0, tokens_per_second)
        self._tokens = self._capacity
        self._filled_at: float | None = None

    def take(self, now: float) -> bool:
        if math.isinf(self._rate):
            return True
        elapsed = 0.0 if self._filled_at is None else now - self._filled_at
        self._filled_at = now
        self._tokens = min(self._capacity, self._tokens + elapsed * self._rate)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
