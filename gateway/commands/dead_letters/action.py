"""What can be done with dead letters."""

from enum import StrEnum


class Action(StrEnum):
    """As the command line names it."""

    LIST = "list"
    REPLAY = "replay"
    PURGE = "purge"
