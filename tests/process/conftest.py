"""An emulated bus and an HTTP client for each test of a whole process."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.received import Keep

KEEP = Keep(events=100_000, requests=100_000, event_bytes=1 << 30)


@pytest.fixture
async def bus() -> AsyncIterator[AwsEmulator]:
    """Amazon EventBridge, emulated; remembers everything."""
    async with AwsEmulator(AwsBusOptions(keep=KEEP)) as emulator:
        yield emulator


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A producer's HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session
