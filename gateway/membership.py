"""Which of how many workers this process is: its part of every limit, and its own directories."""

import re
from pathlib import Path

from msgspec import Struct

_DIRECTORY = re.compile(r"worker-(0|[1-9][0-9]{0,5})")


class Membership(Struct, frozen=True):
    """Worker `index` of `count`, from 0; the default is a gateway that is one process."""

    index: int = 0
    count: int = 1
    sockets: dict[str, int] = {}
    """Unix sockets by path, bound and listening, which all workers accept on: their descriptors here."""

    @property
    def is_alone(self) -> bool:
        """Whether the gateway is this process and no other."""
        return self.count == 1

    def part(self, total: int) -> int:
        """This worker's part of a limit of the whole gateway: the parts add up to it, but none is 0."""
        return max(1, total // self.count + (self.index < total % self.count))

    def own(self, directory: Path) -> Path:
        """Where below the configured directory this process keeps what it shares with no other."""
        return directory if self.is_alone else directory / f"worker-{self.index}"

    def orphans(self, directory: Path) -> list[Path]:
        """Where workers of an earlier start may have left something, and no worker of this one has its own.

        The first worker looks after all of them. Raises OSError.
        """
        if self.index or not directory.exists():
            return []
        numbered = {int(match[1]): path for path in directory.iterdir()
                    if (match := _DIRECTORY.fullmatch(path.name)) and path.is_dir()}  # fmt: skip
        taken = 0 if self.is_alone else self.count
        found = [path for number, path in sorted(numbered.items()) if number >= taken]
        return found if self.is_alone else [directory, *found]


ALONE = Membership()
