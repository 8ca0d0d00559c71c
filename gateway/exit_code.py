"""What a command's process ends with."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    """Something failed at run time."""
    BAD_USAGE = 2
    """Bad configuration or usage."""
