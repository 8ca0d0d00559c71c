"""TLS of a whole process: certificates that are rotated under load, and files that are no use."""

import asyncio
import ssl
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from msgspec.structs import asdict
from yarl import URL

from gateway.config import TlsConfig
from gateway.emulators.aws import AwsEmulator
from tests.support.certificates import Authority, tls_config
from tests.support.load import document, post_all
from tests.support.process import GatewayProcess, aws_destination, until_held_is
from tests.support.rotation import NOT_TAKEN_UP, TAKEN_UP, put, run_to_end, until_counted

NAME = "orders"


def configuration(bus: AwsEmulator, tls: TlsConfig) -> dict[str, Any]:
    return {
        "flush": {"interval": "20ms"},
        "receiver": {"tls": {**asdict(tls), "client_names": list(tls.client_names)}},
        "destinations": {"bus": aws_destination(bus.url)},
    }


def producer(context: ssl.SSLContext) -> aiohttp.ClientSession:
    """An HTTP client that speaks TLS."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))


async def certificate_of(url: str, context: ssl.SSLContext) -> bytes | None:
    """What a new connection is shown."""
    address = URL(url)
    _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    try:
        shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    return shown


async def test_a_certificate_is_rotated_under_load_and_nobody_notices(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The certificate comes before its key: until both are there the old pair stays, told of once."""
    authority, stop, numbers = Authority(), asyncio.Event(), count()
    old = authority.server("old").write(tmp_path)
    context = authority.client(tmp_path)

    async def produce(gateway: GatewayProcess) -> set[int]:
        statuses = set()
        while not stop.is_set():  # new connections all the time
            async with producer(context) as session:
                some = [document(next(numbers)) for _ in range(20)]
                statuses |= set((await post_all(session, gateway.url, some, connections=2)).values())
        return statuses

    async with (
        GatewayProcess(tmp_path, configuration(bus, tls_config(tmp_path))) as gateway,
        producer(context) as patient,
    ):
        assert gateway.url.startswith("https://")
        load = asyncio.create_task(produce(gateway))
        assert set((await post_all(patient, gateway.url, [document(-1)])).values()) == {202}
        new = authority.server("new")
        put(tmp_path / "server.pem", new.pem)
        await until_counted(gateway, NOT_TAKEN_UP, 1)
        assert await certificate_of(gateway.url, context) == old.der
        put(tmp_path / "server.key", new.key_pem())
        await until_counted(gateway, TAKEN_UP, 1)
        assert await certificate_of(gateway.url, context) == new.der
        assert set((await post_all(patient, gateway.url, [document(-2)])).values()) == {202}
        stop.set()
        assert await load == {202}
        await until_held_is(client, gateway.admin_url, 0)
    (told,) = [line for line in gateway.log if line["message"] == NOT_TAKEN_UP]
    assert told["faults"] == ["receiver.tls.key: does not belong to receiver.tls.certificate"]


async def test_another_client_ca_is_taken_up(bus: AwsEmulator, tmp_path: Path) -> None:
    """New connections need a certificate of the new one; names are asked of them too."""
    servers, former, later = Authority(), Authority(), Authority()
    servers.server().write(tmp_path)
    tls = tls_config(tmp_path, former, NAME)

    async def answered(issuer: Authority, name: str) -> set[int]:
        context = servers.client(tmp_path, issuer.issue(name))
        async with producer(context) as session:
            return set((await post_all(session, gateway.url, [document(1)])).values())

    async with GatewayProcess(tmp_path, configuration(bus, tls)) as gateway:
        seen = [await answered(former, NAME), await answered(former, "other"), await answered(later, NAME)]
        assert seen == [{202}, {403}, {0}]
        put(tmp_path / "clients.pem", later.pem)
        await until_counted(gateway, TAKEN_UP, 1)
        seen = [await answered(former, NAME), await answered(later, "other"), await answered(later, NAME)]
        assert seen == [{0}, {403}, {202}]


async def test_files_that_are_no_use_are_refused_at_the_start(bus: AwsEmulator, tmp_path: Path) -> None:
    """Exit code 2, and the key by name."""
    Authority().server().write(tmp_path)
    (tmp_path / "server.key").write_bytes(Authority().server().key_pem())
    code, said = await run_to_end(tmp_path, configuration(bus, tls_config(tmp_path)), "run")
    assert (code, said) == (2, "receiver.tls.key: does not belong to receiver.tls.certificate\n")
