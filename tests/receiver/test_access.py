"""Who may post: bearer tokens on the wire, and names of client certificates."""

import pytest

from gateway.admission import NoRoom
from gateway.bearer import BearerTokens
from gateway.receiver.access import Access, names
from gateway.secret import Secret
from tests.support.http import EVENT, STRUCTURED, Answer, Wire, chunked, delivery, request
from tests.support.intake import FakeIntake
from tests.support.limits import limited

# RFC 6750's own examples.
TOKEN, NEXT_TOKEN = "mF_9.B5f-4.1JqM", "vF9dft4qmT"


def guarded(*tokens: str) -> Access:
    return Access(tokens=BearerTokens(map(Secret, tokens)))


def shown(token: str, scheme: str = "Bearer") -> bytes:
    return f"Authorization: {scheme} {token}".encode()


def wire(*tokens: str, intake: FakeIntake | None = None) -> Wire:
    return Wire(intake=intake, access=guarded(*(tokens or (TOKEN,))))


def last(answers: list[Answer]) -> Answer:
    return answers[-1]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("piece", [0, 1])
def test_a_request_with_the_token_is_taken(scheme: str, piece: int) -> None:
    """The scheme is written in any case (RFC 9110 11.1)."""
    (answer,) = wire().send(delivery(shown(TOKEN, scheme)), piece=piece)
    assert answer.status == 202


def test_any_of_several_tokens_will_do() -> None:
    """While they are rotated producers have the one or the other."""
    both = wire(TOKEN, NEXT_TOKEN)
    answers = both.send(delivery(shown(TOKEN)) + delivery(shown(NEXT_TOKEN)))
    assert [answer.status for answer in answers] == [202, 202]


@pytest.mark.parametrize(
    "lines", [[], [b"Authorization: Basic dXNlcjpwYXNz"], [b"Authorization: Bearer" + b"er x"]]
)
def test_a_request_without_a_token_is_asked_for_one(lines: list[bytes]) -> None:
    """Without an error: it has shown nothing that could be wrong (RFC 6750 3.1)."""
    subject = wire()
    (answer,) = subject.send(delivery(*lines))
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="gateway"')
    assert answer.problem["errors"] == [{"reason": "unauthorized"}]
    assert (subject.intake.events, subject.refused) == ([], {"unauthorized": 1})


@pytest.mark.parametrize(
    "lines",
    [
        [shown(TOKEN[:-1])],
        [shown(TOKEN + "x")],
        [shown(TOKEN.lower())],
        [shown("")],
        [b"Authorization: Bearer"],
        [b"Authorization: Bearer \xff\xfe"],
        [shown(TOKEN), shown(TOKEN)],
        [shown(TOKEN), shown(NEXT_TOKEN)],
    ],
)
def test_a_wrong_token_is_called_invalid_and_not_repeated(lines: list[bytes]) -> None:
    """A part of it, more than it, none at all, two at once."""
    (answer,) = wire().send(delivery(*lines))
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="gateway", error="invalid_token"'
    assert TOKEN[:-1].encode() not in answer.body


def test_a_token_in_the_target_counts_for_nothing() -> None:
    """Targets are logged everywhere on the way, so nobody shall put one there (RFC 6750 2.3, 5.3)."""
    (answer,) = wire().send(delivery(target=b"/?access_token=" + TOKEN.encode()))
    assert answer.status == 401


@pytest.mark.parametrize(
    "head",
    [
        delivery(target=b"/events/orders"),
        delivery(target=b"/events/unknown"),
        delivery(target=b"/unknown"),
        delivery(method=b"GET"),
        request(method=b"OPTIONS", target=b"*"),
        request(b"WebHook-Request-Origin: events.example", method=b"OPTIONS"),
    ],
)
def test_who_may_not_post_learns_nothing_else(head: bytes) -> None:
    """Neither which destinations there are, nor which paths and methods, nor whether there is room."""
    full = FakeIntake()
    full.foreseen = NoRoom(retry_after_seconds=1)
    (answer,) = wire(intake=full).send(head)
    assert answer.status == 401
    assert full.asked == []


def test_a_method_that_http_does_not_know_learns_nothing_either() -> None:
    """Its headers are never read, so it has shown no token."""
    for target in (b"/events/orders", b"/events/unknown"):
        assert last(wire().send(request(method=b"FETCH", target=target))).status == 401


def test_the_web_hook_handshake_gives_no_consent_where_a_token_is_asked_for() -> None:
    """Consent to everybody would be a lie; the sender may still be told by its operator."""
    (answer,) = wire().send(
        request(shown(TOKEN), b"WebHook-Request-Origin: events.example", method=b"OPTIONS")
    )
    assert (answer.status, answer.headers["allow"]) == (200, "POST, OPTIONS")
    assert "webhook-allowed-origin" not in answer.headers


def test_the_connection_of_a_refused_request_goes_on() -> None:
    """Its small body is read away; the next request may have the token."""
    answers = wire().send(delivery() + delivery(shown(TOKEN)))
    assert [(answer.status, answer.closes) for answer in answers] == [(401, False), (202, False)]


def test_a_client_that_waits_to_send_its_body_need_not_send_it() -> None:
    """It is refused before the body, and told no 100."""
    head = request(STRUCTURED, b"Expect: 100-continue", b"Content-Length: 100")
    (answer,) = wire().send(head)
    assert (answer.status, answer.closes) == (401, True)


def test_a_body_of_unknown_length_is_not_waited_for() -> None:
    """Nobody who may not post keeps a connection busy with it."""
    (answer,) = wire().send(chunked(EVENT)[:-5])
    assert (answer.status, answer.closes) == (401, True)


@pytest.mark.parametrize("line", [shown(NEXT_TOKEN), shown(TOKEN.swapcase()), b"X-Other: x"])
def test_a_head_that_is_known_with_its_token_is_not_known_without(line: bytes) -> None:
    """All but the token as it was, many times over."""
    subject = wire()
    for _ in range(3):
        assert last(subject.send(delivery(shown(TOKEN)))).status == 202
    assert last(subject.send(delivery(line))).status == 401
    assert last(subject.send(delivery(shown(TOKEN)))).status == 202


def test_a_token_that_is_withdrawn_is_refused_on_open_connections() -> None:
    """Also under a head that was known."""
    subject = wire()
    for _ in range(3):
        assert last(subject.send(delivery(shown(TOKEN)))).status == 202
    subject.service.retune(limited(), guarded(NEXT_TOKEN))
    assert last(subject.send(delivery(shown(TOKEN)))).status == 401
    assert last(subject.send(delivery(shown(NEXT_TOKEN)))).status == 202


def test_tokens_may_come_to_be_asked_for_and_asked_for_no_more() -> None:
    """From one request to the next."""
    subject = Wire()
    seen = []
    for access in (Access(), guarded(TOKEN), Access()):
        subject.service.retune(limited(), access)
        seen.append(last(subject.send(delivery())).status)
    assert seen == [202, 401, 202]


def test_a_request_whose_head_was_taken_goes_on_when_its_token_is_withdrawn() -> None:
    """It was right when it was shown."""
    subject = wire()
    whole = delivery(shown(TOKEN))
    assert subject.send(whole[:-1]) == []
    subject.service.retune(limited(), guarded(NEXT_TOKEN))
    assert last(subject.send(whole[-1:])).status == 202


@pytest.mark.parametrize("whole", [delivery(), chunked(EVENT), chunked(EVENT[:9], EVENT[9:])])
def test_other_limits_hold_from_the_next_request_on(whole: bytes) -> None:
    """Retuned with the access, in one step, whether a length is declared or not; the counts go on."""
    seen = []
    for former, new in ((len(EVENT), len(EVENT) - 1), (len(EVENT) - 1, len(EVENT))):
        subject = Wire(limited(max_body_bytes=former))
        subject.send(delivery(body=b"{}"))
        subject.service.retune(limited(max_body_bytes=new), Access())
        seen.append(last(subject.send(whole)).status)
    assert seen == [413, 202]


def test_other_room_for_bodies_holds_from_the_next_piece_on() -> None:
    """It is one number for all connections, open ones too."""
    subject = Wire()
    assert last(subject.send(delivery())).status == 202
    subject.service.retune(limited(max_receiving_bytes=len(EVENT) - 1), Access())
    assert last(subject.send(chunked(EVENT))).status == 503


@pytest.mark.parametrize(
    "head",
    [
        delivery(target=b"/events/orders"),
        delivery(target=b"/events/unknown"),
        delivery(method=b"GET"),
        request(method=b"FETCH", target=b"/events/orders"),
        request(method=b"FETCH", target=b"/events/unknown"),
        request(b"WebHook-Request-Origin: events.example", method=b"OPTIONS"),
    ],
)
@pytest.mark.parametrize("piece", [0, 1])
def test_who_shows_no_certificate_for_a_name_learns_nothing_else(head: bytes, piece: int) -> None:
    """As who shows no token, with whatever method."""
    subject = Wire(access=Access(client_names=frozenset(["orders"])))
    assert last(subject.send(head, piece=piece)).status == 403
    assert subject.intake.asked == []


def test_a_certificate_is_for_its_dns_uri_and_common_names() -> None:
    """And not for its addresses, or whatever else its subject says."""
    certificate = {
        "subject": ((("organizationName", "Example"),), (("commonName", "orders"),)),
        "subjectAltName": (
            ("DNS", "a.example"),
            ("URI", "spiffe://example/orders"),
            ("IP Address", "127.0.0.1"),
            ("email", "a@example.com"),
        ),
    }
    assert names(certificate) == {"orders", "a.example", "spiffe://example/orders"}


def test_no_token_is_in_what_access_prints() -> None:
    """A log line with it by accident says nothing."""
    assert TOKEN not in f"{guarded(TOKEN)!r} {guarded(TOKEN).tokens!r}"
