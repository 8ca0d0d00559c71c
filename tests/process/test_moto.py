"""A third party's EventBridge behind a whole gateway: what is read from a queue equals what was posted."""

import asyncio
import base64
import json
import random
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest

from tests.support.process import GatewayProcess, aws_destination, clean_environment, until_held_is

EVENTS = 500
WORDS = ["order", "größe", "价格", "🚚", "naïve", "line\nbreak", 'quo"te', "back\\slash", "\u2028", "\x00"]
NUMBERS = [9007199254740993, -(2**63), 2**63 - 1, 0, -0.0, 0.1, 1e-320, 12345678.9, 1.7976931348623157e308]


class Posted:
    """One event: how to post it, and the CloudEvents JSON that must arrive."""

    def __init__(self, mode: str, event: dict[str, Any]) -> None:
        self.mode = mode
        self.event = event


@pytest.fixture
async def moto_url() -> AsyncIterator[str]:
    """A moto server on a free port, in a process of its own."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    assert server.stderr is not None
    url = ""
    while not url:
        line = (await asyncio.wait_for(server.stderr.readline(), 30)).decode()
        assert line, "moto ended before it listened"
        if match := re.search(r"http://127\.0\.0\.1:[0-9]+", line):
            url = match[0]
    drain = asyncio.create_task(server.stderr.read())
    yield url
    server.terminate()
    await server.wait()
    await drain


def random_data(dice: random.Random, size: int) -> dict[str, Any]:
    """An object of about `size` bytes of JSON: words, and numbers that no float holds."""
    data: dict[str, Any] = {
        "numbers": dice.sample(NUMBERS, 4),
        "none": None,
        "nested": [{"a": [[]]}, True, ""],
    }
    text: list[str] = []
    while sum(map(len, text)) < size:
        text.append(dice.choice(WORDS) * dice.randint(1, 200))
    return data | {"text": " ".join(text)[:size]}


def random_events(dice: random.Random) -> Iterator[Posted]:
    for number in range(EVENTS):
        size = int(200 * 500 ** dice.random())  # 200 B to 100 kB, as many small as large ones
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"{number}",
            "source": "/tests/moto",
            "type": "com.example.größe",
            "subject": dice.choice(["a b", "100%", "größe", '"quoted"']),
            "time": "2026-03-04T05:06:07.123456789+01:00",
            "partitionkey": str(number % 7),
        }
        mode = ("binary", "structured", "batched")[number % 3]
        if number % 5:
            event |= {"datacontenttype": "application/json", "data": random_data(dice, size)}
        else:
            octets = base64.b64encode(dice.randbytes(size)).decode()
            event |= {"datacontenttype": "application/octet-stream", "data_base64": octets}
        yield Posted(mode, event)


def percent_encoded(text: str) -> str:
    """A header value as the HTTP binding wants it."""
    keep = {ord(c) for c in map(chr, range(0x21, 0x7F))} - set(b'"%')
    return "".join(chr(octet) if octet in keep else f"%{octet:02X}" for octet in text.encode())


def binary_request(event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body of the event in binary content mode."""
    attributes = {k: v for k, v in event.items() if k not in ("datacontenttype", "data", "data_base64")}
    headers = {f"ce-{name}": percent_encoded(value) for name, value in attributes.items()}
    if "data_base64" in event:
        body = base64.b64decode(event["data_base64"])
    else:
        body = json.dumps(event["data"]).encode()
    return {**headers, "Content-Type": event["datacontenttype"]}, body


async def post(client: aiohttp.ClientSession, url: str, headers: dict[str, str], body: bytes) -> None:
    async with client.post(url, headers=headers, data=body) as answer:
        assert answer.status == 202, await answer.text()


async def post_all(client: aiohttp.ClientSession, url: str, posted: list[Posted]) -> None:
    for each in posted:
        if each.mode == "binary":
            await post(client, url, *binary_request(each.event))
        elif each.mode == "structured":
            body = json.dumps(each.event).encode()
            await post(client, url, {"Content-Type": "application/cloudevents+json"}, body)
    batched = [each.event for each in posted if each.mode == "batched"]
    for start in range(0, len(batched), 7):
        body = json.dumps(batched[start : start + 7], ensure_ascii=False, indent=1).encode()
        await post(client, url, {"Content-Type": "application/cloudevents-batch+json"}, body)


class Account:
    """A bus whose rule sends everything to a queue, made with Amazon's own SDK."""

    def __init__(self, url: str) -> None:
        session = boto3.Session(
            "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region_name="us-east-1"
        )
        events = session.client("events", endpoint_url=url)
        self._sqs = session.client("sqs", endpoint_url=url)
        self._queue = self._sqs.create_queue(QueueName="witness")["QueueUrl"]
        events.create_event_bus(Name="orders")
        pattern = json.dumps({"source": [{"prefix": ""}]})
        events.put_rule(Name="everything", EventBusName="orders", EventPattern=pattern)
        arn = "arn:aws:sqs:us-east-1:123456789012:witness"
        events.put_targets(Rule="everything", EventBusName="orders", Targets=[{"Id": "1", "Arn": arn}])

    def read_queue(self) -> list[dict[str, Any]]:
        """Every event envelope in the queue."""
        envelopes: list[dict[str, Any]] = []
        while messages := self._receive():
            envelopes += [json.loads(message["Body"]) for message in messages]
        return envelopes

    def _receive(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, VisibilityTimeout=600
        ).get("Messages", [])
        return messages


async def test_500_events_in_three_modes_come_back_from_a_queue_equal_and_once(
    moto_url: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Non-ASCII text, binary data and numbers beyond doubles survive the whole way to another's bus."""
    account = await asyncio.to_thread(Account, moto_url)
    posted = list(random_events(random.Random(2026)))  # noqa: S311 - a seeded mix, no secret
    document = {
        "flush": {"interval": "50ms"},
        "destinations": {"bus": aws_destination(moto_url, event_bus="orders")},
    }
    async with GatewayProcess(tmp_path, document) as gateway:
        await post_all(client, gateway.url, posted)
        accounts = await until_held_is(client, gateway.admin_url, 0)
        accounts.check_sum("bus")
        assert accounts.delivered == EVENTS
        assert accounts.total("gateway_bus_requests_total") < EVENTS / 2
    envelopes = await asyncio.to_thread(account.read_queue)
    details = sorted((envelope["detail"] for envelope in envelopes), key=lambda detail: int(detail["id"]))
    assert details == [each.event for each in posted]
    assert {envelope["source"] for envelope in envelopes} == {"/tests/moto"}
    assert {envelope["detail-type"] for envelope in envelopes} == {"com.example.größe"}
