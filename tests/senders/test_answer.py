"""What an answer's headers say of time."""

import pytest

from gateway.senders.answer import retry_after_seconds

NOW = 1_772_600_760.0  # 2026-03-04T05:06:00Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Wed, 04 Mar 2026 05:06:30 GMT", 30.0),
        ("Wed, 04 Mar 2026 05:05:30 GMT", 0.0),
        ("99999999999999999999", 3600.0),
        ("Wed, 04 Mar 2099 05:06:30 GMT", 3600.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("Wed, 99 Mar 2026 05:06:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """RFC 9110 §10.2.3; longer than an hour is cut, and nonsense is no hint at all."""
    assert retry_after_seconds({"Retry-After": text}, NOW) == seconds


def test_without_retry_after_there_is_no_hint() -> None:
    """The header is optional."""
    assert retry_after_seconds({}, NOW) is None
