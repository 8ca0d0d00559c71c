"""An HTTP client for each test."""

from collections.abc import AsyncIterator

import aiohttp
import pytest


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """Of Prometheus, and of the administration."""
    async with aiohttp.ClientSession() as session:
        yield session
