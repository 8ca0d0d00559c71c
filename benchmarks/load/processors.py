"""Which processor the measured program has to itself, and which carries the load."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct


class Processors(Struct, frozen=True):
    """Numbers as the system counts its processors."""

    server: int
    load: int

    @classmethod
    def available(cls) -> "Processors":
        """The first and the last of those this process may use: the same one where there is but one."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[-1])

    @property
    def are_shared(self) -> bool:
        """Whether load and server take time from one another; figures then say little."""
        return self.server == self.load


@contextmanager
def pinned_to(processor: int | None) -> Iterator[None]:
    """What is started within runs there from its first instruction: children inherit it. None: on any."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1) if processor is None else {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
