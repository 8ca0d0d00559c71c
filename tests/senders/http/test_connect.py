"""Connections that are opened, and what is said of those that cannot be."""

import asyncio
import gc
import socket
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from yarl import URL

from gateway.errors import UnavailableError
from tests.senders.http.server import HELLO, answering, client_of, echo, post, serving, silence
from tests.support.certificates import Authority, Certificate


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Whom the client trusts."""
    return Authority()


def server_tls(directory: Path, certificate: Certificate) -> ssl.SSLContext:
    certificate.write(directory)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    return context


async def failure_of(url: URL, tls: ssl.SSLContext | None = None) -> UnavailableError:
    async with client_of(tls) as client:
        with pytest.raises(UnavailableError) as caught:
            await post(client, url)
    gc.collect()  # what was forgotten would complain now
    return caught.value


async def test_a_closed_port_is_named() -> None:
    """With the system's own word for it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        error = await failure_of(URL(f"http://127.0.0.1:{port}"))
    assert (error.code, error.message) == ("connection_failed", f"127.0.0.1:{port}: Connection refused")


@pytest.mark.parametrize("host", ["bus.invalid", "x" * 64 + ".invalid"])
async def test_a_name_that_nobody_knows_is_named(host: str) -> None:
    """RFC 6761 keeps `invalid` for that; and a label has at most 63 characters."""
    error = await failure_of(URL.build(scheme="http", host=host, port=8080))
    assert error.code == "name_not_resolved"
    assert error.message.startswith(f"{host}:8080: ")


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="the machine has no IPv6 on loopback")
async def test_an_address_of_ipv6_is_reached() -> None:
    """Brackets belong to the URL, not to the address."""
    async with serving(echo, host="::1") as server, client_of() as client:
        assert (await post(client, server.url, b"six")).body == b"six"


async def test_a_name_is_resolved() -> None:
    """`localhost` may be an address of either family, or both, the first of which nobody listens on."""
    async with serving(echo) as server, client_of() as client:
        assert (await post(client, server.url.with_host("localhost"), b"name")).body == b"name"


async def test_tls_is_verified_and_its_connections_are_kept(authority: Authority, tmp_path: Path) -> None:
    """HTTP/1.1 is what is agreed on, and the name is told to the server."""
    told: list[str | None] = []
    context = server_tls(tmp_path, authority.server())
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda _, name, __: told.append(name)

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await echo(reader, writer)

    client_tls = authority.client(tmp_path)
    client_tls.set_alpn_protocols(["http/1.1"])
    async with serving(play, context) as server, client_of(client_tls) as client:
        for body in (b"one", b"two", bytes(1_000_000)):
            assert (await post(client, server.url.with_host("localhost"), body)).body == body
        assert server.accepted == 1
    assert told == ["localhost", "http/1.1"]
    gc.collect()  # what was forgotten would complain now


async def test_an_authority_that_is_not_the_systems_is_not_trusted(
    authority: Authority, tmp_path: Path
) -> None:
    """By default, and when another one is given."""
    async with serving(echo, server_tls(tmp_path, authority.server())) as server:
        for tls in (None, Authority().client(tmp_path)):
            error = await failure_of(server.url, tls)
            assert error.code == "tls_failed"
            assert "certificate verify failed" in error.message


async def test_a_certificate_for_another_name_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    """Nor one that has ended."""
    client_tls = authority.client(tmp_path)
    for certificate in (authority.issue("127.0.0.1"), authority.server(lasts=timedelta(days=-1))):
        async with serving(echo, server_tls(tmp_path, certificate)) as server:
            assert (await failure_of(server.url, client_tls)).code == "tls_failed"


async def test_an_end_within_the_handshake_is_a_tls_failure(authority: Authority, tmp_path: Path) -> None:
    """Nothing was sent yet, and the message says where it happened."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read(1)

    async with serving(play) as server:
        error = await failure_of(server.url.with_scheme("https"), authority.client(tmp_path))
    assert error.code == "tls_failed"
    assert error.message.startswith(f"127.0.0.1:{server.url.port}: ")


def refuse_handshake(listening: socket.socket, context: ssl.SSLContext) -> None:
    """With the alert that asyncio's servers leave unsaid."""
    accepted, _ = listening.accept()
    secured = context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
    with pytest.raises(ssl.SSLError):
        secured.do_handshake()
    with socket.socket(fileno=secured.detach()) as plain:
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(1 << 16):
            pass


async def test_a_client_certificate_that_is_asked_for_in_vain_is_a_tls_failure(
    authority: Authority, tmp_path: Path
) -> None:
    """TLS 1.3 tells of it only after the request was sent."""
    context = server_tls(tmp_path, authority.server())
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.pem.decode())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = URL(f"https://127.0.0.1:{listening.getsockname()[1]}")
        refusing = asyncio.ensure_future(asyncio.to_thread(refuse_handshake, listening, context))
        assert (await failure_of(url, authority.client(tmp_path))).code == "tls_failed"
        await refusing


async def test_a_cut_answer_is_a_reset_by_tls_too(authority: Authority, tmp_path: Path) -> None:
    """With or without TLS's own farewell."""
    play = answering(HELLO[:-1], then_ends=True)
    async with serving(play, server_tls(tmp_path, authority.server())) as server:
        assert (await failure_of(server.url, authority.client(tmp_path))).code == "connection_reset"


@pytest.mark.parametrize("turns", [*range(0, 40, 3)])
async def test_a_request_by_tls_may_be_cancelled_at_any_turn(
    authority: Authority, tmp_path: Path, turns: int
) -> None:
    """The next one gets its own answer, and nothing is left over."""
    context = server_tls(tmp_path, authority.server())
    async with serving(echo, context) as server, client_of(authority.client(tmp_path)) as client:
        sending = asyncio.ensure_future(client.post(server.url, {}, b"first"))
        for _ in range(turns):
            await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait({sending})
        assert (await post(client, server.url, b"next")).body == b"next"
    gc.collect()  # what was forgotten would complain now


async def test_a_server_that_is_silent_in_the_handshake_can_be_given_up(
    authority: Authority, tmp_path: Path
) -> None:
    """At once, and its connection is closed."""
    async with serving(silence) as server, client_of(authority.client(tmp_path)) as client:
        sending = asyncio.ensure_future(client.post(server.url.with_scheme("https"), {}, b""))
        await asyncio.wait({sending}, timeout=0.05)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await server.until_ended(1)
    gc.collect()  # what was forgotten would complain now
