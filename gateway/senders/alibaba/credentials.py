"""Alibaba Cloud's default chain of credentials, in the order of the vendor's credentials packages.

Environment, OIDC (RRSA), the command line tool's profile, the profile file, instance metadata,
credentials URI; after alibabacloud_credentials 1.0.12.
"""

import os
import time
from collections.abc import Callable, Mapping

from gateway.senders.alibaba.profiles import ProfileProvider, cli_profile, ini_profile
from gateway.senders.alibaba.providers import (
    EnvironmentProvider,
    InstanceProvider,
    OidcProvider,
    Services,
    UriProvider,
)
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.credentials.chain import CredentialChain

MARGIN_SECONDS = 15 * 60.0
"""What the vendor's packages call stale."""


def default_chain(
    environment: Mapping[str, str] = os.environ,
    *,
    services: Services | None = None,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> CredentialChain[AccessKey]:
    """The chain, which looks at `environment` anew at each fetch."""
    services = services or Services()
    return CredentialChain(
        (
            EnvironmentProvider(environment),
            OidcProvider(environment, services, clock),
            ProfileProvider("command line profile", cli_profile, environment, services, clock),
            ProfileProvider("profile file", ini_profile, environment, services, clock),
            InstanceProvider(environment, services),
            UriProvider(environment),
        ),
        margin_seconds=MARGIN_SECONDS,
        clock=clock,
        monotonic=monotonic,
    )
