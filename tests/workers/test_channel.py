"""The wire between supervisor and worker, on the loop that both have."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import uvloop

from gateway.membership import Membership
from gateway.workers.channel import Channel
from gateway.workers.messages import Adopt, Ask, Begin, Message, Order
from tests.support.configuration import bus, config


def between(talk: Callable[[Channel, Channel], Awaitable[None]]) -> None:
    """Run it with both ends."""

    async def main() -> None:
        one, other = socket.socketpair()
        ends = await Channel.over(one), await Channel.over(other)
        await talk(*ends)
        for end in ends:
            await end.aclose()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def test_messages_arrive_as_they_were_sent_and_in_order() -> None:
    """Configurations with their secrets among them, which compare as what they are."""
    configured = config(
        orders=bus(secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), receiver={"tokens": ["a"]}
    )
    begin = Begin(configured, Membership(1, 2, {"/run/events.sock": 7}))
    sent: list[Message] = [begin, Adopt(1, configured), Ask(2), Order.DRAIN]

    async def talk(one: Channel, other: Channel) -> None:
        for message in sent:
            one.send(message)
        assert [await other.receive() for _ in sent] == sent

    between(talk)


def test_what_was_sent_before_the_end_still_arrives() -> None:
    """A worker's last word is one."""

    async def talk(one: Channel, other: Channel) -> None:
        one.send(Ask(1))
        await one.aclose()
        assert await other.receive() == Ask(1)
        assert await other.receive() is None

    between(talk)


def test_a_word_to_somebody_who_has_gone_goes_nowhere() -> None:
    """A worker may be killed at any moment, also while it is asked."""

    async def talk(one: Channel, other: Channel) -> None:
        await other.aclose()
        one.send(Ask(1))
        assert await one.receive() is None
        await one.aclose()
        one.send(Ask(2))

    between(talk)
