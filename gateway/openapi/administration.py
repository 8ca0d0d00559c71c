"""The administration interface's paths and operations."""

from gateway.openapi.schema import ANYBODY, Json, header, reference, text

_TOKEN: list[Json] = [{}, {"bearer": []}]
"""As configured: none by default."""

_PLAIN: Json = {"text/plain": {"schema": text()}}
_PROBLEM: Json = {"application/problem+json": {"schema": reference("AdministrationProblem")}}
_CONFIGURATION: Json = {"application/problem+json": {"schema": reference("ConfigurationProblem")}}
_PAGE: Json = {"text/html": {"schema": text()}}
_METRICS: Json = {"text/plain": {"schema": text()}, "application/openmetrics-text": {"schema": text()}}


def _answer(description: str, content: Json, headers: Json | None = None) -> Json:
    return {"description": description, **({"headers": headers} if headers else {}), "content": content}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


_UNAUTHORIZED = _answer(
    "Tokens are configured, and this request shows none of them.",
    _PROBLEM,
    {"WWW-Authenticate": header("What to show (RFC 6750 3).", text(), required=True)},
)
_UNAUTHORIZED_PAGE: Json = {
    **_UNAUTHORIZED,
    "description": "Tokens are configured, and this request shows none of them. The body is the page, with a"
    " form for the token; to any other method than GET and HEAD it is problem details.",
    "content": {**_PAGE, **_PROBLEM},
}
_NOT_ALLOWED = _answer(
    "To any other method on this path.",
    _PROBLEM,
    {"Allow": header("The methods that the path has (RFC 9110 10.2.1).", text(), required=True)},
)
_ANY: Json = {
    "400": _answer("Not well-formed HTTP/1.1. The connection ends.", _PROBLEM),
    "405": _NOT_ALLOWED,
    "417": _answer("An expectation other than `100-continue`.", _PROBLEM),
    "421": _answer(
        "No tokens are configured, the listener is on loopback, and `Host` is a name, other than `localhost`"
        " or one below it: perhaps that of a page from elsewhere, made to stand for this machine.",
        _PROBLEM,
    ),
    "500": _answer("The gateway has failed. No request should make it. The connection ends.", _PROBLEM),
}
"""What any request may be answered."""

_FORBIDDEN: Json = {
    "403": _answer(
        "No tokens are configured, and the request does not come from a program on this machine: it comes"
        " from elsewhere, or has an `Origin`, as those of pages in a browser have.",
        _PROBLEM,
    )
}


def administration_paths() -> dict[str, Json]:
    """Every path of the administration interface and its operations."""
    return {
        path: {method: {**operation, "tags": ["administration"]}}
        for path, (method, operation) in _OPERATIONS.items()
    }


def _open(operation_id: str, summary: str, responses: Json) -> Json:
    """One that never asks for a token."""
    return {
        "operationId": operation_id,
        "summary": summary,
        "security": ANYBODY,
        "responses": dict(sorted({**_ANY, **responses}.items())),
    }


def _guarded(operation_id: str, summary: str, responses: Json) -> Json:
    """One that asks for a token where there are any."""
    answers = {"401": _UNAUTHORIZED, **responses}
    return {**_open(operation_id, summary, answers), "security": _TOKEN}


_OPERATIONS: dict[str, tuple[str, Json]] = {
    "/": (
        "get",
        _guarded(
            "page",
            "The status as a page for a person",
            {
                "200": _answer("The page; it loads what it needs from below `/page/`.", _PAGE),
                "401": _UNAUTHORIZED_PAGE,
            },
        ),
    ),
    "/openapi.json": (
        "get",
        _guarded("openapi", "This description", {"200": _answer("OpenAPI 3.1.", _json({"type": "object"}))}),
    ),
    "/metrics": (
        "get",
        _guarded(
            "metrics",
            "Every metric, for Prometheus",
            {"200": _answer("In the format that `Accept` asks for.", _METRICS)},
        ),
    ),
    "/healthz": (
        "get",
        _open("healthz", "Whether the process works", {"200": _answer("It does.", _PLAIN)}),
    ),
    "/readyz": (
        "get",
        _open(
            "readyz",
            "Whether an event would be accepted",
            {
                "200": _answer("It would.", _PLAIN),
                "503": _answer("It would not: the body says why.", _PLAIN),
            },
        ),
    ),
    "/status": (
        "get",
        _guarded(
            "status",
            "The gateway at this moment, for a program",
            {"200": _answer("No secret and no event data.", _json(reference("Status")))},
        ),
    ),
    "/drain": (
        "post",
        _guarded(
            "drain",
            "Deliver what is held, then exit",
            {"202": _answer("It has begun; asking again changes nothing.", _PLAIN), **_FORBIDDEN},
        ),
    ),
    "/reload": (
        "post",
        _guarded(
            "reload",
            "Take up the configuration file as it is now",
            {
                "200": _answer(
                    "Taken up, as far as that goes without a new start.", _json(reference("Reloaded"))
                ),
                "422": _answer("The file is not right: the former configuration stays.", _CONFIGURATION),
                **_FORBIDDEN,
            },
        ),
    ),
}
