"""A stand-in for Huawei Cloud IAM: tokens for a user's password, after `POST /v3/auth/tokens`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from gateway.emulators.faults import DenyAccess, ExpireToken, Refuse, RequestFault, Throttle, Unavailable

_MAX_TOKENS = 1_000
"""How many of the newest tokens are remembered."""


class User(Struct, frozen=True):
    """A user that may fetch tokens; `domain` is the name of the account."""

    name: str = "exampleuser"
    password: str = "examplepassword"  # noqa: S105 - says itself that it is none
    domain: str = "exampleaccount"

    def __repr__(self) -> str:
        return f"User({self.name!r})"


class TokenError(Exception):
    """A token that is not given."""

    def __init__(self, status: int, title: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.title = title
        self.headers = headers or {}

    def body(self) -> bytes:
        """In IAM's own form, which is none of EG's."""
        error = {"code": self.status, "message": str(self), "title": self.title}
        return msgspec.json.encode({"error": error})


def token_refusal(fault: RequestFault | None, wall_clock: float) -> TokenError | None:
    """How IAM refuses by the fault, if there is one, to give a token."""
    match fault:
        case Throttle():
            return TokenError(
                429,
                "Too Many Requests",
                "The throttling threshold has been reached.",
                fault.headers(wall_clock),
            )
        case Unavailable(status=status):
            return TokenError(status, "Internal Server Error", "An unexpected error prevented the server.")
        case Refuse(status=status, message=message, code=title):
            return TokenError(status, title, message)
        case ExpireToken():
            return TokenError(401, "Unauthorized", "The password has expired.")
        case DenyAccess():
            return TokenError(403, "Forbidden", "Forbidden.")
        case _:
            return None


class _Named(Struct):
    name: str | None = None
    id: str | None = None


class _RequestedUser(Struct):
    name: str
    password: str
    domain: _Named


class _Password(Struct):
    user: _RequestedUser


class _Identity(Struct):
    methods: list[str]
    password: _Password


class _Scope(Struct):
    project: _Named | None = None


class _Auth(Struct):
    identity: _Identity
    scope: _Scope | None = None


class _TokenRequest(Struct):
    auth: _Auth


class IssuedToken(Struct, frozen=True):
    """A token and the document that goes with it."""

    token: str
    document: dict[str, Any]


class Tokens:
    """The tokens of one project: known by id, and by its region's name. Times are wall-clock seconds."""

    def __init__(
        self,
        users: Iterable[User],
        *,
        project_id: str,
        region: str,
        lifetime_seconds: float,
        fixed: Iterable[str],
    ) -> None:
        self._users = {(user.domain, user.name): user for user in users}
        self._project = {"id": project_id, "name": region}
        self._lifetime_seconds = lifetime_seconds
        self._expiries = dict.fromkeys(fixed, float("inf"))

    def issue(self, body: bytes, token: str, wall_clock: float) -> IssuedToken:
        """Let `token` be valid from now on. Raises TokenError."""
        auth = _read(body)
        requested = auth.identity.password.user
        user = self._users.get((requested.domain.name or "", requested.name))
        if user is None or user.password != requested.password:
            raise TokenError(401, "Unauthorized", "The username or password is wrong.")
        self._check_scope(auth.scope)
        expires_at = wall_clock + self._lifetime_seconds
        self._expiries[token] = expires_at
        if len(self._expiries) > _MAX_TOKENS:
            del self._expiries[next(iter(self._expiries))]
        document = {
            "expires_at": _time(expires_at),
            "issued_at": _time(wall_clock),
            "methods": ["password"],
            "project": {**self._project, "domain": {"name": user.domain}},
            "user": {"name": user.name, "domain": {"name": user.domain}},
        }
        return IssuedToken(token, document)

    def is_known(self, token: str) -> bool:
        """Whether the token was ever valid, as far as is remembered."""
        return token in self._expiries

    def is_valid(self, token: str, wall_clock: float) -> bool:
        """Whether the token is valid now."""
        return wall_clock < self._expiries.get(token, 0.0)

    def kill(self, token: str) -> None:
        """Let a token be valid no more."""
        if token in self._expiries:
            self._expiries[token] = 0.0

    def kill_all(self) -> None:
        """Let every token given so far be valid no more, whatever its document said."""
        self._expiries = dict.fromkeys(self._expiries, 0.0)

    def _check_scope(self, scope: _Scope | None) -> None:
        """EG needs a token of its project; others are not given here."""
        project = None if scope is None else scope.project
        if project is None:
            raise TokenError(400, "Bad Request", "The emulator gives tokens for a project only.")
        if self._project["id"] != project.id and self._project["name"] != project.name:
            raise TokenError(401, "Unauthorized", "The project is not known.")


def _read(body: bytes) -> _Auth:
    try:
        auth = msgspec.json.decode(body, type=_TokenRequest).auth
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise TokenError(400, "Bad Request", f"Request body is invalid: {error}") from error
    if auth.identity.methods != ["password"]:
        raise TokenError(400, "Bad Request", "The emulator knows the method password only.")
    return auth


def _time(wall_clock: float) -> str:
    """As IAM writes it: with microseconds."""
    return datetime.fromtimestamp(wall_clock, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
