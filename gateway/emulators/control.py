"""The control interface of an emulated bus, on the bus's own port under `/_emulator/`. JSON only.

    GET    /_emulator/events?limit=N      what was delivered, newest last (default 100)
    DELETE /_emulator/events              forget events, dropped events and requests; counts stay
    GET    /_emulator/dropped?limit=N     what was answered as taken and went nowhere, with the reason
    GET    /_emulator/requests?limit=N    requests and how each of their entries fared
    GET    /_emulator/statistics          counts since the start
    GET    /_emulator/faults              the faults in force, and what is left of the script
    PUT    /_emulator/faults              replace them: the document is `faults.Faults`; 400 names a bad key
    DELETE /_emulator/faults              nothing goes wrong any more

For example: `{"standing": [{"kind": "throttle", "probability": 0.1, "retry_after_seconds": 1}]}`.
It asks for no credentials: keep the emulator on loopback.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

from gateway.emulators.bus import Answer, AnyBus, Request
from gateway.emulators.faults import Faults, FaultsError
from gateway.emulators.received import Ring, Statistics

PREFIX = "/_emulator/"
MAX_BODY_BYTES = 16 * 1024 * 1024
_DEFAULT_LIMIT = 100


class ControlError(Exception):
    """A control request that cannot be answered as asked."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


class Control:
    """Answers control requests for `bus`."""

    def __init__(self, bus: AnyBus) -> None:
        self._bus = bus
        self._routes: dict[str, dict[str, Callable[[Request], object]]] = {
            "events": {"GET": lambda request: _newest(bus.record.events, request), "DELETE": self._forget},
            "dropped": {"GET": lambda request: _newest(bus.record.dropped, request)},
            "requests": {"GET": lambda request: _newest(bus.record.requests, request)},
            "statistics": {"GET": lambda _: statistics(bus)},
            "faults": {"GET": self._show_faults, "PUT": self._set_faults, "DELETE": self._clear_faults},
        }

    def answer(self, request: Request) -> Answer:
        """200 with a document, or 400, 404 or 405 with an `error`."""
        try:
            return _answer(200, self._route(request)(request))
        except ControlError as error:
            return _answer(error.status, {"error": str(error)}, error.headers)

    def _route(self, request: Request) -> Callable[[Request], object]:
        methods = self._routes.get(request.path.removeprefix(PREFIX))
        if methods is None:
            raise ControlError(
                404, f"nothing here; there is {', '.join(PREFIX + name for name in self._routes)}"
            )
        if request.method not in methods:
            raise ControlError(405, "no such method here", {"Allow": ", ".join(methods)})
        return methods[request.method]

    def _forget(self, _: Request) -> object:
        self._bus.record.clear()
        return {}

    def _show_faults(self, _: Request) -> object:
        return self._bus.injector.remaining

    def _set_faults(self, request: Request) -> object:
        try:
            self._bus.injector.faults = Faults.parse(request.body)
        except FaultsError as error:
            raise ControlError(400, str(error)) from error
        return self._bus.injector.remaining

    def _clear_faults(self, _: Request) -> object:
        self._bus.injector.faults = Faults()
        return self._bus.injector.remaining


def statistics(bus: AnyBus) -> Statistics:
    """A snapshot of everything the bus has counted."""
    counted = bus.record.statistics
    copies = {name: dict(value) for name, value in _members(counted).items() if isinstance(value, dict)}
    return msgspec.structs.replace(counted, **{**copies, "faults": dict(bus.injector.struck)})


def _members(statistics: Statistics) -> dict[str, Any]:
    return {name: getattr(statistics, name) for name in statistics.__struct_fields__}


def _newest(ring: Ring[Any], request: Request) -> object:
    return [record.document() for record in ring.newest(_limit(request))]


def _limit(request: Request) -> int:
    text = parse_qs(request.query).get("limit", [str(_DEFAULT_LIMIT)])[-1]
    if not (text.isascii() and text.isdigit() and len(text) <= len("1000000000")):
        raise ControlError(400, "limit: expected a number of records")
    return int(text)


def _answer(status: int, document: object, headers: dict[str, str] | None = None) -> Answer:
    return Answer(
        status, msgspec.json.encode(document), {"Content-Type": "application/json", **(headers or {})}
    )
