"""What goes wrong at the bus next: every kind of fault again and again, in an order by the dice. Pure.

A shuffled deck, so that none is left out however the dice fall: one card after the other is in force,
for some seconds, and half of the time with a second one beside it.
"""

from collections.abc import Iterator
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from gateway.emulators.faults import (
    DenyAccess,
    ExpireToken,
    FailEntries,
    Fault,
    Faults,
    Nonsense,
    NonsenseForm,
    Refuse,
    Reply,
    ResetAfter,
    ResetBefore,
    RetryAfterForm,
    Stall,
    Throttle,
    Unavailable,
)

BUS_TIMEOUT_SECONDS = 1.0
"""What the gateway is told to wait for an answer: the longer one of the stalls exceeds it."""
_POISON = '77","source"'
"""In every hundredth event: those whose id ends with 77."""

_STANDING: tuple[Fault, ...] = (
    Throttle(probability=0.05),
    Throttle(probability=0.02, retry_after_seconds=1),
    Throttle(probability=0.02, retry_after_seconds=1, retry_after_form=RetryAfterForm.DATE),
    *(Unavailable(probability=0.1, status=status) for status in (500, 502, 503, 504)),
    Stall(probability=0.2, seconds=0.3 * BUS_TIMEOUT_SECONDS),
    Stall(probability=0.05, seconds=1.5 * BUS_TIMEOUT_SECONDS),
    ResetBefore(probability=0.1),
    ResetAfter(probability=0.1),
    *(Nonsense(probability=0.1, form=form) for form in NonsenseForm),
    Reply(probability=0.1, status=403, body="<html>blocked by a proxy</html>", content_type="text/html"),
    Refuse(probability=0.05, code="ValidationException"),
    FailEntries(probability=0.2),
    FailEntries(probability=0.1, code="ThrottlingException"),
    FailEntries(probability=0.1, code="SomethingNobodyKnows"),
    FailEntries(probability=0.02, code="MalformedDetail"),
    ExpireToken(),
    DenyAccess(),
)
_DECK = (
    Faults(),
    Faults(latency_seconds=0.02, latency_jitter_seconds=0.2),
    Faults(down=True),
    Faults(max_requests_per_second=50.0),
    Faults(poison=(_POISON,)),
    *(Faults(standing=(fault,)) for fault in _STANDING),
)
_LEAST_SECONDS, _MOST_SECONDS = 0.5, 3.0


class Spell(Struct, frozen=True):
    """So long this goes wrong."""

    seconds: float
    faults: Faults


def spells(dice: Random) -> Iterator[Spell]:
    """Without end."""
    while True:
        for faults in dice.sample(_DECK, k=len(_DECK)):
            beside = (dice.choice(_STANDING),) if dice.random() < 0.5 else ()
            seconds = dice.uniform(_LEAST_SECONDS, _MOST_SECONDS)
            yield Spell(seconds, replace(faults, standing=(*faults.standing, *beside)))
