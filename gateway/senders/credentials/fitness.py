"""Whether a request can carry credentials at all: they go into headers and signatures as they are. Pure."""

from msgspec import Struct

from gateway.secret import Secret


def unfitness(credentials: object) -> str | None:
    """What is wrong with the texts of a Struct of credentials, without their values; None: nothing.

    Header fields are visible ASCII, or spaces (RFC 9110 §5.5 discourages all else). Nothing is stripped:
    the line break that ends a mounted file may be the least that is wrong with it.
    """
    if not isinstance(credentials, Struct):
        return None
    for name in credentials.__struct_fields__:
        value = getattr(credentials, name)
        text = value.reveal() if isinstance(value, Secret) else str(value)
        if problem := _problem(text):
            return f"{name} {problem}"
    return None


def _problem(text: str) -> str | None:
    if "\n" in text or "\r" in text:
        return "holds a line break"
    if not text.isascii():
        return "holds characters beyond ASCII"
    return None if text.isprintable() else "holds control characters"
