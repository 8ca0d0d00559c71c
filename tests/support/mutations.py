"""Input gone wrong: good bytes with pieces cut out, doubled or replaced, and how many of them are tried."""

import os
from collections.abc import Sequence

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
