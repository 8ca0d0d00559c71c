"""`gateway dead-letters replay`: what is sent, noted, removed and said, whatever the other side answers."""

import asyncio
import io
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.dead_letters.letter import Letter, read_letter
from gateway.commands.dead_letters.letter_file import find
from gateway.commands.dead_letters.replay import Replay
from gateway.commands.dead_letters.route import (
    MAX_TRIES,
    MAX_WAIT_SECONDS,
    Patience,
    Refused,
    Route,
    Sent,
    Stuck,
    Verdict,
    Verdicts,
)
from gateway.commands.dead_letters.selection import EVERYTHING, Picker, Selection
from gateway.commands.dead_letters.through_gateway import judge
from gateway.commands.dead_letters.to_bus import OneBus
from gateway.entry import Batch
from gateway.errors import BlockedError, RefusedError, ThrottledError, UnavailableError
from gateway.pipeline.dead_letter import FILES, DeadLetter, DeadLetterFiles
from gateway.pipeline.replayed import notes_of, read_notes
from gateway.sender import Delivered, Limits, Outcome, Rejected, Retry, RetryAlone
from gateway.senders.answer import Answer
from tests.commands.dead_letter_files import letter, line, write
from tests.support.clock import now, run_virtual
from tests.support.configuration import destination
from tests.support.sender import FakeSender, Step


class KilledError(Exception):
    """The process ends here."""


class FakeRoute:
    """Sends groups of so many; answers by event id, else Sent; may be killed within a group."""

    def __init__(
        self, group: int = 2, verdicts: dict[str, Verdict] | None = None, kill_after: int | None = None
    ) -> None:
        self._group = group
        self._verdicts = verdicts or {}
        self._kill_after = kill_after
        self.sent: list[str] = []

    async def deliver(self, letters: Sequence[Letter]) -> AsyncGenerator[Verdicts, None]:
        for at in range(0, len(letters), self._group):
            group = letters[at : at + self._group]
            verdicts = [(each, self._verdicts.get(each.id, Sent())) for each in group]
            self.sent += [each.id for each, verdict in verdicts if isinstance(verdict, Sent)]
            if self._kill_after is not None and len(self.sent) > self._kill_after:
                raise KilledError
            yield verdicts

    async def aclose(self) -> None:
        """Nothing to close."""


def replayed(
    path: Path,
    route: Route,
    selection: Selection = EVERYTHING,
    *,
    keep_going: bool = False,
    is_interrupted: bool = False,
) -> tuple[int, str, str]:
    """The exit code, and what is said."""
    out, err = io.StringIO(), io.StringIO()

    async def run() -> int:
        patience = Patience()
        if is_interrupted:
            patience.end()
        return await Replay(route, Picker(selection), patience, err, keep_going=keep_going).run(
            find(path), out
        )

    return asyncio.run(run()), out.getvalue(), err.getvalue()


def test_everything_is_sent_and_the_files_go(tmp_path: Path) -> None:
    """Oldest first, and their notes with them."""
    write(tmp_path / "orders", letter("a"), letter("b"), letter("c"), name="1")
    write(tmp_path / "orders", letter("d"), name="2")
    route = FakeRoute()
    assert replayed(tmp_path, route) == (0, "replayed 4 letters, 0 not taken, removed 2 files\n", "")
    assert route.sent == ["a", "b", "c", "d"]
    assert list((tmp_path / "orders").iterdir()) == []


def test_a_letter_that_is_not_taken_stops_the_replay_and_stays(tmp_path: Path) -> None:
    """Exit 1, with its place and the reason; what was sent beside it is noted, what follows is not sent."""
    path = write(tmp_path, letter("a"), letter("b"), letter("c"))
    route = FakeRoute(verdicts={"b": Refused("422", "The event\x1b cannot be delivered.")})
    code, out, err = replayed(tmp_path, route)
    assert (code, out) == (1, "replayed 1 letter, 1 not taken, removed 0 files\n")
    assert err == f"{path}:2: b not taken: 422 The event\\x1b cannot be delivered.\n"
    assert route.sent == ["a"]
    assert read_notes(path) == {1}


def test_keep_going_goes_on_with_the_others(tmp_path: Path) -> None:
    """Exit 1 all the same."""
    path = write(tmp_path, letter("a"), letter("b"), letter("c"))
    route = FakeRoute(group=1, verdicts={"b": Refused("422")})
    assert replayed(tmp_path, route, keep_going=True)[0] == 1
    assert route.sent == ["a", "c"]
    assert read_notes(path) == {1, 3}


def test_a_side_that_takes_nothing_is_not_asked_again_and_again(tmp_path: Path) -> None:
    """Even with --keep-going."""
    write(tmp_path, letter("a"), letter("b"), letter("c"))
    route = FakeRoute(group=1, verdicts={"a": Stuck("connection_failed")})
    assert replayed(tmp_path, route, keep_going=True)[0] == 1
    assert route.sent == []


def test_only_what_matches_is_sent_and_the_file_stays(tmp_path: Path) -> None:
    """The others are still to be replayed."""
    path = write(tmp_path, letter("a"), letter("b"))
    route = FakeRoute()
    assert replayed(tmp_path, route, Selection(ids=frozenset({"b"})))[0] == 0
    assert route.sent == ["b"]
    assert read_notes(path) == {2}
    assert replayed(tmp_path, route)[0] == 0
    assert route.sent == ["b", "a"]
    assert not path.exists()


def test_damaged_lines_are_named_and_keep_their_file(tmp_path: Path) -> None:
    """Exit 1: whatever they were, it was not replayed."""
    path = write(tmp_path, letter("a"), b"broken\n")
    code, _, err = replayed(tmp_path, FakeRoute())
    assert code == 1
    assert f"{path}:2: damaged: not JSON\n" in err
    assert path.exists()


def test_a_file_that_a_gateway_is_writing_is_replayed_and_stays(tmp_path: Path) -> None:
    """Each letter once, in however many replays; when the gateway has let go of it, it goes."""
    gateway = DeadLetterFiles(tmp_path, max_bytes=FILES * 600)
    route = FakeRoute()
    for each in ("a", "b"):
        asyncio.run(gateway.write([msgspec.json.decode(line(letter(each)), type=DeadLetter)]))
        assert replayed(tmp_path, route)[:2] == (0, "replayed 1 letter, 0 not taken, removed 0 files\n")
    asyncio.run(gateway.write([msgspec.json.decode(line(letter("next file")), type=DeadLetter)]))
    assert replayed(tmp_path, route)[:2] == (0, "replayed 1 letter, 0 not taken, removed 1 file\n")
    assert route.sent == ["a", "b", "next file"]


def test_an_interruption_ends_it_with_what_is_done_noted(tmp_path: Path) -> None:
    """Exit 1, and it says how to go on."""
    path = write(tmp_path, letter("a"))
    code, _, err = replayed(tmp_path, FakeRoute(), is_interrupted=True)
    assert (code, err) == (1, "interrupted: run it again to go on\n")
    assert path.exists()


@given(
    letters=st.integers(0, 12),
    group=st.integers(1, 4),
    kills=st.lists(st.integers(0, 12), max_size=4),
    torn=st.booleans(),
)
def test_a_kill_at_any_moment_sends_at_most_one_group_again(
    tmp_path_factory: pytest.TempPathFactory,
    letters: int,
    group: int,
    kills: list[int],
    torn: bool,  # noqa: FBT001 - drawn
) -> None:
    """Between sending and noting; run again until it is through, nothing is lost, and nothing left behind."""
    directory = tmp_path_factory.mktemp("letters")
    wanted = [str(number) for number in range(letters)]
    path = write(directory, *map(letter, wanted))
    sent: list[str] = []
    for kill_after in [*kills, None]:
        route = FakeRoute(group, kill_after=kill_after)
        noted = read_notes(path)
        try:
            replayed(directory, route)
        except KilledError:
            assert len(route.sent) - len(read_notes(path) - noted) <= group
        assert not {int(each) + 1 for each in route.sent} & noted
        sent += route.sent
        if torn and notes_of(path).exists():
            notes_of(path).write_bytes(notes_of(path).read_bytes() + b"1")
    assert set(sent) == set(wanted)
    assert list(directory.iterdir()) == []


# Through a gateway.


def answered(status: int, body: bytes = b"", **headers: str) -> Any:
    return judge(
        Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body), now=0.0
    )


def test_what_a_gateway_s_answers_mean() -> None:
    """Taken; not this one, with the problem's own words; nothing at all; and later."""
    problem = b'{"title":"Unprocessable Content","status":422,"detail":"Its type is too long."}'
    assert [answered(202), answered(200)] == [Sent(), Sent()]
    assert answered(422, problem) == Refused("422", "Its type is too long.")
    assert answered(404, b"<html>") == Refused("404", "")
    assert answered(500, b"\xff") == Refused("500", "")
    assert answered(403) == Stuck("403")
    assert answered(503, Retry_After="7").wait_seconds == 7
    assert answered(503).wait_seconds == 1


def test_a_gateway_that_asks_for_a_token_is_answered_with_the_option_that_shows_one() -> None:
    """After the gateway's own words, or where a proxy before it has none that are understood."""
    problem = b'{"title":"Unauthorized","status":401,"detail":"a bearer token is needed"}'
    assert answered(401, problem) == Stuck("401", "a bearer token is needed; --token-file shows one")
    assert answered(401) == Stuck("401", "unauthorized; --token-file shows one")


# Straight to a bus.


def to_bus(
    sender: FakeSender, *names: str, connections: int = 1, **sections: Any
) -> tuple[list[tuple[str, Verdict]], float]:
    """The verdict on each letter, in the order in which they came, and how long that took."""

    async def run() -> tuple[list[tuple[str, Verdict]], float]:
        found: list[tuple[str, Verdict]] = []
        bus = OneBus(destination(**sections), sender, connections, Patience())
        letters = [read_one(letter(each, type="undeliverable" if each == "never" else "t")) for each in names]
        async for verdicts in bus.deliver(letters):
            assert not sender.in_flight
            found += [(each.id, verdict) for each, verdict in verdicts]
        return found, now()

    return run_virtual(run())


def read_one(content: dict[str, Any]) -> Letter:
    found = read_letter(1, line(content))
    assert isinstance(found, Letter)
    return found


def test_letters_are_packed_and_each_outcome_is_read() -> None:
    """Ten at a time here; what the bus refuses for good is not taken, its company is."""
    names = [str(number) for number in range(12)]
    outcomes = [Delivered()] * 9 + [Rejected("InvalidArgument", "no")]
    sender = FakeSender(outcomes)
    found, _ = to_bus(sender, *names)
    assert [len(ids) for ids in sender.sent] == [10, 2]
    assert dict(found) == {each: Sent() for each in names} | {"9": Refused("InvalidArgument", "no")}


def test_an_event_that_the_bus_can_never_take_is_not_sent() -> None:
    """As when it came: it is not even packed."""
    sender = FakeSender()
    found, _ = to_bus(sender, "a", "never")
    assert found == [("never", Refused("undeliverable", "never")), ("a", Sent())]
    assert sender.sent == [("a",)]


def test_a_refused_request_is_halved_until_the_culprit_is_found() -> None:
    """One bad letter takes no other with it."""

    def answer(batch: Batch) -> list[Outcome]:
        if any(entry.event.id == "c" for entry in batch.entries):
            raise RefusedError("ValidationException")
        return [Delivered()] * len(batch.entries)

    found, _ = to_bus(FakeSender(always=answer), *"abcde")
    assert dict(found) == {each: Sent() for each in "abde"} | {"c": Refused("ValidationException")}


def test_what_may_be_taken_later_is_sent_again_without_what_was_taken() -> None:
    """After a backoff; what was in doubt goes alone."""
    sender = FakeSender([Delivered(), Retry("InternalFailure"), RetryAlone("odd"), Retry("InternalFailure")])
    found, seconds = to_bus(sender, *"abcd")
    assert sender.sent == [tuple("abcd"), tuple("bd"), ("c",)]
    assert [each for each, _ in found] == ["a", "b", "d", "c"]
    assert seconds > 0.04


def test_what_a_bus_never_takes_is_given_up_after_so_many_tries() -> None:
    """A letter that fails alone is one that is not taken; a bus that fails takes none."""
    assert to_bus(FakeSender(always=[Retry("InternalFailure")]), "a")[0] == [
        ("a", Refused("InternalFailure"))
    ]
    sender = FakeSender(always=UnavailableError("http_500"))
    assert to_bus(sender, "a")[0] == [("a", Stuck("http_500"))]
    assert len(sender.sent) == MAX_TRIES


def test_a_bus_that_throttles_is_left_alone_for_as_long_as_it_says() -> None:
    """Within bounds."""
    asked = ThrottledError("ThrottlingException", retry_after_seconds=7.0)
    assert to_bus(FakeSender(asked), "a") == ([("a", Sent())], 7.0)
    asked = ThrottledError("ThrottlingException", retry_after_seconds=9999.0)
    assert to_bus(FakeSender(asked), "a") == ([("a", Sent())], MAX_WAIT_SECONDS)


def test_what_an_operator_must_mend_ends_it_at_once() -> None:
    """Nothing else could be sent either."""
    sender = FakeSender(BlockedError("AccessDeniedException", "not authorized"))
    assert to_bus(sender, "a")[0] == [("a", Stuck("AccessDeniedException", "not authorized"))]
    assert len(sender.sent) == 1


def test_so_many_requests_are_in_flight_and_no_more() -> None:
    """The rate that is configured is kept as well."""
    sender = FakeSender(always=Step(Delivered(), seconds=1.0), limits=Limits(1, 1000, 1000))
    assert to_bus(sender, *"abcdef", connections=3)[1] == 2.0
    assert sender.most_in_flight == 3
    rate = {"delivery": {"max_requests_per_second": 2}}
    assert to_bus(FakeSender(limits=Limits(1, 1000, 1000)), *"abcdef", connections=2, **rate)[1] == 2.0


def test_a_wait_ends_when_the_operator_has_enough() -> None:
    """Nothing is sent after that."""
    sender = FakeSender(always=ThrottledError("ThrottlingException", retry_after_seconds=50.0))

    async def run() -> float:
        patience = Patience()
        asyncio.get_running_loop().call_later(5.0, patience.end)
        bus = OneBus(destination(), sender, 1, patience)
        assert [verdicts async for verdicts in bus.deliver([read_one(letter("a"))])] == [[]]
        return now()

    assert run_virtual(run()) == 5.0
    assert len(sender.sent) == 1
