"""Which letters a command is about."""

from msgspec import Struct

from gateway.commands.dead_letters.letter import Letter


class Selection(Struct, frozen=True, kw_only=True):
    """What a letter must be like; an empty set asks for nothing. Times in wall-clock seconds."""

    destinations: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    """Of events."""
    sources: frozenset[str] = frozenset()
    since: float | None = None
    """Given up then or later."""
    until: float | None = None
    """Given up before that."""
    limit: int | None = None
    """At most so many letters, the first that match."""

    @property
    def is_everything(self) -> bool:
        """Whether nothing is asked for."""
        return self == EVERYTHING

    def matches(self, letter: Letter) -> bool:
        """Whether the letter is like that; the limit is left to a Picker."""
        content = letter.content
        return (
            (not self.destinations or content.destination in self.destinations)
            and (not self.reasons or content.reason in self.reasons)
            and (not self.codes or content.code in self.codes)
            and (not self.ids or letter.id in self.ids)
            and (not self.sources or letter.source in self.sources)
            and (self.since is None or self.since <= letter.given_up_at)
            and (self.until is None or letter.given_up_at < self.until)
        )


EVERYTHING = Selection()


class Picker:
    """Picks letters one after the other, until the limit."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._picked = 0

    @property
    def is_done(self) -> bool:
        """Whether it will pick no more."""
        limit = self._selection.limit
        return limit is not None and self._picked >= limit

    def picks(self, letter: Letter) -> bool:
        """Whether this is one of those asked for; counts it if so."""
        if self.is_done or not self._selection.matches(letter):
            return False
        self._picked += 1
        return True
