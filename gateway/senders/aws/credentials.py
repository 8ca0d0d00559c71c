"""Where an AWS destination's credentials come from unless its configuration has them: AWS's default chain.

The chain (environment, profiles, web identity, containers, instance metadata) is aiobotocore's, of
which only the session is used: no client is made.
"""

import asyncio
import importlib
import time
from collections.abc import Callable
from datetime import datetime

from gateway.secret import Secret
from gateway.senders.credentials.chain import CredentialChain
from gateway.senders.credentials.provider import Fetched, ProviderError
from gateway.senders.sigv4 import Credentials

MARGIN_SECONDS = 15 * 60.0
"""From when on the AWS SDKs renew ahead of an end."""

FETCH_SECONDS = 60.0
"""A bound for all of the chain: a profile's program may hang, and a role may lead to another."""


def default_chain(
    clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
) -> CredentialChain[Credentials]:
    """The chain, gone through from its start at each fetch; asks nobody yet."""
    return CredentialChain(
        (DefaultChainProvider(),), margin_seconds=MARGIN_SECONDS, clock=clock, monotonic=monotonic
    )


class DefaultChainProvider:
    """What AWS's default chain finds; a rewritten file or variable counts at the next fetch."""

    name = "AWS default chain"

    async def fetch(self) -> Fetched[Credentials] | None:
        """The first credentials of the chain, or None. Raises ProviderError with the chain's own words."""
        # 16 MiB and 110 ms, most of it with the interpreter's lock given back in between: so it is
        # imported only where there are no keys in the configuration, and beside the loop.
        aiobotocore = await asyncio.to_thread(importlib.import_module, "aiobotocore.session")
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                # Botocore's own credentials are not kept: within fifteen minutes of their end they would
                # renew themselves at every look.
                found = await aiobotocore.get_session().get_credentials()
                frozen = None if found is None else await found.get_frozen_credentials()
        except _failures() as error:
            raise ProviderError(f"{type(error).__name__}: {error}") from error
        if frozen is None:
            return None
        key = Credentials(frozen.access_key, Secret(frozen.secret_key), Secret(frozen.token or ""))
        return Fetched(key, _end_of(found))


def _end_of(found: object) -> float | None:
    """When they end, in seconds since the epoch, as the provider said."""
    # botocore shows the expiry of credentials nowhere else.
    expiry = getattr(found, "_expiry_time", None)
    return expiry.timestamp() if isinstance(expiry, datetime) else None


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
