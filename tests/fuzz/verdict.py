"""Whether a reading stands beside those of the witnesses, and the differences that are wanted.

Where either refuses, so must we; where both take a request for the same, we take it for that or refuse it by
a rule that is named here. A stream is judged by its first difference: behind that all is another stream.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from tests.fuzz.reading import End, HttpRequest, Reading

_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]*")


class Rule(Struct, frozen=True):
    """Requests that are wanted to be read otherwise than by a witness."""

    name: str
    because: str
    applies: Callable[[bytes, HttpRequest], bool]
    """Told from the whole stream, and from the request as it was taken."""


def _hosts(request: HttpRequest) -> list[bytes]:
    return [value for name, value in request.headers if name == b"host"]


def _line(request: HttpRequest, form: bytes) -> re.Pattern[bytes]:
    """A pattern of its request line: `form` with its method and its target."""
    return re.compile(form % {b"method": re.escape(request.method), b"target": re.escape(request.target)})


STRICTER: Sequence[Rule] = (
    Rule(
        "a Host that is none",
        "RFC 9112 3.2 has a server refuse an invalid Host, and no host has such a byte (RFC 3986 3.2.2)",
        lambda _, request: any(not _HOST.fullmatch(host) for host in _hosts(request)),
    ),
    Rule(
        "two Hosts in HTTP/1.0",
        "RFC 9112 3.2 has a server refuse more than one, and names no version",
        lambda _, request: len(_hosts(request)) > 1,
    ),
    Rule(
        "a transfer coding in HTTP/1.0",
        "RFC 9112 6.1: faulty framing, which a server of that version may have passed on unread",
        lambda data, request: (
            any(name == b"transfer-encoding" for name, _ in request.headers)
            and bool(_line(request, rb"%(target)b +HTTP/1\.0").search(data))
        ),
    ),
    Rule(
        "a version other than 1.1 and 1.0",
        "what those say about framing may not hold there (RFC 9110 2.5): 505",
        lambda data, request: bool(_line(request, rb"%(target)b +HTTP/(?!1\.[01])").search(data)),
    ),
)
"""What we refuse though both witnesses take it."""

LOOSER: Sequence[Rule] = (
    Rule(
        "several spaces in a request line",
        "RFC 9112 3 lets a server parse by words; a target has no space, so they can mean but one thing",
        lambda data, request: bool(
            _line(request, rb"%(method)b(?: {2,}%(target)b +| +%(target)b {2,})HTTP/1").search(data)
        ),
    ),
    Rule(
        "a tab behind a Content-Length",
        "around a value a tab is as good as a space (RFC 9110 5.5), for h11 too; older llhttp forgot it",
        lambda data, request: any(
            b"%b\t" % value in data for name, value in request.headers if name == b"content-length"
        ),
    ),
)
"""What we take though one witness refuses it."""


def faults(data: bytes, ours: Reading, witnesses: Sequence[Reading]) -> list[str]:
    """What is wrong with our reading of `data`; nothing, most likely."""
    for index, request in enumerate(ours.requests):
        found = list(_faults_of_taken(data, request, index, witnesses))
        if found or _is_apart(request, index, witnesses):
            return found
    return list(_faults_of_end(data, ours, witnesses))


def _is_apart(request: HttpRequest, index: int, witnesses: Sequence[Reading]) -> bool:
    """Whether a witness did not take the request, or took another: from there on there is no comparing."""
    return any(witness.requests[index : index + 1] != [request] for witness in witnesses)


def _faults_of_taken(
    data: bytes, request: HttpRequest, index: int, witnesses: Sequence[Reading]
) -> Iterator[str]:
    others = [witness.requests[index] for witness in witnesses if len(witness.requests) > index]
    if others and request not in others:
        yield f"request {index} is read as none of the others do: {request}"
    for witness in witnesses:
        is_refused = len(witness.requests) <= index and witness.end is End.REFUSED
        if is_refused and not any(rule.applies(data, request) for rule in LOOSER):
            yield f"request {index} is taken, and refused by another: {request}"


def _faults_of_end(data: bytes, ours: Reading, witnesses: Sequence[Reading]) -> Iterator[str]:
    number = len(ours.requests)
    following = [witness.requests[number : number + 1] for witness in witnesses]
    if ours.end is End.REFUSED and following[0] and following.count(following[0]) == len(following):
        request = following[0][0]
        if not any(rule.applies(data, request) for rule in STRICTER):
            yield f"request {number} is refused, and taken by the others: {request}"
    if ours.end is End.IDLE:
        for witness in witnesses:
            if len(witness.requests) > number:
                yield f"request {number} is overlooked: {witness.requests[number]}"
            elif witness.end is End.REFUSED:
                yield f"what comes behind request {number - 1} is overlooked, and refused by another"
