"""A receipt that remembers what it was told."""

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

    def keeps(self, entry: Entry) -> bool:  # noqa: ARG002 - the receipt's signature
        """It keeps nothing."""
        return False
