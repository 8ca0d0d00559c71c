"""The buses of an emulated account: which exist, DescribeEventBus and CreateEventBus."""

import re
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from gateway.emulators.aws_error import AwsError

ACCOUNT = "123456789012"
_MAX_BUSES = 100
_NAME = re.compile(r"[/.\-_A-Za-z0-9]{1,256}")


class _NamedBus(Struct, frozen=True, rename="pascal"):
    """The body of either call, as far as it matters here."""

    name: str | None = None


_decoder = msgspec.json.Decoder(_NamedBus)


class Buses:
    """The account's buses by name; `default` is always among them. `names` None: every bus exists."""

    def __init__(self, names: Iterable[str] | None, created_at: float) -> None:
        self._is_any = names is None
        self._created_at = dict.fromkeys({"default", *(names or ())}, created_at)

    def exists(self, name: str) -> bool:
        """Whether events for that bus arrive anywhere."""
        return self._is_any or name in self._created_at

    def describe(self, body: bytes, *, region: str, wall_clock: float) -> dict[str, str | int]:
        """The answer to DescribeEventBus. Raises AwsError."""
        name = (_read_name(body) or "default").rpartition("/")[2]
        if not self.exists(name):
            raise AwsError("ResourceNotFoundException", f"Event bus {name} does not exist.")
        created_at = int(self._created_at.get(name, wall_clock))
        return {"Name": name, "Arn": bus_arn(region, name), "CreationTime": created_at}

    def create(self, body: bytes, *, region: str, wall_clock: float) -> dict[str, str]:
        """The answer to CreateEventBus. Raises AwsError."""
        name = _read_name(body) or ""
        if not _NAME.fullmatch(name):
            problem = f"Member must satisfy regular expression pattern: {_NAME.pattern}"
            raise AwsError(
                "ValidationException",
                f"1 validation error detected: Value at 'name' failed to satisfy constraint: {problem}",
            )
        if name in self._created_at:
            raise AwsError("ResourceAlreadyExistsException", f"Event bus {name} already exists.")
        if len(self._created_at) >= _MAX_BUSES:
            raise AwsError("LimitExceededException", "The number of event buses exceeds the maximum allowed.")
        self._created_at[name] = wall_clock
        return {"EventBusArn": bus_arn(region, name)}


def bus_arn(region: str, name: str) -> str:
    """The ARN of a bus of the emulated account."""
    return f"arn:aws:events:{region}:{ACCOUNT}:event-bus/{name}"


def _read_name(body: bytes) -> str | None:
    try:
        return _decoder.decode(body).name
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise AwsError("SerializationException", str(error)) from error
