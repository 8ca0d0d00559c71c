"""A real Prometheus on a free port, with the rules that we ship, in a hurry: a second stands for a minute."""

import asyncio
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import orjson
from msgspec import Struct

from tests.support.process import START_SECONDS

PROGRAM = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
MISSING = "prometheus is missing (Debian package prometheus)"

RULES = Path(__file__).parents[2] / "deploy" / "prometheus"

_LISTENS = re.compile(rb'msg="Listening on" address=(\S+)')
_READY = b"Server is ready to receive web requests"


class Sample(Struct, frozen=True):
    """One line of an answer at one moment."""

    labels: dict[str, str]
    value: float


class Prometheus:
    """Scrapes `targets` (host:port) and evaluates the hurried rules every second. `async with` it."""

    def __init__(self, directory: Path, client: aiohttp.ClientSession, targets: Sequence[str]) -> None:
        self._directory = directory / "prometheus"
        self._client = client
        self._targets = targets
        self._url = ""

    async def __aenter__(self) -> Self:
        assert PROGRAM is not None
        self._write()
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM, "--config.file", str(self._directory / "prometheus.yml"),
            "--storage.tsdb.path", str(self._directory / "data"), "--web.listen-address", "127.0.0.1:0",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stderr is not None
        async with asyncio.timeout(START_SECONDS):
            said = b""
            while _READY not in said:
                line = await self._process.stderr.readline()
                assert line, f"prometheus did not start: {said.decode()}"
                said += line
        found = _LISTENS.search(said)
        assert found is not None
        self._url = f"http://{found[1].decode()}"
        self._reader = asyncio.create_task(self._process.stderr.read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.kill()
        await self._process.wait()
        await self._reader

    async def until_scraped(self) -> None:
        """Wait until every target has been scraped twice, or has failed to be."""
        async with asyncio.timeout(START_SECONDS):
            scraped = "count_over_time(up[1m]) > 1"
            while len(await self.query(scraped)) < len(self._targets):  # noqa: ASYNC110 - it has a clock of its own
                await asyncio.sleep(0.1)

    async def query(self, expression: str) -> list[Sample]:
        """What the expression gives now. Raises AssertionError for one that cannot be evaluated."""
        data = await self._ask("query", query=expression)
        return [Sample(each["metric"], float(each["value"][1])) for each in data["result"]]

    async def fired(self) -> set[tuple[str, str]]:
        """Every alert that has fired until now, with the destination it named, if any."""
        history = await self.query('count_over_time(ALERTS{alertstate="firing"}[10m])')
        return {(each.labels["alertname"], each.labels.get("destination", "")) for each in history}

    async def rules(self) -> list[dict[str, Any]]:
        """Every rule as Prometheus sees it: its health, its last error, its alerts."""
        data = await self._ask("rules")
        return [rule for group in data["groups"] for rule in group["rules"]]

    async def _ask(self, path: str, **parameters: str) -> dict[str, Any]:
        async with self._client.get(f"{self._url}/api/v1/{path}", params=parameters) as answer:
            document = orjson.loads(await answer.read())
            assert document["status"] == "success", document
            data: dict[str, Any] = document["data"]
            return data

    def _write(self) -> None:
        self._directory.mkdir()
        for name in ("alerts.yml", "slo.yml"):
            (self._directory / name).write_text(hurried((RULES / name).read_text()))
        configuration = {
            # Twice in what stands for a minute, as usual: with one scrape a window of two would be empty of
            # increases, and an alert that waits begin anew, whenever a scrape comes late.
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"},
            "rule_files": ["alerts.yml", "slo.yml"],
            "scrape_configs": [{"job_name": "gateway", "static_configs": [{"targets": list(self._targets)}]}],
        }
        (self._directory / "prometheus.yml").write_bytes(orjson.dumps(configuration))  # JSON is YAML


def hurried(rules: str) -> str:
    """The rules with a second for each minute: in windows, in `for`, and in ages written as `minutes * 60`.

    Names, thresholds and everything else stay; what is compared with a calendar does too.
    """
    rules = re.sub(r"\[(\d+)m\]", r"[\1s]", rules)
    rules = re.sub(r"\[(\d+)h\]", r"[\1m]", rules)
    rules = re.sub(r"\bfor: (\d+)m\b", r"for: \1s", rules)
    return rules.replace(" * 60\n", " * 1\n")
