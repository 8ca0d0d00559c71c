"""The chain that finds, keeps and renews credentials, with providers that play a script."""

import asyncio
import logging

import pytest
from msgspec import Struct

from gateway.errors import BlockedError
from gateway.secret import Secret
from gateway.senders.credentials.chain import (
    LEAST_PAUSE_SECONDS,
    PAUSE_AFTER_FAILURE_SECONDS,
    RENEWAL_PAUSE_SECONDS,
    CredentialChain,
    FixedCredentials,
)
from gateway.senders.credentials.provider import Fetched, ProviderError
from tests.support.clock import settle

MARGIN = 900.0
HOUR = 3600.0


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Key(Struct, frozen=True):
    """Credentials as requests carry them."""

    id: str
    secret: Secret = Secret("dummySecret")
    token: Secret = Secret("")


class Failing(Struct, frozen=True):
    """A step of a script: the provider fails."""

    message: str = "the vault is sealed"


Step = Fetched[str] | Failing | Exception | None


class ScriptedProvider:
    """Answers each fetch by the script, and the rest by its last step; waits while its gate is closed."""

    def __init__(self, *script: Step, name: str = "scripted") -> None:
        self.name = name
        self.script = script
        self.fetches = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> Fetched[str] | None:
        self.fetches += 1
        step = self.script[min(self.fetches, len(self.script)) - 1]
        await self.gate.wait()
        if isinstance(step, Failing):
            raise ProviderError(step.message)
        if isinstance(step, Exception):
            raise step
        return step


class Bench:
    """A chain of these providers, and its clock."""

    def __init__(self, *providers: ScriptedProvider) -> None:
        self.clock = Clock()
        self.monotonic = Clock()
        self.chain = CredentialChain(
            providers, margin_seconds=MARGIN, clock=self.clock, monotonic=self.monotonic
        )

    def lasting(self, seconds: float, name: str = "key") -> Fetched[str]:
        return Fetched(name, self.clock.now + seconds)


def bench_of(*lifetimes: float) -> tuple[Bench, ScriptedProvider]:
    """One provider that gives "key 1", "key 2" and so on, each with its time to live from the start."""
    provider = ScriptedProvider(None)
    bench = Bench(provider)
    provider.script = tuple(
        bench.lasting(seconds, f"key {number}") for number, seconds in enumerate(lifetimes, 1)
    )
    return bench, provider


async def refusal_of(chain: CredentialChain[str]) -> str:
    with pytest.raises(BlockedError) as caught:
        await chain.current()
    assert caught.value.code == "no_credentials"
    return caught.value.message


async def test_the_first_provider_that_has_credentials_gives_them() -> None:
    """Those after it are not asked."""
    first, second, third = (
        ScriptedProvider(None),
        ScriptedProvider(Fetched("b")),
        ScriptedProvider(Fetched("c")),
    )
    assert await Bench(first, second, third).chain.current() == "b"
    assert [first.fetches, second.fetches, third.fetches] == [1, 1, 0]


async def test_no_credentials_anywhere_are_an_operators_business() -> None:
    """The message names where they were looked for, and they are looked for again at each call."""
    first, second = ScriptedProvider(None, name="environment"), ScriptedProvider(None, name="OIDC")
    chain = Bench(first, second).chain
    assert await refusal_of(chain) == "none in the configuration, and none in: environment, OIDC"
    second.script = (Fetched("mended"),)
    assert await chain.current() == "mended"


async def test_a_provider_that_fails_ends_the_search() -> None:
    """The next one's credentials could be another identity's."""
    failing, other = ScriptedProvider(Failing(), name="OIDC"), ScriptedProvider(Fetched("another identity"))
    assert await refusal_of(Bench(failing, other).chain) == "OIDC: the vault is sealed"
    assert other.fetches == 0


async def test_credentials_without_an_end_are_fetched_once() -> None:
    """However much time goes by."""
    provider = ScriptedProvider(Fetched("for ever"))
    bench = Bench(provider)
    await bench.chain.current()
    bench.clock.now += 1e9
    assert await bench.chain.current() == "for ever"
    assert provider.fetches == 1
    assert bench.chain.expire_at() is None


async def test_those_who_ask_at_once_share_one_fetch() -> None:
    """And all get what it brings."""
    bench, provider = bench_of(HOUR)
    assert await asyncio.gather(*(bench.chain.current() for _ in range(5))) == ["key 1"] * 5
    assert provider.fetches == 1


async def test_those_who_ask_at_once_share_the_failure() -> None:
    """It is not tried again by each of them in turn."""
    provider = ScriptedProvider(Failing())
    chain = Bench(provider).chain
    results = await asyncio.gather(*(chain.current() for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, BlockedError) for result in results)
    assert provider.fetches == 1


async def test_a_cancelled_caller_leaves_the_fetch_to_the_others() -> None:
    """The fetch is the chain's own, not that of who asked first."""
    bench, provider = bench_of(HOUR)
    provider.gate.clear()
    first, second = (asyncio.ensure_future(bench.chain.current()) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    provider.gate.set()
    assert await second == "key 1"
    assert first.cancelled()
    assert provider.fetches == 1


async def test_until_the_margin_nothing_is_fetched() -> None:
    """The last moment before it included."""
    bench, provider = bench_of(HOUR)
    await bench.chain.current()
    bench.clock.now += HOUR - MARGIN - 1
    assert await bench.chain.current() == "key 1"
    await settle()
    assert provider.fetches == 1


async def test_within_the_margin_the_old_ones_serve_while_new_ones_are_fetched() -> None:
    """Nobody waits for the renewal, and it is made once."""
    bench, provider = bench_of(HOUR, 2 * HOUR)
    await bench.chain.current()
    bench.clock.now += HOUR - MARGIN
    provider.gate.clear()
    for _ in range(3):
        async with asyncio.timeout(1):
            assert await bench.chain.current() == "key 1"
        await settle()
    provider.gate.set()
    await settle()
    assert await bench.chain.current() == "key 2"
    assert provider.fetches == 2
    assert bench.chain.expire_at() == bench.clock.now + HOUR + MARGIN


async def test_after_their_end_new_ones_are_waited_for() -> None:
    """What has expired is not sent."""
    bench, _ = bench_of(HOUR, 3 * HOUR)
    await bench.chain.current()
    bench.clock.now += HOUR
    assert await bench.chain.current() == "key 2"


async def test_a_renewal_that_fails_is_told_and_tried_again_later(caplog: pytest.LogCaptureFixture) -> None:
    """The old ones serve until they end; the service is not asked at every send."""
    bench, provider = bench_of(HOUR)
    provider.script = (*provider.script, Failing(), bench.lasting(2 * HOUR, "key 3"))
    await bench.chain.current()
    bench.clock.now += HOUR - MARGIN
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert await bench.chain.current() == "key 1"
            await settle()
    assert provider.fetches == 2
    assert [record.message for record in caplog.records] == [
        "credentials could not be renewed; the old ones are still valid"
    ]
    bench.clock.now += PAUSE_AFTER_FAILURE_SECONDS
    await bench.chain.current()
    await settle()
    assert await bench.chain.current() == "key 3"


async def test_a_renewal_that_fails_until_the_end_blocks() -> None:
    """With what the provider says; and the pause after a failure does not outlive the old ones."""
    bench, provider = bench_of(HOUR)
    provider.script = (*provider.script, Failing())
    await bench.chain.current()
    bench.clock.now += HOUR - 1
    await bench.chain.current()
    await settle()
    bench.clock.now += 1
    assert await refusal_of(bench.chain) == "scripted: the vault is sealed"


async def test_credentials_that_live_shorter_than_the_margin_are_not_fetched_at_every_send() -> None:
    """They are renewed when half of their time is over."""
    bench, provider = bench_of(600, 2000)
    for seconds, fetches in ((0, 1), (299, 1), (1, 2)):
        bench.clock.now += seconds
        assert await bench.chain.current() == "key 1"
        await settle()
        assert provider.fetches == fetches
    assert await bench.chain.current() == "key 2"


async def test_credentials_that_come_expired_are_left_to_the_bus_to_judge() -> None:
    """Our clock may be wrong: they are given, and fetched again once a second at most."""
    bench, provider = bench_of(-5)
    assert [await bench.chain.current() for _ in range(3)] == ["key 1"] * 3
    assert provider.fetches == 1
    bench.clock.now += LEAST_PAUSE_SECONDS
    await bench.chain.current()
    assert provider.fetches == 2


async def test_what_the_bus_calls_expired_is_fetched_anew() -> None:
    """Whatever our clock says of it."""
    bench, _ = bench_of(HOUR, 2 * HOUR)
    assert await bench.chain.renew(await bench.chain.current()) == "key 2"
    assert await bench.chain.current() == "key 2"


async def test_what_another_send_has_renewed_already_is_not_fetched_again() -> None:
    """Sixteen sends in flight hear of the same end, one after the other."""
    bench, provider = bench_of(HOUR, 2 * HOUR)
    refused = await bench.chain.current()
    assert [await bench.chain.renew(refused) for _ in range(3)] == ["key 2"] * 3
    assert provider.fetches == 2


async def test_closing_ends_a_fetch_and_tells_who_waits_for_it() -> None:
    """Not by cancelling them: they are not the chain's. Closing twice is safe, and so is asking again."""
    bench, provider = bench_of(HOUR)
    provider.gate.clear()
    waiting = asyncio.ensure_future(bench.chain.current())
    await settle()
    await bench.chain.aclose()
    with pytest.raises(BlockedError):
        await waiting
    await bench.chain.aclose()
    provider.gate.set()
    assert await bench.chain.current() == "key 1"


async def test_configured_credentials_are_always_the_same() -> None:
    """A reload brings others."""
    fixed = FixedCredentials("configured")
    assert [await fixed.current(), await fixed.renew("configured")] == ["configured"] * 2
    assert fixed.expire_at() is None
    await fixed.aclose()


async def test_the_bus_can_ask_for_a_renewal_again_only_after_a_pause() -> None:
    """A bus that calls everything expired costs one fetch in ten seconds, however the wall clock is set."""
    bench, provider = bench_of(HOUR, 2 * HOUR, 3 * HOUR)
    for _ in range(20):
        await bench.chain.renew(await bench.chain.current())
        bench.clock.now -= RENEWAL_PAUSE_SECONDS
    assert provider.fetches == 2
    bench.monotonic.now += RENEWAL_PAUSE_SECONDS
    assert await bench.chain.renew("key 2") == "key 3"


async def test_a_renewal_that_brings_the_same_is_not_repeated_at_once() -> None:
    """Nor is one that fails."""
    provider = ScriptedProvider(Fetched("key"), Fetched("key"), Failing())
    bench = Bench(provider)
    await bench.chain.current()
    assert [await bench.chain.renew("key") for _ in range(20)] == ["key"] * 20
    assert provider.fetches == 2
    bench.monotonic.now += RENEWAL_PAUSE_SECONDS
    with pytest.raises(BlockedError):
        await bench.chain.renew("key")
    assert [await bench.chain.renew("key") for _ in range(20)] == ["key"] * 20
    assert provider.fetches == 3


async def test_those_whose_credentials_are_refused_at_once_share_the_renewal() -> None:
    """The pause is not held against those who come while it is made."""
    bench, provider = bench_of(HOUR, 2 * HOUR)
    refused = await bench.chain.current()
    assert await asyncio.gather(*(bench.chain.renew(refused) for _ in range(5))) == ["key 2"] * 5
    assert provider.fetches == 2


async def test_what_nobody_foresaw_in_a_provider_is_an_operators_business() -> None:
    """Named by its type: its text may hold what was read."""
    broken = ScriptedProvider(ValueError("dummySecret"), name="credentials URI")
    assert await refusal_of(Bench(broken).chain) == "credentials URI: ValueError"


async def test_what_nobody_foresaw_ahead_of_the_end_is_not_met_at_every_send() -> None:
    """It is a failed renewal like any other, and the old credentials serve on."""
    bench, provider = bench_of(HOUR)
    provider.script = (*provider.script, TypeError("unforeseen"))
    await bench.chain.current()
    bench.clock.now += HOUR - MARGIN
    for _ in range(20):
        assert await bench.chain.current() == "key 1"
        await settle()
    assert provider.fetches == 2


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (Key("dummyid\n"), "id holds a line break"),
        (Key("dummyid", Secret("dummySecret\r\n")), "secret holds a line break"),
        (Key("dummyid", token=Secret("dummy\x00Token")), "token holds control characters"),
        (Key("dummyid", Secret("dümmySecret")), "secret holds characters beyond ASCII"),
    ],
)
async def test_credentials_that_no_request_can_carry_block(key: Key, problem: str) -> None:
    """Such as a mounted secret that ends in a line break; what they are is not said."""

    class Environment:
        name = "environment"

        async def fetch(self) -> Fetched[Key] | None:
            return Fetched(key)

    for source, place in (
        (CredentialChain([Environment()], margin_seconds=MARGIN), "environment: "),
        (FixedCredentials(key), ""),
    ):
        with pytest.raises(BlockedError) as caught:
            await source.current()
        assert (caught.value.code, caught.value.message) == ("bad_credentials", place + problem)
