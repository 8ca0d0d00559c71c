"""Names of other machines: a page from elsewhere reads nothing by having its name stand for loopback."""

import json
from pathlib import Path

import pytest

from tests.admin.operations import FakeOperations
from tests.admin.wire import TOKENS, answered, request

OURS = (
    "127.0.0.1",
    "127.0.0.1:8081",
    "192.0.2.7:8081",
    "[::1]",
    "[::1]:8081",
    "localhost",
    "localhost:8081",
    "LocalHost:65535",
    "localhost.",
    "gateway.localhost:8081",
    "",
    None,
)
"""An address is no name, and cannot be made to stand for another one; some clients name nothing."""
FOREIGN = (
    "evil.example",
    "evil.example:8081",
    "localhost.evil.example",
    "notlocalhost",
    ".localhost",
    "localhost:8081:8081",
    "localhost@evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1:evil.example",
    "[::1].evil.example",
    "[evil.example]",
    "2130706433",
    "x",
)
EVERYTHING = (
    "GET /status",
    "GET /metrics",
    "GET /",
    "GET /page/page.js",
    "GET /openapi.json",
    "GET /unknown",
)
PROBES = ("GET /healthz", "GET /readyz")


@pytest.mark.parametrize("host", OURS)
async def test_this_machine_answers_to_its_own_names(host: str | None) -> None:
    """By any port: a tunnel or `kubectl port-forward` has one of its own."""
    answer = await answered(request("GET /status", host=host))
    assert (answer.status, json.loads(answer.read())["state"]) == (200, "running")


@pytest.mark.parametrize("host", FOREIGN)
async def test_another_name_is_misdirected(host: str) -> None:
    """421 (RFC 9110 15.5.20), as problem details that say what to do, and not what was sent."""
    answer = await answered(request("GET /status", host=host))
    assert (answer.status, answer.getheader("Content-Type")) == (421, "application/problem+json")
    assert json.loads(answer.read()) == {
        "type": "about:blank",
        "title": "Misdirected Request",
        "status": 421,
        "detail": "Host is neither localhost nor an IP address; with admin.tokens it may be any name",
    }


@pytest.mark.parametrize("line", [*EVERYTHING, *PROBES, "HEAD /metrics", "POST /status"])
async def test_by_another_name_nothing_is_told_at_all(line: str) -> None:
    """The probes too: `/readyz` names destinations, and who probes loopback can say `localhost`."""
    assert (await answered(request(line, host="evil.example"))).status == 421


@pytest.mark.parametrize("line", ["POST /drain", "POST /reload"])
async def test_by_another_name_nothing_is_changed(line: str) -> None:
    """A page posts with an Origin; without one it is refused all the same."""
    operations = FakeOperations()
    assert (await answered(request(line, host="evil.example"), operations)).status == 421
    assert operations.drains == 0


async def test_one_name_of_ours_does_not_excuse_another() -> None:
    """Two fields are one too many, whichever comes first: no well-formed request (RFC 9112 3.2)."""
    for first, second in (("localhost", "evil.example"), ("evil.example", "localhost")):
        answer = await answered(request("GET /status", f"Host: {second}", host=first))
        assert answer.status == 400


async def test_with_tokens_any_name_will_do() -> None:
    """No page can show one unless somebody gave it the token; and a proxy may keep the name it has."""
    shown = "Authorization: Bearer mF_9.B5f-4.1JqM"
    assert (
        await answered(request("GET /status", shown, host="gateway.example"), tokens=TOKENS)
    ).status == 200
    assert (await answered(request("GET /status", host="gateway.example"), tokens=TOKENS)).status == 401


async def test_beyond_loopback_names_are_usual() -> None:
    """A service in a cluster is asked by its name."""
    line = request("GET /status", host="gateway.example:8081")
    assert (await answered(line, listen="0.0.0.0:0")).status == 200


@pytest.mark.parametrize("listen", ["localhost:0", "127.0.0.2:0", "[::1]:0"])
async def test_every_way_to_write_loopback_is_loopback(listen: str) -> None:
    """Not only the default."""
    assert (await answered(request("GET /status", host="evil.example"), listen=listen)).status == 421


async def test_on_a_unix_socket_any_name_will_do(tmp_path: Path) -> None:
    """No browser gets there; clients put there whatever they like."""
    line = request("GET /status", host="admin.example")
    assert (await answered(line, listen=f"unix:{tmp_path}/admin.sock")).status == 200
