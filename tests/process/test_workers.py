"""Several workers: one address, one administration, one sum; killed, drained, reloaded."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import FailEntries, Faults
from tests.support.load import accepted, document, post, post_all
from tests.support.process import (
    EXIT_SECONDS,
    Accounts,
    GatewayProcess,
    aws_destination,
    scrape,
    until_held_is,
)

CONNECTIONS = 600
"""So many that the kernel gives each of two workers 40 to 60 % of them: five standard deviations."""


def configuration(bus: AwsEmulator, **sections: Any) -> dict[str, Any]:
    return {
        "flush": {"interval": "20ms"},
        "shutdown": {"deadline": "20s"},
        "destinations": {"bus": aws_destination(bus.url)},
        **sections,
    }


def arrived(bus: AwsEmulator) -> Counter[str]:
    """How often the bus has each event."""
    return Counter(orjson.loads(event.detail)["id"] for event in bus.received)


def ids(events: int) -> set[str]:
    return {f"event-{number}" for number in range(events)}


async def workers(client: aiohttp.ClientSession, gateway: GatewayProcess) -> list[dict[str, Any]]:
    """What `/status` says of each."""
    async with client.get(f"{gateway.admin_url}/status") as answer:
        found: list[dict[str, Any]] = (await answer.json())["workers"]
        return found


async def kill_worker(client: aiohttp.ClientSession, gateway: GatewayProcess, index: int) -> None:
    """SIGKILL one, and wait until another has taken its place."""
    victim = (await workers(client, gateway))[index]
    os.kill(victim["pid"], signal.SIGKILL)
    async with asyncio.timeout(EXIT_SECONDS):
        while True:
            worker = (await workers(client, gateway))[index]
            if worker["restarts"] > victim["restarts"] and worker["unready_because"] is None:
                return
            await asyncio.sleep(0.02)


async def until_accepted(client: aiohttp.ClientSession, gateway: GatewayProcess, events: int) -> None:
    """Wait until so many are, by all workers together."""
    async with asyncio.timeout(EXIT_SECONDS):
        while (await scrape(client, gateway.admin_url)).total("gateway_events_accepted_total") < events:
            pass


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that its parent has not asked after is none."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def resident_bytes(pid: int) -> int:
    """Memory that a process has in use (VmRSS of proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def until_told(stop: asyncio.Event) -> Iterator[dict[str, Any]]:
    for number in count():
        if stop.is_set():
            return
        yield document(number)


class Watch:
    """Scrapes all the time: the sum holds in each scrape, and what is counted never falls."""

    def __init__(self, client: aiohttp.ClientSession, gateway: GatewayProcess) -> None:
        self._client = client
        self._gateway = gateway
        self._before: Accounts | None = None
        self.scrapes = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            accounts = await scrape(self._client, self._gateway.admin_url)
            accounts.check_sum("bus")
            assert not accounts.total("gateway_events_unaccounted")
            for name in ("accepted", "delivered"):
                metric = f"gateway_events_{name}_total"
                before = self._before.total(metric) if self._before is not None else 0.0
                assert accounts.total(metric) >= before
            self._before = accounts
            self.scrapes += 1
            await asyncio.sleep(0.005)


async def test_two_workers_share_the_connections_and_are_one_gateway_to_those_who_ask(
    bus: AwsEmulator, tmp_path: Path
) -> None:
    """Each has 40 to 60 % of many connections; the metrics are sums; limits are the configured ones."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as client,
        GatewayProcess(tmp_path, configuration(bus), workers=2) as gateway,
    ):
        statuses = await post_all(client, gateway.url, map(document, range(CONNECTIONS)))
        accounts = await until_held_is(client, gateway.admin_url, 0)
        found = await workers(client, gateway)
        shares = [worker["accepted"] for worker in found]
        resident = [resident_bytes(pid) for pid in (gateway.pid, *[worker["pid"] for worker in found])]
        gateway.terminate()
        assert await gateway.exit_code() == 0
    assert accepted(statuses) == ids(CONNECTIONS) == arrived(bus).keys()
    assert sum(shares) == CONNECTIONS
    assert all(0.4 * CONNECTIONS <= share <= 0.6 * CONNECTIONS for share in shares)
    accounts.check_sum("bus")
    assert accounts.total("gateway_workers") == 2
    assert accounts.total("gateway_buffer_max_bytes") == 64 << 20
    assert accounts.total("process_resident_memory_bytes") == pytest.approx(sum(resident), rel=0.15)


async def test_a_worker_that_is_killed_under_load_is_replaced_and_no_accepted_event_is_lost(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Its journal is taken over; the sum holds in every scrape meanwhile, and no counter falls."""
    stop = asyncio.Event()
    configured = configuration(bus, buffer={"journal": "journal"})
    async with GatewayProcess(tmp_path, configured, workers=2) as gateway:
        load = asyncio.create_task(post_all(client, gateway.url, until_told(stop)))
        watch = Watch(client, gateway)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch.run())
            await kill_worker(client, gateway, 0)
            await kill_worker(client, gateway, 1)
            stop.set()
            statuses = await load
            accounts = await until_held_is(client, gateway.admin_url, 0)
            watching.cancel()
        gateway.terminate()
        assert await gateway.exit_code() == 0
    assert watch.scrapes > 10
    assert accounts.total("gateway_worker_restarts_total") == 2
    assert len(accepted(statuses)) > 100
    assert accepted(statuses) <= arrived(bus).keys()


async def test_without_a_journal_what_a_killed_worker_held_is_lost_and_everybody_is_told(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """In the metrics, in `/status`, in the log and by the exit code; what the other held is delivered."""
    bus.faults = Faults(down=True)
    async with GatewayProcess(tmp_path, configuration(bus), workers=2) as gateway:
        await post_all(client, gateway.url, map(document, range(200)), connections=40)
        held = [worker["accepted"] for worker in await workers(client, gateway)]
        await kill_worker(client, gateway, 0)
        lost = (await scrape(client, gateway.admin_url)).total("gateway_events_unaccounted")
        async with client.get(f"{gateway.admin_url}/status") as answer:
            told = (await answer.json())["destinations"]["bus"]["unaccounted"]
        bus.faults = Faults()
        accounts = await until_held_is(client, gateway.admin_url, 0)
        gateway.terminate()
        assert await gateway.exit_code() == 1
    assert lost == told == held[0] > 0
    assert accounts.delivered == held[1] > 0
    assert accounts.total("gateway_events_accepted_total") == 200
    (said,) = [line for line in gateway.log if line["message"].startswith("events are lost with the memory")]
    assert (said["level"], said["worker"], said["events"]) == ("error", 0, held[0])


async def test_a_drain_under_load_delivers_everything_that_every_worker_has_accepted(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """SIGTERM is for all of them, and none is left behind."""
    stop = asyncio.Event()
    async with GatewayProcess(tmp_path, configuration(bus), workers=3) as gateway:
        load = asyncio.create_task(post_all(client, gateway.url, until_told(stop), connections=32))
        await until_accepted(client, gateway, 500)
        pids = [worker["pid"] for worker in await workers(client, gateway)]
        gateway.terminate()
        await gateway.until_logged("draining all workers")
        stop.set()
        statuses = await load
        assert await gateway.exit_code() == 0
    assert len(accepted(statuses)) >= 500
    assert arrived(bus) == Counter(accepted(statuses))
    assert not any(map(is_running, pids))


async def test_a_reload_under_load_is_for_all_workers_and_for_those_that_come_later(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Events held for wrong keys go with the right ones; a bad file changes nothing, now or later."""
    stop = asyncio.Event()
    wrong = {"bus": aws_destination(bus.url, secret_access_key="c2VjcmV0LXRoYXQtaXMtd3Jvbmc")}
    journal = {"buffer": {"journal": "journal"}}
    async with GatewayProcess(
        tmp_path, configuration(bus, destinations=wrong, **journal), workers=2
    ) as gateway:
        load = asyncio.create_task(post_all(client, gateway.url, until_told(stop)))
        gateway.rewrite(configuration(bus, **journal))
        async with client.post(f"{gateway.admin_url}/reload") as answer:
            assert answer.status == 200
            assert (await answer.json())["changed"] == ["destinations.bus.secret_access_key"]
        gateway.rewrite(configuration(bus, bufer={}, flush={"interval": "never"}))
        async with client.post(f"{gateway.admin_url}/reload") as answer:
            assert answer.status == 422
            faults = {fault["key"] for fault in (await answer.json(content_type=None))["errors"]}
        stop.set()
        statuses = await load
        await kill_worker(client, gateway, 1)
        statuses |= await post_all(client, gateway.url, map(document, range(10**6, 10**6 + 100)))
        accounts = await until_held_is(client, gateway.admin_url, 0)
        async with client.get(f"{gateway.admin_url}/status") as answer:
            last_reload = (await answer.json())["last_reload"]
        gateway.terminate()
        assert await gateway.exit_code() == 0
    assert faults == {"bufer", "flush.interval"}
    assert accounts.total("gateway_config_last_reload_successful") == 0
    assert {fault.partition(":")[0] for fault in last_reload["faults"]} == faults
    assert set(statuses.values()) <= {202, 0}  # a connection that the killed worker had
    assert accepted(statuses) <= arrived(bus).keys()


@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 2), (3, 2)])
async def test_a_start_with_another_number_of_workers_takes_everything_back(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path, before: int, after: int
) -> None:
    """From the journals of workers that are no more, though their supervisor was killed."""
    bus.faults = Faults(down=True)
    configured = configuration(bus, buffer={"journal": "journal"}, shutdown={"deadline": "100ms"})
    async with GatewayProcess(tmp_path, configured, workers=before) as gateway:
        statuses = await post_all(client, gateway.url, map(document, range(150)), connections=30)
        gateway.kill()
        await gateway.exit_code()  # and the end of the log, which every worker has open
    bus.faults = Faults()
    async with GatewayProcess(tmp_path, configured, workers=after) as gateway:
        accounts = await until_held_is(client, gateway.admin_url, 0)
        gateway.terminate()
        assert await gateway.exit_code() == 0
    assert accepted(statuses) == ids(150)
    assert accounts.total("gateway_events_restored_total") == 150
    assert arrived(bus) == Counter(ids(150))


async def test_what_workers_have_spilled_is_taken_back_by_fewer(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """A second signal is for all of them as well; nothing is lost by it, nor forgotten."""
    bus.faults = Faults(down=True)
    configured = configuration(bus, shutdown={"deadline": "1h"})
    async with GatewayProcess(tmp_path, configured, workers=2) as gateway:
        await post_all(client, gateway.url, map(document, range(100)), connections=20)
        gateway.terminate()
        await gateway.until_logged("draining all workers")
        gateway.terminate()
        assert await gateway.exit_code() == 0
    bus.faults = Faults()
    async with GatewayProcess(tmp_path, configured) as gateway:
        await until_held_is(client, gateway.admin_url, 0)
        gateway.terminate()
        assert await gateway.exit_code() == 0
    assert arrived(bus) == Counter(ids(100))


async def test_a_worker_that_does_not_answer_holds_nobody_up(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """It is shown as it was last heard of, and the sum holds; the others go on, and so does it, if it can."""
    async with GatewayProcess(tmp_path, configuration(bus), workers=2) as gateway:
        await post_all(client, gateway.url, map(document, range(100)), connections=20)
        await until_held_is(client, gateway.admin_url, 0)
        stopped = (await workers(client, gateway))[0]["pid"]
        os.kill(stopped, signal.SIGSTOP)
        accounts = await scrape(client, gateway.admin_url)
        async with client.get(f"{gateway.admin_url}/readyz") as answer:
            assert answer.status == 200
        os.kill(stopped, signal.SIGCONT)
        gateway.terminate()
        assert await gateway.exit_code() == 0
    accounts.check_sum("bus")
    assert accounts.delivered == 100


async def test_workers_write_dead_letters_to_the_same_directory(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Each in files of its own, whole lines all of them, which the commands read as they always do."""
    bus.faults = Faults(standing=(FailEntries(code="NotAuthorizedForSourceException"),))
    async with GatewayProcess(tmp_path, configuration(bus), workers=2) as gateway:
        await post_all(client, gateway.url, map(document, range(200)), connections=40)
        accounts = await until_held_is(client, gateway.admin_url, 0)
        gateway.terminate()
        assert await gateway.exit_code() == 0
    files = list((tmp_path / "dead-letters" / "bus").glob("*.jsonl"))
    letters = [orjson.loads(line) for file in files for line in file.read_bytes().splitlines()]
    assert len(files) == 2
    assert Counter(letter["event"]["id"] for letter in letters) == Counter(ids(200))
    assert accounts.total("gateway_events_dead_lettered_total") == 200


async def test_workers_share_a_unix_socket(bus: AwsEmulator, tmp_path: Path) -> None:
    """It takes events through any of them, also when one is gone, and is removed at the end."""
    path = tmp_path / "events.sock"
    listen = {"receiver": {"listen": ["127.0.0.1:0", f"unix:{path}"]}}
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path), force_close=True)) as neighbour,
        aiohttp.ClientSession() as client,
        GatewayProcess(tmp_path, configuration(bus, **listen), workers=2) as gateway,
    ):
        assert [await post(neighbour, "http://gateway/", document(number)) for number in range(20)] == [
            202
        ] * 20
        await kill_worker(client, gateway, 0)
        assert [await post(neighbour, "http://gateway/", document(number)) for number in range(20)] == [
            202
        ] * 20
        gateway.terminate()
        await gateway.exit_code()
    assert not path.exists()


async def test_a_second_gateway_does_not_slip_in_on_the_same_port(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The kernel would let it, and give it half of the events."""
    other = tmp_path / "other"
    other.mkdir()
    async with GatewayProcess(tmp_path, configuration(bus), workers=2) as gateway:
        taken = {"listen": [gateway.url.removeprefix("http://")]}
        second = GatewayProcess(other, configuration(bus, receiver=taken), workers=2)
        with pytest.raises(RuntimeError, match="the gateway did not start"):
            await second.__aenter__()
        assert await second.exit_code() == 1
        assert await post(client, gateway.url, document(1)) == 202
    assert second.log[-1]["error"] == f"receiver.listen = {taken['listen'][0]}: Address already in use"


async def test_a_directory_that_cannot_be_used_is_refused_once_for_all_workers(
    bus: AwsEmulator, tmp_path: Path
) -> None:
    """Exit code 2 and one line, as of one process."""
    (tmp_path / "journal").touch()
    gateway = GatewayProcess(tmp_path, configuration(bus, buffer={"journal": "journal"}), workers=3)
    with pytest.raises(RuntimeError, match="the gateway did not start"):
        await gateway.__aenter__()
    assert await gateway.exit_code() == 2
    (fault,) = [message for message in gateway.messages() if message.startswith("destinations.bus.buffer")]
    assert "journal" in fault
