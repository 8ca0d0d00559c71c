"""Errors of Alibaba Cloud EventBridge: a code, a status, and the body they are answered with."""

import msgspec

_FORBIDDEN = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "SecurityTokenInvalid",
    "StsAccessIdExpired",
    "AccessDenied",
)
_STATUS = {
    **dict.fromkeys(_FORBIDDEN, 403),
    "TooManyRequests": 429,
    "InternalError": 500,
    "ServiceUnavailable": 503,
}
"""By the vendor's page of error codes; what is not here is 409, which the open-source core of the
service, apache/rocketmq-eventbridge, answers to every request that is wrong in itself."""


class AlibabaError(Exception):
    """A request refused as a whole."""

    def __init__(
        self, code: str, message: str, headers: dict[str, str] | None = None, *, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or _STATUS.get(code, 409)
        self.headers = headers or {}

    def body(self, request_id: str) -> bytes:
        """The JSON document, with the lower-case keys that every SDK of the vendor reads."""
        message = str(self).encode(errors="replace").decode()  # may quote bytes that are no UTF-8
        return msgspec.json.encode({"code": self.code, "message": message, "requestId": request_id})
