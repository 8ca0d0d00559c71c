"""One place where credentials may be: what it gives, and how it says that it cannot. Pure."""

from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from gateway.errors import GatewayError

T = TypeVar("T")


class ProviderError(GatewayError):
    """A provider is configured here and has failed; the message is for an operator and holds no secret."""


class Fetched(Struct, Generic[T], frozen=True):
    """What a provider gave. `expires_at` is wall-clock seconds since the epoch; None: not known, or never."""

    credentials: T
    expires_at: float | None = None


class Provider(Protocol[T]):
    """One place where credentials may be: it keeps nothing and holds nothing open between fetches."""

    @property
    def name(self) -> str:
        """For messages: "environment", "instance metadata"."""

    async def fetch(self) -> Fetched[T] | None:
        """Credentials fetched anew, or None: not configured here, ask the next.

        Bounds its own time. Raises ProviderError where it is configured and yet fails.
        """
