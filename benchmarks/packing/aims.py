"""What a figure should be at most, and a line that says whether it is."""

from msgspec import Struct


class Aim(Struct, frozen=True):
    """`must` is the least that is asked for, `good` what is wanted; both are upper limits."""

    label: str
    must: float
    good: float

    def verdict(self, value: float) -> str:
        """In a word, of the value as it is printed."""
        shown = round(value, 4)
        if shown <= self.good:
            return "good"
        return "met" if shown <= self.must else "NOT MET"

    def line(self, value: float) -> str:
        """For a person, below `HEAD`."""
        return f"{self.label:54} {value:8.4f} {self.must:8.4g} {self.good:8.4g}  {self.verdict(value)}"


HEAD = f"{'':54} {'is':>8} {'must':>8} {'good':>8}"
