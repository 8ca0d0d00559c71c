"""The administration interface: metrics, probes, status, its page and drain, on a listener of its own.

Knows the gateway only through the snapshots and the questions of `Operations`; it has no way to read
events. Where there are tokens everything asks for one, but the probes, which say next to nothing, and the
files below `/page/`, which are the same in every installation. Where there are none `POST /drain` and
`POST /reload` answer programs on this machine alone, and on loopback nothing answers to another name.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, NoReturn, Protocol

import msgspec
from aiohttp import web

from gateway import metrics
from gateway.admin import problems
from gateway.admin.hosts import names_this_machine
from gateway.admin.page import HEADERS, PageFile, page_files
from gateway.admin.problems import Handler
from gateway.admin.status import Process, gateway_status
from gateway.admin.visitors import HEAD_SECONDS, Visitor, Visitors
from gateway.bearer import CHALLENGES, NO_TOKENS, BearerTokens, Verdict
from gateway.config import ListenAddress
from gateway.config.change import Change
from gateway.errors import ConfigError
from gateway.openapi import document
from gateway.snapshots import Snapshot

log = logging.getLogger(__name__)

LAST_ANSWERS_SECONDS = 1.0
"""How long a client that does not read may keep the end waiting."""

PROBES = ("/healthz", "/readyz")
"""A kubelet that asks has no token."""

PAGE = "/"
"""For a person, who has a browser."""

_READING = ("GET", "HEAD")

_encode = msgspec.json.Encoder(enc_hook=str).encode


class Operations(Protocol):
    """What the administration interface may ask of the gateway, and tell it."""

    async def refresh(self) -> None:
        """Bring up to date what the following say; bounded, about a second at most."""

    def snapshot(self) -> Snapshot:
        """Every figure at this moment."""

    def unready_because(self) -> str | None:
        """Why the gateway would not accept an event now; None if it would."""

    def status(self) -> Mapping[str, Any]:
        """What `/status` shows; no secret and no event data."""

    def request_drain(self) -> None:
        """Begin to drain, and exit when that is done."""

    async def reload(self) -> Change:
        """Take up the configuration's file as it is now. Raises ConfigError: nothing has changed."""


class Admin:
    """The listener. `start` binds, `aclose` is safe twice and without `start`."""

    def __init__(
        self,
        operations: Operations,
        listen: ListenAddress,
        tokens: BearerTokens = NO_TOKENS,
        *,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self._operations = operations
        self._listen = listen
        self.tokens = tokens
        """Those that are asked for from the next request on."""
        self._process = Process()
        self._page = {file.path: file for file in page_files()}
        self._description: bytes | None = None
        """Of both interfaces, once somebody has asked for it."""
        self._is_drain_asked = False
        """The gateway begins a moment later, but nobody who has the 202 is to read that it is ready."""
        self._registry = metrics.registry(operations.snapshot)
        self._visitors = Visitors(head_seconds=head_seconds)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen; the address bound, as a URL or `unix:/path`. Raises OSError."""
        self._runner = web.AppRunner(
            self._application(), handle_signals=False, shutdown_timeout=LAST_ANSWERS_SECONDS
        )
        await self._runner.setup()
        server, loop = self._runner.server, asyncio.get_running_loop()
        assert server is not None, "set up"

        def welcome() -> Visitor:
            return Visitor(self._visitors, lambda: problems.AdminProtocol(server, loop))

        if (path := self._listen.path) is not None:
            self._server = await loop.create_unix_server(welcome, path)
            return f"unix:{path}"
        self._server = await loop.create_server(welcome, self._listen.host, self._listen.port)
        return _url(self._server.sockets[0].getsockname())

    def _application(self) -> web.Application:
        """What answers requests, from the outside in."""
        app = web.Application(
            middlewares=[
                self._welcome,
                problems.problems,
                self._recognize,
                self._authorize,
                problems.expectations,
            ]
        )
        app.on_response_prepare.append(problems.be_brief)
        get = {
            "/metrics": self._metrics,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/status": self._status,
            "/openapi.json": self._openapi,
            **{file.path: _showing(file) for file in self._page.values()},
        }
        app.add_routes(_paths(get, {"/drain": self._drain, "/reload": self._reload}))
        return app

    async def aclose(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, request: web.Request) -> web.Response:
        await self._operations.refresh()
        body, content_type = metrics.render(self._registry, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        await self._operations.refresh()
        reason = self._operations.unready_because() or ("draining" if self._is_drain_asked else None)
        return (
            web.Response(text="ready\n") if reason is None else web.Response(text=f"{reason}\n", status=503)
        )

    async def _status(self, _request: web.Request) -> web.Response:
        await self._operations.refresh()
        told, snapshot = self._operations.status(), self._operations.snapshot()
        status = gateway_status(told, snapshot, self._process, wall_now=time.time())
        return web.Response(
            body=_encode(status), content_type="application/json", headers={"Cache-Control": "no-store"}
        )

    async def _openapi(self, _request: web.Request) -> web.Response:
        if self._description is None:  # tens of milliseconds: too long for a loop that takes events meanwhile
            self._description = await asyncio.to_thread(lambda: _encode(document()))
        return web.Response(body=self._description, content_type="application/json")

    async def _drain(self, request: web.Request) -> web.Response:
        self._refuse_strangers(request)
        self._operations.request_drain()
        self._is_drain_asked = True
        return web.Response(text="draining\n", status=202)

    async def _reload(self, request: web.Request) -> web.Response:
        self._refuse_strangers(request)
        try:
            change = await self._operations.reload()
        except ConfigError as error:
            return problems.faulty(error)
        told = {"changed": change.changed, "needs_restart": change.needs_restart}
        return web.Response(body=_encode(told), content_type="application/json")

    @web.middleware
    async def _welcome(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Say that a whole head has come, and when it is answered."""
        visitor = self._visitors.of(request.transport)
        if visitor is None:
            return await handler(request)
        visitor.begin()
        try:
            return await handler(request)
        finally:
            visitor.end()

    @web.middleware
    async def _recognize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse pages from elsewhere that had their name stand for loopback, where no token keeps them out.

        On every path: even `/readyz` names destinations, and a probe of loopback can say `localhost`. Beyond
        loopback names are usual, and a browser connects to no Unix socket.
        """
        can_be_rebound = self._listen.path is None and self._listen.is_local and not self.tokens
        if can_be_rebound and not names_this_machine(request.headers.get("Host", "")):
            raise web.HTTPMisdirectedRequest(
                text="Host is neither localhost nor an IP address; with admin.tokens it may be any name"
            )
        return await handler(request)

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Ask for a token before anything is told, be it that there is nothing of that name.

        A browser has no token to show when it opens the page, but it shows the body of a 401: so that is the
        page, which has a form for the token. Its script then shows it to `/status`.
        """
        shown = request.headers.get("Authorization")
        verdict = self.tokens.judge(shown.encode(errors="surrogateescape") if shown is not None else None)
        if verdict is Verdict.GRANTED or self._is_open(request.path):
            return await handler(request)
        challenge = {"WWW-Authenticate": CHALLENGES[verdict]}
        if request.path == PAGE and request.method in _READING:
            return _shown(self._page[PAGE], HTTPStatus.UNAUTHORIZED, {**HEADERS, **challenge})
        raise web.HTTPUnauthorized(text="a bearer token is needed", headers=challenge)

    def _is_open(self, path: str) -> bool:
        """Whether that is told to anybody: the probes, and what the page loads, which holds no figure."""
        return path in PROBES or (path in self._page and path != PAGE)

    def _refuse_strangers(self, request: web.Request) -> None:
        """Let programs on this machine alone change things where no token is asked for. Raises HTTPForbidden.

        A page in a browser can post to loopback as well, but not without an Origin.
        """
        if not self.tokens and (not _is_local(request.remote) or "Origin" in request.headers):
            raise web.HTTPForbidden(text=f"POST {request.path} answers programs on this machine only")


def _showing(file: PageFile) -> Handler:
    """Answers with that file."""

    async def show(_request: web.Request) -> web.Response:
        return _shown(file, HTTPStatus.OK, HEADERS)

    return show


def _shown(file: PageFile, status: HTTPStatus, headers: Mapping[str, str]) -> web.Response:
    fields = {**headers, "Content-Type": file.content_type}
    return web.Response(body=file.body, status=status.value, headers=fields)


def _paths(get: Mapping[str, Handler], post: Mapping[str, Handler]) -> Iterator[web.RouteDef]:
    """Every path with its one method, and the refusal of all others; then of every other path."""
    for path, handler in get.items():
        yield web.get(path, handler, expect_handler=problems.leave_expectations)
    for path, handler in post.items():
        yield web.post(path, handler, expect_handler=problems.leave_expectations)
    for path in (*get, *post):
        refuse = _refusing(_READING if path in get else ["POST"])
        yield web.route("*", path, refuse, expect_handler=problems.leave_expectations)
    yield web.route("*", "/{path:.*}", _refuse_path, expect_handler=problems.leave_expectations)


def _refusing(allowed: Sequence[str]) -> Handler:
    """Answers any other method on a path."""

    async def refuse(request: web.Request) -> NoReturn:
        text = f"{request.path} answers {' and '.join(allowed)}"
        raise web.HTTPMethodNotAllowed(request.method, allowed, text=text)

    return refuse


async def _refuse_path(_request: web.Request) -> NoReturn:
    raise web.HTTPNotFound(text="there is nothing at this path")


def _is_local(remote: str | None) -> bool:
    """A peer on loopback, or on a Unix socket, which has no address."""
    if not remote:
        return True
    address = ip_address(remote.partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _url(address: tuple[Any, ...]) -> str:
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
