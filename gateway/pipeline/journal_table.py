"""The one table of the journal's file, in SQL. Every function raises sqlite3.Error.

Python's sqlite3 lets go of the GIL around each statement, and a busy event loop may take five
milliseconds to give it back: so statements are few. A group is one INSERT that commits itself.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from msgspec import Struct

from gateway.pipeline.journal_record import State, body_again, read_body, read_state, state_text
from gateway.pipeline.journal_salvage import Row

STATEMENT_ROWS = 256
"""Of one INSERT: what a group usually has at most, and far below SQLite's limit of parameters."""

VACUUM_PAGES = 4096
"""A file of fewer pages (16 MiB) is left as it is at the start, however empty."""

PROOF_BYTES = 256 << 10
"""Written and taken back to see whether there is room: about what a large group takes."""

APPLICATION_ID = 0x47574A31
"""Marks the file as ours, and as of this format."""

TABLE = (
    "CREATE TABLE records (number INTEGER PRIMARY KEY, state TEXT NOT NULL DEFAULT '', body BLOB NOT NULL)"
)
_PROOF_NUMBER = -1

OPEN, CLOSED = 1, 0
"""The file's `user_version`: while it is open there is a WAL beside it."""


class Content(Struct, frozen=True):
    """What SQLite finds in a file that can be trusted."""

    rows: list[Row]
    """In ascending order of their numbers."""
    is_open: bool
    """It was not closed."""


def content(connection: sqlite3.Connection) -> Content | None:
    """All there is, if every page and every record is as it was written, and in this format."""
    if value(connection, "PRAGMA application_id") != APPLICATION_ID:
        return None
    if connection.execute("SELECT sql FROM sqlite_schema").fetchall() != [(TABLE,)]:
        return None
    if value(connection, "PRAGMA quick_check(1)") != "ok":
        return None
    rows: list[Row] = []
    for number, state, body in connection.execute("SELECT number, state, body FROM records ORDER BY number"):
        record = read_body(number, body)
        if record is None:
            return None
        rows.append((record, read_state(number, state)))
    return Content(rows, value(connection, "PRAGMA user_version") == OPEN)


def has(connection: sqlite3.Connection, number: int) -> bool:
    """Whether there is a record of that number."""
    return bool(connection.execute("SELECT 1 FROM records WHERE number = ?", (number,)).fetchall())


def value(connection: sqlite3.Connection, pragma: str) -> object:
    """What one pragma says."""
    ((said,),) = connection.execute(pragma).fetchall()
    return said


def insert_rows(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write records again that were read."""
    for record, state in rows:
        connection.execute(
            "INSERT INTO records VALUES (?, ?, ?)",
            (record.number, state_text(record.number, state), body_again(record)),
        )


def insert(connection: sqlite3.Connection, rows: Sequence[tuple[int, bytes]]) -> None:
    """Add records, by number and body; up to STATEMENT_ROWS of them commit themselves."""
    for start in range(0, len(rows), STATEMENT_ROWS):
        part = rows[start : start + STATEMENT_ROWS]
        values = ",".join(["(?,?)"] * len(part))
        connection.execute(
            f"INSERT INTO records (number, body) VALUES {values}",  # nosec B608 # noqa: S608 - question marks
            [value for row in part for value in row],
        )


def delete(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Take records out, those that are there."""
    if not numbers:
        return
    first, last = min(numbers), max(numbers)
    if last - first + 1 == len(numbers) == len(set(numbers)):  # the usual case, in half the time
        connection.execute("DELETE FROM records WHERE number BETWEEN ? AND ?", (first, last))
        return
    connection.execute(
        "DELETE FROM records WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),)
    )


def update(connection: sqlite3.Connection, changed: Mapping[int, State]) -> None:
    """Write down the states of records, those that are there."""
    states = [(number, state_text(number, state)) for number, state in changed.items()]
    connection.execute(
        "UPDATE records SET state = json_extract(value, '$[1]') FROM json_each(?)"
        " WHERE number = json_extract(value, '$[0]')",
        (json.dumps(states),),
    )


def prove(connection: sqlite3.Connection) -> None:
    """Write as much as a group does, and leave nothing of it; raises if there is no room."""
    connection.execute(f"PRAGMA user_version = {OPEN}")
    with transaction(connection):
        insert(connection, [(_PROOF_NUMBER, bytes(PROOF_BYTES))])
        delete(connection, [_PROOF_NUMBER])
    checkpoint(connection)


def vacuum(connection: sqlite3.Connection) -> None:
    """Give back the room of a file that is mostly empty; what it cannot give back it keeps."""
    free, pages = value(connection, "PRAGMA freelist_count"), value(connection, "PRAGMA page_count")
    assert isinstance(free, int)
    assert isinstance(pages, int)
    if pages > VACUUM_PAGES and free * 2 > pages:
        with suppress(sqlite3.Error):
            connection.execute("VACUUM")
            checkpoint(connection)


def checkpoint(connection: sqlite3.Connection) -> None:
    """Bring the WAL's pages into the database and cut it to nothing: so no old frame ever stands in it."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements together, or none of them."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors have ended it already
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise
