"""Scrapes a gateway all the time: its accounts and its memory."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Sequence

from msgspec import Struct

from benchmarks.endurance.accounts import Account, read_destinations
from benchmarks.endurance.recovery import Count
from benchmarks.load.server import BenchmarkError, Server
from benchmarks.load.subjects import fetch

SCRAPE_SECONDS = 0.2


class Scrape(Struct, frozen=True):
    """What was seen at one moment."""

    at: float
    """Monotonic seconds."""
    account: Account
    """All destinations together."""
    unbalanced: tuple[str, ...]
    """The destinations whose sum did not hold."""
    resident_bytes: int


class Watch:
    """Every scrape of one gateway, while `run` runs."""

    def __init__(self, gateway: Server) -> None:
        self._gateway = gateway
        self._has_looked = asyncio.Event()
        self.scrapes: list[Scrape] = []

    async def run(self) -> None:
        """Scrape until cancelled."""
        while True:
            text = await asyncio.to_thread(fetch, f"{self._gateway.admin_url}/metrics")
            resident_bytes = self._gateway.resident_bytes()
            self.scrapes.append(read_scrape(text, at=time.monotonic(), resident_bytes=resident_bytes))
            self._has_looked.set()
            await asyncio.sleep(SCRAPE_SECONDS)

    async def next(self) -> Scrape:
        """The next one."""
        self._has_looked.clear()
        await self._has_looked.wait()
        return self.scrapes[-1]

    async def until_nothing_is_held(self, *, seconds: float) -> None:
        """Return once all is settled. Raises BenchmarkError if it is not after so long."""
        await self.next()  # it may have been begun before the last event was accepted
        try:
            async with asyncio.timeout(seconds):
                while (await self.next()).account.held:
                    pass
        except TimeoutError:
            held = self.scrapes[-1].account.held
            raise BenchmarkError(f"{held} events are still held {seconds:.0f} s after the load") from None

    def between(self, begin: float, end: float) -> Sequence[Scrape]:
        """What was seen in that time."""
        return [scrape for scrape in self.scrapes if begin <= scrape.at <= end]

    def last_before(self, at: float) -> Scrape:
        """What was known at that moment; there must have been a scrape."""
        return self.scrapes[bisect_right(self.scrapes, at, key=lambda scrape: scrape.at) - 1]

    @property
    def unbalanced(self) -> int:
        """Scrapes in which the sum did not hold for every destination."""
        return sum(1 for scrape in self.scrapes if scrape.unbalanced)


def read_scrape(text: str, *, at: float, resident_bytes: int) -> Scrape:
    """A page of metrics, seen at that moment."""
    destinations = read_destinations(text)
    unbalanced = tuple(name for name, account in destinations.items() if not account.is_balanced)
    return Scrape(at, added_up(list(destinations.values())), unbalanced, resident_bytes)


def added_up(accounts: Sequence[Account]) -> Account:
    """One account for all."""
    return Account(
        *(sum(getattr(account, field) for account in accounts) for field in Account.__struct_fields__)
    )


def delivered(scrapes: Sequence[Scrape]) -> list[Count]:
    """The deliveries over time."""
    return [Count(scrape.at, scrape.account.delivered) for scrape in scrapes]
