"""Errors of Huawei Cloud EventGrid and of the API gateway before it, in every form the documents show."""

import json
from enum import StrEnum
from typing import Any

_STATUS = {
    "APIGW.0101": 404,
    "APIGW.0201": 413,
    "APIGW.0301": 401,
    "APIGW.0307": 401,
    "APIGW.0308": 429,
    "APIGW.0601": 503,
    "EG.00014010": 401,
    "EG.00014030": 403,
    "EG.00512000": 403,
    "EG.00014040": 404,
    "EG.00015000": 500,
}
"""By the error codes of EG and of API Gateway; what is not here is 400."""
_GATEWAY = "APIGW."
_PREFIX = "EG."


class RefusalShape(StrEnum):
    """How EG writes a 400: its API reference shows one form, its event guide four others."""

    DETAILS = "details"
    """One object with `error_details` and `request_id`: the API reference."""
    DETAIL = "detail"
    """One object with `error_detail`."""
    LIST = "list"
    """A list of results in which one event has a code without its prefix and the others have none."""
    TEXT = "text"
    """Code and message without quotes, which is no JSON."""
    OBJECTS = "objects"
    """An object for each event, one after another, which is no JSON either."""


class HuaweiError(Exception):
    """A request refused as a whole. `index` is that of the event it is refused for, if it is one."""

    def __init__(
        self,
        code: str,
        message: str,
        headers: dict[str, str] | None = None,
        *,
        status: int | None = None,
        index: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or _STATUS.get(code, 400)
        self.headers = headers or {}
        self.index = index

    def body(self, shape: RefusalShape, request_id: str, event_ids: list[str | None]) -> bytes:
        """What it is answered with. Only a 400 of EG's own has other shapes than one object.

        `event_ids` are those of the request's events as far as they can be read.
        """
        message = str(self).encode(errors="replace").decode()  # may quote bytes that are no UTF-8
        plain: dict[str, Any] = {"error_code": self.code, "error_msg": message}
        if self.code.startswith(_GATEWAY):
            return _encode({"error_msg": message, "error_code": self.code, "request_id": request_id})
        if self.status != 400 or shape is RefusalShape.DETAILS:  # noqa: PLR2004 - Bad Request
            return _encode({**plain, "error_details": message, "request_id": request_id})
        if shape is RefusalShape.DETAIL:
            return _encode({**plain, "error_detail": message})
        number = self.code.removeprefix(_PREFIX)
        if shape is RefusalShape.TEXT:
            return f'{{"error_code":{number},"error_msg":{message}}}'.encode()
        results = [
            result(number, message, event_id) if index == (self.index or 0) else result(None, None, event_id)
            for index, event_id in enumerate(event_ids)
        ]
        if shape is RefusalShape.LIST:
            return _encode({"failed_count": 1, "events": results})
        return b"\n".join(map(_encode, results))


def result(code: str | None, message: str | None, event_id: str | None) -> dict[str, str | None]:
    """What a list says of one event; without a code, the event was taken."""
    return {"error_code": code, "error_msg": message, "event_id": event_id}


def _encode(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
