"""TLS on real sockets: who is let in, and who is not."""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from gateway.bearer import BearerTokens
from gateway.receiver.access import Access
from gateway.receiver.server import ListenTcp, ListenUnix
from gateway.secret import Secret
from tests.receiver.tls import (
    LOOPBACK,
    NAME,
    SOON,
    connected,
    is_let_in,
    running,
)
from tests.support.certificates import Authority, Certificate, tls_config
from tests.support.http import delivery
from tests.support.intake import FakeIntake
from tests.support.limits import limited


async def test_events_are_received_by_tls(authority: Authority, tmp_path: Path) -> None:
    """By 1.3, in the protocol that was agreed on, many to a connection."""
    shown = authority.server().write(tmp_path)
    context = authority.client(tmp_path)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with running(tls_config(tmp_path)) as (_, [bound]), connected(bound, context) as client:
        assert [(await client.post()).status for _ in range(3)] == [202] * 3
        assert (client.tls.version(), client.tls.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")
        assert client.tls.getpeercert(binary_form=True) == shown.der


async def test_tls_1_2_is_spoken_with_forward_secrecy_only(authority: Authority, tmp_path: Path) -> None:
    """What RFC 9325 recommends: neither CBC nor a key that opens what was recorded before."""
    authority.server().write(tmp_path)
    modern, dated = authority.client(tmp_path), authority.client(tmp_path)
    for context, ciphers in ((modern, "DEFAULT"), (dated, "ECDHE+AES:RSA+AES:!AESGCM:!AESCCM")):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    async with running(tls_config(tmp_path)) as (_, [bound]):
        async with connected(bound, modern) as client:
            assert (await client.post()).status == 202
            assert (client.tls.version(), client.tls.compression()) == ("TLSv1.2", None)
            assert (client.tls.cipher() or ("",))[0].startswith("ECDHE-ECDSA-")
        assert not await is_let_in(bound, dated)


async def test_tls_1_1_is_refused(authority: Authority, tmp_path: Path) -> None:
    """As every version before 1.2 is deprecated (RFC 8996); the same client may speak 1.2."""
    authority.server().write(tmp_path)
    context = authority.client(tmp_path)
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with running(tls_config(tmp_path)) as (_, [bound]):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await is_let_in(bound, context)
        with pytest.deprecated_call():
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        assert not await is_let_in(bound, context)


async def test_a_client_needs_a_certificate_of_the_ca(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """None, one of another CA, or one that has expired does not come past the handshake."""
    authority.server().write(tmp_path)
    intake = FakeIntake()
    access = Access(asks_certificates=True)
    async with running(tls_config(tmp_path, authority), access=access, intake=intake) as (_, [bound]):
        shown: Sequence[Certificate | None] = (
            authority.issue("right"),
            None,
            stranger.issue("right"),
            authority.issue("right", lasts=timedelta(days=-1)),
        )
        found = [await is_let_in(bound, authority.client(tmp_path, each)) for each in shown]
    assert found == [True, False, False, False]
    assert len(intake.events) == 1


@pytest.mark.parametrize(
    ("common_name", "names"),
    [
        (NAME, []),
        ("x", [x509.UniformResourceIdentifier(NAME)]),
        ("", [x509.DNSName("x"), x509.UniformResourceIdentifier(NAME)]),
    ],
)
async def test_a_client_whose_name_is_listed_may_post(
    common_name: str, names: list[x509.GeneralName], authority: Authority, tmp_path: Path
) -> None:
    """By a URI or a DNS name, or by the common name."""
    authority.server().write(tmp_path)
    context = authority.client(tmp_path, authority.issue(common_name, *names))
    tls = tls_config(tmp_path, authority, "other", NAME)
    access = Access(asks_certificates=True, client_names=frozenset(tls.client_names))
    async with running(tls, access=access) as (_, [bound]), connected(bound, context) as client:
        assert (await client.post()).status == 202


async def test_a_client_whose_name_is_not_listed_gets_403(authority: Authority, tmp_path: Path) -> None:
    """On every request of its connection; and others are known by their heads meanwhile, and it is not."""
    authority.server().write(tmp_path)
    right = authority.client(tmp_path, authority.issue(NAME))
    wrong = authority.client(tmp_path, authority.issue(f"{NAME}s", x509.DNSName("orders")))
    intake = FakeIntake()
    access = Access(asks_certificates=True, client_names=frozenset([NAME]))
    async with (
        running(tls_config(tmp_path, authority), access=access, intake=intake) as (receiver, [bound]),
        connected(bound, right) as producer,
        connected(bound, wrong) as client,
    ):
        for _ in range(2):
            assert (await producer.post()).status == 202
            answer = await client.post()
            assert (answer.status, answer.problem["errors"]) == (403, [{"reason": "unauthorized"}])
        assert receiver.statistics().events_refused["unauthorized"] == 2
    assert len(intake.events) == 2


async def test_a_token_is_asked_for_beside_the_certificate(authority: Authority, tmp_path: Path) -> None:
    """Where both are configured both are needed."""
    authority.server().write(tmp_path)
    context = authority.client(tmp_path, authority.issue("any"))
    access = Access(tokens=BearerTokens([Secret("mF_9.B5f-4.1JqM")]), asks_certificates=True)
    async with (
        running(tls_config(tmp_path, authority), access=access) as (_, [bound]),
        connected(bound, context) as client,
    ):
        assert (await client.post()).status == 401
        assert (await client.post(b"Authorization: Bearer mF_9.B5f-4.1JqM")).status == 202
        assert not await is_let_in(bound, authority.client(tmp_path))


async def test_a_unix_socket_has_no_tls_and_needs_no_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    """Its file's mode says who may connect, and that is what was configured."""
    authority.server().write(tmp_path)
    path = tmp_path / "events.sock"
    access = Access(asks_certificates=True, client_names=frozenset([NAME]))
    async with running(
        tls_config(tmp_path, authority), ListenUnix(str(path), 0o600), LOOPBACK, access=access
    ) as (_, [_, bound]):
        assert path.stat().st_mode & 0o777 == 0o600
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(delivery())
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 202")
        writer.close()
        await writer.wait_closed()
        assert not await is_let_in(bound, authority.client(tmp_path))


async def test_plain_http_to_a_tls_listener_is_not_read(authority: Authority, tmp_path: Path) -> None:
    """Not even by accident is an event taken in the clear."""
    authority.server().write(tmp_path)
    intake = FakeIntake()
    async with running(tls_config(tmp_path), intake=intake) as (_, [bound]):
        assert isinstance(bound, ListenTcp)
        reader, writer = await asyncio.open_connection(bound.host, bound.port)
        writer.write(delivery())
        with suppress(ConnectionResetError):  # then nothing came either
            assert not (await asyncio.wait_for(reader.read(), SOON)).startswith(b"HTTP")
        writer.close()
    assert intake.events == []


async def test_a_handshake_that_does_not_come_to_its_end_ends_the_connection(
    authority: Authority, tmp_path: Path
) -> None:
    """Nobody holds a connection by saying nothing, or half of a greeting; each is counted."""
    authority.server().write(tmp_path)
    limits = limited(handshake_timeout_seconds=0.05)
    async with running(tls_config(tmp_path), limits=limits) as (receiver, [bound]):
        assert isinstance(bound, ListenTcp)
        for greeting in (b"", b"\x16\x03\x01\x02\x00\x01"):
            reader, writer = await asyncio.open_connection(bound.host, bound.port)
            writer.write(greeting)
            with suppress(ConnectionResetError):  # as good an end
                assert await asyncio.wait_for(reader.read(), SOON) == b""
            writer.close()
        assert receiver.statistics().tls_handshake_failures == 2


async def test_a_handshake_that_fails_is_counted_and_the_log_says_why(
    authority: Authority, stranger: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A client of another CA, one without TLS, one that trusts another server, one that goes; no other is."""
    authority.server().write(tmp_path)
    caplog.set_level(logging.DEBUG, logger="gateway.receiver.handshake")
    tls, access = tls_config(tmp_path, authority), Access(asks_certificates=True)
    right = authority.client(tmp_path, authority.issue("right"))
    wrong = authority.client(tmp_path, stranger.issue("right"))
    wary = stranger.client(tmp_path, authority.issue("right"))
    async with running(tls, access=access) as (receiver, [bound]):
        assert isinstance(bound, ListenTcp)
        assert await is_let_in(bound, right)
        assert receiver.statistics().tls_handshake_failures == 0
        assert not await is_let_in(bound, wrong)
        assert not await is_let_in(bound, wary)
        for greeting in (b"GET / HTTP/1.1\r\n\r\n", b""):
            reader, writer = await asyncio.open_connection(bound.host, bound.port)
            writer.write(greeting)
            writer.write_eof()
            await asyncio.wait_for(ended(reader), SOON)
            writer.close()
        async with asyncio.timeout(SOON):
            while receiver.statistics().tls_handshake_failures < 4:  # noqa: ASYNC110 - the receiver tells nobody
                await asyncio.sleep(0)
    assert receiver.statistics().tls_handshake_failures == 4
    reasons = [vars(record)["reason"] for record in caplog.records]
    assert reasons[0] == "CERTIFICATE_VERIFY_FAILED"
    assert "HTTP_REQUEST" in reasons
    assert all(reasons)


async def test_silent_handshakes_are_connections(authority: Authority, tmp_path: Path) -> None:
    """They are counted from their first moment; beyond twice the limit they are gone at once."""
    authority.server().write(tmp_path)
    async with running(tls_config(tmp_path), limits=limited(max_connections=2)) as (receiver, [bound]):
        assert isinstance(bound, ListenTcp)
        silent = [await asyncio.open_connection(bound.host, bound.port) for _ in range(12)]
        ends = [asyncio.create_task(ended(reader)) for reader, _ in silent]
        async with asyncio.timeout(SOON):
            while sum(end.done() for end in ends) < 8:  # noqa: ASYNC110 - no client knows of the others
                await asyncio.sleep(0)
        assert receiver.statistics().connections == 4
        assert not await is_let_in(bound, authority.client(tmp_path))
        for _, writer in silent:
            writer.transport.abort()
        await asyncio.gather(*ends)
        async with asyncio.timeout(SOON):
            while receiver.statistics().connections:  # noqa: ASYNC110 - the receiver tells nobody
                await asyncio.sleep(0)
        assert await is_let_in(bound, authority.client(tmp_path))


async def test_silent_handshakes_end_with_the_receiver(authority: Authority, tmp_path: Path) -> None:
    """However long they still might have taken: nothing is owed to them."""
    authority.server().write(tmp_path)
    async with running(tls_config(tmp_path)) as (receiver, [bound]):
        assert isinstance(bound, ListenTcp)
        reader, writer = await asyncio.open_connection(bound.host, bound.port)
        async with asyncio.timeout(SOON):
            while not receiver.statistics().connections:  # noqa: ASYNC110 - the receiver tells nobody
                await asyncio.sleep(0)
            await receiver.drain()
            await receiver.aclose(asyncio.get_running_loop().time() + 2 * SOON)
            await ended(reader)
        assert receiver.statistics().connections == 0
        writer.transport.abort()


async def ended(reader: asyncio.StreamReader) -> None:
    """Return once the connection has, in whatever way."""
    with suppress(ConnectionResetError):
        await reader.read()
