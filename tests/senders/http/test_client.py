"""The shared HTTPS client, against a server that says anything."""

import asyncio
import socket

import pytest
from yarl import URL

from gateway.errors import UnavailableError
from gateway.senders import answer
from gateway.senders.http import MAX_ANSWER_BYTES, HttpClient
from tests.senders.scripted_server import Answer, HangUp, ScriptedServer, http_answer


async def post(server: ScriptedServer, body: bytes = b"{}", **headers: str) -> answer.Answer:
    client = HttpClient("gateway/test")
    try:
        async with asyncio.timeout(5):
            return await client.post(URL(server.url), headers, body)
    finally:
        await client.aclose()


async def failure_of(server: ScriptedServer) -> str:
    with pytest.raises(UnavailableError) as caught:
        await post(server)
    return caught.value.code


async def test_a_request_goes_out_exactly_as_given() -> None:
    """Nothing is added that a signature or a proxy could stumble over."""
    async with ScriptedServer(http_answer()) as server:
        await post(server, b'{"n":1}', **{"host": "events.example.com", "content-type": "text/x", "x-a": "1"})
    (request,) = server.received
    assert request.request_line == "POST / HTTP/1.1"
    assert request.body == b'{"n":1}'
    assert request.headers == {
        "host": "events.example.com",
        "content-type": "text/x",
        "x-a": "1",
        "user-agent": "gateway/test",
        "accept-encoding": "identity",
        "content-length": "7",
    }


async def test_an_answer_of_any_status_is_handed_on() -> None:
    """What a status means is the bus's business."""
    async with ScriptedServer(http_answer(b"no", 418, X_Request="r-1")) as server:
        answer = await post(server)
    assert (answer.status, answer.body, answer.headers["x-request"]) == (418, b"no", "r-1")


async def test_redirects_are_not_followed() -> None:
    """A signed request is meant for one host."""
    async with ScriptedServer(http_answer(b"", 307, Location="/elsewhere")) as server:
        assert (await post(server)).status == 307
    assert len(server.received) == 1


async def test_connections_are_kept() -> None:
    """The second request pays for no new one."""
    async with ScriptedServer(http_answer()) as server:
        client = HttpClient()
        for _ in range(3):
            await client.post(URL(server.url), {}, b"{}")
        await client.aclose()
    assert (len(server.received), server.connections) == (3, 1)


async def test_cookies_are_forgotten() -> None:
    """They would be sent unsigned and unasked."""
    async with ScriptedServer(http_answer(Set_Cookie="a=b")) as server:
        client = HttpClient()
        for _ in range(2):
            await client.post(URL(server.url), {}, b"{}")
        await client.aclose()
    assert all("cookie" not in request.headers for request in server.received)


async def test_a_body_over_a_mebibyte_goes_out_whole() -> None:
    """And without the warning that aiohttp has for such bytes."""
    body = bytes(range(256)) * 5000
    async with ScriptedServer(http_answer()) as server:
        await post(server, body)
    assert server.received[0].body == body
    assert server.received[0].headers["content-length"] == str(len(body))


async def test_a_compressed_answer_is_not_unpacked() -> None:
    """Nobody asked for one, and a few bytes could become very many."""
    async with ScriptedServer(http_answer(b"\x1f\x8bxyz", Content_Encoding="gzip")) as server:
        assert (await post(server)).body == b"\x1f\x8bxyz"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (HangUp(), "connection_reset"),
        (HangUp(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal"), "connection_reset"),
        (HangUp(b"SSH-2.0-OpenSSH_9.2\r\n"), "unreadable_answer"),
        (http_answer(b"x" * (MAX_ANSWER_BYTES + 1)), "answer_too_large"),
    ],
    ids=["hang-up", "half an answer", "another protocol", "endless"],
)
async def test_what_is_no_complete_answer_is_unavailability(answer: Answer, code: str) -> None:
    """The code says what happened instead."""
    async with ScriptedServer(answer) as server:
        assert await failure_of(server) == code


async def test_an_answer_of_the_highest_length_is_read() -> None:
    """The bound itself is allowed."""
    async with ScriptedServer(http_answer(b"x" * MAX_ANSWER_BYTES)) as server:
        assert len((await post(server)).body) == MAX_ANSWER_BYTES


async def test_a_closed_port_is_a_failed_connection() -> None:
    """Nothing was sent."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = ScriptedServer()
        server.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert await failure_of(server) == "connection_failed"


async def test_plain_http_where_tls_is_expected_is_a_tls_failure() -> None:
    """The usual cause is a wrong scheme in `endpoint`."""
    async with ScriptedServer(http_answer(status=400), reads_requests=False) as server:
        server.url = server.url.replace("http:", "https:")
        assert await failure_of(server) == "tls_failed"


async def test_a_cancelled_request_closes_its_connection() -> None:
    """A late answer must not be taken for that to the next request."""
    async with ScriptedServer(http_answer()) as server:
        client = HttpClient()
        server.script = [b"HTTP/1.1 200 OK\r\n", http_answer(b"second")]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.post(URL(server.url), {}, b"{}")
        assert (await client.post(URL(server.url), {}, b"{}")).body == b"second"
        await client.aclose()
    assert server.connections == 2
