"""Conversations with metadata services, and files with tokens: bounded in every way."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from gateway.secret import Secret
from gateway.senders.credentials.access_key import AccessKey, epoch_seconds
from gateway.senders.credentials.metadata import MAX_ANSWER_BYTES, MetadataClient, UnreachableError
from gateway.senders.credentials.provider import ProviderError
from gateway.senders.credentials.token_file import MAX_BYTES, FileMissingError, read_text
from tests.senders.scripted_server import HangUp, ScriptedServer
from tests.support.metadata import MetadataService, Reply


@pytest.fixture(autouse=True)
def a_proxy_that_nobody_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever heeds it fails."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")


async def test_an_answer_is_read_whole_whatever_its_status() -> None:
    """Headers are found in any case, and a long token among them."""
    reply = Reply(b"made", status=201, headers={"X-Subject-Token": "t" * 16_384})
    async with MetadataService({"PUT /token": reply}) as service, MetadataClient(service.url) as client:
        answer = await client.request("PUT", "/token?nocatalog=true", headers={"X-Ttl": "60"}, body=b"{}")
    assert (answer.status, answer.body, len(answer.headers["x-subject-token"])) == (201, b"made", 16_384)
    (asked,) = service.asked
    assert (asked.query, asked.headers["x-ttl"], asked.body) == ({"nocatalog": "true"}, "60", b"{}")


async def test_without_a_path_the_base_address_is_asked_as_it_is() -> None:
    """With its own path and query."""
    async with (
        MetadataService({"GET /keys": Reply(b"k")}) as service,
        MetadataClient(f"{service.url}/keys?role=a") as client,
    ):
        answer = await client.request("GET")
    assert answer.body == b"k"
    assert service.asked[0].query == {"role": "a"}


async def test_a_conversation_has_one_connection() -> None:
    """Two requests after one another share it."""
    async with MetadataService() as service, MetadataClient(service.url) as client:
        for _ in range(2):
            await client.request("GET", "/")
    assert service.connections == 1


async def test_redirects_are_not_followed() -> None:
    """They could lead anywhere, keys and all."""
    reply = Reply(status=302, headers={"Location": "/elsewhere"})
    async with MetadataService({"GET /": reply}) as service, MetadataClient(service.url) as client:
        assert (await client.request("GET", "/")).status == 302
    assert service.lines() == ["GET /"]


async def test_nobody_there_is_told_from_a_fault() -> None:
    """A refused connection may mean that this is no such instance."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    async with MetadataClient(url) as client:
        with pytest.raises(UnreachableError, match=r"^GET http://127\.0\.0\.1:\d+/secret: "):
            await client.request("GET", "/secret?token=hidden")


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    """Where there is no such service, packets vanish. The message holds no query."""
    async with (
        MetadataService({"GET /": Reply(is_late=True)}) as service,
        MetadataClient(service.url, timeout_seconds=0.05) as client,
    ):
        with pytest.raises(UnreachableError) as caught:
            await client.request("GET", "/?token=hidden")
    assert "hidden" not in str(caught.value)


async def test_an_answer_that_is_no_http_is_a_fault() -> None:
    """Somebody is there, but not what was meant."""
    async with ScriptedServer(HangUp(b"SSH-2.0-x\r\n\r\n")) as server, MetadataClient(server.url) as client:
        with pytest.raises(ProviderError) as caught:
            await client.request("GET", "/")
    assert not isinstance(caught.value, UnreachableError)


async def test_an_answer_too_long_is_not_read_to_its_end() -> None:
    """A service of credentials has little to say."""
    replies = {
        "GET /most": Reply(b"x" * MAX_ANSWER_BYTES),
        "GET /more": Reply(b"x" * (MAX_ANSWER_BYTES + 1)),
    }
    async with MetadataService(replies) as service, MetadataClient(service.url) as client:
        assert len((await client.request("GET", "/most")).body) == MAX_ANSWER_BYTES
        with pytest.raises(ProviderError, match="answered more than"):
            await client.request("GET", "/more")


async def test_a_file_is_read_without_the_white_space_around_it(tmp_path: Path) -> None:
    """Editors end files with a line break, and tokens have none."""
    (tmp_path / "token").write_text(" token\n")
    assert await read_text(str(tmp_path / "token")) == "token"


async def test_the_home_directory_may_be_abbreviated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text("token")
    assert await read_text("~/token") == "token"


async def test_a_missing_file_is_told_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    """The first may only mean: not configured here."""
    with pytest.raises(FileMissingError):
        await read_text(str(tmp_path / "missing"))
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "long").write_bytes(b"x" * (MAX_BYTES + 1))
    for name in ("latin", "long", "."):
        with pytest.raises(ProviderError) as caught:
            await read_text(str(tmp_path / name))
        assert not isinstance(caught.value, FileMissingError)


async def test_a_pipe_in_a_files_place_is_refused(tmp_path: Path) -> None:
    """To read it would occupy a thread until somebody writes, and that may be never."""
    os.mkfifo(tmp_path / "token")
    writer = os.open(tmp_path / "token", os.O_RDWR)  # closed in the end, so that no reader is left waiting
    try:
        async with asyncio.timeout(5):
            with pytest.raises(ProviderError, match="no regular file"):
                await read_text(str(tmp_path / "token"))
    finally:
        os.close(writer)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-04T05:06:07Z",
        "2026-03-04T05:06:07.000000Z",
        "2026-03-04T13:06:07+08:00",
        "2026-03-04T05:06:07",
    ],
)
def test_an_expiry_is_read_in_every_form_that_vendors_write(text: str) -> None:
    """UTC where it does not say."""
    assert epoch_seconds(text) == 1_772_600_767.0


def test_an_expiry_that_is_none_is_refused() -> None:
    """With a ValueError."""
    with pytest.raises(ValueError, match="soon"):
        epoch_seconds("soon")


def test_an_access_key_does_not_show_its_secrets() -> None:
    """Neither in logs nor in errors."""
    shown = repr(AccessKey("LTAIdummy", Secret("hush"), Secret("hush")))
    assert "LTAIdummy" in shown
    assert "hush" not in shown
