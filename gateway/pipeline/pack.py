"""Pack entries into as few requests as a bus's two limits allow: bin packing with a cardinality constraint.

Sees sizes and answers with indices; knows no entry, bus, clock or chance, so that the same window is
always cut the same way. Fewest batches come first, then old entries first, then about a microsecond
an entry.

The idea. Next-fit, which takes entries as they come, is optimal for most small flushes and has the
best order, so it is tried first and kept wherever it meets the lower bound. Where it does not, the
textbook's first-fit decreasing is no cure: it fills requests with large entries alone and leaves the
small ones to requests full by count and all but empty of bytes (Krause, Shen, Schwetman, JACM 1975).
So a request here takes the largest entry left and then its *quota* of entries: what the requests
after it could not carry, and no less than an even share of what is left. The smallest entries are
held back to make up the quota, and each pick is the largest that still leaves room for them. What
is left over goes to tighter completions, if those spend no small entry too early.

Sources: Kellerer and Pferschy, Cardinality constrained bin-packing problems, Ann. OR 92, 1999; Martello
and Toth, Lower bounds and reduction procedures for the bin packing problem, DAM 28, 1990 (the bound
L2); Fleszar and Charalampous, EJOR 210, 2011 (sufficient average weight); Delorme, Iori, Martello,
Bin packing and cutting stock problems, EJOR 255, 2016 (survey).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import heapify, heappop, heappush, heapreplace, nsmallest
from itertools import accumulate
from operator import mul

_WINDOW = 8_192
"""Entries packed together. Removing from sorted lists is cheap up to here (a move of memory), and larger
windows pack hardly tighter; of 1,024 entries each, at the knee of both limits, they cost 1 to 2 % more
batches."""
_REQUEST_WORTH = 100
"""Entries an attempt may look at for each request it could save: 1 us each, against 160 us a request."""
_BALANCED_SLACK = 0.002
"""Share of the bytes without which a balanced packing is not tried: it overflowed 40 times of 41."""
_FEW = 100
"""Entries so few that it is tried nevertheless: of up to eight the one time decides about a request."""

Batches = list[list[int]]


def pack(sizes: Sequence[int], *, max_entries: int, max_bytes: int) -> Batches:
    """Cut entries of `sizes` (bytes, oldest first) into batches of indices, as few as it can find.

    Each index comes once; indices ascend within a batch, and batches are in the order of their oldest
    entry. Never more batches than `next_fit` gives, never two that would fit in one. An entry of size
    0 is allowed and takes a place. Raises ValueError for a size above `max_bytes` or below 0.
    """
    if _largest(sizes, max_entries, max_bytes) * max_entries <= max_bytes:
        # The bytes cannot bind: slicing is optimal, at a third of next-fit's cost.
        return [
            list(range(at, min(at + max_entries, len(sizes)))) for at in range(0, len(sizes), max_entries)
        ]
    in_order = _next_fit(sizes, max_entries, max_bytes)
    if len(in_order) == _simple_bound(sizes, max_entries, max_bytes):
        return in_order
    return _pack_by_size(sizes, max_entries, max_bytes, in_order)


def next_fit(sizes: Sequence[int], *, max_entries: int, max_bytes: int) -> Batches:
    """Cut entries in order of arrival: a batch ends where the next entry would not fit.

    Raises ValueError as `pack` does.
    """
    _largest(sizes, max_entries, max_bytes)
    return _next_fit(sizes, max_entries, max_bytes)


def lower_bound(ascending: Sequence[int], *, max_entries: int, max_bytes: int) -> int:
    """A number of batches that no packing of these sizes, smallest first, can go below.

    The larger of the count, the volume and, where an entry exceeds half a request, the bounds that
    follow from no two such entries sharing one: Martello and Toth's L2, and its twin for counts.
    """
    simple = _simple_bound(ascending, max_entries, max_bytes)
    if not ascending or 2 * ascending[-1] <= max_bytes:
        return simple
    return max(simple, _large_entry_bound(ascending, max_entries, max_bytes))


def _largest(sizes: Sequence[int], max_entries: int, max_bytes: int) -> int:
    """The largest size, or 0 for none; raises ValueError if one cannot be packed."""
    if max_entries < 1:
        raise ValueError(f"max_entries is {max_entries}: a batch holds at least one")
    if not sizes:
        return 0
    smallest, largest = min(sizes), max(sizes)
    if smallest < 0 or largest > max_bytes:
        raise ValueError(f"sizes from {smallest} to {largest}: a batch holds from 0 to {max_bytes}")
    return largest


def _next_fit(sizes: Sequence[int], max_entries: int, max_bytes: int) -> Batches:
    ends = list(accumulate(sizes, initial=0))
    count = len(sizes)
    batches = []
    start = 0
    while start < count:
        stop = min(start + max_entries, count) + 1
        end = bisect_right(ends, ends[start] + max_bytes, start, stop) - 1
        batches.append(list(range(start, end)))
        start = end
    return batches


def _simple_bound(sizes: Sequence[int], max_entries: int, max_bytes: int) -> int:
    return max(-(-len(sizes) // max_entries), -(-sum(sizes) // max(max_bytes, 1)))


def _large_entry_bound(ascending: Sequence[int], max_entries: int, max_bytes: int) -> int:
    """What follows from the entries above half a request: each has a batch of its own.

    In counts: beside an entry stand at most as many others as there are smallest ones that fit. In
    bytes (L2), for each size `least` up to a half: above `max_bytes - least` an entry shares with none
    that large, so those from `least` to a half go beside the other large ones or into more batches.
    """
    ends = list(accumulate(ascending, initial=0))
    half = bisect_right(ascending, max_bytes // 2)
    large = len(ascending) - half
    beside = sum(
        bisect_right(ends, max_bytes - size, 0, min(max_entries, half + 1)) - 1 for size in ascending[half:]
    )
    best = large + max(0, -(-(half - beside) // max_entries))
    for lonely in range(half, len(ascending)):
        least = bisect_right(ascending, max_bytes - ascending[lonely], 0, half)
        overflow = ends[lonely] - ends[least] - (lonely - half) * max_bytes
        best = max(best, large - (-overflow // max_bytes))
    return best


def _pack_by_size(sizes: Sequence[int], max_entries: int, max_bytes: int, in_order: Batches) -> Batches:
    """Fewer batches than `in_order`, if they can be found; what meets the bound is returned as it is."""
    fewest: Batches = []
    bound = 0
    for start in range(0, len(sizes), _WINDOW):
        window = _Window(sizes, range(start, min(start + _WINDOW, len(sizes))), max_entries, max_bytes)
        bound = max(bound, window.bound)
        if len(in_order) == bound:
            return in_order
        fewest += window.pack()
    if len(in_order) <= len(fewest):
        fewest = in_order
    if len(fewest) > bound:
        fewest = _merge(fewest, sizes, max_entries, max_bytes)
    return sorted(map(sorted, fewest))


def _merge(batches: Batches, sizes: Sequence[int], max_entries: int, max_bytes: int) -> Batches:
    """Join batches until no two would fit in one: each with the lightest of a count that suits."""
    all_held = [sum([sizes[index] for index in batch]) for batch in batches]
    if sum(nsmallest(2, all_held)) > max_bytes:
        return batches  # the usual end: even the two lightest are too much
    lightest: list[list[tuple[int, list[int]]]] = [[] for _ in range(max_entries + 1)]  # heaps, by count
    for batch, batch_held in zip(batches, all_held, strict=True):
        joined, held, count = batch, batch_held, 1
        while count + len(joined) <= max_entries:
            heap = lightest[count]
            if heap and heap[0][0] + held <= max_bytes:
                partner_held, partner = heappop(heap)
                joined, held, count = joined + partner, held + partner_held, 1
            else:
                count += 1
        heappush(lightest[len(joined)], (held, joined))
    return [batch for heap in lightest for _, batch in heap]


Quota = Callable[[int, int, int], int]
"""How many of `entries` left the next of `to_go` batches must take, given `max_entries`."""


def _least(entries: int, to_go: int, max_entries: int) -> int:
    """What the later batches could not hold."""
    return max(1, entries - max_entries * (to_go - 1))


def _even_share(entries: int, to_go: int, max_entries: int) -> int:
    """The same, but no less than an equal part: the large ones' batches get their share of the small."""
    return max(1, entries - max_entries * (to_go - 1), entries // to_go)


class _Window:
    """Entries packed together: their order by size, the bound, and one attempt after another."""

    def __init__(self, sizes: Sequence[int], indices: range, max_entries: int, max_bytes: int) -> None:
        self.sizes = sizes
        self.indices = indices
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        # Ascending, the older last among equals: the next entry to take is always the last.
        youngest_first = indices[::-1]
        self.order = sorted(youngest_first, key=sizes.__getitem__)
        self.ascending = [sizes[index] for index in self.order]
        self.bytes = sum(self.ascending)
        self.bound = lower_bound(self.ascending, max_entries=max_entries, max_bytes=max_bytes)

    def pack(self) -> Batches:
        """The best of one to four attempts: another is made while what it could save is worth its cost."""
        best = (self._may_balance() and self._balanced()) or self._largest_first(_even_share)
        for attempt in (partial(self._largest_first, _least), self._oldest_first):
            if (len(best) - self.bound) * _REQUEST_WORTH < len(self.order):
                break
            best = min(best, attempt(), key=len)
        return best

    def _may_balance(self) -> bool:
        slack = self.bound * self.max_bytes - self.bytes
        return len(self.order) < _FEW or slack >= _BALANCED_SLACK * self.bytes

    def _balanced(self) -> Batches | None:
        """Largest first into the lightest of just as many batches as the bound; None if one overflows.

        Quick, and enough where there is slack.
        """
        max_entries, max_bytes = self.max_entries, self.max_bytes
        first = len(self.order) - self.bound
        batches = [[index] for index in reversed(self.order[first:])]
        lightest = [(size, at) for at, size in enumerate(reversed(self.ascending[first:]))]
        heapify(lightest)
        for position in range(first - 1, -1, -1):
            held, at = lightest[0]
            held += self.ascending[position]
            if held > max_bytes:
                return None
            batch = batches[at]
            batch.append(self.order[position])
            if len(batch) < max_entries:
                heapreplace(lightest, (held, at))
            else:
                heappop(lightest)
        return batches

    def _largest_first(self, quota: Quota) -> Batches:
        rest = _Rest(self, quota)
        while rest.order:
            rest.fill()
        return rest.batches

    def _oldest_first(self) -> Batches:
        rest = _Rest(self, _even_share)
        packed: set[int] = set()
        for index in self.indices:
            if index not in packed:
                rest.bring_last(index, self.sizes[index])
                rest.fill()
                packed.update(rest.batches[-1])
        return rest.batches


class _Rest:
    """One attempt: the entries still to be packed, in ascending order of size, and the batches so far."""

    def __init__(self, window: _Window, quota: Quota) -> None:
        self.order = window.order.copy()
        self.sizes = window.ascending.copy()
        self.batches: Batches = []
        self._window = window
        self._max_entries = window.max_entries
        self._max_bytes = window.max_bytes
        self._quota_rule = quota
        self._bytes = window.bytes
        self._squares = sum(map(mul, self.sizes, self.sizes))

    def bring_last(self, index: int, size: int) -> None:
        """Make `index` the next batch's first entry."""
        at = self.order.index(index, bisect_left(self.sizes, size))
        self.order.append(self.order.pop(at))
        self.sizes.append(self.sizes.pop(at))

    def fill(self) -> None:
        """Close one more batch around the last entry."""
        count = len(self.order)
        to_go = max(
            self._window.bound - len(self.batches),
            -(-count // self._max_entries),
            -(-self._bytes // self._max_bytes),
        )
        quota = self._fitting_quota(self._quota_rule(count, to_go, self._max_entries))
        picked, room = self._complete([count - 1], self._max_bytes - self.sizes[-1], count - 1, quota)
        slack = self._max_bytes - self._bytes / to_go
        if room > slack and len(picked) < count:
            picked, room = self._tighten(picked, room, quota, slack)
        self._take(picked, room)

    def _fitting_quota(self, quota: int) -> int:
        """As much of `quota` as the smallest entries can fill beside the last one."""
        room = self._max_bytes - self.sizes[-1]
        while quota > 1 and sum(self.sizes[: quota - 1]) > room:
            quota -= 1
        return quota

    def _complete(self, picked: list[int], room: int, below: int, quota: int) -> tuple[list[int], int]:
        """Add to the positions `picked` the largest that fit, from `below` downwards; also the room left.

        Until the batch has its quota each pick leaves room for the smallest entries it then still lacks.
        As room only shrinks, positions only fall, and what was passed over never fits later.
        """
        sizes = self.sizes
        count = len(picked)
        kept = max(quota - count - 1, 0)
        kept_bytes = sum(sizes[:kept])
        while count < self._max_entries:
            at = bisect_right(sizes, room - kept_bytes, kept, below) - 1
            if at <= kept:  # only the smallest are left to take: all of them, or none where none fits
                picked.extend(range(at, -1, -1))
                room -= sum(sizes[: at + 1])
                break
            picked.append(at)
            count += 1
            room -= sizes[at]
            below = at
            if kept:
                kept -= 1
                kept_bytes -= sizes[kept]
        return picked, room

    def _tighten(self, picked: list[int], room: int, quota: int, slack: float) -> tuple[list[int], int]:
        """The first completion with no more than `slack` to spare, else the tightest of seven.

        A completion counts only if its size-weighted mean is no less than that of all that is left:
        filling today's gap with many small entries leaves tomorrow none (sufficient average weight).
        """
        density = self._squares / self._bytes
        for candidate, candidate_room in self._alternatives(picked, quota):
            if candidate_room >= room:
                continue
            if self._squares_of(candidate) >= density * (self._max_bytes - candidate_room):
                picked, room = candidate, candidate_room
                if room <= slack:
                    break
        return picked, room

    def _alternatives(self, picked: list[int], quota: int) -> Iterator[tuple[list[int], int]]:
        """Keep one or two of the largest, go on with two to four that share the rest evenly."""
        sizes, last = self.sizes, len(self.sizes) - 1
        for kept in range(1, min(2, len(picked)) + 1):
            below = last + 1 - kept
            if picked[kept - 1] != below:
                return
            room = self._max_bytes - sum(sizes[below:])
            for even in range(2, min(4, self._max_entries - kept) + 1):
                if even * sizes[0] > room:
                    break
                reserve = max(quota - kept - even, 0)
                reserve_bytes = sum(sizes[:reserve])
                middle = bisect_right(sizes, (room - reserve_bytes) // even, reserve, below)
                end = min(middle + even // 2, below)
                start = end - even
                even_bytes = sum(sizes[start:end])
                if start >= reserve and even_bytes + reserve_bytes <= room:
                    positions = [*range(last, below - 1, -1), *range(end - 1, start - 1, -1)]
                    yield self._complete(positions, room - even_bytes, start, quota)

    def _take(self, picked: list[int], room: int) -> None:
        sizes, order = self.sizes, self.order
        self.batches.append([order[at] for at in picked])
        self._bytes -= self._max_bytes - room
        self._squares -= self._squares_of(picked)
        smallest = len(picked) - 1
        for at in picked:
            if at == smallest:  # from here on the very smallest: one move of memory for all of them
                del sizes[: at + 1], order[: at + 1]
                return
            del sizes[at], order[at]
            smallest -= 1

    def _squares_of(self, picked: list[int]) -> int:
        taken = [self.sizes[at] for at in picked]
        return sum(map(mul, taken, taken))
