"""The journal's file: one SQLite database in WAL mode, of the records that are owed. Blocking.

A file that cannot be trusted is set aside whole, and a new one takes its place with every record that
could be read. Each step of that is one rename, so that a crash in between is taken up at the next start.
"""

import errno
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from gateway.event import Event
from gateway.pipeline import disk
from gateway.pipeline import journal_table as table
from gateway.pipeline.journal_record import State, body_of
from gateway.pipeline.journal_salvage import (
    HEAD,
    PAGE_BYTES,
    Pages,
    Row,
    Wal,
    WalEnd,
    read_wal,
    salvage,
    torn_rows,
)

NAME = "journal.sqlite"

WAL_BYTES = 8 << 20
"""About what a WAL may grow to before its pages go into the database and it is cut to nothing."""

_DISK_ERRORS = {
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_BUSY: errno.EIO,
    sqlite3.SQLITE_LOCKED: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_CANTOPEN: errno.EIO,
}
"""What is no fault of the file's content."""

_Identity = tuple[int, int]
"""A file's device and its number there."""


class Appended(Struct, frozen=True):
    """The events of one request on their way into the file."""

    numbers: Sequence[int]
    events: Sequence[Event]
    destinations: str
    """Joined by commas."""


class Found(Struct, frozen=True):
    """What the file held at its opening."""

    rows: list[Row]
    """In ascending order of their numbers; for who takes them to empty, since they may be many."""
    torn: int | None = None
    """So many are of a write that did not come to its end: a killed process leaves one, or a cut WAL."""
    set_aside: Path | None = None
    """Where a damaged file is now."""
    unreadable: int = 0
    """Records that are known to be lost with it; of some nothing is left to be counted."""
    lacks_wal: bool = False
    """It was not closed, and yet its WAL is gone, with all that stood only there."""


class JournalFile:
    """`journal.sqlite` in a directory that is ours alone. Every method raises OSError and nothing else."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / NAME
        self._wal = directory / f"{NAME}-wal"
        self._salvaging = directory / f"{NAME}.salvaging"
        self._draft = directory / f".{NAME}.draft"
        self._connection: sqlite3.Connection | None = None
        self._identity: _Identity | None = None
        self._wal_identity: _Identity | None = None
        """None between two connections: then there is nothing that stands only in the WAL."""

    def open(self) -> Found:
        """Read everything, whatever state the file is in, and make it ready to be written."""
        with _clear_errors(self._path):
            try:
                found = self._take_up() if self._salvaging.exists() else self._read_or_make()
                if self._connection is None:
                    self._connection = self._connect()
                table.prove(self._connection)
                table.vacuum(self._connection)
                self._identity, self._wal_identity = _identity(self._path.stat()), _identity(self._wal.stat())
            except BaseException:
                if self._connection is not None:
                    self._abandon()
                raise
            return found

    def reopen(self) -> None:
        """A new connection, proven to write; to the file that was opened, and never another or a new one."""
        with _clear_errors(self._path):
            self._abandon()
            self._look()
            self._connection = self._connect()
            table.prove(self._connection)
            self._wal_identity = _identity(self._wal.stat())

    def append(self, group: Sequence[Appended]) -> None:
        """Put every event of the group on disk, or none."""
        rows = [
            (number, body_of(number, event, appended.destinations))
            for appended in group
            for number, event in zip(appended.numbers, appended.events, strict=True)
        ]
        with _clear_errors(self._path):
            connection = self._writable()
            if len(rows) <= table.STATEMENT_ROWS:
                table.insert(connection, rows)
            else:
                with table.transaction(connection):
                    table.insert(connection, rows)

    def settle(self, done: Sequence[int], changed: Mapping[int, State]) -> None:
        """Take the records `done` out, and write down what has become of those `changed`."""
        with _clear_errors(self._path):
            connection = self._writable()
            if not changed:
                table.delete(connection, done)
                return
            with table.transaction(connection):
                table.delete(connection, done)
                table.update(connection, changed)

    @property
    def size(self) -> int:
        """Bytes on disk, of the database and its WAL."""
        return sum([_size(path) for path in (self._path, self._wal)])

    @property
    def is_in_place(self) -> bool:
        """Whether the files that were opened are still those under their names, where a start looks."""
        try:
            self._look()
        except OSError:
            return False
        return True

    @property
    def set_aside(self) -> Sequence[Path]:
        """Damaged files that wait for an operator."""
        return sorted(self._directory.glob(f"{NAME}.damaged-*"))

    def close(self) -> None:
        """Bring the WAL into the database, and let go of both; safe twice, and without `open`."""
        if self._connection is None:
            return
        with _clear_errors(self._path):
            try:
                self._connection.execute(f"PRAGMA user_version = {table.CLOSED}")
            except sqlite3.Error:
                self._abandon()
                raise
            self._disconnect()

    def _abandon(self) -> None:
        """Let go of a connection that cannot write: its WAL may go, and then nothing is missing."""
        self._disconnect()
        self._wal_identity = None
        with suppress(OSError):
            self._wal.touch(mode=0o600)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        """A connection to the file that is there; alone, so that it needs no shared memory beside it."""
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True, timeout=0, isolation_level=None, check_same_thread=False,
        )  # fmt: skip
        try:
            for pragma in (
                "locking_mode=EXCLUSIVE",
                "temp_store=MEMORY",  # what undoes a statement of a hundred rows is a file in /tmp otherwise
                "synchronous=FULL",
                "secure_delete=ON",
                "wal_autocheckpoint=0",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _writable(self) -> sqlite3.Connection:
        """The connection, with room in the WAL and both files still where they were."""
        if self._connection is None:
            raise OSError(errno.EBADF, "the journal is not open")
        if self._look() > WAL_BYTES:
            table.checkpoint(self._connection)
        return self._connection

    def _look(self) -> int:
        """The WAL's size. Raises OSError where a file is gone, or another's: what is written would go too."""
        database, wal = self._path.stat(), self._wal.stat()
        is_ours = _identity(database) == self._identity
        if not is_ours or self._wal_identity not in {None, _identity(wal)}:
            raise OSError(errno.ESTALE, "another file has taken the journal's place", str(self._path))
        return wal.st_size

    def _read_or_make(self) -> Found:
        if not self._path.exists() and not _size(self._wal):
            self._make([])
            return Found([])
        lacks_wal = not self._wal.exists()
        wal = read_wal(_bytes_of(self._wal))
        torn = self._torn_rows(wal) if wal.end is WalEnd.TORN else None
        content = None
        if wal.end is not WalEnd.DAMAGED and self._begins_well():
            content = self._read()
        if content is None:
            self._move_aside()
            self._disconnect()  # only now: of a file that has moved SQLite leaves the WAL alone
            return self._salvage()
        if torn is not None:
            return self._complete(content, torn)
        return Found(content.rows, lacks_wal=lacks_wal and content.is_open)

    def _torn_rows(self, wal: Wal) -> Mapping[int, Row]:
        """Read before SQLite opens the file: who closes it after that has lifted SQLite's lock."""
        with _pages_of(self._path) as pages:
            return torn_rows(pages, wal)

    def _begins_well(self) -> bool:
        """Its head may be damaged so that SQLite takes it for another kind of good file, or an empty one."""
        try:
            with self._path.open("rb") as file:
                return file.read(len(HEAD)) == HEAD
        except FileNotFoundError:
            return False  # there is a WAL without it

    def _read(self) -> table.Content | None:
        """All that SQLite finds, over a connection that stays; None of a file that cannot be trusted."""
        try:
            self._connection = self._connect()
            return table.content(self._connection)
        except sqlite3.Error as error:
            if _is_disk_error(error):
                raise
            return None

    def _complete(self, content: table.Content, readable: Mapping[int, Row]) -> Found:
        """Add what stands in the frames of a transaction without an end, and nowhere else."""
        assert self._connection is not None, "it was read over it"
        torn = [row for number, row in readable.items() if not table.has(self._connection, number)]
        with table.transaction(self._connection):
            table.insert_rows(self._connection, torn)
        return Found(_in_order([*content.rows, *torn]), torn=len(torn))

    def _take_up(self) -> Found:
        """Go on with a salvage that did not come to its end."""
        if not self._path.exists():
            return self._salvage()
        self._name_damaged()
        return self._read_or_make()

    def _move_aside(self) -> None:
        """The first step: from here on there is no journal until the new one is whole."""
        if self._path.exists():
            self._path.rename(self._salvaging)
        else:
            self._salvaging.touch()
        self._move_wal_aside()

    def _move_wal_aside(self) -> None:
        if self._wal.exists():
            self._wal.rename(_wal_of(self._salvaging))

    def _salvage(self) -> Found:
        self._move_wal_aside()
        with _pages_of(self._salvaging) as pages:
            saved = salvage(pages, read_wal(_bytes_of(_wal_of(self._salvaging))))
        rows = _in_order(saved.rows.values())
        self._make(rows)
        return Found(rows, set_aside=self._name_damaged(), unreadable=saved.unreadable)

    def _name_damaged(self) -> Path:
        """The last step: the damaged files get the names under which they stay."""
        damaged = self._directory / f"{NAME}.damaged-{time.time_ns()}"
        with suppress(FileNotFoundError):
            _wal_of(self._salvaging).rename(_wal_of(damaged))
        self._salvaging.rename(damaged)
        return damaged

    def _make(self, rows: Iterable[Row]) -> None:
        """A new file with these rows, in its place once it is whole."""
        for leftover in ("", "-wal", "-shm"):
            self._draft.with_name(f"{self._draft.name}{leftover}").unlink(missing_ok=True)
        self._draft.touch(mode=0o600)
        with closing(sqlite3.connect(self._draft, isolation_level=None)) as connection:
            for pragma in (
                f"page_size={PAGE_BYTES}",
                "journal_mode=WAL",
                "temp_store=MEMORY",
                "synchronous=FULL",
                f"application_id={table.APPLICATION_ID}",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            connection.execute(table.TABLE)
            with table.transaction(connection):
                table.insert_rows(connection, rows)
            table.checkpoint(connection)
        self._draft.rename(self._path)
        disk.sync_directory(self._directory)


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """SQLite's errors as the system's, with SQLite's words."""
    try:
        yield
    except sqlite3.Error as error:
        number = _DISK_ERRORS.get(_code(error) & 0xFF, errno.EIO)
        raise OSError(number, str(error), str(path)) from error


def _is_disk_error(error: sqlite3.Error) -> bool:
    return _code(error) & 0xFF in _DISK_ERRORS


def _code(error: sqlite3.Error) -> int:
    """SQLite's own, of which the lowest byte is the kind; of an error of Python's module that of a misuse."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE)


def _in_order(rows: Iterable[Row]) -> list[Row]:
    """Oldest first."""
    return sorted(rows, key=lambda row: row[0].number)


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino


@contextmanager
def _pages_of(path: Path) -> Iterator[Pages]:
    """The database's pages, each read when it is asked for; none of a file that is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield Pages(0, _no_page)
        return
    try:
        size = os.fstat(descriptor).st_size
        yield Pages(size, lambda start: os.pread(descriptor, PAGE_BYTES, start))
    finally:
        os.close(descriptor)


def _no_page(start: int) -> bytes:
    raise AssertionError(f"a page at {start} of no file")


def _wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _bytes_of(path: Path) -> memoryview:
    try:
        return memoryview(path.read_bytes())  # of which a part is no copy
    except FileNotFoundError:
        return memoryview(b"")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
