"""Finds credentials where a vendor's tools would, keeps them, and renews them before they expire.

Knows no vendor: what is found is whatever the providers give, keys or tokens.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from gateway.errors import BlockedError
from gateway.senders.credentials.fitness import unfitness
from gateway.senders.credentials.provider import Fetched, Provider, ProviderError

T = TypeVar("T")

CODE = "no_credentials"
"""Of a BlockedError where there are none to be had."""

BAD_CODE = "bad_credentials"
"""Of a BlockedError for such as no request can carry."""

MAX_MESSAGE_CHARACTERS = 500

PAUSE_AFTER_FAILURE_SECONDS = 30.0
"""Between renewals ahead of time, while the old credentials are still valid and the new ones fail."""

LEAST_PAUSE_SECONDS = 1.0
"""Between fetches of credentials that expire as soon as they come."""

RENEWAL_PAUSE_SECONDS = 10.0
"""Between renewals that the bus asks for: new credentials that are refused like the old ones were not too
old, and those who give them are not asked again at every send."""

_log = logging.getLogger(__name__)


class CredentialSource(Protocol[T]):
    """Gives a sender credentials that are valid now."""

    async def current(self) -> T:
        """Valid credentials.

        Raises BlockedError, with code "no_credentials" if there are none to be had and "bad_credentials"
        for such as no request can carry.
        """

    async def renew(self, refused: T) -> T:
        """Others than `refused`, which the bus calls expired; the same again if there are no others."""

    def expire_at(self) -> float | None:
        """Wall-clock seconds since the epoch, or None: never, or not known."""

    async def aclose(self) -> None:
        """End a renewal under way. May be called twice; later calls of the others work again."""


class FixedCredentials(Generic[T]):
    """Credentials from the configuration: a reload brings new ones."""

    def __init__(self, credentials: T) -> None:
        self._credentials = credentials
        self._problem = unfitness(credentials)

    async def current(self) -> T:
        """The configured ones. Raises BlockedError(code="bad_credentials") if no request can carry them."""
        if self._problem:
            raise BlockedError(BAD_CODE, self._problem)
        return self._credentials

    async def renew(self, refused: T) -> T:  # noqa: ARG002 - the protocol's
        """The configured ones: there are no others."""
        return self._credentials

    def expire_at(self) -> float | None:
        """Not known."""
        return None

    async def aclose(self) -> None:
        """Nothing to end."""


class CredentialChain(Generic[T]):
    """The first credentials that a provider gives, in the order of `providers`.

    From `margin_seconds` before they expire they are renewed, in a task of the chain's own: who asks
    meanwhile gets the old ones at once and waits only where those have expired. All who wait at once
    share one fetch, and its failure; a cancelled waiter does not end it. `clock` gives wall-clock
    seconds since the epoch, `monotonic` those that pace the renewals which the bus asks for.

    A provider that fails ends the search, other than in some vendors' tools: the next one's
    credentials may be another identity's, and a short outage must not change who we are.
    """

    def __init__(
        self,
        providers: Sequence[Provider[T]],
        *,
        margin_seconds: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._providers = providers
        self._margin_seconds = margin_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._held: Fetched[T] | None = None
        self._renew_at = float("-inf")
        """When the held ones are to be renewed; never, if they do not expire."""
        self._fetching: asyncio.Task[T | BlockedError] | None = None
        self._may_renew_at = float("-inf")
        """When the bus's word counts again, in monotonic seconds."""

    async def current(self) -> T:
        """Valid credentials. Raises BlockedError if there are none to be had."""
        held, now = self._held, self._clock()
        if held is None:
            return await self._result_of(self._fetch_task())
        if now < self._renew_at:
            return held.credentials
        task = self._fetch_task()
        if held.expires_at is None or now < held.expires_at:
            return held.credentials
        return await self._result_of(task)

    async def renew(self, refused: T) -> T:
        """Go through the chain again, unless others than `refused` have been found already.

        Gives `refused` again until RENEWAL_PAUSE_SECONDS after the last renewal. Raises BlockedError if
        there are none to be had.
        """
        if self._held is not None and self._held.credentials != refused:
            return self._held.credentials
        if self._is_fetching():
            return await self._result_of(self._fetch_task())
        if self._monotonic() < self._may_renew_at:
            return refused
        self._may_renew_at = self._monotonic() + RENEWAL_PAUSE_SECONDS
        return await self._result_of(self._fetch_task())

    def expire_at(self) -> float | None:
        """When the ones in use end, as their provider said."""
        return None if self._held is None else self._held.expires_at

    async def aclose(self) -> None:
        """End a fetch under way; who still waits for it is told that there are no credentials."""
        task, self._fetching = self._fetching, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def _fetch_task(self) -> asyncio.Task[T | BlockedError]:
        """The fetch under way, or a new one."""
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch(), name="credentials")
        return self._fetching

    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    async def _result_of(self, task: asyncio.Task[T | BlockedError]) -> T:
        await asyncio.wait({task})  # unlike awaiting the task: to cancel one who waits leaves it running
        if task.cancelled():
            raise BlockedError(CODE, "closed while they were being fetched")
        if isinstance(result := task.result(), BlockedError):
            raise result
        return result

    async def _fetch(self) -> T | BlockedError:
        """A failure is a result, since nobody may be waiting for it."""
        try:
            fetched = await self._first()
        except BlockedError as error:
            self._postpone(error)
            return error
        self._hold(fetched)
        return fetched.credentials

    async def _first(self) -> Fetched[T]:
        for provider in self._providers:
            try:
                fetched = await provider.fetch()
            except ProviderError as error:
                raise BlockedError(CODE, f"{provider.name}: {error}"[:MAX_MESSAGE_CHARACTERS]) from error
            except Exception as error:
                # Such as a setting that nobody foresaw brings about; its text may hold what was read.
                raise BlockedError(CODE, f"{provider.name}: {type(error).__name__}") from error
            if fetched is not None:
                if problem := unfitness(fetched.credentials):
                    raise BlockedError(BAD_CODE, f"{provider.name}: {problem}")
                return fetched
        places = ", ".join(provider.name for provider in self._providers)
        raise BlockedError(CODE, f"none in the configuration, and none in: {places}")

    def _hold(self, fetched: Fetched[T]) -> None:
        self._held, now = fetched, self._clock()
        if fetched.expires_at is None:
            self._renew_at = float("inf")
            return
        # Half the time left, where that is less than the margin: some services give the same
        # credentials again until shortly before they end.
        half = max((fetched.expires_at - now) / 2, LEAST_PAUSE_SECONDS)
        self._renew_at = max(fetched.expires_at - self._margin_seconds, now + half)

    def _postpone(self, error: BlockedError) -> None:
        held, now = self._held, self._clock()
        if held is None or held.expires_at is None or now >= held.expires_at:
            return  # those who wait are told
        self._renew_at = min(now + PAUSE_AFTER_FAILURE_SECONDS, held.expires_at)
        _log.warning(
            "credentials could not be renewed; the old ones are still valid",
            extra={"reason": error.message, "expire_at": held.expires_at},
        )
