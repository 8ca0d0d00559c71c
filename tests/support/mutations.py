"""Input gone wrong: good bytes with pieces cut out, doubled or replaced, and how many of them are tried."""

import os
from collections.abc import Sequence
from random import Random

from hypothesis import settings
from hypothesis import strategies as st

quick = settings(max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "100")), deadline=None)
"""For each property of a parser; `HYPOTHESIS_EXAMPLES` asks for a longer run."""

MAX_CHANGES = 4
MAX_CUT = 12


@st.composite
def mutated(draw: st.DrawFn, good: st.SearchStrategy[bytes], splices: Sequence[bytes]) -> bytes:
    """Bytes that were good, with up to four pieces replaced: by a splice, noise, or themselves twice."""
    text = draw(good)
    for _ in range(draw(st.integers(0, MAX_CHANGES))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + MAX_CUT)))
        noise = st.sampled_from(splices) | st.binary(max_size=4) | st.just(text[start:end] * 2)
        text = text[:start] + draw(noise) + text[end:]
    return text


def mutate(text: bytes, splices: Sequence[bytes], dice: Random) -> bytes:
    """`text` with one to four changes, in a hundredth of the time that `mutated` takes.

    Half of them are made at the borders of lines and words, where protocols have their rules.
    """
    for _ in range(dice.randint(1, MAX_CHANGES)):
        start = dice.randint(0, len(text))
        if dice.random() < 0.5:
            start = max(text.find(dice.choice(_BORDERS), start), 0)
        end = min(len(text), start + dice.choice((0, 0, 1, 2, dice.randint(0, MAX_CUT))))
        text = text[:start] + _noise(text, start, end, splices, dice) + text[end:]
    return text


_BORDERS = (b"\r", b"\n", b":", b" ", b"H", b"C", b"T")


def _noise(text: bytes, start: int, end: int, splices: Sequence[bytes], dice: Random) -> bytes:
    match dice.randrange(6):
        case 0 | 1 | 2:
            return dice.choice(splices)
        case 3:
            return dice.randbytes(1)
        case 4:
            return text[start:end] * 2
        case _:
            from_ = dice.randint(0, len(text))
            return text[from_ : from_ + dice.randint(0, 5 * MAX_CUT)]
