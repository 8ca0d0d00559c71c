"""A gateway that only answers questions."""

from collections.abc import Mapping
from typing import Any

from gateway.config.change import Change
from gateway.errors import ConfigError, ConfigFault
from gateway.snapshots import ReceiverStatistics, Snapshot, StorageStatistics
from tests.support.configuration import config


class FakeOperations:
    """A gateway whose state a test sets."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.drains = 0
        self.faults: list[ConfigFault] = []
        """Of the configuration, at the next reload."""

    async def refresh(self) -> None:
        """All is up to date."""

    def snapshot(self) -> Snapshot:
        return Snapshot(ReceiverStatistics(requests={202: 3}), {}, StorageStatistics())

    def unready_because(self) -> str | None:
        return self.reason

    def status(self) -> Mapping[str, Any]:
        return {"state": "running"}

    def request_drain(self) -> None:
        self.drains += 1

    async def reload(self) -> Change:
        if self.faults:
            raise ConfigError(self.faults)
        return Change(config(), ("destinations.orders.flush",), ("log.format",))
