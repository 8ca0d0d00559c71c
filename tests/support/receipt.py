"""A receipt that remembers what it was told, and a caller that hands it out."""

from gateway.entry import Entry


class FakeReceipt:
    """Every word it was told, with the id of the event it was about."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def delivered(self, entry: Entry, event_id: str | None) -> None:
        """The bus has it."""
        self.told.append(("delivered", entry.event.id, str(event_id)))

    def given_up(self, entry: Entry, code: str, message: str) -> None:
        """It is dead-lettered or expired."""
        self.told.append(("given_up", entry.event.id, code, message))

    def kept(self, entry: Entry) -> None:
        """It is on disk for the next start."""
        self.told.append(("kept", entry.event.id))

    def lost(self, entry: Entry) -> None:
        """It is nowhere."""
        self.told.append(("lost", entry.event.id))

    def keeps(self, entry: Entry) -> bool:  # noqa: ARG002 - the receipt's signature
        """It keeps nothing."""
        return False


class FakeCaller:
    """A producer that waits: one receipt for all destinations, and which of them asked for it."""

    def __init__(self) -> None:
        self.told = FakeReceipt()
        self.destinations: list[str] = []

    def receipt(self, destination: str) -> FakeReceipt:
        """The same for each."""
        self.destinations.append(destination)
        return self.told
