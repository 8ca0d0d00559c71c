"""Requests as bytes."""

import pytest
from yarl import URL

from gateway.senders.http_request import Origin, head_of, origin_of

URL_WITH_PATH = URL("https://bus.example.com:8443/v1/a%20b?x=1")
SECRET_VALUE = "AWS4-HMAC-SHA256 Signature=abc"


def lines_of(url: URL, **headers: str) -> list[bytes]:
    head = head_of(url, headers, 2, user_agent="gateway/test")
    assert head.endswith(b"\r\n\r\n")
    return head[:-4].split(b"\r\n")


def test_a_head_has_what_was_given_and_what_must_be_added() -> None:
    """Byte for byte."""
    assert head_of(URL_WITH_PATH, {"x-a": "1", "X-B": "ü"}, 12, user_agent="gateway/test") == (
        b"POST /v1/a%20b?x=1 HTTP/1.1\r\nHost: bus.example.com:8443\r\nUser-Agent: gateway/test\r\n"
        b"Accept-Encoding: identity\r\nx-a: 1\r\nX-B: \xc3\xbc\r\nContent-Length: 12\r\n\r\n"
    )


@pytest.mark.parametrize("name", ["host", "Host", "user-agent", "ACCEPT-ENCODING"])
def test_what_the_caller_gives_is_not_added_again(name: str) -> None:
    """A header that was signed stands there once, as it was signed."""
    lines = lines_of(URL_WITH_PATH, **{name: "signed"})
    assert [line for line in lines if line.lower().startswith(name.lower().encode())] == [
        f"{name}: signed".encode()
    ]


def test_heads_of_other_names_are_not_mixed_up() -> None:
    """What is put together once is put together for these names, this URL and this client."""
    assert b"Host: bus.example.com:8443" in lines_of(URL_WITH_PATH, a="1")
    assert b"Host: bus.example.com:8443" not in lines_of(URL_WITH_PATH, host="b")
    assert lines_of(URL("http://a/b"))[:2] == [b"POST /b HTTP/1.1", b"Host: a"]
    assert b"User-Agent: other" in head_of(URL_WITH_PATH, {"a": "1"}, 2, user_agent="other")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a", "1\r\nb: 2"),
        ("a", "1\n"),
        ("a", "1\r"),
        ("a", "\n\r"),
        ("a", "1\0"),
        ("a\r\nb", "1"),
        ("a\0", "1"),
    ],
)
def test_what_would_be_read_as_another_header_is_never_made(name: str, value: str) -> None:
    """And the value, which may be a secret, is not repeated."""
    with pytest.raises(ValueError, match="a header has a line break or NUL in it") as caught:
        head_of(URL_WITH_PATH, {"authorization": SECRET_VALUE, name: value}, 2, user_agent="x")
    assert SECRET_VALUE not in str(caught.value)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Connection", "Expect", "Upgrade"])
def test_how_a_request_is_sent_is_not_for_a_caller_to_say(name: str) -> None:
    """It would contradict what the client does."""
    with pytest.raises(ValueError, match=f"not for a caller to say: {name.lower()}"):
        head_of(URL_WITH_PATH, {name: "5"}, 2, user_agent="x")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://bus.example.com", Origin(is_tls=False, host="bus.example.com", port=80)),
        ("https://bus.example.com/a", Origin(is_tls=True, host="bus.example.com", port=443)),
        ("https://[::1]:8443/", Origin(is_tls=True, host="::1", port=8443)),
        ("http://bücher.example", Origin(is_tls=False, host="xn--bcher-kva.example", port=80)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: Origin) -> None:
    """The port by the scheme where none is given, the name as the DNS has it."""
    assert origin_of(URL(url)) == origin


def test_a_certificate_knows_no_dot_at_a_names_end() -> None:
    """To the DNS it is the same name."""
    assert origin_of(URL("https://bus.example.com.")).certified_name == "bus.example.com"


@pytest.mark.parametrize("url", ["ftp://a/b", "/a", "file:///etc/passwd"])
def test_what_is_no_url_of_http_has_no_origin(url: str) -> None:
    """A caller's mistake, found before anything is opened."""
    with pytest.raises(ValueError, match="not an absolute URL of http or https"):
        origin_of(URL(url))
