"""What a bus says, before it reaches logs, dead letters and `/status`."""

import json

import pytest

from gateway.secret import Secret
from gateway.senders.answer import Answer
from gateway.senders.verdict import MAX_MESSAGE_CHARACTERS
from gateway.senders.wording import speakable, without

TOKEN = "CAISdummy/Security+Token&1=="


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("No match.\n\nThe Canonical String for this request should be\n'POST\nx-amz…", "No match."),
        ("verify failed, canonical request: POST\nx-security-token:gQ…", "verify failed,"),
        ("No match. server string to sign is:POST\nx-acs-security-token:CAIS…", "No match. server"),
        ("No match. StringToSign: POST\nCAIS…", "No match."),
        ("No match: POST X-Acs-Security-Token:CAIS…", "No match: POST"),
        (
            "Value 'an event\n's own' at 'entries.1.member.source' failed",
            "Value '…' at 'entries.1.member.source' failed",
        ),
        ("The security token is invalid.", "The security token is invalid."),
    ],
)
def test_what_quotes_the_request_is_left_out(message: str, said: str) -> None:
    """A refused signature's message repeats what was signed, and a token is signed in clear."""
    assert speakable(message) == said


def test_a_message_has_an_end() -> None:
    """However much the bus has to say."""
    assert speakable("x" * 9999) == "x" * MAX_MESSAGE_CHARACTERS


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(TOKEN),
        json.dumps(TOKEN).replace("/", r"\/"),
        json.dumps(TOKEN).replace("=", r"\u003d").replace("&", r"\u0026"),
        json.dumps(TOKEN).replace("+", r"\u002B"),
    ],
)
def test_a_secret_is_starred_however_its_json_spells_it(written: str) -> None:
    """Encoders differ in which signs they escape."""
    heard = without(Answer(403, {}, f'{{"message":{written}}}'.encode()), Secret(TOKEN))
    assert json.loads(heard.body) == {"message": "***"}


def test_an_answer_without_secrets_is_left_as_it_is() -> None:
    """An absent token is everywhere, and one letter nearly so."""
    answer = Answer(200, {}, b'{"message":"a key"}')
    assert without(answer, Secret(""), Secret("a"), Secret(TOKEN)) is answer
