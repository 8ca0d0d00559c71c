"""A file that stops taking bytes in the middle of a line, and what other lines have to fear of it."""

import asyncio
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import UnavailableError
from gateway.sender import Delivered
from gateway.senders.file import FileConfig, FileSender, lines
from tests.senders.builders import batch, event, event_of_json_size
from tests.support.clock import on_virtual_clock

LARGE = 200_000
"""Bytes of an event whose line no pipe takes whole: it holds 64 KiB (pipe(7))."""


class Pipe:
    """A named pipe, and its reading end, which the test reads when it likes."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "pipe"
        os.mkfifo(self.path)
        self.open()

    def open(self) -> None:
        """Begin to be its reader, or do so again."""
        self._reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def close(self) -> None:
        """Be its reader no more."""
        os.close(self._reader)

    def sender(self) -> FileSender:
        """Each worker has one."""
        return FileSender(FileConfig(path=str(self.path)))

    def is_locked(self) -> bool:
        """Whether a worker keeps the others out."""
        other = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(other)
        return False

    def has_writers(self) -> bool:
        """Whether somebody has it open to write, once everything is read."""
        try:
            return os.read(self._reader, 1) != b""
        except BlockingIOError:
            return True

    async def lines_until(self, end: asyncio.Task[Any]) -> list[bytes]:
        """What is read until then, and what is left."""
        received = b""
        async with asyncio.timeout(10):
            while not end.done():
                received += self._read()
                await asyncio.sleep(0.001)
        await end
        return (received + self._read()).split(b"\n")

    def _read(self) -> bytes:
        received = b""
        with suppress(BlockingIOError):
            while chunk := os.read(self._reader, 1 << 16):
                received += chunk
        return received


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    """A pipe that somebody has opened and does not read."""
    pipe = Pipe(tmp_path)
    yield pipe
    pipe.close()


async def given_up(sender: FileSender, *sizes: int) -> None:
    """Send events of these sizes, more than the pipe can take, until time is up."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await sender.send(batch(*[event_of_json_size(size) for size in sizes]))


async def begun(call: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """The call, which waits for the reader or for another worker."""
    task = asyncio.create_task(call)
    await asyncio.wait({task}, timeout=0.1)
    assert not task.done()
    return task


@on_virtual_clock
async def test_who_has_nothing_more_to_send_ends_its_torn_line_all_the_same(pipe: Pipe) -> None:
    """As soon as the reader goes on; another worker waits no longer than that."""
    idle, busy, one = pipe.sender(), pipe.sender(), event()
    await given_up(idle, LARGE)
    torn, *rest = await pipe.lines_until(await begun(busy.send(batch(one))))
    assert 0 < len(torn) < LARGE
    assert rest == [one.json, b""]
    assert not pipe.is_locked()
    await asyncio.gather(idle.aclose(), busy.aclose())


@on_virtual_clock
async def test_who_has_ended_its_torn_line_takes_turns_again(pipe: Pipe) -> None:
    """With whoever comes first then."""
    sender, one = pipe.sender(), event()
    await given_up(sender, LARGE)
    await pipe.lines_until(asyncio.create_task(asyncio.sleep(1)))
    other = os.open(pipe.path, os.O_WRONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    sending = await begun(sender.send(batch(one)))
    os.close(other)
    assert await pipe.lines_until(sending) == [one.json, b""]
    await sender.aclose()


@on_virtual_clock
async def test_a_batch_behind_a_torn_line_keeps_others_out_to_its_end(pipe: Pipe) -> None:
    """However long it waits for the reader: that the torn line is ended ends no turn."""
    sender, events = pipe.sender(), [event_of_json_size(3000) for _ in range(200)]
    await given_up(sender, LARGE)
    sending = await begun(sender.send(batch(*events)))
    torn, *first = await pipe.lines_until(asyncio.create_task(asyncio.sleep(0)))
    await asyncio.wait({sending}, timeout=1)
    assert pipe.is_locked()
    rest = await pipe.lines_until(sending)
    assert 0 < len(torn) < LARGE
    assert b"\n".join([*first[:-1], first[-1] + rest[0], *rest[1:]]) == lines(batch(*events))
    await sender.aclose()


@on_virtual_clock
async def test_a_closing_ends_the_torn_line(pipe: Pipe) -> None:
    """If the reader goes on meanwhile: the process may be gone right after it."""
    sender = pipe.sender()
    await given_up(sender, LARGE)
    torn, *rest = await pipe.lines_until(await begun(sender.aclose()))
    assert 0 < len(torn) < LARGE
    assert rest == [b""]
    assert not pipe.has_writers()


@on_virtual_clock
async def test_a_reader_that_stands_still_holds_up_no_closing_and_costs_no_other_event(pipe: Pipe) -> None:
    """The line is ended when it goes on, in a process that goes on, as after a reload."""
    closed, other, one = pipe.sender(), pipe.sender(), event()
    await given_up(closed, LARGE)
    async with asyncio.timeout(1):
        await closed.aclose()
    assert pipe.is_locked()
    _, *rest = await pipe.lines_until(await begun(other.send(batch(one))))
    assert rest == [one.json, b""]
    await other.aclose()
    assert not pipe.has_writers()


@on_virtual_clock
async def test_lines_that_a_pipe_takes_whole_are_never_torn(pipe: Pipe) -> None:
    """Up to PIPE_BUF bytes: who gives up, or is killed, does so between them, and keeps nobody out."""
    sender, one = pipe.sender(), event()
    await given_up(sender, *[2000] * 100, 4095, *[3000] * 100)
    assert not pipe.is_locked()
    *before, last, end = await pipe.lines_until(asyncio.create_task(sender.send(batch(one))))
    assert len(before) > 20
    assert {len(line) for line in before} <= {2000, 4095, 3000}
    assert (last, end) == (one.json, b"")
    await sender.aclose()


@on_virtual_clock
async def test_a_long_line_among_short_ones_is_written_whole(pipe: Pipe) -> None:
    """In several pieces, whatever stands before and behind it."""
    sender, sizes = pipe.sender(), [10, 4096, 4095, 100, 9000, 4097, 5, 70_000, 200]
    events = [event_of_json_size(200 + size) for size in sizes]
    sending = asyncio.create_task(sender.send(batch(*events)))
    assert await pipe.lines_until(sending) == [*[one.json for one in events], b""]
    assert sending.result() == [Delivered()] * len(sizes)
    await sender.aclose()


@on_virtual_clock
async def test_the_next_reader_finds_the_torn_line_ended(pipe: Pipe) -> None:
    """While there is none the sender says so at once; what comes later begins a line of its own."""
    sender, other, one = pipe.sender(), pipe.sender(), event()
    await given_up(sender, LARGE)
    sending = await begun(other.send(batch(one)))
    pipe.close()
    with pytest.raises(UnavailableError) as caught:
        await sender.send(batch(one))
    assert caught.value.code == "epipe"
    pipe.open()
    _, *rest = await pipe.lines_until(sending)
    assert rest == [one.json, b""]
    await asyncio.gather(sender.aclose(), other.aclose())


TWO_SENDERS = """
import asyncio, signal, sys
from gateway.senders.file import FileConfig, FileSender
from tests.senders.builders import batch, event_of_json_size
async def work(sender):
    for _ in range(10):
        await sender.send(batch(*[event_of_json_size(9000) for _ in range(10)]))
    await sender.aclose()
async def main():
    both = asyncio.gather(*[work(FileSender(FileConfig())) for _ in range(2)])
    await asyncio.wait({both}, timeout=0.05)
    print("waiting", file=sys.stderr)
    await both
signal.alarm(10)
asyncio.run(main())
"""
"""Two destinations in one process that have its standard output in common, a pipe that nobody reads yet."""


def test_two_senders_to_standard_output_do_not_hold_each_other_up() -> None:
    """And their lines do not mix."""
    with subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-c", TWO_SENDERS], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"waiting\n"
        written, _ = process.communicate()
    ids = [json.loads(line)["id"] for line in written.splitlines()]
    assert len(set(ids)) == len(ids) == 200


NOBODY_READS = """
import asyncio, signal, sys
from gateway.senders.file import FileConfig, FileSender
from tests.senders.builders import batch, event_of_json_size
async def main():
    sender = FileSender(FileConfig())
    try:
        async with asyncio.timeout(0.05):
            await sender.send(batch(event_of_json_size(200_000)))
    except TimeoutError:
        await sender.aclose()
    print("going on", file=sys.stderr)
signal.alarm(10)
asyncio.run(main())
"""
"""A standard output that is a pipe, which blocks and is full; whoever waits for it is ended."""


def test_a_standard_output_that_nobody_reads_does_not_stop_the_loop() -> None:
    """Not by the attempts to end the torn line either."""
    with subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-c", NOBODY_READS], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"going on\n"


FULL_DISK = """
import asyncio, resource
from gateway.errors import UnavailableError
from gateway.senders.file import FileConfig, FileSender
from tests.senders.builders import batch, event
async def main():
    sender = FileSender(FileConfig())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        await sender.send(batch(event(id="1")))
    except UnavailableError:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        await sender.aclose()
    await FileSender(FileConfig()).send(batch(event(id="2")))
asyncio.run(main())
"""
"""A standard output that is a file, on a disk that is full and then is not."""


def test_a_line_that_a_full_disk_has_torn_is_ended_when_there_is_room(tmp_path: Path) -> None:
    """Standard output is cut off by nobody: what was before it is not ours."""
    with (tmp_path / "output").open("wb") as output:
        subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-c", FULL_DISK], check=True, stdout=output, timeout=20
        )
    torn, whole = (tmp_path / "output").read_bytes().splitlines()
    assert len(torn) == 10
    assert json.loads(whole)["id"] == "2"
