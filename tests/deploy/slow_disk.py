"""A gateway whose journal's disk is slow: the threads that write stand still again and again, for real.

A thread in a write that takes long does nothing else either. No file system could be made slow without root;
a thread of a child can be stopped by anybody, with ptrace(2).
"""

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import aiohttp

from gateway.emulators.aws import AwsEmulator
from tests.support.load import document, post
from tests.support.process import GatewayProcess, aws_destination

STANDS_SECONDS = 0.7
"""Longer than the half second at which `GatewayJournalSlow` fires.

Slept for real: the gateway and Prometheus are processes with a clock of their own, which no test can move.
"""
RUNS_SECONDS = 0.05
"""Enough for one write of what came meanwhile."""

# From <sys/ptrace.h> and <bits/waitflags.h> of Linux.
_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17
_ANY_THREAD = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


@asynccontextmanager
async def slow_disk_gateway(directory: Path, client: aiohttp.ClientSession) -> AsyncIterator[GatewayProcess]:
    """One with a journal on such a disk, to which events are posted one by one."""
    async with AwsEmulator() as bus:
        journaled = aws_destination(bus.url, buffer={"journal": "journal"})
        async with GatewayProcess(_made(directory), {"destinations": {"journaled": journaled}}) as gateway:
            tasks = [
                asyncio.create_task(_slow_down(gateway.pid)),
                asyncio.create_task(_post_on(client, gateway.url)),
            ]
            try:
                yield gateway
            finally:
                for task in tasks:
                    task.cancel()
                ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


async def refuse_reload(client: aiohttp.ClientSession, gateway: GatewayProcess) -> None:
    """Put a file in place that is not right, and have it read."""
    gateway.rewrite({"flush": {"interval": "soon"}})
    async with client.post(f"{gateway.admin_url}/reload") as answer:
        assert answer.status == 422


async def _post_on(client: aiohttp.ClientSession, url: str) -> None:
    for number in count():
        await post(client, url, document(number))


async def _slow_down(pid: int) -> None:
    while True:
        with ExitStack() as stack:
            for thread in _writers(pid):
                stack.enter_context(_stopped(thread))
            await asyncio.sleep(STANDS_SECONDS)
        await asyncio.sleep(RUNS_SECONDS)


def _writers(pid: int) -> Iterator[int]:
    """Every thread but the loop's."""
    return (number for path in Path(f"/proc/{pid}/task").iterdir() if (number := int(path.name)) != pid)


@contextmanager
def _stopped(thread: int) -> Iterator[None]:
    """It does nothing meanwhile."""
    _trace(_SEIZE, thread)
    _trace(_INTERRUPT, thread)
    os.waitpid(thread, _ANY_THREAD)
    try:
        yield
    finally:
        _trace(_DETACH, thread)


def _trace(request: int, thread: int) -> None:
    if _libc.ptrace(request, thread, None, None):
        raise OSError(ctypes.get_errno(), "ptrace")
