"""Ids that an emulated bus gives to requests and events."""

from random import Random


class Ids:
    """Random ids in the form of a UUID, the same again for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # nosec B311 # noqa: S311 - names, no secrets

    def next(self) -> str:
        """The next id."""
        digits = f"{self._random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
