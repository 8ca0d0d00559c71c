from collections.abc import AsyncIterator

import pytest

from gateway.emulators.alibaba import AlibabaEmulator
from gateway.emulators.aws import AwsEmulator
from gateway.emulators.huawei import HuaweiEmulator


@pytest.fixture
async def bus() -> AsyncIterator[AwsEmulator]:
    """An emulated Amazon bus with every option at its default."""
    async with AwsEmulator() as emulator:
        yield emulator


@pytest.fixture
async def alibaba() -> AsyncIterator[AlibabaEmulator]:
    """An emulated Alibaba bus with every option at its default."""
    async with AlibabaEmulator() as emulator:
        yield emulator


@pytest.fixture
async def huawei() -> AsyncIterator[HuaweiEmulator]:
    """An emulated Huawei bus with every option at its default."""
    async with HuaweiEmulator() as emulator:
        yield emulator
