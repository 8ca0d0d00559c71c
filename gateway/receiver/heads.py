"""Heads seen before: what a producer says about itself once, and again with every request.

A head that differs from an earlier one only in the values that describe its event, and in the length of
its body, means the same to the receiver: one search stands for a parser, its callbacks and every check of
the head. Nothing is judged here: what the parser has not found good is not known.
"""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from gateway.cloudevents.binary import AttributeForm
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
    form: AttributeForm | None
    """Of binary events: all variable values but the length are for it. None: the headers are read."""
    uses: int = 0
    """So far, by way of a look-up."""

    def exchange(self, values: Sequence[bytes]) -> Exchange:
        """What a head with these values comes to."""
        first = self.first
        if self.form is None or (attributes := self.form.fill_in(self._without_length(values))) is None:
            headers = list(first.envelope.headers)
            for (place, name), value in zip(self.slots, values, strict=True):
                headers[place] = (name, value)
            envelope = Envelope(first.envelope.mode, headers, read_trace(headers))
        else:
            envelope = Envelope(ContentMode.BINARY, (), None, attributes)
        return Exchange(first.binding, first.destination, envelope, first.coding, first.terms)

    def _without_length(self, values: Sequence[bytes]) -> Sequence[bytes]:
        index = self.length_index
        return values[:-1] if index == len(values) - 1 else (*values[:index], *values[index + 1 :])


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
        self._shapes[fixed] = _Shape(exchange, slots, length_index, _form(exchange, names))

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


def _form(exchange: Exchange, names: Sequence[bytes]) -> AttributeForm | None:
    """The form of binary events whose variable headers are attributes only, beside the length."""
    envelope = exchange.envelope
    varying = [name for name in names if name != b"content-length"]
    if envelope.mode is not ContentMode.BINARY or envelope.trace is not None:
        return None
    if not all(name.startswith(b"ce-") for name in varying):
        return None
    return AttributeForm.of(envelope.headers, varying)
