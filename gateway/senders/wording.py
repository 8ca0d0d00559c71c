"""What a bus says, made fit for logs, dead letters and `/status`: without secrets, and not too long. Pure."""

import re
from functools import lru_cache

from msgspec.structs import replace

from gateway.secret import Secret
from gateway.senders.answer import Answer
from gateway.senders.verdict import MAX_MESSAGE_CHARACTERS

LEAST_SECRET_CHARACTERS = 8
"""Shorter texts are no vendor's secrets, and would be found in answers by chance."""

_QUOTED_VALUE = re.compile(r"Value '.*?' at", re.DOTALL)
"""How AWS's validation names what it refuses: "Value 'x' at 'entries.1.member.source' failed to …"."""

_QUOTED_REQUEST = re.compile(
    r"(?:the )?canonical[ _-]?(?:string|request)|string[ _-]?to[ _-]?sign|x-[a-z-]*token['\"]?\s*[:=]",
    re.IGNORECASE,
)
"""Where a refused signature's message begins to quote what was to be signed, security token included.

AWS says "The Canonical String for this request should have been '…'", Alibaba Cloud "server string to
sign is:…"; a canonical request has its headers as "x-acs-security-token:…".
"""

_HIDDEN = b"***"


def speakable(message: str) -> str:
    """The message without what it quotes of the request: an event's values, or signed headers and tokens."""
    begin = _QUOTED_REQUEST.search(message)
    said = message[: begin.start()].rstrip() if begin else message
    return _QUOTED_VALUE.sub("Value '…' at", said)[:MAX_MESSAGE_CHARACTERS]


def without(answer: Answer, *secrets: Secret) -> Answer:
    """The answer with stars where its body repeats one of the secrets, also in JSON's escapes."""
    body = answer.body
    for secret in secrets:
        if len(secret.reveal()) >= LEAST_SECRET_CHARACTERS:
            body = _pattern(secret).sub(_HIDDEN, body)
    return answer if body is answer.body else replace(answer, body=body)


@lru_cache(maxsize=64)
def _pattern(secret: Secret) -> re.Pattern[bytes]:
    return re.compile("".join(map(_spellings, secret.reveal())).encode())


def _spellings(character: str) -> str:
    """All that a JSON encoder may make of a character; letters and digits are left as they are."""
    if character.isalnum():
        return character
    return rf"(?:\\?{re.escape(character)}|\\u(?i:{ord(character):04x}))"
