"""A whole receiver on loopback, and the JavaScript SDK."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.receiver.server import ListenTcp, Receiver
from tests.producers.javascript import Node, node_with_sdk
from tests.support.intake import FakeIntake
from tests.support.limits import limited


@pytest.fixture
def intake() -> FakeIntake:
    """Where the events arrive."""
    return FakeIntake()


@pytest.fixture
async def url(intake: FakeIntake) -> AsyncIterator[str]:
    """Where producers send to."""
    receiver = Receiver(intake, limited(), [ListenTcp("127.0.0.1", 0)])
    try:
        (bound,) = await receiver.start()
        assert isinstance(bound, ListenTcp)
        yield f"http://{bound.host}:{bound.port}/events"
    finally:
        await receiver.aclose(asyncio.get_running_loop().time())


@pytest.fixture(scope="session")
def node() -> Node:
    """Node with the SDK."""
    return node_with_sdk()
