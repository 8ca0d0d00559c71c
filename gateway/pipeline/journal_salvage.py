"""What can still be read of a damaged journal: its records, from the bytes of its two files. Pure.

SQLite answers a damaged page with an error and a damaged WAL with silence; but a record lies whole on
a leaf page (and its overflow pages), and its checksum says whether it is one. So the pages are read
here without the tree above them. The layout is SQLite's documented one (sqlite.org, "Database File
Format": sections 1.5 pages, 1.6 payload overflow, 2.1 record format, 4 the write-ahead log).

Freed pages are no danger: the journal has them overwritten with zeros (`PRAGMA secure_delete`). Where a
WAL is damaged a settled record may come back: rather twice than never.
"""

import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto

from msgspec import Struct

from gateway.pipeline.journal_record import Record, State, read_body, read_state

PAGE_BYTES = 4096
"""Of every journal file."""

HEAD = b"SQLite format 3\0" + PAGE_BYTES.to_bytes(2, "big") + bytes((2, 2, 0, 64, 32, 32))
"""How every journal file begins: the page size, WAL for readers and writers, no reserved space, constants."""

_WAL_HEAD_BYTES = 32
_FRAME_HEAD_BYTES = 24
_FRAME_BYTES = _FRAME_HEAD_BYTES + PAGE_BYTES
_WAL_MAGIC = 0x377F0682
"""Its lowest bit says that the checksums are of big-endian words."""

_FREE_OR_OVERFLOW, _INTERIOR, _LEAF = 0x00, 0x05, 0x0D
"""First bytes of our pages: a free or overflow page begins with a page number far below 2^24, or zeros."""

_LEAF_HEAD_BYTES = 8
_LEAST_CELL_BYTES = 4
_LOCAL_MAX = PAGE_BYTES - 35
_LOCAL_MIN = (PAGE_BYTES - 12) * 32 // 255 - 23
_OVERFLOW_BYTES = PAGE_BYTES - 4

Page = bytes | memoryview
Row = tuple[Record, State]


class WalEnd(Enum):
    """How a WAL ends."""

    WHOLE = auto()
    """With a transaction's last frame; or it is empty."""
    TORN = auto()
    """In the middle of a transaction, or of its last frame: so a process that is killed leaves it."""
    DAMAGED = auto()
    """Anything else: SQLite stops reading at the first frame that is not sound, and says nothing."""


class Frame(Struct, frozen=True):
    """One page as the WAL has it."""

    page_number: int
    page: Page
    ends_transaction: bool
    is_sound: bool


class Wal(Struct, frozen=True):
    """The frames of a WAL, the last perhaps filled up with zeros, and how it ends."""

    frames: Sequence[Frame]
    end: WalEnd


class Salvage(Struct, frozen=True):
    """What was found."""

    rows: dict[int, Row]
    """By their numbers."""
    unreadable: int
    """Records that are known to have been there and cannot be read, and pages that are none or missing."""


class Pages:
    """The pages of a database file by their numbers, from 1 on, under those that were put in their places.

    `read` gives the bytes of a page from where it starts in the file: so one page at a time is in memory.
    """

    def __init__(self, size: int, read: Callable[[int], Page]) -> None:
        self._count = -(-size // PAGE_BYTES)
        self._read = read
        self._put: dict[int, Page] = {}

    def __len__(self) -> int:
        """At least as many as there are."""
        return self._count + len(self._put)

    def numbers(self) -> Iterator[int]:
        """Of all there are, in ascending order."""
        yield from range(1, self._count + 1)
        yield from sorted([number for number in self._put if number > self._count])

    def get(self, number: int) -> Page | None:
        """The page, or None."""
        if number in self._put:
            return self._put[number]
        if not 0 < number <= self._count:
            return None
        return _padded(self._read((number - 1) * PAGE_BYTES), PAGE_BYTES)

    def put(self, number: int, page: Page) -> None:
        """Another page in that one's place, in memory."""
        self._put[number] = page

    def under(self, frames: Iterable[Frame]) -> "Pages":
        """These pages, but for those that the frames have."""
        pages = Pages(self._count * PAGE_BYTES, self._read)
        pages._put = self._put | {frame.page_number: frame.page for frame in frames}
        return pages


def salvage(pages: Pages, wal: Wal) -> Salvage:
    """Every record that can be read, once. Nothing is asked of the files but their bytes."""
    loose: list[Page] = []
    for transaction in _transactions(wal.frames):
        loose += _apply(transaction, pages)
    rows: dict[int, Row] = {}
    unreadable = sum([_read_numbered(number, pages, rows) for number in pages.numbers() if number > 1])
    _read_loose(loose, pages, wal, rows)
    return Salvage(rows, unreadable + _missing(pages))


def _missing(pages: Pages) -> int:
    """Pages that the database's head speaks of and that are not there: the file was cut short."""
    first = pages.get(1)
    if first is None or bytes(first[:16]) != b"SQLite format 3\0":
        return 0
    declared = int.from_bytes(first[28:32], "big")  # the size in pages: sqlite.org/fileformat2.html 1.3.7
    return max(0, declared - max(pages.numbers(), default=0))


def torn_rows(pages: Pages, wal: Wal) -> dict[int, Row]:
    """The records of the pages that a transaction without an end has written, be they elsewhere as well.

    All others stand where SQLite finds them.
    """
    transaction: Sequence[Frame] = ()
    loose: list[Page] = []
    for transaction in _transactions(wal.frames):
        loose = _apply(transaction, pages)
    rows: dict[int, Row] = {}
    for number in {frame.page_number for frame in transaction if frame.is_sound} - {1}:
        _read_numbered(number, pages, rows)
    _read_loose(loose, pages, wal, rows)
    return rows


def read_wal(wal: Page) -> Wal:
    """The frames of a WAL file's bytes."""
    head = wal[:_WAL_HEAD_BYTES]
    if len(head) < _WAL_HEAD_BYTES:
        return Wal((), WalEnd.TORN if head else WalEnd.WHOLE)
    is_sound = _is_sound_head(head)
    salts = bytes(head[16:24]) if is_sound else _usual_salts(wal)
    words = _words_of(head) if is_sound else _native_words()
    frames, rest = [], 0
    total = _sums(head[24:32])
    for start in range(_WAL_HEAD_BYTES, len(wal), _FRAME_BYTES):
        rest = len(wal[start : start + _FRAME_BYTES]) % _FRAME_BYTES
        if rest and rest <= _FRAME_HEAD_BYTES:
            break  # nothing of its page
        frame = _padded(wal[start : start + _FRAME_BYTES], _FRAME_BYTES)
        frames.append(_frame(frame, salts, total, words))
        total = _sums(frame[16:24])
    return Wal(frames, _end(frames, rest) if is_sound else WalEnd.DAMAGED)


def _end(frames: Sequence[Frame], rest: int) -> WalEnd:
    """`rest` are the bytes of a last frame that is not complete."""
    complete = frames[:-1] if rest > _FRAME_HEAD_BYTES else frames
    if not all(frame.is_sound for frame in complete):
        return WalEnd.DAMAGED
    return WalEnd.TORN if rest or (frames and not frames[-1].ends_transaction) else WalEnd.WHOLE


def _usual_salts(wal: Page) -> bytes:
    """Those of most frames."""
    starts = range(_WAL_HEAD_BYTES + 8, len(wal), _FRAME_BYTES)
    return Counter([bytes(wal[start : start + 8]) for start in starts]).most_common(1)[0][0]


def _frame(frame: Page, salts: bytes, before: tuple[int, int], words: struct.Struct) -> Frame:
    page_number, size_after = struct.unpack_from(">II", frame)
    page = frame[_FRAME_HEAD_BYTES:]
    is_sound = frame[8:16] == salts and _sums(frame[16:24]) == _checksum(
        words, bytes(frame[:8]) + bytes(page), before
    )
    return Frame(page_number, page, bool(size_after), is_sound)


def _transactions(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Frames up to each that ends a transaction; a rest without an end comes last."""
    transaction: list[Frame] = []
    for frame in frames:
        transaction.append(frame)
        if frame.is_sound and frame.ends_transaction:
            yield transaction
            transaction = []
    if transaction:
        yield transaction


def _apply(transaction: Sequence[Frame], pages: Pages) -> list[Page]:
    """Put a transaction's pages in place; the pages to be read beside them if some of it is missing.

    Then a record that is on no page any more may have moved to one that is lost.
    """
    is_whole = transaction[-1].ends_transaction and all(frame.is_sound for frame in transaction)
    loose: list[Page] = []
    for frame in transaction:
        if not frame.is_sound:
            loose.append(frame.page)
            continue
        if not is_whole and (former := pages.get(frame.page_number)) is not None:
            loose.append(former)
        pages.put(frame.page_number, frame.page)
    return loose


def _read_loose(loose: Iterable[Page], pages: Pages, wal: Wal, rows: dict[int, Row]) -> None:
    """Pages that are in no place: what they lead on to may be a page in its place, or another that is not."""
    beside = pages.under([frame for frame in wal.frames if not frame.is_sound])
    for page in loose:
        _read_page(page, pages, rows)
        _read_page(page, beside, rows)


def _read_numbered(number: int, pages: Pages, rows: dict[int, Row]) -> int:
    page = pages.get(number)
    return 0 if page is None else _read_page(page, pages, rows)


def _read_page(page: Page, pages: Pages, rows: dict[int, Row]) -> int:
    """Add the records of a page, where it is a leaf, to those found; how many cannot be read."""
    if page[0] in {_FREE_OR_OVERFLOW, _INTERIOR}:
        return 0
    count = int.from_bytes(page[3:5], "big")
    if page[0] != _LEAF or count * _LEAST_CELL_BYTES > PAGE_BYTES:
        return 1  # no page of ours
    unreadable = 0
    for (start,) in struct.iter_unpack(">H", page[_LEAF_HEAD_BYTES : _LEAF_HEAD_BYTES + 2 * count]):
        try:
            row = _read_cell(page, start, pages)
        except (IndexError, ValueError, struct.error):
            row = None  # it leads out of the page, or is no text
        if row is None:
            unreadable += 1
        else:
            rows.setdefault(row[0].number, row)
    return unreadable


def _read_cell(page: Page, start: int, pages: Pages) -> Row | None:
    """The record of a leaf's cell, or None. Raises IndexError or ValueError for what is no cell."""
    size, start = _varint(page, start)
    number, start = _varint(page, start)
    payload = _payload(page, start, size, pages)
    if payload is None:
        return None
    head_end, start = _varint(payload, 0)
    _, start = _varint(payload, start)  # the number's column: always null, the number is the cell's own
    state_type, start = _varint(payload, start)
    state_end = head_end + max(0, state_type - 13) // 2  # a text's type is 13 and twice its length
    record = read_body(number, bytes(payload[state_end:]))
    if record is None:
        return None
    return record, read_state(number, bytes(payload[head_end:state_end]).decode(errors="replace"))


def _payload(page: Page, start: int, size: int, pages: Pages) -> Page | None:
    """A cell's content, put together from its overflow pages; None if one of them is missing."""
    if size <= _LOCAL_MAX:
        return page[start : start + size]
    local = _LOCAL_MIN + (size - _LOCAL_MIN) % _OVERFLOW_BYTES
    if local > _LOCAL_MAX:
        local = _LOCAL_MIN
    parts = [page[start : start + local]]
    following = page[start + local : start + local + 4]
    for _ in range(-(-(size - local) // _OVERFLOW_BYTES)):
        overflow = pages.get(int.from_bytes(following, "big"))
        if overflow is None:
            return None
        following = overflow[:4]
        parts.append(overflow[4:])
        if len(parts) > len(pages):
            return None  # in a circle
    return b"".join(parts)[:size]


def _varint(data: Page, start: int) -> tuple[int, int]:
    """SQLite's integer of one to nine bytes, and where it ends."""
    value = 0
    for index in range(start, start + 8):
        byte = data[index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the bit that says there is more
            return value, index + 1
    value = value << 8 | data[start + 8]
    return value - (1 << 64) if value >> 63 else value, start + 9


def _is_sound_head(head: Page) -> bool:
    magic, _version, page_bytes = struct.unpack_from(">III", head)
    if magic & ~1 != _WAL_MAGIC or page_bytes != PAGE_BYTES:
        return False
    words = struct.Struct(_words_of(head).format[0] + "6I")
    return _checksum(words, bytes(head[:24]), (0, 0)) == _sums(head[24:32])


def _words_of(head: Page) -> struct.Struct:
    return _words(">" if head[3] & 1 else "<")


def _native_words() -> struct.Struct:
    return _words("<" if sys.byteorder == "little" else ">")


def _words(order: str) -> struct.Struct:
    """What a frame's checksum is over: eight bytes of its head, and its page."""
    return struct.Struct(f"{order}{(8 + PAGE_BYTES) // 4}I")


def _checksum(words: struct.Struct, data: bytes, before: tuple[int, int]) -> tuple[int, int]:
    """Section 4.2: two sums over pairs of words, going on from those of the frame before."""
    first, second = before
    pairs = iter(words.unpack(data))
    for even, odd in zip(pairs, pairs, strict=True):
        first = first + even + second & 0xFFFFFFFF
        second = second + odd + first & 0xFFFFFFFF
    return first, second


def _sums(data: Page) -> tuple[int, int]:
    return int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")


def _padded(data: Page, size: int) -> Page:
    """As it is, or filled up with zeros where the file ends too soon."""
    return data if len(data) == size else bytes(data) + bytes(size - len(data))
