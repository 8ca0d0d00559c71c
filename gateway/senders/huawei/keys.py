"""What a request to Huawei Cloud is authenticated with, and the keys in its services' answers. Pure.

The services agree on what a temporary key has, and not on its spelling: instance metadata and IAM say
"access" and "expires_at", STS "access_key_id" and "expiration". All that the vendor's SDK reads is read.
"""

from collections.abc import Mapping

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from gateway.secret import Secret
from gateway.senders.credentials.access_key import AccessKey, epoch_seconds
from gateway.senders.credentials.provider import Fetched, ProviderError


class Token(Struct, frozen=True):
    """A token of IAM, as X-Auth-Token carries it."""

    text: Secret


Credentials = AccessKey | Token

_WRAPPERS = ("credential", "credentials")
_IDS = ("access", "accessKeyId", "access_key_id")
_SECRETS = ("secret", "secretAccessKey", "secret_access_key")
_SECURITY_TOKENS = ("securitytoken", "securityToken", "security_token")
_ENDS = ("expires_at", "expiration")

_decode = Decoder(dict[str, object]).decode


def read_key(body: bytes) -> Fetched[Credentials]:
    """The temporary key in a service's answer.

    Raises ProviderError for anything else; what was read is not in the message.
    """
    try:
        answer = _decode(body)
    except (DecodeError, UnicodeDecodeError):
        raise ProviderError("the answer is no JSON object") from None
    inner = next((answer[name] for name in _WRAPPERS if name in answer), answer)
    members = inner if isinstance(inner, dict) else {}
    key = AccessKey(
        _text(members, _IDS),
        Secret(_text(members, _SECRETS)),
        Secret(_text(members, _SECURITY_TOKENS)),
    )
    return Fetched(key, read_end(_text(members, _ENDS)))


def printable(text: str, what: str) -> str:
    """`text`, which is to go into a header.

    Raises ProviderError, which names it as `what`, if anything but printable ASCII is in it.
    """
    if text.isascii() and text.isprintable():
        return text
    raise ProviderError(f"{what} holds control characters or characters beyond ASCII")


def read_end(text: str) -> float:
    """A time at which credentials end, in seconds since the epoch. Raises ProviderError for none."""
    try:
        return epoch_seconds(text)
    except ValueError:
        raise ProviderError("the answer does not say when the credentials end") from None


def _text(members: Mapping[str, object], spellings: tuple[str, ...]) -> str:
    for name in spellings:
        value = members.get(name)
        if isinstance(value, str) and value:
            return printable(value, f'"{name}" of the answer')
    raise ProviderError(f'the answer has no "{spellings[0]}"')
