"""Errors of the AWS JSON protocol: a code, a status, and the body they are answered with."""

import msgspec

_FORBIDDEN = ("MissingAuthenticationToken", "UnrecognizedClientException", "IncompleteSignature")
_STATUS = {
    "UnknownOperationException": 404,
    "InternalException": 500,
    "ServiceUnavailable": 503,
    **dict.fromkeys(_FORBIDDEN, 403),
}
"""By AWS's page of common errors; codes that are not here are 400, which access, expired-token and
signature errors can be as well, so that a client has to read the code."""


class AwsError(Exception):
    """A request refused as a whole."""

    def __init__(
        self, code: str, message: str, headers: dict[str, str] | None = None, *, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or _STATUS.get(code, 400)
        self.headers = headers or {}

    def body(self) -> bytes:
        """The JSON document: the code stands behind a prefix and a `#`."""
        message = str(self).encode(errors="replace").decode()  # may quote bytes that are no UTF-8
        return msgspec.json.encode({"__type": f"com.amazonaws.events#{self.code}", "message": message})
