"""A fuzzer that reads the OpenAPI description meets nothing that is not in it, on either listener."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.emulators.aws import AwsEmulator
from tests.openapi.description import closed, of_listener
from tests.support.load import STRUCTURED, document
from tests.support.process import EXIT_SECONDS, GatewayProcess, aws_destination, clean_environment, scrape

pytest.importorskip("schemathesis")

FUZZER = Path(sys.executable).with_name("schemathesis")
PHASES = "examples,coverage,fuzzing"
CONFORMANCE = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
HEALTH = "not_a_server_error"
METHODS = ("unsupported_method", "allow_header_conformance")
ACCEPTANCE, REJECTION = "positive_data_acceptance", "negative_data_rejection"
TOKEN = "mF_9.B5f-4.1JqM"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
GUARDED = {"tokens": [TOKEN]}
NULL = {"type": "file", "path": "/dev/null"}


class Fuzzer:
    """schemathesis in a process of its own: the same requests in every run, no file outside `directory`."""

    def __init__(
        self, directory: Path, *, mode: str = "all", phases: str = PHASES, examples: int = 10
    ) -> None:
        self._directory = directory
        self._mode = mode
        self._phases = phases
        self._examples = examples

    async def meets_only_what_is_described(
        self, description: Mapping[str, Any], url: str, *checks: str, token: str | None = None
    ) -> None:
        """Asserts it; what it met otherwise is the message, with a `curl` line for each."""
        path = self._directory / "openapi.json"
        path.write_text(json.dumps(description))
        shown = [] if token is None else ["--header", f"Authorization: Bearer {token}"]
        process = await asyncio.create_subprocess_exec(
            str(FUZZER), "run", str(path), "--url", url, "--checks", ",".join(checks),
            "--mode", self._mode, "--phases", self._phases, "--max-examples", str(self._examples),
            "--generation-deterministic", "--no-shrink", "--no-color", *shown,
            cwd=self._directory, env={**clean_environment(), "HOME": str(self._directory)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(), EXIT_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, "\n".join(line[:500] for line in output.decode().splitlines())


def without(description: dict[str, Any], *paths: str) -> dict[str, Any]:
    """The description without those paths."""
    for path in paths:
        del description["paths"][path]
    return description


def administration() -> dict[str, Any]:
    """Every path of it that is answered."""
    return closed(of_listener("administration"))


def receiver() -> dict[str, Any]:
    """All of it but how many events may be in a batch: ten thousand and one take the fuzzer seconds."""
    description = closed(of_listener("events"))
    del description["components"]["schemas"]["CloudEvents"]["maxItems"]
    return description


def in_the_json_format(description: dict[str, Any]) -> dict[str, Any]:
    """The description of events in the JSON format alone, where a schema says all that a rule says.

    A body in binary mode depends on header fields, and one in a content coding is not what its schema says.
    """
    for item in description["paths"].values():
        if "post" in item:
            body = item["post"]["requestBody"]
            body["required"] = True
            del body["content"]["*/*"]
            item["post"]["parameters"] = [
                each
                for each in item["post"]["parameters"]
                if each["in"] == "path" or each["name"] == "Prefer"
            ]
    return description


def without_integers(description: dict[str, Any]) -> dict[str, Any]:
    """The description without attributes that are: to a schema 1.0 is one too, to the format it is not."""
    description["components"]["schemas"]["CloudEvent"]["additionalProperties"]["type"].remove("integer")
    return description


async def answered(client: aiohttp.ClientSession, gateway: GatewayProcess) -> set[int]:
    """The statuses that the receiver has given."""
    accounts = await scrape(client, gateway.admin_url)
    return {
        int(dict(labels)["code"])
        for (name, labels), value in accounts.samples.items()
        if name == "gateway_requests_total" and value
    }


async def test_a_gateway_that_asks_nothing_answers_as_described(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Each operation, and each method that a path has not."""
    fuzzer = Fuzzer(tmp_path)
    async with GatewayProcess(tmp_path, {"destinations": {"orders": NULL}}) as gateway:
        await fuzzer.meets_only_what_is_described(receiver(), gateway.url, *CONFORMANCE, HEALTH, *METHODS)
        lasting = without(administration(), "/drain")
        await fuzzer.meets_only_what_is_described(lasting, gateway.admin_url, *CONFORMANCE, HEALTH, *METHODS)
        assert {200, 202, 400, 404, 405, 415} <= await answered(client, gateway)


async def test_what_the_schema_of_an_event_allows_is_accepted_and_nothing_else_is(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """In the JSON format, where `acknowledge` waits for the delivery, to a file and to a bus."""
    async with AwsEmulator() as bus:
        configuration = {
            "receiver": {"acknowledge": "delivered", "acknowledge_timeout": "20s"},
            "flush": {"when_idle": "send"},
            "destinations": {"orders": NULL, "bus": aws_destination(bus.url)},
        }
        async with GatewayProcess(tmp_path, configuration) as gateway:
            events = in_the_json_format(receiver())
            negative = Fuzzer(tmp_path, mode="negative")
            await negative.meets_only_what_is_described(events, gateway.url, *CONFORMANCE, REJECTION)
            events, positive = without_integers(events), Fuzzer(tmp_path, mode="positive")
            await positive.meets_only_what_is_described(events, gateway.url, *CONFORMANCE, ACCEPTANCE)
            assert {200, 400, 404, 405, 415} <= await answered(client, gateway)
            (await scrape(client, gateway.admin_url)).check_sum("bus")


async def test_a_gateway_that_asks_for_a_token_answers_as_described(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Whoever shows none, on every path, and whoever shows the right one."""
    configuration = {"receiver": GUARDED, "admin": GUARDED, "destinations": {"orders": NULL}}
    fuzzer = Fuzzer(tmp_path, phases="examples,fuzzing", examples=5)
    async with GatewayProcess(tmp_path, configuration) as gateway:
        events, everything = receiver(), administration()
        await fuzzer.meets_only_what_is_described(events, gateway.url, *CONFORMANCE)
        await fuzzer.meets_only_what_is_described(everything, gateway.admin_url, *CONFORMANCE)
        lasting = without(everything, "/drain")
        await fuzzer.meets_only_what_is_described(events, gateway.url, *CONFORMANCE, token=TOKEN)
        await fuzzer.meets_only_what_is_described(lasting, gateway.admin_url, *CONFORMANCE, token=TOKEN)
        async with client.get(f"{gateway.admin_url}/status", headers=SHOWN) as answer:
            counts = (await answer.json())["receiver"]["requests_by_status"]
        assert counts["401"]
        assert counts["202"]


async def test_a_gateway_that_drains_answers_as_described(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """For as long as it holds an event whose bus is down; asked again and again, it goes on draining."""
    configuration = {
        "flush": {"interval": "10ms"},
        "shutdown": {"deadline": "60s"},
        "destinations": {"orders": aws_destination("http://127.0.0.1:9")},
    }
    async with GatewayProcess(tmp_path, configuration) as gateway:
        async with client.post(gateway.url, json=document(1), headers=STRUCTURED) as answer:
            assert answer.status == 202
        async with client.post(f"{gateway.admin_url}/drain") as answer:
            assert answer.status == 202
        await gateway.until_logged("draining")
        async with client.get(f"{gateway.admin_url}/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "draining\n")
        description = administration()
        await Fuzzer(tmp_path).meets_only_what_is_described(description, gateway.admin_url, *CONFORMANCE)
        async with client.get(f"{gateway.admin_url}/status") as answer:
            assert (await answer.json())["state"] == "draining"
