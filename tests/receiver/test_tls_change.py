"""TLS that changes while it is served: certificates, their authority, and whom they may be for."""

import asyncio
import ssl
from pathlib import Path

import pytest

from gateway.bearer import BearerTokens
from gateway.config import TlsConfig
from gateway.config.tls import server_context
from gateway.receiver.access import OPEN, Access
from gateway.receiver.server import ListenTcp, ListenUnix
from gateway.secret import Secret
from tests.receiver.tls import (
    LOOPBACK,
    NAME,
    SOON,
    Client,
    connected,
    handshake,
    is_let_in,
    running,
    server_of,
)
from tests.support.certificates import Authority, tls_config
from tests.support.http import delivery
from tests.support.intake import FakeIntake
from tests.support.limits import limited


async def test_a_new_certificate_is_shown_to_new_connections_and_open_ones_go_on(
    authority: Authority, tmp_path: Path
) -> None:
    """The address is never given up: who connects meanwhile is served by one or the other."""
    former = authority.server("former").write(tmp_path)
    tls, context = tls_config(tmp_path), authority.client(tmp_path)
    async with running(tls) as (receiver, [bound]), connected(bound, context) as client:
        new = authority.server("new").write(tmp_path)
        assert await server_of(bound, context) == former.der
        receiver.retune(limited(), OPEN, server_context(tls))
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
            receiver.retune(limited(), OPEN, server_context(tls))
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
        receiver.retune(limited(), access, server_context(tls_config(tmp_path, stranger)))
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
        receiver.retune(limited(), access, server_context(tls_config(tmp_path, stranger)))
        with pytest.raises(ssl.SSLError):
            await asyncio.to_thread(handshake, bound, context, session)


async def test_tls_can_begin_and_end_while_it_is_served(authority: Authority, tmp_path: Path) -> None:
    """On the same port; and Unix sockets are not touched by it."""
    authority.server().write(tmp_path)
    path = tmp_path / "events.sock"
    context = authority.client(tmp_path)
    async with running(TlsConfig(), LOOPBACK, ListenUnix(str(path))) as (receiver, [bound, _]):
        assert not await is_let_in(bound, context)
        receiver.retune(limited(), OPEN, server_context(tls_config(tmp_path)))
        assert await is_let_in(bound, context)
        receiver.retune(limited(), OPEN, None)
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
        receiver.retune(limited(), OPEN, server_context(tls))
        await receiver.drain()
        with pytest.raises(ConnectionRefusedError):
            await server_of(bound, context)


async def test_who_was_let_in_without_a_certificate_needs_one_when_it_is_asked_for(
    authority: Authority, tmp_path: Path
) -> None:
    """A connection that tokens kept out is not let in by their going; one on a Unix socket stays welcome."""
    authority.server().write(tmp_path)
    unix, intake = tmp_path / "events.sock", FakeIntake()
    tokens = Access(tokens=BearerTokens([Secret("mF_9.B5f-4.1JqM")]))
    named = Access(asks_certificates=True, client_names=frozenset([NAME]))
    listeners = (LOOPBACK, ListenUnix(str(unix)))
    async with (
        running(tls_config(tmp_path), *listeners, access=tokens, intake=intake) as (receiver, [bound, _]),
        connected(bound, authority.client(tmp_path)) as client,
    ):
        reader, writer = await asyncio.open_unix_connection(unix)
        local = Client(reader, writer)
        assert ((await client.post()).status, (await local.post()).status) == (401, 401)
        receiver.retune(limited(), named, server_context(tls_config(tmp_path, authority, NAME)))
        assert ((await client.post()).status, await local.statuses(3)) == (403, [202] * 3)
        writer.close()
        await writer.wait_closed()
    assert len(intake.events) == 3


async def test_who_came_in_the_clear_may_not_post_when_certificates_are_asked_for(
    authority: Authority, tmp_path: Path
) -> None:
    """It has shown none, and is told so before its connection ends."""
    authority.server().write(tmp_path)
    async with running(TlsConfig()) as (receiver, [bound]), connected(bound, None) as client:
        assert await client.statuses(2) == [202, 202]
        tls = server_context(tls_config(tmp_path, authority))
        receiver.retune(limited(), Access(asks_certificates=True), tls)
        answer = await client.post()
        assert (answer.status, answer.closes) == (403, True)


async def test_a_connection_in_the_clear_ends_with_its_next_answer_when_tls_begins(
    authority: Authority, tmp_path: Path
) -> None:
    """Its client is to come again by TLS."""
    authority.server().write(tmp_path)
    async with running(TlsConfig()) as (receiver, [bound]), connected(bound, None) as client:
        receiver.retune(limited(), OPEN, server_context(tls_config(tmp_path)))
        answer = await client.post()
        assert (answer.status, answer.closes) == (202, True)


async def test_a_name_can_be_taken_out_and_put_back(authority: Authority, tmp_path: Path) -> None:
    """On a connection that is open, under a head that is known, from the next request on."""
    authority.server().write(tmp_path)
    context, tls = authority.client(tmp_path, authority.issue(NAME)), tls_config(tmp_path, authority)
    listed = Access(asks_certificates=True, client_names=frozenset([NAME, "other"]))
    others = Access(asks_certificates=True, client_names=frozenset(["other"]))
    async with running(tls, access=listed) as (receiver, [bound]), connected(bound, context) as client:
        seen = [await client.statuses(3)]
        for access in (others, listed):
            receiver.retune(limited(), access, server_context(tls))
            seen.append(await client.statuses(3))
    assert seen == [[202] * 3, [403] * 3, [202] * 3]


async def test_under_another_client_ca_open_connections_end_with_their_next_answer(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """Their clients are verified anew; under the same they go on."""
    authority.server().write(tmp_path)
    tls, access = tls_config(tmp_path, authority), Access(asks_certificates=True)
    context = authority.client(tmp_path, authority.issue("old"))
    async with running(tls, access=access) as (receiver, [bound]), connected(bound, context) as client:
        receiver.retune(limited(), access, server_context(tls))
        assert not (await client.post()).closes
        receiver.retune(limited(), access, server_context(tls_config(tmp_path, stranger)))
        assert (await client.post()).closes


async def test_a_handshake_that_began_under_the_former_client_ca_is_good_for_one_answer(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """As a connection that was open by then."""
    authority.server().write(tmp_path)
    access = Access(asks_certificates=True)
    context = authority.client(tmp_path, authority.issue("old"))
    async with running(tls_config(tmp_path, authority), access=access) as (receiver, [bound]):
        assert isinstance(bound, ListenTcp)
        reader, writer = await asyncio.open_connection(bound.host, bound.port)
        async with asyncio.timeout(SOON):
            while not receiver.statistics().connections:  # noqa: ASYNC110 - the receiver tells nobody
                await asyncio.sleep(0)
        receiver.retune(limited(), access, server_context(tls_config(tmp_path, stranger)))
        await writer.start_tls(context, server_hostname="localhost")
        answer = await Client(reader, writer).post()
        assert (answer.status, answer.closes) == (202, True)
        writer.transport.abort()
