"""What is allowed and still deserves a warning: who can come in, who can listen in, and until when."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from gateway.config.listen import ListenAddress
from gateway.config.model import Config, TlsConfig
from gateway.config.tls import certificate_expiry
from gateway.errors import ConfigError, ConfigFault

EXPIRY_NOTICE_SECONDS = 14 * 86_400.0
"""So long before its end a certificate should have been renewed; an ACME client does it at thirty days."""


def warnings(config: Config, now: float) -> Iterator[ConfigFault]:
    """What to warn of at the start and when the configuration changes; `now` is wall-clock seconds."""
    receiver, admin = config.receiver, config.admin
    asks = bool(receiver.tokens or receiver.tls.client_ca)
    has_tls = bool(receiver.tls.certificate)
    yield from _beyond("receiver.listen", receiver.listen, asks=asks, has_tls=has_tls)
    yield from _beyond("admin.listen", (admin.listen,), asks=bool(admin.tokens), has_tls=False)
    yield from _expiring(receiver.tls, now)


def _expiring(tls: TlsConfig, now: float) -> Iterator[ConfigFault]:
    try:
        ends = certificate_expiry(tls)
    except ConfigError:  # who reads it to use it says so
        return
    if ends is not None and ends - now < EXPIRY_NOTICE_SECONDS:
        moment = datetime.fromtimestamp(ends, UTC).isoformat()
        word = "expires at" if ends > now else "has expired at"
        yield ConfigFault("receiver.tls.certificate", f"{word} {moment}")


def _beyond(
    key: str, addresses: Sequence[ListenAddress], *, asks: bool, has_tls: bool
) -> Iterator[ConfigFault]:
    for address in addresses:
        if address.is_local:
            continue
        if not asks:
            yield ConfigFault(key, f"anybody who can reach {address} may use it: nothing asks who is there")
        elif not has_tls:
            yield ConfigFault(key, f"what comes to {address} travels in the clear, tokens too")
