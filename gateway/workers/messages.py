"""What the supervisor and a worker say to each other."""

from enum import Enum

from msgspec import Struct

from gateway.config import Config
from gateway.errors import ConfigFault
from gateway.membership import Membership
from gateway.sender import SenderStatus
from gateway.snapshots import Snapshot


class Begin(Struct, frozen=True):
    """The first word to a worker: what it is, and its part of the configuration."""

    config: Config
    member: Membership


class Ask(Struct, frozen=True):
    """A report is wanted."""

    number: int


class Adopt(Struct, frozen=True):
    """Take up another configuration."""

    number: int
    config: Config


class Order(Enum):
    """What needs no answer."""

    DRAIN = "drain"
    HURRY = "hurry"


class Ready(Struct, frozen=True):
    """A worker takes events, and has taken back what its directories hold."""

    receiver: tuple[str, ...]
    """Its addresses, as clients name them."""


class Report(Struct, frozen=True):
    """A worker at one moment."""

    number: int
    """Of what was asked; 0: it is the worker's last word, everything is settled or kept."""
    snapshot: Snapshot
    unready_because: str | None
    senders: dict[str, SenderStatus]


class Adopted(Struct, frozen=True):
    """What came of another configuration: no fault, or nothing has changed."""

    number: int
    faults: tuple[ConfigFault, ...] = ()


FromSupervisor = Begin | Ask | Adopt | Order
FromWorker = Ready | Report | Adopted
Message = FromSupervisor | FromWorker
