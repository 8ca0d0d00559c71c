"""A secret does not show itself."""

import json
from collections.abc import Callable

import msgspec
import pytest

from gateway.secret import Secret

KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


class Credentials(msgspec.Struct, frozen=True):
    """What a sender signs with."""

    access_key_id: str
    secret_access_key: Secret


def test_a_secret_is_given_out_where_it_is_asked_for_by_name() -> None:
    """`reveal` is the one way to the text."""
    assert Secret(KEY).reveal() == KEY


@pytest.mark.parametrize(
    "show", [str, repr, "{}".format, "%s".__mod__, "%r".__mod__, lambda secret: f"{[secret]}"]
)
def test_a_secret_prints_as_dots(show: Callable[[Secret], str]) -> None:
    """However it gets into a text, nothing of it can be read there, not even its length."""
    assert show(Secret(KEY)).strip("[]") == "••••••"


def test_a_struct_prints_its_secrets_as_dots() -> None:
    """A configuration in a log line or in a traceback gives nothing away."""
    assert repr(Credentials("AKIDEXAMPLE", Secret(KEY))) == (
        "Credentials(access_key_id='AKIDEXAMPLE', secret_access_key=••••••)"
    )


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode, msgspec.to_builtins])
def test_a_secret_cannot_be_encoded(encode: Callable[[object], object]) -> None:
    """A status page that forgets to mask it fails instead of showing it."""
    with pytest.raises(TypeError):
        encode({"key": Secret(KEY)})


def test_secrets_are_compared_by_their_text() -> None:
    """A reload can tell whether a secret has changed."""
    assert Secret(KEY) == Secret(KEY)
    assert hash(Secret(KEY)) == hash(Secret(KEY))
    assert Secret(KEY) != Secret("another")
    assert Secret(KEY) != KEY


def test_an_empty_secret_is_false() -> None:
    """It stands for a key that is not set."""
    assert not Secret("")
    assert Secret(KEY)
