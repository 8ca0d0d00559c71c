"""The receiver's limits as they are by default, but for what a test changes."""

from typing import Any

from msgspec.structs import replace

from gateway.config import ReceiverConfig
from gateway.receiver.limits import ReceiverLimits
from gateway.wiring import receiver_limits

DEFAULTS = receiver_limits(ReceiverConfig())


def limited(**changes: Any) -> ReceiverLimits:
    """The defaults of the configuration with `changes`."""
    return replace(DEFAULTS, **changes)
