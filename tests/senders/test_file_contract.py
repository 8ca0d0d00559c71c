"""The file sender keeps the contract, as far as it applies to a file."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gateway.event import Event
from gateway.senders.contract import Harness, SenderContract, Step
from gateway.senders.file import FileConfig, FileSender
from tests.senders.builders import event_of_json_size

EXEMPT = {
    Step.FAIL_SECOND_ENTRY: "a file takes a batch whole or not at all",
    Step.THROTTLE: "a file asks nobody to slow down",
    Step.THROTTLE_WITH_HINT: "a file asks nobody to slow down",
    Step.REFUSE: "a file takes any bytes",
    Step.RESET: "there is no connection",
    Step.STALL: "a write to a file does not wait; that to a pipe does, and has tests of its own",
    Step.MISCOUNT: "a file gives no answer that could be miscounted",
}


class FileHarness:
    """A file, and the steps that a file can take: what has to be mended is a missing directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir()
        self.sender = FileSender(FileConfig(path=str(path)))

    def script(self, *steps: Step) -> None:
        """Called before the file is opened; everything else is exempt."""
        if Step.BLOCK in steps:
            self._path.parent.rmdir()

    def mend(self) -> None:
        """Bring the directory back."""
        self._path.parent.mkdir()

    def event(self, size: int) -> Event:
        """The line break counts one."""
        return event_of_json_size(size - 1)

    def taken(self) -> Sequence[bytes]:
        """The file's lines."""
        return self._path.read_bytes().splitlines()


class TestFileSender(SenderContract, exempt=EXEMPT):
    """What is left out is named above, with the reason."""

    @pytest.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[Harness]:
        """A fresh file for each test."""
        harness = FileHarness(tmp_path / "events" / "events.jsonl")
        yield harness
        await harness.sender.aclose()
