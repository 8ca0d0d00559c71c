"""A plan as one HTML file: tables and plots, light and dark, nothing from elsewhere and no script."""

from collections.abc import Iterator
from html import escape

from gateway.planning import wording
from gateway.planning.grid import DestinationPlan, Row
from gateway.planning.plot import plot

_STYLE = """\
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fcfcfd; --faint: #d9dce1; --quiet: #646b75;
  --wait: #1f6feb; --send: #c2410c; --mark: #fff3bf; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15171a; --faint: #33383f;
  --quiet: #9aa3ad; --wait: #6cb0ff; --send: #ff9e64; --mark: #4a3f12; } }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; } .quiet { color: var(--quiet); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums;
  border-bottom: 1px solid var(--faint); } tr.configured { background: var(--mark); font-weight: 600; }
caption { text-align: left; color: var(--quiet); } :focus-visible { outline: 3px solid var(--wait); }
svg { width: 100%; min-width: 32rem; max-width: 48rem; display: block; } svg text { fill: var(--quiet);
  font-size: 12px; paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
.end { text-anchor: end; } .middle { text-anchor: middle; } .grid { stroke: var(--faint); }
polyline { fill: none; stroke-width: 2; } polyline.wait { stroke: var(--wait); }
polyline.send { stroke: var(--send); stroke-dasharray: 7 5; } circle.wait { fill: var(--wait); }
circle.send { fill: var(--paper); stroke: var(--send); stroke-width: 2; }
circle.configured { fill: none; stroke: var(--ink); stroke-width: 2; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 50%; border: 2px solid; }
.key.wait { border-color: var(--wait); background: var(--wait); } .key.send { border-color: var(--send); }"""

_KEY = """\
<p class="quiet"><span class="key wait"></span> when_idle = "wait" (filled, solid line);
<span class="key send"></span> when_idle = "send" (hollow, dashed line);
the large ring and the bold row are the configured setting</p>"""


def render(plans: list[DestinationPlan], remarks: list[str], *, sample: str) -> str:
    """The page; `sample` is the name of what was planned with."""
    lines = [line for plan in plans for line in _destination(plan)]
    lines += [f'<p class="quiet">{escape(remark)}</p>' for remark in remarks]
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Plan for {escape(sample)}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<h1>Plan for {escape(sample)}</h1>
{chr(10).join(lines)}
</body>
</html>
"""


def _destination(plan: DestinationPlan) -> Iterator[str]:
    title = escape(wording.title(plan))
    yield f"<h2>{title}</h2>"
    yield f"<p>{escape(wording.load_line(plan))}<br>{escape(wording.bus_line(plan))}</p>"
    for note in wording.notes(plan):
        yield f"<p><strong>{escape(note)}</strong></p>"
    if not plan.rows:
        return
    if (picture := plot(plan.rows)) is not None:
        yield f'<div class="scroll" role="region" tabindex="0" aria-label="Plot of {title}">{picture}</div>'
        yield _KEY
    yield f'<div class="scroll" role="region" tabindex="0" aria-label="Settings for {title}"><table>'
    yield "<caption>A row for each setting; delays are those that the gateway adds</caption>"
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in wording.COLUMNS)
    yield f"<thead><tr>{heads}</tr></thead>"
    yield f"<tbody>\n{chr(10).join(map(_row, plan.rows))}\n</tbody>"
    yield "</table></div>"


def _row(row: Row) -> str:
    mark = ' class="configured"' if row.is_configured else ""
    return f"<tr{mark}>{''.join(f'<td>{escape(cell)}</td>' for cell in wording.cells(row))}</tr>"
