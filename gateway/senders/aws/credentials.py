"""Where an AWS destination's credentials come from: its configuration, or AWS's default chain.

The chain (environment, profiles, web identity, containers, instance metadata) is aiobotocore's, of
which only the session is used: no client is made.
"""

import asyncio
import importlib
from datetime import datetime
from typing import Any, Protocol

from gateway.errors import BlockedError
from gateway.secret import Secret
from gateway.senders.sigv4 import Credentials
from gateway.senders.single_flight import SingleFlight

MAX_MESSAGE_CHARACTERS = 500


class CredentialSource(Protocol):
    """Gives credentials that are valid now."""

    async def current(self) -> Credentials:
        """Valid credentials. Raises BlockedError(code="no_credentials") if there are none to be had."""

    async def renew(self) -> Credentials:
        """Fetched anew, since the bus calls the last ones expired; the same again if there are no others."""

    def expire_at(self) -> float | None:
        """Wall-clock seconds since the epoch, or None: never, or not known."""


class StaticCredentials:
    """Credentials from the configuration: a reload brings new ones."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def current(self) -> Credentials:
        """The configured ones."""
        return self._credentials

    async def renew(self) -> Credentials:
        """The configured ones: there are no others."""
        return self._credentials

    def expire_at(self) -> float | None:
        """Not known."""
        return None


class ChainCredentials:
    """Credentials from AWS's default chain, refreshed by it from 15 minutes before they expire."""

    def __init__(self) -> None:
        self._found: Any = None
        """What the chain found, in botocore's type; it renews itself."""
        self._fetch = SingleFlight(self._load)

    async def current(self) -> Credentials:
        """What the chain found, renewed where it is about to expire."""
        if self._found is None:
            return await self._fetch()
        return await self._freeze(self._found)

    async def renew(self) -> Credentials:
        """Go through the chain again from the start: a rewritten file or variable counts too."""
        return await self._fetch()

    def expire_at(self) -> float | None:
        """When the ones in use end, as the provider said."""
        # botocore shows the expiry of credentials nowhere else.
        expiry = getattr(self._found, "_expiry_time", None)
        return expiry.timestamp() if isinstance(expiry, datetime) else None

    async def _load(self) -> Credentials:
        # 16 MiB and 110 ms, most of it with the interpreter's lock given back in between: so it is
        # imported only where there are no keys in the configuration, and beside the loop.
        aiobotocore = await asyncio.to_thread(importlib.import_module, "aiobotocore.session")
        try:
            found = await aiobotocore.get_session().get_credentials()
        except _failures() as error:
            raise _no_credentials(_describe(error)) from error
        if found is None:
            raise _no_credentials("none in the configuration, and none in the AWS default chain")
        credentials = await self._freeze(found)
        self._found = found
        return credentials

    async def _freeze(self, found: Any) -> Credentials:
        try:
            frozen = await found.get_frozen_credentials()
        except _failures() as error:
            raise _no_credentials(_describe(error)) from error
        return Credentials(frozen.access_key, Secret(frozen.secret_key), Secret(frozen.token or ""))


def _no_credentials(message: str) -> BlockedError:
    return BlockedError("no_credentials", message)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_MESSAGE_CHARACTERS]


def _failures() -> tuple[type[Exception], ...]:
    """What the chain's providers raise: botocore's errors, and those of files, processes and parsers."""
    exceptions = importlib.import_module("botocore.exceptions")
    return (
        exceptions.BotoCoreError,
        exceptions.ClientError,
        RuntimeError,  # "refreshed, but still expired"
        OSError,
        ValueError,
        KeyError,
    )
