"""A plan as text for a terminal."""

from collections.abc import Iterator

from gateway.planning import wording
from gateway.planning.grid import DestinationPlan

CONFIGURED = "*"


def render(plans: list[DestinationPlan], remarks: list[str]) -> str:
    """Every destination's table, the configured setting marked."""
    blocks = ["".join(f"{line}\n" for line in _destination(plan)) for plan in plans]
    if remarks:
        blocks.append("".join(f"{remark}\n" for remark in remarks))
    return "\n".join(blocks)


def _destination(plan: DestinationPlan) -> Iterator[str]:
    yield wording.title(plan)
    yield f"  {wording.load_line(plan)}"
    yield f"  {wording.bus_line(plan)}"
    yield from (f"  {note}" for note in wording.notes(plan))
    if plan.rows:
        yield ""
        yield from _table(plan)


def _table(plan: DestinationPlan) -> Iterator[str]:
    lines = [wording.COLUMNS, *(wording.cells(row) for row in plan.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    marks = [" ", *(CONFIGURED if row.is_configured else " " for row in plan.rows)]
    for mark, line in zip(marks, lines, strict=True):
        yield f"{mark} {'  '.join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))}"
