"""An event as the gateway holds it: its compact JSON, and the few attributes that buses are asked for."""

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """One valid CloudEvent (specversion 1.0), made once at ingress and never changed.

    `json` is the whole event in the CloudEvents JSON format: UTF-8, no white space between the
    top-level members, and the value of `data` byte for byte as it came. Everything that outlives
    the process (spill, dead letters) holds that same JSON, so a changed configuration can still
    send it.
    """

    id: str
    source: str
    type: str
    time: str | None
    """The attribute's own text (RFC 3339), or None."""
    traceparent: str | None
    """The extension attribute of that name, or None."""
    json: bytes
    received_at: float
    """Wall-clock seconds since the epoch at which the gateway first took it."""
