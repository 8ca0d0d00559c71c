"""A CloudEvent as a bus received it that takes CloudEvents as they are."""

from typing import Any

import msgspec
from msgspec import Struct


class CloudEvent(Struct, frozen=True, gc=False):
    """One event as the bus delivers it."""

    event_id: str
    """The bus's own id for it, whatever the answer said."""
    request: int
    """The number of the request that brought it."""
    bus: str
    """The bus or channel it was sent to."""
    id: str
    source: str
    type: str
    text: str
    """The event in the CloudEvents JSON format, exactly as it was sent."""

    @property
    def members(self) -> dict[str, Any]:
        """The event's JSON object: attributes, extensions, and `data` or `data_base64`."""
        members: dict[str, Any] = msgspec.json.decode(self.text)
        return members

    def document(self) -> dict[str, Any]:
        """What the bus knows of the event, and the event itself, its text untouched."""
        event = msgspec.Raw(self.text.encode())
        return {"event_id": self.event_id, "request": self.request, "bus": self.bus, "event": event}
