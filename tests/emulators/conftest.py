from collections.abc import AsyncIterator

import pytest

from gateway.emulators.aws import AwsEmulator


@pytest.fixture
async def bus() -> AsyncIterator[AwsEmulator]:
    """An emulated bus with every option at its default."""
    async with AwsEmulator() as emulator:
        yield emulator
