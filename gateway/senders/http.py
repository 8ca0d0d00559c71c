"""The HTTP client that senders share: bytes out, bytes in, every failure made ours.

Knows no bus. It sends each request once, exactly as it was signed: no redirect, no retry (a bus may have
taken what it did not answer), no cookie, no decompression, no header of its own but Host, User-Agent,
Accept-Encoding and Content-Length. It goes straight to the URL's host, whatever proxies the environment
names; a user in the URL is left out. It sets no time-out either: whoever calls `Sender.send` bounds its
time, by cancelling it.

It is our own because its share of a request's cost was the largest: see `benchmarks/micro/client.py`.
"""

import asyncio
import ssl
from collections.abc import Mapping

from yarl import URL

from gateway.senders.answer import Answer
from gateway.senders.http_answer import MAX_ANSWER_BYTES
from gateway.senders.http_pool import Pool
from gateway.senders.http_request import Origin, head_of, origin_of

__all__ = ["MAX_ANSWER_BYTES", "HttpClient"]

MAX_CONNECTIONS = 1024
"""A bound against leaks only: `delivery.max_in_flight` decides."""


class HttpClient:
    """A pool of connections for each origin, opened as they are needed; one client for each destination.

    `tls` takes the place of the context that trusts the system's authorities.
    """

    def __init__(
        self,
        user_agent: str = "gateway",
        *,
        tls: ssl.SSLContext | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._user_agent = user_agent
        self._tls = tls
        self._pools: dict[Origin, Pool] = {}
        self._turns = asyncio.Semaphore(max_connections)

    async def post(self, url: URL, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST `body` and read the whole answer, of whatever status.

        Raises UnavailableError for everything that is not a complete answer of at most
        MAX_ANSWER_BYTES; its code says what went wrong, and neither code nor message has anything of the
        request. Raises ValueError, and sends nothing, for headers that cannot be sent as they are, and for
        a URL that is not of http or https. Cancelling closes the connection.
        """
        head = head_of(url, headers, len(body), user_agent=self._user_agent)
        async with self._turns:
            pool = self._pool_of(origin_of(url))
            connection = pool.take() or await pool.open()
            try:
                return await connection.exchange(head, body)
            finally:
                pool.give_back(connection)

    async def aclose(self) -> None:
        """Close every connection, those in use as well; the next request would open new ones."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    def _pool_of(self, origin: Origin) -> Pool:
        if (pool := self._pools.get(origin)) is None:
            pool = self._pools[origin] = Pool(origin, self._tls)
        return pool
