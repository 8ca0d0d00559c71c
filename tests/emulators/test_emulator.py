"""The life of an emulator: its port, and what it remembers."""

import asyncio

import aiohttp
import pytest

from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.received import Keep, Ring
from tests.emulators.aws_client import entry, put, put_each


async def test_it_listens_where_it_is_told() -> None:
    """`start` returns the base URL, and `url` is the same."""
    bus = AwsEmulator()
    url = await bus.start("127.0.0.1", 0)
    assert url == bus.url
    assert url.startswith("http://127.0.0.1:")
    await put(bus, entry())
    await bus.aclose()
    assert len(bus.received) == 1


async def test_it_listens_on_ipv6() -> None:
    """With brackets in the URL."""
    bus = AwsEmulator()
    try:
        assert (await bus.start("::1")).startswith("http://[::1]:")
        assert (await put(bus, entry())).status == 200
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    finally:
        await bus.aclose()


async def test_closing_is_safe_twice_and_without_a_start() -> None:
    """Like every part with a life of its own."""
    bus = AwsEmulator()
    await bus.aclose()
    url = await bus.start()
    await bus.aclose()
    await bus.aclose()
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(url)


async def test_it_can_be_started_again_but_not_twice_at_once() -> None:
    """A second start without a close is a mistake of the caller."""
    bus = AwsEmulator()
    await bus.start()
    with pytest.raises(RuntimeError):
        await bus.start()
    await bus.aclose()
    await bus.start()
    await bus.aclose()


async def test_there_is_no_url_before_the_start() -> None:
    """It is not known yet."""
    with pytest.raises(RuntimeError):
        _ = AwsEmulator().url


async def test_a_port_in_use_is_an_oserror(bus: AwsEmulator) -> None:
    """And the emulator can be started elsewhere."""
    other = AwsEmulator()
    with pytest.raises(OSError, match="in use"):
        await other.start(port=int(bus.url.rpartition(":")[2]))
    await other.start()
    await other.aclose()


async def test_waiting_for_events_ends_when_they_are_there(bus: AwsEmulator) -> None:
    """For several who wait for different numbers."""
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(bus.until_received(1))
        group.create_task(bus.until_received(3))
        group.create_task(put_each(bus, 3))
    assert len(bus.received) == 3


async def test_only_the_newest_events_and_requests_are_remembered() -> None:
    """The counts go on."""
    async with AwsEmulator(AwsBusOptions(keep=Keep(events=3, requests=2))) as bus:
        for number in range(4):
            await put(bus, entry(Detail=f'{{"n":{number}}}'))
    assert [event.detail for event in bus.received] == ['{"n":1}', '{"n":2}', '{"n":3}']
    assert [request.number for request in bus.requests] == [3, 4]
    assert bus.statistics().events_received == 4


def test_a_ring_is_bounded_in_bytes() -> None:
    """The oldest go until the rest fits; the newest stays even if it does not fit alone."""
    ring: Ring[str] = Ring(max_count=10, max_bytes=100)
    for name, size in (("a", 40), ("b", 40), ("c", 40)):
        ring.append(name, size)
    assert list(ring) == ["b", "c"]
    ring.append("d", 500)
    assert list(ring) == ["d"]
    ring.append("e", 100)
    assert list(ring) == ["e"]


def test_a_ring_gives_its_newest() -> None:
    """Newest last, and never more than there are."""
    ring: Ring[int] = Ring(max_count=3, max_bytes=1)
    for number in range(5):
        ring.append(number)
    assert ring.newest(2) == [3, 4]
    assert ring.newest(9) == [2, 3, 4]
    assert ring.newest(0) == []
    assert len(ring) == 3
