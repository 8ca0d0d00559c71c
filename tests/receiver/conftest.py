"""The receiver's sockets are tried with asyncio's own loop and with uvloop, the one of production."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from tests.support.certificates import Authority


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops, by name."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Whom servers and clients trust."""
    return Authority()


@pytest.fixture(scope="module")
def stranger() -> Authority:
    """Whom they do not."""
    return Authority()
