"""What the tests of the benchmarks share."""

from collections.abc import Iterator

import pytest

from benchmarks.load.processors import Processors
from benchmarks.load.workshop import Workshop


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """One for all, as in a benchmark: each subject's process is started once and serves them in turn."""
    with Workshop(Processors.available()) as found:
        yield found
