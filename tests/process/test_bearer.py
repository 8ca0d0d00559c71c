"""Who may come in, of a whole process: tokens that are rotated under load, doors that are not left open."""

import asyncio
import os
import signal
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from gateway.emulators.aws import AwsEmulator
from tests.support.certificates import PASSPHRASE, Authority
from tests.support.load import STRUCTURED, document, post_all
from tests.support.process import GatewayProcess, aws_destination, until_held_is
from tests.support.rotation import NOT_TAKEN_UP, TAKEN_UP, put, run_to_end, until_counted

# RFC 6750's own examples, and RFC 9068's.
FIRST, SECOND = "mF_9.B5f-4.1JqM", "vF9dft4qmT"
ADMIN = "eyJ0eXAiOiJhdCtKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6IlJqRXdPd09BIn0"


def configuration(bus: AwsEmulator, **sections: Any) -> dict[str, Any]:
    return {
        "flush": {"interval": "20ms"},
        "destinations": {"bus": aws_destination(bus.url)},
        **sections,
    }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_tokens_are_rotated_under_load_and_no_request_with_a_right_one_fails(
    bus: AwsEmulator, tmp_path: Path
) -> None:
    """By the file, without a signal; one that is no use changes nothing, and is told of once."""
    tokens = tmp_path / "tokens"
    put(tokens, f"{FIRST}\n".encode())
    numbers = count()
    right, stop = [FIRST], asyncio.Event()

    async def produce(gateway: GatewayProcess) -> set[int]:
        statuses = set()
        while not stop.is_set():
            async with aiohttp.ClientSession(headers=bearer(right[0])) as session:
                some = [document(next(numbers)) for _ in range(50)]
                statuses |= set((await post_all(session, gateway.url, some, connections=4)).values())
        return statuses

    async with (
        GatewayProcess(tmp_path, configuration(bus, receiver={"tokens_file": str(tokens)})) as gateway,
        aiohttp.ClientSession(headers=bearer(FIRST)) as former,
    ):
        load = asyncio.create_task(produce(gateway))
        assert list((await post_all(former, gateway.url, [document(next(numbers))])).values()) == [202]
        put(tokens, f"{FIRST}\n{SECOND}\n".encode())
        await until_counted(gateway, TAKEN_UP, 1)
        right[0] = SECOND
        assert list((await post_all(former, gateway.url, [document(next(numbers))])).values()) == [202]
        put(tokens, b"\n")
        await until_counted(gateway, NOT_TAKEN_UP, 1)
        assert list((await post_all(former, gateway.url, [document(next(numbers))])).values()) == [202]
        put(tokens, f"{SECOND}\n".encode())
        await until_counted(gateway, TAKEN_UP, 2)
        assert list((await post_all(former, gateway.url, [document(next(numbers))])).values()) == [401]
        stop.set()
        assert await load == {202}
    assert gateway.messages().count(NOT_TAKEN_UP) == 1
    assert FIRST not in str(gateway.log)
    assert SECOND not in str(gateway.log)


async def test_no_secret_shows_anywhere(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Not in the log at its most talkative, nor in status, metrics, answers, faults and `gateway check`."""
    server = Authority().server().write(tmp_path)
    (tmp_path / "locked.key").write_bytes(server.key_pem(PASSPHRASE))
    keys = [
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "dummyAccessKeySecret0000000001",
        "DummyPassword00000001",
    ]
    hidden = [FIRST, SECOND, ADMIN, *keys, *server.key_pem().decode().splitlines()[1:-1]]
    loopback = {"endpoint": "http://127.0.0.1:9"}
    document_ = configuration(
        bus,
        log={"level": "debug"},
        shutdown={"deadline": "1s"},
        receiver={"tokens": [FIRST, SECOND]},
        admin={"tokens": [ADMIN]},
        destinations={
            "bus": aws_destination(bus.url),
            "hangzhou": {
                "type": "alibaba", **loopback, "event_bus": "b",
                "access_key_id": "LTAI", "access_key_secret": keys[1],
            },
            "grid": {
                "type": "huawei", **loopback, "project_id": "p", "channel_id": "c",
                "user": "u", "domain": "d", "iam_endpoint": "http://127.0.0.1:9", "password": keys[2],
            },
        },
    )  # fmt: skip
    tls = {"certificate": str(tmp_path / "server.pem"), "key": str(tmp_path / "server.key")}
    locked = {**tls, "key": str(tmp_path / "locked.key")}
    told = []
    async with GatewayProcess(tmp_path, document_) as gateway:
        for url in ("/", f"/?access_token={FIRST}", "/events/none", "/none"):
            for headers in ({}, bearer(FIRST), bearer(f"{FIRST}x"), {"Authorization": f"Basic {FIRST}"}):
                event = orjson.dumps(document(1))
                async with client.post(
                    gateway.url + url, data=event, headers={**STRUCTURED, **headers}
                ) as answer:
                    told.append(f"{answer.status} {answer.headers} {await answer.text()}")
        gateway.rewrite({**document_, "receiver": {"tokens": [FIRST, f"{SECOND} "], "tls": locked}})
        for method, path in (("GET", "/status"), ("GET", "/metrics"), ("POST", "/reload"), ("GET", "/none")):
            for headers in (bearer(ADMIN), bearer(f"{ADMIN}x")):
                async with client.request(method, gateway.admin_url + path, headers=headers) as answer:
                    told.append(f"{answer.status} {answer.headers} {await answer.text()}")
        os.kill(gateway.pid, signal.SIGHUP)
        await until_counted(gateway, NOT_TAKEN_UP, 2)
        gateway.terminate()
        await gateway.exit_code()
    told += [
        (await run_to_end(tmp_path, {**document_, "receiver": receiver}, "check"))[1]
        for receiver in ({"tokens": [FIRST], "tls": tls}, {"tokens": [FIRST, f"{SECOND} "], "tls": locked})
    ]
    everything = f"{gateway.log}{told}"
    assert "receiver.tokens" in everything
    assert "encrypted with a passphrase" in everything
    assert "••••••" in everything
    assert [each for each in hidden if each in everything] == []


@pytest.mark.parametrize(
    ("section", "listen"), [("receiver", ["127.0.0.1:0", "0.0.0.0:0"]), ("admin", "[::]:0")]
)
async def test_beyond_loopback_it_starts_only_when_told_so_and_says_so(
    bus: AwsEmulator, tmp_path: Path, section: str, listen: list[str] | str
) -> None:
    """Exit code 2 and the key without a word of the operator's; with it, a warning."""
    code, said = await run_to_end(tmp_path, configuration(bus, **{section: {"listen": listen}}), "run")
    assert code == 2
    assert said.startswith(f"{section}.listen: ")
    told = configuration(bus, **{section: {"listen": listen, "allow_anonymous": True}})
    async with GatewayProcess(tmp_path, told) as gateway:
        warned = [line["message"] for line in gateway.log if line["level"] == "warning"]
    assert len(warned) == 1
    assert warned[0].startswith(f"{section}.listen: anybody who can reach ")


async def test_a_token_is_enough_beyond_loopback_and_travels_in_the_clear(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Which is said at the start."""
    receiver = {"listen": ["0.0.0.0:0"], "tokens": [FIRST]}
    async with GatewayProcess(tmp_path, configuration(bus, receiver=receiver)) as gateway:
        url = gateway.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - the address of one that is open
        assert list((await post_all(client, url, [document(1)])).values()) == [401]
        async with aiohttp.ClientSession(headers=bearer(FIRST)) as producer:
            assert list((await post_all(producer, url, [document(1)])).values()) == [202]
        await until_held_is(client, gateway.admin_url, 0)
    assert any("travels in the clear" in message for message in gateway.messages())


async def test_a_reload_does_not_open_a_listener_that_only_a_start_can_move(
    bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The file has it on loopback and without tokens by now; it is not there yet, so they are needed."""
    receiver = {"listen": ["0.0.0.0:0"], "tokens": [FIRST]}
    async with GatewayProcess(tmp_path, configuration(bus, receiver=receiver)) as gateway:
        gateway.rewrite(configuration(bus))
        async with client.post(f"{gateway.admin_url}/reload") as answer:
            assert answer.status == 422
            assert [fault["key"] for fault in (await answer.json(content_type=None))["errors"]] == [
                "receiver.listen"
            ]
        url = gateway.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - the address of one that is open
        assert list((await post_all(client, url, [document(1)])).values()) == [401]
