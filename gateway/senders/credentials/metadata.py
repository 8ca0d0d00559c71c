"""Short conversations with the services that hand out credentials: on the instance, in the pod, or STS.

Everything is bounded: the time, the size of an answer, and the one connection, which is closed at the
end. Proxies are left alone, for a metadata service is never behind one. No redirect is followed.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from gateway.senders.answer import Answer
from gateway.senders.credentials.provider import ProviderError

TIMEOUT_SECONDS = 1.0
"""A metadata service is one hop away; where there is none, packets may vanish without an answer."""

MAX_ANSWER_BYTES = 64 << 10

_MAX_LINE_BYTES = 32 << 10
"""Tokens come in headers, and may have 16 KiB."""


class UnreachableError(ProviderError):
    """Nobody answered: there may be no such service here."""


class MetadataClient:
    """One conversation with the service at `base_url`: `async with MetadataClient(url) as service`."""

    def __init__(self, base_url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._base_url = URL(base_url)
        self._timeout_seconds = timeout_seconds

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout_seconds),
            trust_env=False,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """The whole answer, of whatever status. `path` may have a query; without one, the base address's own.

        Raises UnreachableError if no answer began, ProviderError if it was too long or broke off. The
        messages name host and path, never a query, header or body.
        """
        url = self._base_url.join(URL(path)) if path else self._base_url
        place = f"{method} {url.origin()}{url.path}"
        try:
            async with self._session.request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as answer:
                content = await _read_all(answer.content, MAX_ANSWER_BYTES)
        except (aiohttp.ClientConnectionError, TimeoutError, OSError) as error:
            raise UnreachableError(f"{place}: {type(error).__name__}") from error
        except aiohttp.ClientError as error:
            raise ProviderError(f"{place}: {type(error).__name__}") from error
        if content is None:
            raise ProviderError(f"{place}: answered more than {MAX_ANSWER_BYTES} bytes")
        return Answer(answer.status, answer.headers, content)


async def _read_all(content: aiohttp.StreamReader, max_bytes: int) -> bytes | None:
    """What is left of an answer, or None as soon as it is known to be longer than `max_bytes`."""
    parts, size = [], 0
    async for part in content.iter_any():
        size += len(part)
        if size > max_bytes:
            return None
        parts.append(part)
    return b"".join(parts)
