"""Gateways to which everything happens at once: for each trouble a destination with a bus that has it."""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from msgspec.structs import asdict

from gateway.emulators.aws import AwsEmulator
from gateway.emulators.faults import FailEntries, Faults, Throttle
from tests.support.certificates import Authority, tls_config
from tests.support.load import STRUCTURED, document, post, post_all
from tests.support.metadata import MetadataService, Reply
from tests.support.process import GatewayProcess, aws_destination

REFUSES = Faults(standing=(FailEntries(code="NotAuthorizedForSourceException"),))

BUSES: Mapping[str, Faults] = {
    "fine": Faults(),
    "down": Faults(down=True),
    "full": Faults(down=True),
    "expiring": Faults(down=True),
    "refusing": REFUSES,
    "dropping": REFUSES,
    "throttling": Faults(standing=(Throttle(probability=0.5),)),
    "slow": Faults(latency_seconds=1.5),
    "lent": Faults(),
}
"""By destination: what is wrong with its bus."""

SETTINGS: Mapping[str, dict[str, Any]] = {
    "down": {"buffer": {"max_events": 5000}},
    "full": {"buffer": {"max_events": 5}},
    "expiring": {"delivery": {"max_age": "500ms"}},
    "dropping": {"dead_letters": {"path": ""}},
}
"""By destination: what it has beside its bus."""

CONNECTIONS = 40
POST_EVERY_SECONDS = 0.05

FAILS_FROM_BYTES = 1
"""No file of a worker may grow beyond: a disk that is full."""


@asynccontextmanager
async def troubled_gateway(directory: Path) -> AsyncIterator[tuple[GatewayProcess, aiohttp.ClientSession]]:
    """One with all of `BUSES`, a certificate near its end and a damaged spill; a client that trusts it."""
    authority = furnish(directory)
    async with AsyncExitStack() as stack:
        destinations = {}
        for name, faults in BUSES.items():
            bus = await stack.enter_async_context(AwsEmulator())
            bus.faults = faults
            destinations[name] = aws_destination(bus.url) | SETTINGS.get(name, {})
        lender = await stack.enter_async_context(MetadataService({"GET /": Reply(lent_credentials())}))
        destinations["lent"] = without_keys(destinations["lent"])
        configuration = {
            "flush": {"interval": "20ms"},
            "receiver": {"tls": {**asdict(tls_config(directory)), "client_names": []}},
            "destinations": destinations,
        }
        environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{lender.url}/"}
        gateway = await stack.enter_async_context(GatewayProcess(directory, configuration, environment))
        connector = aiohttp.TCPConnector(ssl=authority.client(directory))
        yield gateway, await stack.enter_async_context(aiohttp.ClientSession(connector=connector))


def furnish(directory: Path) -> Authority:
    """Put down what the gateway finds at its start; the authority of its certificate."""
    authority = Authority()
    spill = directory / "spill"
    spill.mkdir(parents=True)
    (spill / "fine.1.jsonl").write_bytes(b"no entry\n")
    authority.server(lasts=timedelta(days=3)).write(directory)
    return authority


def lent_credentials() -> bytes:
    """A container's, that end in four minutes and are never renewed."""
    return orjson.dumps({
        "AccessKeyId": "AKIDEXAMPLE",
        "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "Token": "token",
        "Expiration": (datetime.now(UTC) + timedelta(minutes=4)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    })  # fmt: skip


def without_keys(destination: dict[str, Any]) -> dict[str, Any]:
    """With credentials of the default chain."""
    return {key: value for key, value in destination.items() if not key.endswith(("_id", "_key"))}


@asynccontextmanager
async def troubled_workers(directory: Path) -> AsyncIterator[GatewayProcess]:
    """Two workers, one destination with a journal and one without, whose bus is down."""
    async with AwsEmulator() as well, AwsEmulator() as ill:
        ill.faults = Faults(down=True)
        configuration = {
            "shutdown": {"deadline": "300ms"},
            "destinations": {
                "kept": aws_destination(well.url, buffer={"journal": str(directory / "journal")}),
                "lost": aws_destination(ill.url),
            },
        }
        async with GatewayProcess(directory, configuration, workers=2) as gateway:
            yield gateway


async def spoil_workers(client: aiohttp.ClientSession, gateway: GatewayProcess) -> None:
    """Fill the disk of both workers, and kill one with all that it holds."""
    await post_to_both(f"{gateway.url}/events/lost")
    async with client.get(f"{gateway.admin_url}/status") as answer:
        pids = [worker["pid"] for worker in (await answer.json())["workers"]]
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (FAILS_FROM_BYTES, resource.RLIM_INFINITY))
    await post_to_both(f"{gateway.url}/events/kept")
    os.kill(pids[0], signal.SIGKILL)


async def post_to_both(url: str) -> None:
    """So many new connections at once that each of two workers has its share."""
    async with aiohttp.ClientSession() as producer:
        await post_all(producer, url, map(document, range(CONNECTIONS)), connections=CONNECTIONS)


@asynccontextmanager
async def posting(client: aiohttp.ClientSession, url: str) -> AsyncIterator[None]:
    """Meanwhile, a few events a second to each destination, and a few that are none."""
    task = asyncio.create_task(_post_on(client, url))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _post_on(client: aiohttp.ClientSession, url: str) -> None:
    for number in count():
        for name in BUSES:
            await post(client, f"{url}/events/{name}", document(number))
        async with client.post(f"{url}/events/fine", data=b"{", headers=STRUCTURED):
            pass
        await asyncio.sleep(POST_EVERY_SECONDS)
