"""The administration's refusals as problem details (RFC 9457), those that aiohttp makes itself too."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from gateway.errors import ConfigError

log = logging.getLogger(__name__)

SERVER = "gateway"
"""What the `Server` field says: aiohttp's tells versions, to people who have shown no token."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_KEPT = ("Allow", "WWW-Authenticate")
"""Header fields of a refusal that belong to its status."""


class AdminProtocol(web.RequestHandler):
    """aiohttp's side of a connection, but for its errors."""

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop=loop, access_log=None)  # type: ignore[arg-type]  # as AppRunner takes it: none

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, and for a fault of our own; then the connection ends."""
        del message  # it quotes what came
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            answer = _problem(HTTPStatus(status), "the request is not well-formed HTTP/1.1")
        else:
            log.error("the administration interface has failed", extra={"path": request.path}, exc_info=exc)
            answer = _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the gateway has failed; its log says how")
        answer.force_close()
        return answer


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals as problem details."""
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        kept = {name: value for name, value in refusal.headers.items() if name in _KEPT}
        return _problem(HTTPStatus(refusal.status), refusal.text or "", headers=kept)


@web.middleware
async def expectations(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what cannot be met (RFC 9110 10.1.1), and read on: no answer waits for a body."""
    expected = request.headers.get("Expect", "100-continue")
    if expected.lower() != "100-continue":
        raise web.HTTPExpectationFailed(text="the expectation understood is 100-continue")
    return await handler(request)


async def leave_expectations(_request: web.Request) -> None:
    """Say nothing before a token is asked for: `expectations` looks at them afterwards."""


async def be_brief(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Name no versions."""
    response.headers["Server"] = SERVER


def faulty(error: ConfigError) -> web.Response:
    """What is wrong with a configuration, key by key."""
    return _problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "the configuration is not taken up; the former one stays",
        title="Unprocessable Content",
        errors=[{"key": fault.key, "message": fault.message} for fault in error.faults],
    )


def _problem(
    status: HTTPStatus, detail: str, *, title: str = "", headers: Mapping[str, str] | None = None, **more: Any
) -> web.Response:
    problem = {
        "type": "about:blank",
        "title": title or status.phrase,
        "status": status.value,
        "detail": detail,
        **more,
    }
    return web.Response(
        body=msgspec.json.encode(problem),
        status=status.value,
        headers={"Server": SERVER, **(headers or {})},
        content_type="application/problem+json",
    )
