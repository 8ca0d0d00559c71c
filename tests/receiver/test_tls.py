"""TLS on real sockets: who is let in, who is not, and certificates that change while it is served."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from gateway.bearer import BearerTokens
from gateway.config import TlsConfig
from gateway.config.tls import server_context
from gateway.receiver.access import OPEN, Access
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.server import Listen, ListenTcp, ListenUnix, Receiver
from gateway.secret import Secret
from tests.support.certificates import Authority, Certificate, tls_config
from tests.support.http import Answer, answers, delivery
from tests.support.intake import FakeIntake
from tests.support.limits import limited

LOOPBACK = ListenTcp("127.0.0.1", 0)
SOON = 5.0
"""Seconds that no test needs: a bound, so that a fault fails and does not hang."""
NAME = "spiffe://example/orders"


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Whom servers and clients trust."""
    return Authority()


@pytest.fixture(scope="module")
def stranger() -> Authority:
    """Whom they do not."""
    return Authority()


@asynccontextmanager
async def running(
    tls: TlsConfig,
    *listeners: Listen,
    access: Access = OPEN,
    limits: ReceiverLimits | None = None,
    intake: FakeIntake | None = None,
) -> AsyncIterator[tuple[Receiver, list[Listen]]]:
    """A started receiver and where it listens."""
    receiver = Receiver(
        intake or FakeIntake(), limits or limited(), listeners or (LOOPBACK,), access, server_context(tls)
    )
    try:
        yield receiver, list(await receiver.start())
    finally:
        await receiver.aclose(asyncio.get_running_loop().time())


class Client:
    """A connection by TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.tls: ssl.SSLObject = writer.get_extra_info("ssl_object")

    async def post(self, *lines: bytes) -> Answer:
        """Deliver an event."""
        self._writer.write(delivery(*lines))
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), SOON)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return answers(head + await self._reader.readexactly(length))[0]


@asynccontextmanager
async def connected(bound: Listen, context: ssl.SSLContext) -> AsyncIterator[Client]:
    """A client of that listener."""
    assert isinstance(bound, ListenTcp)
    reader, writer = await asyncio.open_connection(
        bound.host, bound.port, ssl=context, server_hostname="localhost"
    )
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def is_let_in(bound: Listen, context: ssl.SSLContext) -> bool:
    """Whether an event can be delivered; in TLS 1.3 a client is told what is wrong with it after its part."""
    try:
        async with connected(bound, context) as client:
            return (await client.post()).status == 202
    except (ssl.SSLError, OSError, asyncio.IncompleteReadError):
        return False


async def server_of(bound: Listen, context: ssl.SSLContext) -> bytes | None:
    """The certificate that a new connection is shown."""
    async with connected(bound, context) as client:
        return client.tls.getpeercert(binary_form=True)


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
    """Nobody holds a connection by saying nothing, or half of a greeting."""
    authority.server().write(tmp_path)
    limits = limited(handshake_timeout_seconds=0.05)
    async with running(tls_config(tmp_path), limits=limits) as (_, [bound]):
        assert isinstance(bound, ListenTcp)
        for greeting in (b"", b"\x16\x03\x01\x02\x00\x01"):
            reader, writer = await asyncio.open_connection(bound.host, bound.port)
            writer.write(greeting)
            with suppress(ConnectionResetError):  # as good an end
                assert await asyncio.wait_for(reader.read(), SOON) == b""
            writer.close()


async def test_a_new_certificate_is_shown_to_new_connections_and_open_ones_go_on(
    authority: Authority, tmp_path: Path
) -> None:
    """The address is never given up: who connects meanwhile is served by one or the other."""
    former = authority.server("former").write(tmp_path)
    tls, context = tls_config(tmp_path), authority.client(tmp_path)
    async with running(tls) as (receiver, [bound]), connected(bound, context) as client:
        new = authority.server("new").write(tmp_path)
        assert await server_of(bound, context) == former.der
        await receiver.retune(limited(), OPEN, server_context(tls))
        assert [await server_of(bound, context) for _ in range(5)] == [new.der] * 5
        assert (await client.post()).status == 202
        assert client.tls.getpeercert(binary_form=True) == former.der


async def test_nobody_is_turned_away_while_certificates_change(authority: Authority, tmp_path: Path) -> None:
    """Many times, with clients that connect all the while."""
    authority.server().write(tmp_path)
    tls, context = tls_config(tmp_path), authority.client(tmp_path)
    async with running(tls) as (receiver, [bound]):
        for _ in range(5):
            arriving = [asyncio.create_task(is_let_in(bound, context)) for _ in range(4)]
            await asyncio.sleep(0)
            await receiver.retune(limited(), OPEN, server_context(tls))
            assert await asyncio.gather(*arriving) == [True] * 4


async def test_another_client_ca_replaces_the_former(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """Whom only the former has signed is not let in, not even to go on with a session from before."""
    authority.server().write(tmp_path)
    tls = tls_config(tmp_path, authority)
    old = authority.client(tmp_path, authority.issue("old"))
    new = authority.client(tmp_path, stranger.issue("new"))
    access = Access(asks_certificates=True)
    async with running(tls, access=access) as (receiver, [bound]):
        assert [await is_let_in(bound, each) for each in (old, new)] == [True, False]
        await receiver.retune(limited(), access, server_context(tls_config(tmp_path, stranger)))
        assert [await is_let_in(bound, each) for each in (old, new)] == [False, True]


async def test_a_session_of_the_former_client_ca_is_not_resumed(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """Which would spare its certificate the check. By TLS 1.2, where a client has its session at once."""
    authority.server().write(tmp_path)
    context = authority.client(tmp_path, authority.issue("old"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    access = Access(asks_certificates=True)
    async with running(tls_config(tmp_path, authority), access=access) as (receiver, [bound]):
        assert isinstance(bound, ListenTcp)
        session, is_resumed = await asyncio.to_thread(handshake, bound, context, None)
        assert not is_resumed
        assert (await asyncio.to_thread(handshake, bound, context, session))[1]
        await receiver.retune(limited(), access, server_context(tls_config(tmp_path, stranger)))
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(handshake, bound, context, session)


async def test_tls_can_begin_and_end_while_it_is_served(authority: Authority, tmp_path: Path) -> None:
    """On the same port; and Unix sockets are not touched by it."""
    authority.server().write(tmp_path)
    path = tmp_path / "events.sock"
    context = authority.client(tmp_path)
    async with running(TlsConfig(), LOOPBACK, ListenUnix(str(path))) as (receiver, [bound, _]):
        assert not await is_let_in(bound, context)
        await receiver.retune(limited(), OPEN, server_context(tls_config(tmp_path)))
        assert await is_let_in(bound, context)
        await receiver.retune(limited(), OPEN, None)
        assert not await is_let_in(bound, context)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(delivery())
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 202")
        writer.close()
        await writer.wait_closed()


async def test_a_drain_stops_listening_after_a_change_too(authority: Authority, tmp_path: Path) -> None:
    """The servers that came later are the receiver's own."""
    authority.server().write(tmp_path)
    tls, context = tls_config(tmp_path), authority.client(tmp_path)
    async with running(tls) as (receiver, [bound]):
        await receiver.retune(limited(), OPEN, server_context(tls))
        await receiver.drain()
        with pytest.raises(ConnectionRefusedError):
            await server_of(bound, context)


async def test_a_drain_in_the_middle_of_a_change_stops_listening_too(
    authority: Authority, tmp_path: Path
) -> None:
    """However far the change has come, nobody connects any more behind it."""
    authority.server().write(tmp_path)
    tls, context = tls_config(tmp_path), authority.client(tmp_path)
    for turns in range(3):
        async with running(tls) as (receiver, [bound]):
            changing = asyncio.create_task(receiver.retune(limited(), OPEN, server_context(tls)))
            for _ in range(turns):
                await asyncio.sleep(0)
            await receiver.drain()
            await changing
            with pytest.raises(ConnectionRefusedError):
                await server_of(bound, context)


def handshake(
    bound: ListenTcp, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[ssl.SSLSession | None, bool]:
    """A blocking handshake, the only one that the standard library resumes a session with."""
    with (
        socket.create_connection((bound.host, bound.port), timeout=SOON) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as tls,
    ):
        return tls.session, bool(tls.session_reused)
