"""A text that must not be seen: keys, tokens, passwords."""

from msgspec import Meta

_SECRETS = "gateway.secrets"


class Secret:
    """Holds a secret; prints as dots, so that no log line, error or page can leak it by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: only where it is used."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "••••••"

    __str__ = __repr__


def with_secret(secret: str, *further: str) -> Meta:
    """Marks a key that needs `secret` beside it, and the other way round; each of `further` needs both."""
    return Meta(extra={_SECRETS: (secret, *further)})


def secrets_of(extra: dict[str, object] | None) -> tuple[str, ...]:
    """The secrets of a mark, the needed one first; none of any other."""
    found = (extra or {}).get(_SECRETS, ())
    assert isinstance(found, tuple), "made above"
    return found
