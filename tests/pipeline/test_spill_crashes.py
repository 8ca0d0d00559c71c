"""The spill over many lives of a process: in whatever order, nothing is lost and nothing doubled."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.cloudevents.json import read_event
from gateway.entry import Entry
from gateway.pipeline import disk
from gateway.pipeline.spill import Spill
from gateway.pipeline.spill_file import SpillFile
from tests.support.build import WALL_AT_START, entry, event
from tests.support.receipt import FakeReceipt


class SpillOverManyLives(RuleBasedStateMachine):
    """Entries come, are tried, spilled and settled; the process is killed at any moment and starts again.

    `attempts` is the model of the disk: what it must give back of each entry that is not settled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.came = 0
        self.held: dict[str, Entry] = {}
        self.receipts: dict[str, FakeReceipt] = {}
        """Of the producers that wait, all in this life of the process."""
        self.attempts: dict[str, int] = {}
        self.file: SpillFile | None = None
        """The one that is being written."""
        self.in_file: dict[str, int] = {}
        """What is in it, with the attempts at its begin."""
        self.is_written = False
        self.in_doubt: set[str] = set()
        """Settled after the file was written, and before the loop heard of it."""

    def teardown(self) -> None:
        shutil.rmtree(self.directory)

    @initialize()
    def start(self) -> None:
        self.spill = Spill(
            self.directory, lambda text, received_at: read_event(text, received_at=received_at)
        )
        restored = self.spill.read("orders")
        found = {each.event.id: each.attempts for each in restored}
        assert len(found) == len(restored), "an entry came back twice"
        assert self.attempts.items() <= found.items(), "an entry is lost, or its attempts are"
        assert found.keys() - self.attempts.keys() <= self.in_doubt, "a settled entry came back"
        self.attempts = found
        assert [each.event.received_at for each in restored] == sorted(
            each.event.received_at for each in restored
        )
        self.held = {
            each.event.id: entry(of=each.event, attempt=each.attempts, receipt=each.receipt)
            for each in restored
        }
        self.receipts = {}
        self.file, self.in_file, self.is_written = None, {}, False
        self.in_doubt = set()

    @rule(count=st.integers(1, 4))
    def accept(self, count: int) -> None:
        for _ in range(count):
            name = str(self.came)
            self.came += 1
            self.receipts[name] = FakeReceipt()
            accepted = event(name, received_at=WALL_AT_START + self.came)
            self.held[name] = entry(of=accepted, receipt=self.receipts[name])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def try_in_vain(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(list(self.held.values()))).attempt += 1

    @precondition(lambda self: self.held)
    @rule(data=st.data(), is_delivered=st.booleans())
    def settle(self, data: st.DataObject, *, is_delivered: bool) -> None:
        name = data.draw(st.sampled_from(list(self.held)))
        settled = self.held.pop(name)
        self.attempts.pop(name, None)
        if self.in_file.pop(name, None) is not None and self.is_written:
            self.in_doubt.add(name)
        if settled.receipt is not None:
            if is_delivered:
                settled.receipt.delivered(settled, None)
            else:
                settled.receipt.given_up(settled, "bad", "")
        if name in self.receipts:
            assert len(self.receipts[name].told) == 1

    @precondition(lambda self: self.file is None)
    @rule()
    def begin(self) -> None:
        rest = [each for each in self.held.values() if each.receipt is None or not each.receipt.keeps(each)]
        self.file, self.is_written = self.spill.begin("orders", rest), False
        self.in_file = {each.event.id: each.attempt for each in rest}

    @precondition(lambda self: self.file is not None and not self.is_written)
    @rule()
    def write(self) -> None:
        assert self.file is not None
        self.file.write()
        self.is_written = True
        self.attempts |= self.in_file

    @precondition(lambda self: self.is_written)
    @rule()
    def confirm(self) -> None:
        assert self.file is not None
        self.file.confirm()
        for name, attempts in self.in_file.items():
            receipt = self.held[name].receipt
            assert receipt is not None
            assert receipt.keeps(self.held[name]) is (attempts == self.held[name].attempt)
        self.file, self.in_file, self.is_written = None, {}, False
        self.in_doubt = set()

    @precondition(lambda self: self.file is not None and not self.is_written)
    @rule()
    def abandon(self) -> None:
        assert self.file is not None
        self.file.abandon()
        self.file, self.in_file = None, {}

    @rule()
    def crash(self) -> None:
        """Killed; what stood nowhere on disk is gone, for that is what a journal is for."""
        self.start()

    @precondition(lambda self: self.file is not None and not self.is_written)
    @rule(data=st.data())
    def crash_while_writing(self, data: st.DataObject) -> None:
        """A part of the draft is on disk; its whole lines count."""
        assert self.file is not None
        names = list(self.in_file)
        self.file.write()
        path = self.file.path
        lines = path.read_bytes().splitlines(keepends=True)
        draft = path.rename(disk.draft_of(path))
        whole = data.draw(st.integers(0, len(lines)))
        torn = b"".join(lines[whole : whole + 1])[: data.draw(st.integers(0, 100))]
        os.truncate(draft, sum(map(len, lines[:whole])) + len(torn))
        found = {line.split(b'"id":"')[1].split(b'"')[0].decode() for line in lines[:whole]}
        self.attempts |= {name: self.in_file[name] for name in names if name in found}
        self.start()

    @rule()
    def copy_the_newest_file(self) -> None:
        """Somebody restored a backup; only a start looks at it."""
        files = sorted(path for path in self.directory.glob("*.jsonl") if path.stat().st_size)
        if files and self.file is None:
            copy = self.directory / f"orders.{len(files)}.jsonl"
            if not copy.exists():
                shutil.copy(files[-1], copy)
                self.start()

    @invariant()
    def nothing_is_kept_for_settled_entries(self) -> None:
        if not self.held and self.file is None:
            assert [path for path in self.directory.iterdir() if path.suffix != ".damaged"] == []


TestSpillOverManyLives = SpillOverManyLives.TestCase
TestSpillOverManyLives.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
