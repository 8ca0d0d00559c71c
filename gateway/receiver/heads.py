"""Heads seen before: what a producer says about itself once, and again with every request.

A head that differs from an earlier one only in the values that describe its event, and in the length of
its body, means the same to the receiver: one search stands for a parser, its callbacks and every check of
the head. Nothing is judged here: what the parser has not found good is not known.
"""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from gateway.cloudevents.binary import AttributeForm, with_trace
from gateway.cloudevents.http import ContentMode, Envelope
from gateway.cloudevents.trace import read_trace
from gateway.receiver.framing import Headers
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.routes import Exchange

MAX_SHAPES = 256
"""When one more comes all are forgotten; a producer has one or two."""
MAX_HEADS = 1024
"""Of the known shapes those heads are remembered to the byte that say nothing about their event; as many."""
MAX_HEAD_BYTES = 2048
"""Longer heads are left to the parser, so what is remembered is bounded in bytes too."""
MAX_DIGITS = 9
"""Of a Content-Length; a longer one is left to the parser too."""
USES_BEFORE_PATTERN = 100
"""A pattern takes a millisecond to compile: nobody is to cause that with a request or two."""

# The lines whose values no check of a head reads, and the length, which is compared here. Only values that
# are visible ASCII from end to end, which the parser passes on as they are.
_VALUE = rb"[!-~]+"
_VARIABLE = re.compile(
    rb"\r\n([Cc][Ee]-[A-Za-z0-9]+|[Cc]ontent-[Ll]ength|[Tt]race(?:parent|state)|[Xx]-[Rr]equest-[Ii]d)"
    rb": (%b)(?=\r\n)" % _VALUE
)
_END = b"\r\n\r\n"


class _Shape(Struct):
    """A head without its variable values."""

    first: Exchange
    """That of the first head of this shape: the others differ in those values alone."""
    slots: Sequence[tuple[int, bytes]]
    """Of each variable value its place among the headers, and its name there."""
    length_index: int
    """Which of them is the Content-Length."""
    varies_trace: bool
    """Whether a variable value is of the trace context."""
    attribute_indexes: Sequence[int]
    """Which of them are attributes of a binary event."""
    form: AttributeForm | None
    """What those are filled into. None: the event is not binary, or its headers are to be read."""
    uses: int = 0
    """So far, by way of a look-up."""

    def exchange(self, values: Sequence[bytes]) -> Exchange:
        """What a head with these values comes to."""
        first = self.first
        return Exchange(first.binding, first.destination, self._envelope(values), first.coding, first.terms)

    def _envelope(self, values: Sequence[bytes]) -> Envelope:
        first = self.first.envelope
        trace = read_trace(self._headers(values)) if self.varies_trace else first.trace
        if self.form is not None:
            attributes = self.form.fill_in([values[index] for index in self.attribute_indexes])
            if attributes is not None:
                return Envelope(first.mode, (), None, with_trace(attributes, trace))
        return Envelope(first.mode, self._headers(values), trace)

    def _headers(self, values: Sequence[bytes]) -> Headers:
        headers = list(self.first.envelope.headers)
        for (place, name), value in zip(self.slots, values, strict=True):
            headers[place] = (name, value)
        return headers


class KnownHeads:
    """Tells what requests mean by their heads, once it was shown one like them."""

    def __init__(self, limits: ReceiverLimits) -> None:
        self._max_bytes = min(MAX_HEAD_BYTES, limits.max_header_bytes)
        self._shapes: dict[tuple[bytes, ...], _Shape] = {}
        self._usual: tuple[re.Pattern[bytes], _Shape] | None = None
        """The first to be tried: one match of a pattern takes half the time of a look-up."""
        self._heads: dict[bytes, tuple[Exchange, int]] = {}
        """With the length of the body; 1 µs saved for most structured events."""

    def __len__(self) -> int:
        """How many are remembered, of either kind."""
        return len(self._shapes) + len(self._heads)

    def recall(self, data: bytes) -> tuple[Exchange, bytes] | None:
        """What `data` is to be answered by, and its body, if it is one whole request of a known head."""
        end = data.find(_END) + len(_END)
        if end > self._max_bytes:
            return None
        head, body = data[:end], data[end:]
        if (known := self._heads.get(head)) is None and (known := self._recognise(head)) is None:
            return None
        exchange, length = known
        return (exchange, body) if length == len(body) else None

    def remember(self, data: bytes, exchange: Exchange) -> None:
        """Learn that `data` is one request, no less and no more, and that its head came to `exchange`."""
        end = data.find(_END) + len(_END)
        if end > self._max_bytes:
            return
        fixed, values = _split(data[:end])
        slots = list(_slots(fixed[1::2], values, exchange.envelope.headers))
        names = [name for _, name in slots]
        if b"content-length" not in names:
            return
        length_index = names.index(b"content-length")
        if values[length_index] != b"%d" % (len(data) - end):
            return  # written with leading zeros, or with line breaks behind the body
        if len(self._shapes) == MAX_SHAPES:
            self._shapes.clear()
            self._usual = None
        self._shapes[fixed] = _shape(exchange, slots, names, length_index)

    def _recognise(self, head: bytes) -> tuple[Exchange, int] | None:
        """What a head of a known shape comes to, and the length of its body."""
        if (found := self._match(head) or self._look_up(head)) is None:
            return None
        shape, values = found
        length = values[shape.length_index]
        if not length.isdigit() or len(length) > MAX_DIGITS:
            return None
        known = shape.exchange(values), int(length)
        if len(values) == 1:
            if len(self._heads) == MAX_HEADS:
                self._heads.clear()
            self._heads[head] = known
        return known

    def _match(self, head: bytes) -> tuple[_Shape, Sequence[bytes]] | None:
        """The usual shape, and the values, if the head is of it."""
        if self._usual is None:
            return None
        pattern, shape = self._usual
        match = pattern.fullmatch(head)
        return None if match is None else (shape, match.groups())

    def _look_up(self, head: bytes) -> tuple[_Shape, Sequence[bytes]] | None:
        """The shape of a head, and the values; what is used so often that it is worth it becomes usual."""
        fixed, values = _split(head)
        if (shape := self._shapes.get(fixed)) is None:
            return None
        shape.uses += 1
        if shape.uses == USES_BEFORE_PATTERN:
            shape.uses = 0
            self._usual = _pattern(fixed), shape
        return shape, values


def _split(head: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """A head without its variable values, their names at its odd places; and the values."""
    parts = _VARIABLE.split(head)
    values = parts[2::3]
    del parts[2::3]
    return tuple(parts), values


def _slots(names: Sequence[bytes], values: Sequence[bytes], headers: Headers) -> Iterator[tuple[int, bytes]]:
    """The places of those lines among `headers`, which have them in the same order."""
    rest = iter(enumerate(headers))
    for line in zip(map(bytes.lower, names), values, strict=True):
        yield next(place for place, header in rest if header == line), line[0]


def _pattern(fixed: Sequence[bytes]) -> re.Pattern[bytes]:
    """What a head is whose parts beside the values are those of `_split`."""
    literals = [re.escape(part) for part in fixed]
    lines = zip(literals[1::2], literals[2::2], strict=True)
    return re.compile(
        literals[0] + b"".join([rb"\r\n%b: (%b)%b" % (name, _VALUE, rest) for name, rest in lines])
    )


def _shape(
    exchange: Exchange, slots: Sequence[tuple[int, bytes]], names: Sequence[bytes], length_index: int
) -> _Shape:
    envelope = exchange.envelope
    indexes = [index for index, name in enumerate(names) if name.startswith(b"ce-")]
    form = None
    if envelope.mode is ContentMode.BINARY:
        form = AttributeForm.of(envelope.headers, [names[index] for index in indexes])
    varies_trace = not {b"traceparent", b"tracestate"}.isdisjoint(names)
    return _Shape(exchange, slots, length_index, varies_trace, indexes, form)
