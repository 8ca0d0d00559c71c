"""The HTTPS client that senders share: bytes out, bytes in, foreign errors made ours in one place.

Knows no bus. It sends each request once, exactly as it was signed: no redirect, no retry, no
cookie, no decompression, no header of its own but User-Agent, Accept-Encoding and Content-Length.
It sets no time-out either: whoever calls `Sender.send` bounds its time, by cancelling it.
"""

import io
import ssl
from collections.abc import Mapping

import aiohttp
from yarl import URL

from gateway.errors import UnavailableError
from gateway.senders.answer import Answer

MAX_ANSWER_BYTES = 1 << 20
"""Buses answer with some hundred bytes an entry; what is longer comes from something else."""

_MAX_PLAIN_BODY_BYTES = 1 << 20
"""Above it aiohttp warns of a body given as bytes; a file object goes out in pieces."""

_MAX_CONNECTIONS = 1024
"""A bound against leaks only: `delivery.max_in_flight` decides."""

_KEEP_ALIVE_SECONDS = 50.0
"""Shorter than the 60 s after which load balancers commonly close an idle connection."""


class HttpClient:
    """A pool of connections, opened at the first request; one for each destination."""

    def __init__(self, user_agent: str = "gateway") -> None:
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: URL, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST `body` and read the whole answer, of whatever status.

        Raises UnavailableError for everything that is not a complete answer of at most
        MAX_ANSWER_BYTES; its code says what went wrong. Cancelling closes the connection.
        """
        if self._session is None:
            self._session = self._open()
        data = body if len(body) <= _MAX_PLAIN_BODY_BYTES else io.BytesIO(body)
        try:
            async with self._session.post(url, headers=headers, data=data, allow_redirects=False) as answer:
                content = await read_all(answer.content, MAX_ANSWER_BYTES)
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(_code(error), _describe(error)) from error
        if content is None:
            raise UnavailableError("answer_too_large", f"more than {MAX_ANSWER_BYTES} bytes")
        return Answer(answer.status, answer.headers, content)

    async def aclose(self) -> None:
        """Close every connection; the next request would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
            skip_auto_headers=("Accept", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
        )


async def read_all(content: aiohttp.StreamReader, max_bytes: int) -> bytes | None:
    """What is left of an answer, or None as soon as it is known to be longer than `max_bytes`."""
    parts, size = [], 0
    async for part in content.iter_any():
        size += len(part)
        if size > max_bytes:
            return None
        parts.append(part)
    return b"".join(parts)


_CODES: tuple[tuple[type[Exception], str], ...] = (
    # First match counts: aiohttp's connection errors inherit from one another and from OSError.
    (aiohttp.ClientConnectorDNSError, "name_not_resolved"),
    (aiohttp.ClientSSLError, "tls_failed"),
    (aiohttp.ClientConnectorError, "connection_failed"),
    (aiohttp.ServerDisconnectedError, "connection_reset"),
    (ConnectionResetError, "connection_reset"),
    (BrokenPipeError, "connection_reset"),
    (TimeoutError, "timeout"),
    (aiohttp.ClientPayloadError, "connection_reset"),
    (aiohttp.ClientResponseError, "unreadable_answer"),
    (ssl.SSLError, "tls_failed"),
)


def _code(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, TimeoutError):
        return "timeout"  # the kernel's own: no answer to a SYN
    return next((code for kind, code in _CODES if isinstance(error, kind)), "connection_failed")


def _describe(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.strerror:
        return f"{error.host}:{error.port}: {error.os_error.strerror}"  # aiohttp's text speaks of ssl always
    return str(error) or type(error).__name__
