"""The runbook's way to ask a gateway, given to a shell as it stands there; the gateway wants a token."""

import asyncio
import re
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import Struct

from gateway.openapi import document
from tests.support.process import GatewayProcess

GUIDES = Path(__file__).parents[2] / "deploy" / "guides"
RUNBOOK = (GUIDES / "operating.md").read_text(encoding="utf-8")
TOKEN = "token-of-the-tests"
SECONDS = 30.0


class Done(Struct, frozen=True):
    """How a command ended, and what it said on either stream."""

    code: int
    said: str
    complained: str


def definition(name: str) -> str:
    """The line of the runbook that defines it."""
    (line,) = re.findall(rf"^    ({name}(?:=|\(\)).*)$", RUNBOOK, re.MULTILINE)
    assert isinstance(line, str)
    return line


async def shell(gateway: GatewayProcess, token: str, command: str) -> Done:
    """The command behind the runbook's own definitions, with this gateway's address and that token."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    address = definition("ADMIN").replace("http://127.0.0.1:8081", gateway.admin_url)
    lines = [address, definition("TOKEN") + token, definition("ask"), command]
    process = await asyncio.create_subprocess_exec("sh", "-c", "\n".join(lines), stdout=PIPE, stderr=PIPE)
    said, complained = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode is not None
    return Done(process.returncode, said.decode(), complained.decode())


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway whose administration interface asks for a token."""
    configuration = {"admin": {"tokens": [TOKEN]}, "destinations": {"file": {"type": "file", "path": "out"}}}
    async with GatewayProcess(tmp_path, configuration) as process:
        yield process


async def test_a_question_of_the_runbook_shows_the_token(gateway: GatewayProcess) -> None:
    """Also where curl is told more than the path."""
    status = await shell(gateway, TOKEN, "ask /status")
    reload = await shell(gateway, TOKEN, "ask /reload -X POST")
    assert (status.code, reload.code) == (0, 0), status.complained + reload.complained
    assert status.said.startswith("{")
    assert '"needs_restart"' in reload.said


async def test_a_question_that_is_refused_says_so(gateway: GatewayProcess) -> None:
    """With the answer's own words, and the exit code: nobody reads nulls as figures."""
    done = await shell(gateway, "", "ask /status")
    assert done.code != 0
    assert '"status":401' in done.said
    assert "401" in done.complained


def test_the_runbook_asks_in_one_way_only() -> None:
    """A `curl` of its own would leave the token out."""
    guides = [path.read_text(encoding="utf-8") for path in GUIDES.glob("*.md")]
    strays = [line for text in guides for line in text.splitlines() if "curl" in line and "$ADMIN" in line]
    assert [line.strip() for line in strays] == [definition("ask")]


def test_every_question_of_the_runbook_has_an_answer() -> None:
    """By the gateway's own description of its interfaces."""
    asked = set(re.findall(r"\bask (/\S*?)[\s`;]", RUNBOOK))
    assert {"/status", "/healthz", "/openapi.json"} <= asked
    paths = document()["paths"]
    assert isinstance(paths, dict)
    assert asked - paths.keys() == set()
