"""The file sender: lines, whole batches, and what can go wrong with a file."""

import asyncio
import fcntl
import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import BlockedError, EventTooLargeError, UnavailableError
from gateway.sender import Delivered, Limits, SenderStatus
from gateway.senders.file import FileConfig, FileSender, check, lines
from gateway.units import Size
from tests.senders.builders import batch, event, event_of_json_size


def sender_to(path: Path | str, **keys: Any) -> FileSender:
    return FileSender(FileConfig(path=str(path), **keys))


async def test_each_event_is_a_line_of_its_own_json(tmp_path: Path) -> None:
    """Appended to what is there."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"before\n")
    events = [event(data='{"é":"line\\nbreak"}'.encode()), event(), event(data=None)]
    sender = sender_to(path)
    assert await sender.send(batch(*events)) == [Delivered()] * 3
    await sender.aclose()
    assert path.read_bytes().split(b"\n") == [b"before", *(one.json for one in events), b""]


async def test_line_breaks_between_tokens_become_spaces(tmp_path: Path) -> None:
    """The JSON stays the same value, and a line stays a line."""
    one = event(data=b'{\r\n\t"a": [1,\n2]\n}')
    sender = sender_to(tmp_path / "events")
    await sender.send(batch(one))
    await sender.aclose()
    (line, end) = (tmp_path / "events").read_bytes().split(b"\n")
    assert line.endswith(b'"data":{  \t"a": [1, 2] }}')
    assert (end, json.loads(line)) == (b"", json.loads(one.json))


async def test_nothing_is_opened_before_the_first_send(tmp_path: Path) -> None:
    """A sender that is only made and closed leaves no file."""
    sender = sender_to(tmp_path / "events")
    sender.admit(event())
    await sender.aclose()
    assert not (tmp_path / "events").exists()


async def test_a_new_file_is_not_for_everybody(tmp_path: Path) -> None:
    """Events may be confidential."""
    sender = sender_to(tmp_path / "events")
    await sender.send(batch())
    await sender.aclose()
    assert stat.S_IMODE((tmp_path / "events").stat().st_mode) & 0o007 == 0


def test_standard_output_is_a_dash() -> None:
    """It is written to, and left open, even as a pipe."""
    program = (
        "import asyncio; from gateway.senders.file import *; from tests.senders.builders import *\n"
        "async def main():\n"
        "    sender = FileSender(FileConfig())\n"
        "    await sender.send(batch(*[event(id=str(n)) for n in range(500)]))\n"
        "    await sender.aclose()\n"
        "    print('open')\n"
        "asyncio.run(main())"
    )
    finished = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)  # noqa: S603 - ours
    *lines, last = finished.stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(number) for number in range(500)]
    assert last == b"open"


async def test_a_slow_reader_stops_the_send_and_not_the_loop(tmp_path: Path) -> None:
    """A full pipe is waited for; other tasks go on meanwhile."""
    reader, events = open_pipe(tmp_path), [event_of_json_size(10_000) for _ in range(50)]
    sender = sender_to(tmp_path / "pipe")
    sending = asyncio.create_task(sender.send(batch(*events)))
    await asyncio.wait({sending}, timeout=0.05)
    assert not sending.done()
    received = await read_until(reader, sending)
    await sender.aclose()
    assert received.splitlines() == [one.json for one in events]
    os.close(reader)


async def test_a_batch_cut_short_leaves_one_torn_line(tmp_path: Path) -> None:
    """What is sent next begins a line of its own."""
    reader, large, small = open_pipe(tmp_path), event_of_json_size(500_000), event()
    sender = sender_to(tmp_path / "pipe")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await sender.send(batch(large))
    received = await read_until(reader, asyncio.create_task(sender.send(batch(small))))
    await sender.aclose()
    torn, whole = received.splitlines()
    assert large.json.startswith(torn)
    assert whole == small.json
    os.close(reader)


PRODUCER = """
import asyncio, sys
from gateway.senders.file import FileConfig, FileSender
from tests.senders.builders import batch, event_of_json_size
async def main():
    sender = FileSender(FileConfig(path=sys.argv[1]))
    for _ in range(20):
        await sender.send(batch(*[event_of_json_size(10_000) for _ in range(10)]))
    await sender.aclose()
asyncio.run(main())
"""
"""A worker that writes 200 lines of 10 kB, each of them several times what a pipe takes whole."""


@pytest.mark.parametrize("path", ["-", "pipe", "file"])
async def test_lines_of_several_workers_do_not_mix(tmp_path: Path, path: str) -> None:
    """On the standard output that they have in common, in a named pipe, and in a file; none is missing."""
    reader, shared = os.pipe()
    if path == "pipe":
        os.close(reader)
        reader = open_pipe(tmp_path)
    target = path if path == "-" else str(tmp_path / path)
    workers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", PRODUCER, target, stdout=shared)
        for _ in range(2)
    ]
    os.close(shared)
    ends = asyncio.gather(*[worker.wait() for worker in workers])
    received = await read_until(reader, asyncio.ensure_future(ends), seconds=30)
    os.close(reader)
    if path == "file":
        received = (tmp_path / path).read_bytes()
    assert ends.result() == [0, 0]
    assert [len(line) for line in received.splitlines()] == [10_000] * 400
    assert all(json.loads(line) for line in received.splitlines())


async def test_a_batch_waits_until_another_worker_has_written_its_own(tmp_path: Path) -> None:
    """Be it in the middle of it, as behind a slow reader; and then it is written whole."""
    path = tmp_path / "events"
    path.touch()
    other = os.open(path, os.O_WRONLY | os.O_APPEND)
    fcntl.flock(other, fcntl.LOCK_EX)
    sender = sender_to(path)
    sent = batch(event())
    sending = asyncio.create_task(sender.send(sent))
    await asyncio.wait({sending}, timeout=0.02)
    assert path.read_bytes() == b""
    os.write(other, b"half a batch\n")
    os.close(other)
    await sending
    await sender.aclose()
    assert path.read_bytes() == b"half a batch\n" + lines(sent)


async def test_nobody_waits_for_a_device() -> None:
    """Every gateway of a machine may write to /dev/null; its lock is a stranger's."""
    other = os.open(os.devnull, os.O_WRONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    sender = sender_to(os.devnull)
    async with asyncio.timeout(5):
        assert await sender.send(batch(event())) == [Delivered()]
    await sender.aclose()
    os.close(other)


async def test_who_has_torn_a_line_keeps_others_out_until_it_is_ended(tmp_path: Path) -> None:
    """Else their first line would be the end of one that nobody can read; closing lets them in."""
    reader, sender = open_pipe(tmp_path), sender_to(tmp_path / "pipe")
    other = os.open(tmp_path / "pipe", os.O_WRONLY)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await sender.send(batch(event_of_json_size(500_000)))
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    await read_until(reader, asyncio.create_task(sender.send(batch(event()))))
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_UN)
    await sender.aclose()
    os.close(other)
    os.close(reader)


async def test_a_pipe_without_a_reader_is_unavailable(tmp_path: Path) -> None:
    """Opening it does not wait for one."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnavailableError) as caught:
        await sender_to(tmp_path / "pipe").send(batch())
    assert caught.value.code == "enxio"


async def test_a_disk_that_fills_up_in_the_middle_of_a_batch_has_none_of_it(tmp_path: Path) -> None:
    """Else the lines that fitted would stand there twice when the batch is sent again."""
    path, sent = tmp_path / "events", batch(event(), event())
    sender = sender_to(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(event().json) + 20, hard))
    try:
        with pytest.raises(UnavailableError):
            await sender.send(sent)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await sender.send(sent)
    await sender.aclose()
    assert path.read_bytes() == lines(sent)


async def test_a_full_disk_is_unavailable() -> None:
    """Somebody may make room."""
    sender = sender_to("/dev/full")
    with pytest.raises(UnavailableError) as caught:
        await sender.send(batch())
    await sender.aclose()
    assert caught.value.code == "enospc"


async def test_a_file_that_may_not_be_written_blocks(tmp_path: Path) -> None:
    """An operator must mend it: a directory, or none."""
    for path, code in ((tmp_path, "eisdir"), (tmp_path / "missing" / "events", "enoent")):
        with pytest.raises(BlockedError) as caught:
            await sender_to(path).send(batch())
        assert caught.value.code == code


def test_an_event_counts_its_line() -> None:
    """Its JSON and the line break."""
    one = event()
    assert sender_to("-").admit(one) == len(one.json) + 1


def test_limits_are_generous_and_configurable() -> None:
    """A file has none of its own."""
    assert sender_to("-").limits == Limits(500, 4 << 20, 4 << 20)
    keys = {"max_request_events": 5, "max_request_bytes": Size(2000), "max_event_bytes": Size(1000)}
    sender = sender_to("-", **keys)
    assert sender.limits == Limits(5, 2000, 1000)
    assert sender.admit(event_of_json_size(999)) == 1000
    with pytest.raises(EventTooLargeError):
        sender.admit(event_of_json_size(1000))


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"path": ""}, "path"),
        ({"max_request_events": 0}, "max_request_events"),
        ({"max_request_bytes": Size(0)}, "max_request_bytes"),
        ({"max_event_bytes": Size(0)}, "max_event_bytes"),
        ({"max_request_bytes": Size(10), "max_event_bytes": Size(11)}, "max_event_bytes"),
    ],
)
def test_each_fault_names_its_key(keys: dict[str, Any], fault: str) -> None:
    """And nothing else is faulted for it."""
    assert [found.key for found in check(FileConfig(**keys))] == [fault]


def test_no_key_is_needed() -> None:
    """Without any it writes to standard output."""
    assert list(check(FileConfig())) == []
    assert FileSender(FileConfig()).status() == SenderStatus("-")


def open_pipe(directory: Path) -> int:
    """A named pipe and its reading end."""
    os.mkfifo(directory / "pipe")
    return os.open(directory / "pipe", os.O_RDONLY | os.O_NONBLOCK)


async def read_until(reader: int, sending: asyncio.Future[Any], *, seconds: float = 5) -> bytes:
    """What comes out of the pipe until the send has ended."""
    loop, chunks, readable = asyncio.get_running_loop(), [], asyncio.Event()
    loop.add_reader(reader, readable.set)
    sending.add_done_callback(lambda _: readable.set())
    os.set_blocking(reader, False)
    async with asyncio.timeout(seconds):
        while not sending.done():
            await readable.wait()
            readable.clear()
            try:
                chunks.append(os.read(reader, 1 << 16))
            except BlockingIOError:
                continue
    loop.remove_reader(reader)
    await sending
    while chunk := _rest(reader):
        chunks.append(chunk)
    return b"".join(chunks)


def _rest(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 16)
    except BlockingIOError:
        return b""
