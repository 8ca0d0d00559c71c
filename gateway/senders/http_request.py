"""A POST as HTTP/1.1 has it on the wire (RFC 9112), and the origin it goes to. Pure.

What does not change from one request to the next is put together once: the senders' requests differ in
their headers' values and their bodies only.
"""

from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct
from yarl import URL

_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "expect", "upgrade"})
"""Headers that say how a request is sent, which nobody else can know."""


class Origin(Struct, frozen=True):
    """Scheme, host and port: what a connection leads to."""

    is_tls: bool
    host: str
    """A name as the DNS has it, or an address without brackets."""
    port: int

    @property
    def certified_name(self) -> str:
        """What a certificate must name: without the dot that an absolute name may end in."""
        return self.host.rstrip(".")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@lru_cache(maxsize=64)
def origin_of(url: URL) -> Origin:
    """Where `url` leads. Raises ValueError if it is no absolute URL of http or https."""
    if url.scheme not in ("http", "https") or not url.raw_host or not url.port:
        raise ValueError("not an absolute URL of http or https")
    return Origin(url.scheme == "https", url.raw_host, url.port)


def head_of(url: URL, headers: Mapping[str, str], body_bytes: int, *, user_agent: str) -> bytes:
    """The head of a POST: `headers` as they are, and those of ours that are not among them.

    Raises ValueError for a header that would be read as something else; its message never has a value.
    """
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    text = "".join(lines)
    if not text.count("\r") == text.count("\n") == len(lines) or "\0" in text:
        raise ValueError("a header has a line break or NUL in it")
    first = _first_lines(url, tuple(headers), user_agent)
    return f"{first}{text}Content-Length: {body_bytes}\r\n\r\n".encode()


@lru_cache(maxsize=64)
def _first_lines(url: URL, names: tuple[str, ...], user_agent: str) -> str:
    """Request line and headers of ours, beside those that the caller gives by these names."""
    given = {name.lower() for name in names}
    if wrong := given & _FRAMING:
        raise ValueError(f"not for a caller to say: {', '.join(sorted(wrong))}")
    ours = {
        "Host": url.host_port_subcomponent or "",
        "User-Agent": user_agent,
        "Accept-Encoding": "identity",
    }
    lines = [f"{name}: {value}\r\n" for name, value in ours.items() if name.lower() not in given]
    return f"POST {url.raw_path_qs} HTTP/1.1\r\n{''.join(lines)}"
