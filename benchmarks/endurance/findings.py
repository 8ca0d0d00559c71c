"""What came of a run beside what it should be, as text and as an exit code. Pure."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from benchmarks.endurance.ledger import Reckoning

MIB = 1 << 20


class Finding(Struct, frozen=True):
    """One line of the verdict."""

    what: str
    is_: str
    aim: str = ""
    is_met: bool | None = None
    """None: there is no aim."""
    is_promise: bool = False
    """A promise that is broken fails the run; an aim that is missed is only told."""

    @property
    def verdict(self) -> str:
        """In a word; empty where there is no aim."""
        if self.is_met is None:
            return ""
        if self.is_met:
            return "good"
        return "BROKEN" if self.is_promise else "missed"


def reckoning_findings(reckoning: Reckoning, *, scrapes: int, unbalanced: int) -> Iterator[Finding]:
    """Every event, and the sum."""
    yield Finding("events accepted", f"{reckoning.accepted}")
    yield Finding("  refused with 503: the producer knows", f"{reckoning.refused}")
    yield Finding("  sent, the answer not waited for", f"{reckoning.unanswered}")
    yield Finding("  broken off by the producer", f"{reckoning.abandoned}")
    yield Finding("arrived at the bus", f"{reckoning.arrived}")
    yield Finding("  and once more", f"{reckoning.doubled}")
    yield Finding("in dead letters", f"{reckoning.buried}")
    yield _promise("accepted and lost", reckoning.lost)
    yield _promise("arrived or buried though never accepted", reckoning.uninvited)
    yield _promise("requests answered otherwise than 202 or 503", sum(reckoning.unexpected.values()))
    yield _promise(f"of {scrapes} scrapes, the sum fails in", unbalanced)


def _promise(what: str, count: int) -> Finding:
    return Finding(what, f"{count}", "0", is_met=not count, is_promise=True)


def at_most(what: str, value: float, aim: float, *, unit: str) -> Finding:
    """A figure that should not exceed its aim."""
    return Finding(what, f"{value:.1f} {unit}", f"<= {aim:g} {unit}", is_met=value <= aim)


def mebibytes(size: float) -> str:
    """For a person."""
    return f"{size / MIB:.1f} MiB"


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """The table."""
    for each in findings:
        yield f"{each.what:48}{each.is_:>14}  {each.aim:14}{each.verdict}".rstrip()


def exit_code(findings: Sequence[Finding]) -> int:
    """1 if a promise is broken."""
    return int(any(each.is_promise and each.is_met is False for each in findings))
