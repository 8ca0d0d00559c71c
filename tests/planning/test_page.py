"""The plan's page, read as a browser reads it; then by one, on a narrow screen."""

import shutil
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from gateway.planning.figures import Delay, Figures
from gateway.planning.grid import DestinationPlan, Row
from gateway.planning.page import render
from gateway.planning.simulation import Bus, FlushSetting
from gateway.planning.wording import COLUMNS
from gateway.sender import Limits

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]
NARROW = {"width": 360, "height": 640}
PRESSES = 40
"""Each moves by some forty pixels."""
NAME = 'a<b>&"c"'
"""Nobody may name a destination so; a sample's file may be."""


def row(seconds: float, *, sends_when_idle: bool) -> Row:
    delay = Delay(seconds, seconds, seconds, seconds)
    figures = Figures(
        events=100_000,
        requests=10_000,
        requests_in_order=12_000,
        fill_ratio=0.9,
        seconds=60.0,
        delay=delay,
        most_held=10,
    )
    return Row(FlushSetting(sends_when_idle, seconds), figures, seconds == 0.2 and not sends_when_idle)


def plan(name: str = "orders") -> DestinationPlan:
    """Of six settings, one of them configured."""
    rows = tuple(
        row(seconds, sends_when_idle=sends) for seconds in (0.05, 0.2, 1.0) for sends in (False, True)
    )
    return DestinationPlan(
        name=name,
        type="aws",
        bus=Bus(limits=Limits(10, 1 << 20, 1 << 20), latency_seconds=0.05, max_in_flight=16),
        events=100_000,
        seconds=60.0,
        refused=Counter(),
        rows=rows,
        max_events=100_000,
        max_bytes=64 << 20,
        mean_held_bytes=1000.0,
    )


def body(*plans: DestinationPlan) -> ET.Element:
    """The body of the page, which has to be well-formed for that."""
    _, begin, rest = render(list(plans), [], sample="sample.jsonl").partition("<body>")
    text, end, _ = rest.partition("</body>")
    return ET.fromstring(begin + text.replace("<br>", "<br/>") + end)  # noqa: S314 - our own


def regions(page: ET.Element, kind: str) -> Iterator[ET.Element]:
    """What stands right around each element of that kind."""
    return (each for each in page.iter() if each.find(kind) is not None)


@pytest.mark.parametrize(("kind", "shows"), [("table", "Settings for"), ("svg", "Plot of")])
def test_what_may_be_wider_than_the_screen_can_be_scrolled_with_the_keyboard(kind: str, shows: str) -> None:
    """Each in a region that takes the focus and says what it shows (WCAG 2.1, 2.1.1 and 1.4.10)."""
    found = list(regions(body(plan("orders"), plan("grid")), kind))
    assert [each.attrib for each in found] == [
        {"class": "scroll", "role": "region", "tabindex": "0", "aria-label": f"{shows} {name} (aws)"}
        for name in ("orders", "grid")
    ]


def test_a_table_says_what_it_shows_and_which_column_a_figure_is_of() -> None:
    """To those who hear it."""
    page = body(plan())
    (table,) = page.iter("table")
    assert table[0].tag == "caption"
    assert table[0].text == "A row for each setting; delays are those that the gateway adds"
    heads = list(table.iter("th"))
    assert [(head.text, head.attrib) for head in heads] == [(name, {"scope": "col"}) for name in COLUMNS]
    assert {len(each) for each in table.iter("tr")} == {len(COLUMNS)}


def test_the_configured_setting_is_marked_and_no_other() -> None:
    """It is the one to compare with."""
    marked = [each for each in body(plan()).iter("tr") if each.get("class") == "configured"]
    assert [[cell.text for cell in each][:2] for each in marked] == [["200ms", "wait"]]


def test_names_cannot_become_markup() -> None:
    """Of the sample's file."""
    page = render([plan()], [NAME], sample=NAME)
    assert NAME not in page
    assert page.count("a&lt;b&gt;&amp;&quot;c&quot;") == 3


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_on_a_narrow_screen_nothing_is_cut_off() -> None:
    """The page itself is as wide as the screen; its table can be scrolled to the last column, by its keys."""
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(viewport=NARROW)
        await page.set_content(render([plan()], [], sample="sample.jsonl"))
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        region = page.get_by_role("region", name="Settings for orders (aws)")
        assert await region.evaluate("region => region.scrollWidth > region.clientWidth")
        await region.focus()
        last = region.locator("th").last
        await playwright.expect(last).not_to_be_in_viewport()
        for _ in range(PRESSES):
            await page.keyboard.press("ArrowRight")
        await playwright.expect(last).to_be_in_viewport(ratio=1)
        await browser.close()
