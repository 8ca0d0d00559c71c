"""A whole gateway in a process of its own, as its users have it: configuration in, signals, exit code out."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

NO_METADATA = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
    # Huawei's SDK has no such switch. A pod's identity is asked before the metadata, and ends the search.
    "HC_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1",
    "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE": os.devnull,
}
"""Keeps a gateway without keys from asking 169.254.169.254 for some."""

START_SECONDS = 20.0
EXIT_SECONDS = 40.0


class GatewayProcess:
    """`gateway run` on free ports of loopback. `async with` it: it is killed at the end if it still runs."""

    def __init__(
        self,
        directory: Path,
        document: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
        *,
        workers: int = 1,
    ) -> None:
        self._directory = directory
        self._workers = workers
        self._environment = {**clean_environment(), **(environment or {})}
        self._config = directory / "gateway.toml"
        self._config.write_text(toml(with_free_ports(document)))
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._logged = asyncio.Event()
        self.log: list[dict[str, Any]] = []
        self.url = ""
        self.admin_url = ""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "run", "--config", str(self._config),
            "--workers", str(self._workers),
            cwd=self._directory, stderr=asyncio.subprocess.PIPE, env=self._environment,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read_log())
        ready = await asyncio.wait_for(self._ready, START_SECONDS)
        self.url, self.admin_url = ready["receiver"][0], ready["admin"]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._reader is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    def rewrite(self, document: Mapping[str, Any]) -> None:
        """Change the configuration's file; SIGHUP or POST /reload takes it up."""
        self._config.write_text(toml(with_free_ports(document)))

    def terminate(self) -> None:
        """Send SIGTERM."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        assert self._process is not None
        self._process.kill()

    async def exit_code(self) -> int:
        """Wait for the end of the process and of its log."""
        assert self._process is not None
        assert self._reader is not None
        code = await asyncio.wait_for(self._process.wait(), EXIT_SECONDS)
        await self._reader
        return code

    def messages(self) -> list[str]:
        """The messages logged so far."""
        return [line["message"] for line in self.log]

    async def until_logged(self, message: str) -> None:
        """Wait until a line of the log says it."""
        async with asyncio.timeout(EXIT_SECONDS):
            while message not in self.messages():
                self._logged.clear()
                await self._logged.wait()

    async def until_more_is_logged(self) -> None:
        """Wait for another line of the log."""
        self._logged.clear()
        await self._logged.wait()

    def resident_bytes(self) -> int:
        """Memory that the process has in use (VmRSS of Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    async def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            record = json.loads(line) if line.startswith(b"{") else {"message": line.decode().rstrip()}
            self.log.append(record)
            self._logged.set()
            if record["message"] == "ready":
                self._ready.set_result(record)
        if not self._ready.done():
            self._ready.set_exception(RuntimeError(f"the gateway did not start: {self.messages()}"))


class Accounts:
    """One scrape of `/metrics`: the promise's sum for each destination, and any sample by name."""

    def __init__(self, text: str) -> None:
        self.samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.samples[sample.name, frozenset(sample.labels.items())] = sample.value

    def total(self, name: str, **labels: str) -> float:
        """All samples of that name whose labels include these, added up."""
        wanted = labels.items()
        return sum(v for (n, have), v in self.samples.items() if n == name and wanted <= have)

    @property
    def held(self) -> float:
        """Accepted and not yet settled."""
        return self.total("gateway_events_held")

    @property
    def delivered(self) -> float:
        """Taken by the bus."""
        return self.total("gateway_events_delivered_total")

    def check_sum(self, destination: str) -> None:
        """Assert accepted = delivered + dead-lettered + expired + held."""
        settled = sum(
            self.total(f"gateway_events_{state}_total", destination=destination)
            for state in ("delivered", "dead_lettered", "expired")
        )
        held = self.total("gateway_events_held", destination=destination)
        accepted = self.total("gateway_events_accepted_total", destination=destination)
        assert accepted == settled + held


async def scrape(client: aiohttp.ClientSession, admin_url: str) -> Accounts:
    """The metrics at this moment."""
    async with client.get(f"{admin_url}/metrics") as answer:
        assert answer.status == 200
        return Accounts(await answer.text())


async def until_held_is(client: aiohttp.ClientSession, admin_url: str, events: int) -> Accounts:
    """Scrape until so many are held; the test's own time-out bounds it."""
    async with asyncio.timeout(EXIT_SECONDS):
        while (accounts := await scrape(client, admin_url)).held != events:
            pass
    return accounts


def aws_destination(endpoint: str, **keys: Any) -> dict[str, Any]:
    """A destination table for the emulated bus, with AWS's documented example keys."""
    return {
        "type": "aws",
        "region": "us-east-1",
        "event_bus": "default",
        "endpoint": endpoint,
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        **keys,
    }


def with_free_ports(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` with both listeners on ports that the system chooses."""
    receiver = {"listen": ["127.0.0.1:0"], **document.get("receiver", {})}
    admin = {"listen": "127.0.0.1:0", **document.get("admin", {})}
    return {**document, "receiver": receiver, "admin": admin}


def toml(document: Mapping[str, Any], prefix: str = "") -> str:
    """A TOML document; strings, numbers, lists and tables are enough here."""
    plain = {key: value for key, value in document.items() if not isinstance(value, Mapping)}
    tables = {key: value for key, value in document.items() if isinstance(value, Mapping)}
    lines = [f"[{prefix.rstrip('.')}]"] if prefix else []
    lines += [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    return "\n".join(lines) + "\n" + "".join(toml(v, f"{prefix}{k}.") for k, v in tables.items())


def clean_environment() -> dict[str, str]:
    """The environment without any credentials of this machine; no metadata service of a cloud is asked."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_VENDORS)}
    return {**kept, **NO_METADATA}


_VENDORS = ("AWS_", "ALIBABA_CLOUD_", "HUAWEICLOUD_", "HC_")
