"""What the receiver answers is what the description says: each status is provoked, none is left out."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from gateway.admission import ACCEPTED, Admission, Draining, NoRoom, Unwritten
from gateway.bearer import BearerTokens
from gateway.errors import Fault, Reason, UndeliverableEventError
from gateway.receiver.access import OPEN, Access
from gateway.receiver.limits import ReceiverLimits
from gateway.receiver.responses import PHRASES
from gateway.secret import Secret
from tests.openapi.description import Operation, operations, undescribed, violations
from tests.support.http import EVENT, STRUCTURED, Answer, Wire, answers, delivery, request
from tests.support.intake import FakeIntake
from tests.support.limits import limited

TOKENS = Access(tokens=BearerTokens([Secret("mF_9.B5f-4.1JqM")]))
CERTIFICATES = Access(asks_certificates=True)
UNDELIVERABLE = UndeliverableEventError("too long a type", Fault(Reason.UNDELIVERABLE, "type"))
RECEIVERS = operations("events")


def operation(label: str) -> Operation:
    (found,) = [each for each in RECEIVERS if each.label == label]
    return found


class Provoked(NamedTuple):
    """A status, and what leads to it."""

    status: int
    data: bytes
    label: str = "POST /events"
    access: Access = OPEN
    limits: ReceiverLimits = limited()
    admission: Admission | Exception = ACCEPTED
    after: Callable[[Wire], None] = lambda _wire: None
    """What happens once `data` has come."""

    @property
    def name(self) -> str:
        return f"{self.status} {PHRASES[self.status]}"

    def answer(self) -> Answer:
        """The one answer."""
        intake = FakeIntake()
        intake.admission = self.admission
        wire = Wire(self.limits, intake, access=self.access)
        wire.connection.data_received(self.data)
        self.after(wire)
        (found,) = answers(wire.transport.written)
        return found


def post(*lines: bytes, body: bytes = EVENT, target: bytes = b"/events", **parts: Any) -> bytes:
    return delivery(*lines, body=body, target=target, **parts)


def delivered(wire: Wire) -> None:
    wire.intake.deliver(0)
    wire.connection.write_known()


def given_up(wire: Wire) -> None:
    wire.intake.give_up(0)
    wire.connection.write_known()


def time_passes(wire: Wire) -> None:
    wire.pass_time(60)


def one_too_many(wire: Wire) -> None:
    """Another connection, when there may be only one: its answer, and not the first's."""
    wire.transport.writes.clear()
    _, refused = wire.connect()
    wire.transport.writes += refused.writes


OPTIONS = "OPTIONS /events"
ORIGIN = b"WebHook-Request-Origin: eventemitter.example.com"

PROVOKED = (
    Provoked(200, post(b"Prefer: wait=5"), after=delivered),
    Provoked(200, request(ORIGIN, method=b"OPTIONS", target=b"/events"), OPTIONS),
    Provoked(200, request(method=b"OPTIONS", target=b"/events"), OPTIONS),
    Provoked(202, post()),
    Provoked(202, post(b"Prefer: respond-async")),
    Provoked(400, post(body=b"{}")),
    Provoked(400, post(host=None)),
    Provoked(400, request(host=None, method=b"OPTIONS", target=b"/events"), OPTIONS),
    Provoked(401, post(), access=TOKENS),
    Provoked(401, post(b"Authorization: Bearer no"), access=TOKENS),
    Provoked(401, request(method=b"OPTIONS", target=b"/events"), OPTIONS, TOKENS),
    Provoked(403, post(), access=CERTIFICATES),
    Provoked(404, post(target=b"/events/nowhere"), "POST /events/{destination}"),
    Provoked(405, post(method=b"PUT")),
    Provoked(408, post()[:-1], after=time_passes),
    Provoked(413, post(), limits=limited(max_body_bytes=8)),
    Provoked(414, post(target=b"/events?" + b"x" * 20_000)),
    Provoked(415, request(b"Content-Type: text/plain", target=b"/events", body=b"x")),
    Provoked(415, post(b"Content-Encoding: br")),
    Provoked(417, post(b"Expect: wonders")),
    Provoked(422, post(), admission=UNDELIVERABLE),
    Provoked(431, post(*[b"a: b"] * 1001)),
    Provoked(500, post(), admission=RuntimeError("a fault of the gateway's own")),
    Provoked(501, request(STRUCTURED, b"Transfer-Encoding: gzip, chunked", target=b"/events")),
    Provoked(502, post(b"Prefer: wait=5"), after=given_up),
    Provoked(503, post(), admission=NoRoom(7)),
    Provoked(503, post(), admission=Draining(7)),
    Provoked(503, post(), admission=Unwritten(7)),
    Provoked(503, b"", limits=limited(max_connections=1), after=one_too_many),
    Provoked(505, post(version=b"HTTP/3.0")),
)


def ids(provoked: Provoked) -> str:
    return f"{provoked.status}-{provoked.label}"


@pytest.mark.parametrize("provoked", PROVOKED, ids=ids)
async def test_an_answer_is_as_it_is_described(provoked: Provoked) -> None:
    """Its status, its header fields, its media type, and its body."""
    answer = provoked.answer()
    assert answer.status == provoked.status
    body = json.loads(answer.body) if answer.body else None
    described = operation(provoked.label).description
    assert list(violations(described, answer.status, answer.headers, body)) == []
    assert undescribed(described, answer.status, answer.headers) == set()


def test_every_status_is_provoked_and_described() -> None:
    """Those the receiver can give are those of the description and those of the table above."""
    described = {int(status) for each in RECEIVERS for status in each.description["responses"]}
    assert described == set(PHRASES)
    assert {each.status for each in PROVOKED} == set(PHRASES)


@pytest.mark.parametrize("receiver", RECEIVERS, ids=lambda each: each.label)
def test_every_path_describes_what_any_request_may_be_answered(receiver: Operation) -> None:
    """What is refused before its path is looked at is refused on any."""
    anywhere = {"400", "401", "403", "408", "414", "431", "500", "501", "503", "505"}
    assert anywhere <= receiver.description["responses"].keys()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda answer: answer._replace(status=418), "status 418 is not described"),
        (lambda answer: answer._replace(headers={}), "Retry-After is missing"),
        (lambda answer: answer._replace(body=b'{"title":"no"}'), "'type' is a required property"),
    ],
)
def test_what_is_not_as_described_is_found(change: Callable[[Answer], Answer], found: str) -> None:
    """Else the tests above say nothing."""
    answer = change(Provoked(503, post(), admission=NoRoom(7)).answer())
    described = operation("POST /events").description
    assert found in list(violations(described, answer.status, answer.headers, json.loads(answer.body)))


def test_a_field_that_is_not_described_is_found() -> None:
    """The same."""
    answer = Provoked(503, post(), admission=NoRoom(7)).answer()
    headers = {**answer.headers, "x-powered-by": "gateway"}
    assert undescribed(operation("POST /events").description, 503, headers) == {"x-powered-by"}


EXAMPLES = [
    (receiver, media_type, name)
    for receiver in RECEIVERS
    for media_type, media in receiver.description.get("requestBody", {}).get("content", {}).items()
    for name in media["examples"]
]


@pytest.mark.parametrize(("receiver", "media_type", "name"), EXAMPLES)
def test_every_example_of_a_request_is_accepted(receiver: Operation, media_type: str, name: str) -> None:
    """Sent with the examples of the header fields, those left out that make the answer wait."""
    described = receiver.description
    example = described["requestBody"]["content"][media_type]["examples"][name]["value"]
    body = example.encode() if media_type == "*/*" else json.dumps(example).encode()
    fields = {
        each["name"]: each["example"]
        for each in described["parameters"]
        if each["in"] == "header" and each["name"] != "Prefer"
    }
    fields["Content-Type"] = "text/plain" if media_type == "*/*" else media_type
    lines = [f"{field}: {value}".encode() for field, value in fields.items()]
    wire = Wire()
    (answer,) = wire.send(request(*lines, target=target(receiver), body=body))
    assert (answer.status, answer.body) == (202, b"")
    assert len(wire.intake.events) == (len(example) if isinstance(example, list) else 1)


def target(receiver: Operation) -> bytes:
    """The path, with the examples of what is variable in it."""
    variables = {each["name"]: each["example"] for each in receiver.description["parameters"]}
    return receiver.path.format_map(variables).encode()


@pytest.mark.parametrize("preference", ["wait=5", "respond-async"])
async def test_a_preference_that_was_honoured_is_described(preference: str) -> None:
    """In an answer of its own as in those that waited."""
    provoked = Provoked(200, post(f"Prefer: {preference}".encode()), after=deliver_if_waited_for)
    answer = provoked.answer()
    assert answer.headers["preference-applied"] == preference
    described = operation("POST /events").description["responses"][str(answer.status)]
    assert "Preference-Applied" in described["headers"]


def deliver_if_waited_for(wire: Wire) -> None:
    if wire.intake.entries:
        delivered(wire)
