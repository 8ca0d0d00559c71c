"""SIGHUP and POST /reload under load: what can change does, nothing is refused, lost or doubled."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from gateway.emulators.aws import AwsEmulator
from tests.support.load import accepted, document, post_all
from tests.support.process import GatewayProcess, aws_destination, scrape, until_held_is


def configuration(bus: AwsEmulator, **sections: Any) -> dict[str, Any]:
    return {
        "flush": {"interval": "20ms"},
        "shutdown": {"deadline": "20s"},
        "destinations": {"bus": aws_destination(bus.url)},
        **sections,
    }


def arrived(bus: AwsEmulator) -> Counter[str]:
    return Counter(orjson.loads(event.detail)["id"] for event in bus.received)


def until_told(stop: asyncio.Event) -> Iterator[dict[str, Any]]:
    for number in count():
        if stop.is_set():
            return
        yield document(number)


async def test_a_reload_under_load_refuses_loses_and_doubles_nothing(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Interval, limits and credentials change ten times while producers post; a bad file changes nothing."""
    stop = asyncio.Event()
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        load = asyncio.create_task(post_all(client, gateway.url, until_told(stop)))
        for turn in range(10):
            keys = {
                "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                "max_request_events": turn + 1,
            }
            gateway.rewrite(
                configuration(
                    bus,
                    flush={"interval": f"{10 + turn}ms"},
                    buffer={"max_events": 50_000 + turn},
                    receiver={"max_connections": 512 + turn},
                    destinations={"bus": aws_destination(bus.url, **keys)},
                )
            )
            taken_up = gateway.messages().count("the configuration is taken up")
            os.kill(gateway.pid, signal.SIGHUP)
            async with asyncio.timeout(20):
                while gateway.messages().count("the configuration is taken up") == taken_up:
                    await gateway.until_more_is_logged()
        gateway.rewrite({**configuration(bus), "flush": {"interval": "soon"}, "bufer": {}})
        async with client.post(f"{gateway.admin_url}/reload") as answer:
            assert answer.status == 422
            faults = (await answer.json(content_type=None))["errors"]
        stop.set()
        statuses = await load
        accounts = await until_held_is(client, gateway.admin_url, 0)
        accounts.check_sum("bus")
        async with client.get(f"{gateway.admin_url}/status") as answer:
            told = await answer.json()
    assert accounts.total("gateway_config_last_reload_successful") == 0
    assert accounts.total("gateway_config_last_reload_success_timestamp_seconds") > 0
    in_use, last_reload = told["configuration"], told["last_reload"]
    assert (last_reload["successful"], len(last_reload["faults"])) == (False, 2)
    assert {fault["key"] for fault in faults} == {"bufer", "flush.interval"}
    assert set(statuses.values()) == {202}
    assert arrived(bus) == Counter(accepted(statuses))
    assert in_use["destinations"]["bus"]["flush"]["interval"] == "19ms"
    assert in_use["receiver"]["max_connections"] == 521


async def test_new_limits_and_credentials_hold_at_once(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Events that are held for wrong keys go with the right ones; what needs a restart is named."""
    wrong = aws_destination(bus.url, secret_access_key="c2VjcmV0LXRoYXQtaXMtd3Jvbmc")
    async with GatewayProcess(tmp_path, configuration(bus, destinations={"bus": wrong})) as gateway:
        await post_all(client, gateway.url, [document(1)])
        async with asyncio.timeout(20):
            while not (await scrape(client, gateway.admin_url)).total(
                "gateway_events_retried_total", reason="blocked"
            ):
                pass
        gateway.rewrite(configuration(bus, buffer={"max_events": 7, "journal": "journal"}))
        async with client.post(f"{gateway.admin_url}/reload") as answer:
            assert answer.status == 200
            told = await answer.json()
        await until_held_is(client, gateway.admin_url, 0)
        async with client.get(f"{gateway.admin_url}/status") as answer:
            buffer = (await answer.json())["configuration"]["destinations"]["bus"]["buffer"]
    assert told == {
        "changed": ["destinations.bus.secret_access_key", "destinations.bus.buffer"],
        "needs_restart": ["destinations.bus.buffer.journal"],
    }
    assert (buffer["max_events"], buffer["journal"]) == (7, "")
    assert list(arrived(bus)) == ["event-1"]


async def test_dead_letters_and_the_log_level_follow_the_file(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """From the reload on; where a directory cannot be used nothing else changes either."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        gateway.rewrite(configuration(bus, dead_letters={"path": "gateway.toml"}, log={"level": "error"}))
        async with client.post(f"{gateway.admin_url}/reload") as answer:
            assert answer.status == 422
        gateway.rewrite(configuration(bus, dead_letters={"path": "elsewhere"}, log={"level": "error"}))
        async with client.post(f"{gateway.admin_url}/reload") as answer:
            assert (await answer.json())["changed"] == ["log", "destinations.bus.dead_letters"]
        gateway.terminate()
        assert await gateway.exit_code() == 0
    assert (tmp_path / "elsewhere").is_dir()
    assert "stopped" not in gateway.messages()
