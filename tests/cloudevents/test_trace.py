"""W3C Trace Context: what of a request's headers is well-formed enough to pass on."""

import pytest

from gateway.cloudevents.trace import Trace, read_trace

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def _read(*states: bytes, parents: tuple[bytes, ...] = (PARENT,)) -> Trace | None:
    return read_trace(
        [*((b"traceparent", parent) for parent in parents), *((b"tracestate", state) for state in states)]
    )


@pytest.mark.parametrize("parent", [PARENT, b"cc" + PARENT[2:], b"cc" + PARENT[2:] + b"-what.the-future"])
def test_a_well_formed_traceparent_is_taken(parent: bytes) -> None:
    """Also of later versions, which may go on after the flags."""
    assert _read(parents=(parent,)) == Trace(parent.decode())


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        b"x",
        b"ff" + PARENT[2:],
        PARENT.upper(),
        PARENT[:-1],
        PARENT + b"-more",
        PARENT + b"0",
        b"cc" + PARENT[2:] + b"more",
        PARENT + b"\n",
        b"00-" + b"0" * 32 + PARENT[35:],
        PARENT[:36] + b"0" * 16 + b"-01",
        b"\xff" + PARENT[1:],
    ],
)
def test_an_ill_formed_traceparent_is_no_trace(parent: bytes) -> None:
    """And its tracestate means nothing without it."""
    assert _read(b"a=1", parents=(parent,)) is None


@pytest.mark.parametrize("parents", [(), (PARENT, PARENT)])
def test_none_and_two_traceparents_are_no_trace(parents: tuple[bytes, ...]) -> None:
    """With two nobody can say which is meant."""
    assert _read(b"a=1", parents=parents) is None


@pytest.mark.parametrize(
    ("states", "text"),
    [
        ((b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        ((b"a=1", b"b=2"), "a=1,b=2"),
        ((b"a=1 ,\t b=2",), "a=1,b=2"),
        ((b"a=1,,b=2",), "a=1,b=2"),
        ((b"1tenant@vendor=x y",), "1tenant@vendor=x y"),
        ((b"a_-*/=!-<>~",), "a_-*/=!-<>~"),
        ((b"",), None),
        ((), None),
    ],
)
def test_a_well_formed_tracestate_is_one_list_in_order(states: tuple[bytes, ...], text: str | None) -> None:
    """Several header lines join; white space around members and empty members go."""
    assert _read(*states) == Trace(PARENT.decode(), text)


@pytest.mark.parametrize(
    "state",
    [
        b"a",
        b"=1",
        b"a=",
        b"A=1",
        b"a=1=2",
        b"a=1,a=2",
        b"a=\xe9",
        b"a=\x01",
        b"a=" + b"x" * 257,
        b"a" * 257 + b"=1",
        b",".join(b"k%d=1" % number for number in range(33)),
    ],
)
def test_an_ill_formed_tracestate_is_dropped_alone(state: bytes) -> None:
    """The parent stands without it."""
    assert _read(state) == Trace(PARENT.decode(), None)


def test_the_longest_list_has_32_members() -> None:
    """W3C's limit, exactly met."""
    state = b",".join(b"k%d=1" % number for number in range(32))
    assert _read(state) == Trace(PARENT.decode(), state.decode())


def test_a_tracestate_over_512_characters_is_dropped() -> None:
    """W3C asks nobody to pass on more, and it would go into every event of a batch."""
    parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for length, kept in ((512, True), (513, False)):
        state = b",".join([b"a=" + b"1" * 254, b"b=" + b"1" * (length - 259)])
        assert len(state) == length
        trace = read_trace([(b"traceparent", parent), (b"tracestate", state)])
        assert trace is not None
        assert (trace.tracestate is not None) is kept
