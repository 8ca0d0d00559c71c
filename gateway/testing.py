"""A pytest plug-in with the emulated buses, for the tests of programs that publish to one.

In a `conftest.py`: `pytest_plugins = ["gateway.testing"]`. Each fixture is an emulator of its own that
listens on a free port of loopback: `url`, `received`, `requests`, `faults`, `until_received`. It runs in the
test's event loop, so the test is a coroutine. Needs pytest-asyncio.
"""

from collections.abc import AsyncIterator

import pytest_asyncio

from gateway.emulators.alibaba import AlibabaEmulator
from gateway.emulators.aws import AwsEmulator
from gateway.emulators.huawei import HuaweiEmulator


@pytest_asyncio.fixture
async def emulated_aws() -> AsyncIterator[AwsEmulator]:
    """Amazon EventBridge, with the event bus `default`."""
    async with AwsEmulator() as bus:
        yield bus


@pytest_asyncio.fixture
async def emulated_alibaba() -> AsyncIterator[AlibabaEmulator]:
    """Alibaba Cloud EventBridge, with the event bus `default`."""
    async with AlibabaEmulator() as bus:
        yield bus


@pytest_asyncio.fixture
async def emulated_huawei() -> AsyncIterator[HuaweiEmulator]:
    """Huawei Cloud EventGrid and its IAM, with one project and one channel."""
    async with HuaweiEmulator() as bus:
        yield bus
