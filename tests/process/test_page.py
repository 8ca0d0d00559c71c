"""The status page in a real browser, before a whole gateway and an emulated bus."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from gateway.emulators.aws import AwsBusOptions, AwsEmulator
from gateway.emulators.faults import Faults, Refuse
from tests.process.conftest import KEEP
from tests.support.load import document, post, post_all
from tests.support.process import GatewayProcess, aws_destination, scrape, until_held_is

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
expect = playwright.expect

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TOKEN = "mF_9.B5f-4.1JqM"  # RFC 6750's own example

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    """One browser for all tests; each has a new profile in it."""
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def bus() -> AsyncIterator[AwsEmulator]:
    """Amazon EventBridge, emulated."""
    async with AwsEmulator(AwsBusOptions(keep=KEEP)) as emulator:
        yield emulator


@pytest_asyncio.fixture(loop_scope="module")
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A producer's HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


class Contact(Enum):
    """Whether the gateway can be reached."""

    HELD = "held"
    LOST = "lost"


class Reader:
    """Somebody with a browser of their own, who notes everything that the browser complains of."""

    def __init__(self, context: Any, page: Any) -> None:
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def figure(self, destination: str, name: str) -> Any:
        """A figure of a destination: the element that shows it."""
        return self.page.locator(f'[data-destination="{destination}"] [data-figure="{name}"]').first


@pytest_asyncio.fixture(loop_scope="module")
async def reader(browser: Any) -> AsyncIterator[Reader]:
    """With a screen of the usual width."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    yield Reader(context, await context.new_page())
    await context.close()


def configuration(bus: AwsEmulator, *names: str, **sections: Any) -> dict[str, Any]:
    return {
        "flush": {"interval": "10ms"},
        "shutdown": {"deadline": "1s"},
        "destinations": {name: aws_destination(bus.url) for name in names or ("orders",)},
        **sections,
    }


async def test_the_page_says_what_the_metrics_say(
    reader: Reader, bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """By destination, when nothing moves; the sum holds, and the browser complains of nothing."""
    bus.faults = Faults(poison=("poisoned",))
    async with GatewayProcess(tmp_path, configuration(bus, "orders", "audit")) as gateway:
        await post_all(client, gateway.url, map(document, range(1200)))
        await post_all(client, f"{gateway.url}/events/audit", [document(-1, data="poisoned"), document(-2)])
        accounts = await until_held_is(client, gateway.admin_url, 0)
        await reader.page.goto(gateway.admin_url)
        for destination in ("orders", "audit"):
            for name in ("accepted", "delivered", "dead_lettered", "expired"):
                told = accounts.total(f"gateway_events_{name}_total", destination=destination)
                figure = reader.figure(destination, name)
                await expect(figure).to_have_attribute("value", str(int(told)))
                await expect(figure).to_have_text(f"{int(told):,}")
            await expect(reader.figure(destination, "held")).to_have_attribute("value", "0")
            await expect(reader.figure(destination, "accounts")).to_have_attribute("data-holds", "true")
    assert accounts.total("gateway_events_accepted_total", destination="audit") == 1202
    assert accounts.total("gateway_events_dead_lettered_total", destination="audit") == 1
    assert reader.complaints == []


async def test_an_outage_is_seen_while_it_lasts(
    reader: Reader, bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """In the health, the last error, what is held, the title and the list of changes; then it is over."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await reader.page.goto(gateway.admin_url)
        await expect(reader.page).to_have_title("gateway")
        bus.faults = Faults(down=True)
        await post_all(client, gateway.url, map(document, range(5)))
        await expect(reader.figure("orders", "health")).to_contain_text("down")
        await expect(reader.figure("orders", "last_error_code")).to_have_text("connection_reset")
        await expect(reader.page).to_have_title(
            "✖ orders: down: the bus does not answer as it should | gateway"
        )
        held = (await scrape(client, gateway.admin_url)).held
        await expect(reader.figure("orders", "held")).to_have_attribute("value", str(int(held)))
        assert held == 5
        bus.faults = Faults()
        await expect(reader.figure("orders", "health")).to_have_text("● up")
        await expect(reader.figure("orders", "held")).to_have_attribute("value", "0")
        await expect(reader.page).to_have_title("gateway")
        changes = reader.page.get_by_role("log").get_by_role("listitem")
        await expect(changes).to_contain_text(["orders: up", "orders: down"])
    assert reader.complaints == []


async def test_what_a_bus_says_is_text(
    reader: Reader, bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Markup in its message is shown as it came, and makes no element."""
    hostile = '<img src="x" onerror="document.title = 1"><b>bold</b>'
    bus.faults = Faults(standing=(Refuse(code="InternalException", message=hostile),))
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await post(client, gateway.url, document(1))
        await reader.page.goto(gateway.admin_url)
        error = reader.page.locator(".error")
        await expect(error).to_contain_text(hostile)
        assert await error.locator("img, b").count() == 0
    assert reader.complaints == []


async def test_a_gateway_that_ends_and_another_in_its_place_are_told_of(
    reader: Reader, bus: AwsEmulator, tmp_path: Path
) -> None:
    """Figures of a gateway that is gone never look live, and counts that begin anew are no surprise."""
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await reader.page.goto(gateway.admin_url)
        await expect(reader.figure("orders", "accepted")).to_have_attribute("value", "0")
        address = urlsplit(gateway.admin_url).netloc
    await expect(reader.page.locator("#contact")).to_contain_text("cannot be reached: no connection")
    await expect(reader.page).to_have_title("✖ unreachable | gateway")
    async with GatewayProcess(tmp_path, configuration(bus, admin={"listen": address})):
        await expect(reader.page.locator("#successor")).to_contain_text("another process answers")
        await expect(reader.page.locator("#contact")).to_be_hidden()
        await expect(reader.page).to_have_title("gateway")


async def test_a_token_is_asked_for_and_kept_in_this_tab_alone(
    reader: Reader, browser: Any, bus: AwsEmulator, tmp_path: Path
) -> None:
    """Without one nothing is shown; it outlives a reload, is in no address, and can be forgotten."""
    page, figures = reader.page, reader.page.locator("#figures")
    async with GatewayProcess(tmp_path, configuration(bus, admin={"tokens": [TOKEN]})) as gateway:
        opened = await page.goto(gateway.admin_url)
        assert (opened.status, opened.headers["content-type"]) == (401, "text/html; charset=utf-8")
        for wrong, told in (("wrong", "does not take"), ("two words", "is no token")):
            await page.get_by_label("Token").fill(wrong)
            await page.keyboard.press("Enter")
            await expect(page.locator("#token-fault")).to_contain_text(told)
            await expect(figures).to_be_hidden()
        await page.get_by_label("Token").fill(f" {TOKEN}\n")
        await page.keyboard.press("Enter")
        await expect(figures).to_be_visible()
        await page.reload()
        await expect(figures).to_be_visible()
        assert page.url == f"{gateway.admin_url}/"
        stranger = await (await browser.new_context()).new_page()
        await stranger.goto(gateway.admin_url)
        await expect(stranger.locator("#token-form")).to_be_visible()
        await stranger.context.close()
        await page.get_by_role("button", name="Forget").click()
        await expect(page.locator("#token-form")).to_be_visible()
        await expect(figures).to_be_hidden()
        assert await page.evaluate("sessionStorage.length + localStorage.length") == 0
    assert set(reader.complaints) == {UNAUTHORIZED}


UNAUTHORIZED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
"""What Chromium says of every 401, whoever awaits it."""


@pytest.mark.parametrize("contact", list(Contact))
async def test_what_a_token_has_shown_is_gone_with_it(
    reader: Reader, bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path, contact: Contact
) -> None:
    """Not only hidden: no figure and no name is left in the page; with the token all is there again."""
    page = reader.page
    async with GatewayProcess(tmp_path, configuration(bus, admin={"tokens": [TOKEN]})) as gateway:
        await page.goto(gateway.admin_url)
        await show_token(page)
        await expect(reader.figure("orders", "health")).to_have_text("● up")
        bus.faults = Faults(down=True)
        await post(client, gateway.url, document(1))
        await expect(page.locator("#changes-list")).to_contain_text("orders: down")
        if contact is Contact.LOST:
            await page.route("**/status", lambda route: route.abort())
            await expect(page.locator("#contact")).to_contain_text("cannot be reached")
        await page.get_by_role("button", name="Forget").click()
        await expect(page.locator("[data-destination], [data-figure]")).to_have_count(0)
        assert "orders" not in await page.evaluate("document.documentElement.outerHTML")
        await page.unroute("**/status")
        await expect(page.locator("#token-form")).to_be_visible()
        await expect(page.get_by_role("listitem")).to_have_count(0)
        await expect(page).to_have_title("Token needed | gateway")
        await show_token(page)
        await expect(reader.figure("orders", "held")).to_have_attribute("value", "1")
        await expect(page.get_by_role("table", name="Connections")).to_contain_text("listening on")


async def show_token(page: Any) -> None:
    await page.get_by_label("Token").fill(TOKEN)
    await page.keyboard.press("Enter")


async def test_a_full_buffer_is_called_full(
    reader: Reader, bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """And not: full in no time."""
    bus.faults = Faults(down=True)
    async with GatewayProcess(tmp_path, configuration(bus, buffer={"max_events": 2})) as gateway:
        await post_all(client, gateway.url, map(document, range(2)))
        await reader.page.goto(gateway.admin_url)
        troubles = reader.page.locator("#troubles").get_by_role("listitem")
        await expect(troubles.get_by_text("✖ orders: the buffer is full", exact=True)).to_be_visible()
        await expect(reader.page.locator('[data-destination="orders"] .room')).to_contain_text(" · full · ")
    assert reader.complaints == []


async def test_a_browser_of_some_years_ago_shows_the_page(
    reader: Reader, bus: AwsEmulator, tmp_path: Path
) -> None:
    """One that cannot join signals yet, as none could before 2023."""
    await reader.page.add_init_script("delete AbortSignal.any")
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await reader.page.goto(gateway.admin_url)
        await expect(reader.figure("orders", "accepted")).to_have_attribute("value", "0")
        await expect(reader.page).to_have_title("gateway")
    assert reader.complaints == []


async def test_a_gateway_that_does_not_answer_is_said_not_to(
    reader: Reader, bus: AwsEmulator, tmp_path: Path
) -> None:
    """After five seconds; and it is asked again."""
    page = reader.page
    asked: asyncio.Queue[Any] = asyncio.Queue()
    await page.route("**/status", lambda route: asked.put_nowait(route))  # noqa: PLW0108 - the driver marks what it calls
    await page.clock.install(time=datetime(2026, 1, 1, tzinfo=UTC))
    await page.clock.pause_at(datetime(2026, 1, 2, tzinfo=UTC))
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        await page.goto(gateway.admin_url)
        await asked.get()
        await page.clock.run_for(4999)
        await expect(page.locator("#contact")).to_be_hidden()
        await page.clock.run_for(1)
        await expect(page.locator("#contact")).to_contain_text("no answer in 5 seconds")
        await page.clock.run_for(1000)
        await (await asked.get()).continue_()
        await expect(reader.figure("orders", "accepted")).to_have_attribute("value", "0")
        await expect(page.locator("#contact")).to_be_hidden()


async def test_a_keyboard_reaches_everything(reader: Reader, bus: AwsEmulator, tmp_path: Path) -> None:
    """Tab stops at every link, fold and table that scrolls, each with a visible outline; Enter unfolds."""
    page = reader.page
    async with GatewayProcess(tmp_path, configuration(bus, "orders", "audit")) as gateway:
        await page.goto(gateway.admin_url)
        await expect(reader.figure("audit", "accepted")).to_have_attribute("value", "0")
        await page.keyboard.press("Tab")
        await expect(page.get_by_text("Skip to the figures")).to_be_focused()
        wanted = await page.evaluate(REACHABLE)
        stops = []
        for _ in range(wanted):
            stops.append(await page.evaluate(FOCUSED))
            await page.keyboard.press("Tab")
        assert len({stop["index"] for stop in stops}) == wanted > 8
        assert {stop["outline"] for stop in stops} == {"solid"}
        fold = page.locator('[data-destination="orders"] summary')
        await fold.press("Enter")
        await expect(page.locator('[data-destination="orders"] details')).to_contain_text(
            "flush.interval10ms"
        )
    assert reader.complaints == []


REACHABLE = """() => [...document.querySelectorAll('a[href], button, input, summary, [tabindex="0"]')]
  .filter((each) => each.checkVisibility()).length"""
"""How many elements a keyboard must reach."""

FOCUSED = """() => ({
  index: [...document.querySelectorAll("*")].indexOf(document.activeElement),
  outline: getComputedStyle(document.activeElement).outlineStyle,
})"""


async def test_everything_is_legible_in_light_and_dark_on_a_narrow_screen(
    reader: Reader, bus: AwsEmulator, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """At least 4.5 to 1 for every text (WCAG 2.2, 1.4.3), in an outage too; nothing sticks out."""
    page = reader.page
    bus.faults = Faults(down=True)
    await page.set_viewport_size({"width": 400, "height": 900})
    async with GatewayProcess(tmp_path, configuration(bus, "orders", "audit")) as gateway:
        await post(client, f"{gateway.url}/events/audit", document(1))
        await gateway.until_logged("the bus does not take events as it should")
        await page.goto(gateway.admin_url)
        await expect(reader.figure("audit", "health")).to_contain_text("down")
        await expect(reader.figure("orders", "health")).to_have_text("● up")
        assert await page.evaluate("document.scrollingElement.scrollWidth") == 400
        for scheme, paper in PAPER.items():
            await page.emulate_media(color_scheme=scheme)
            assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == paper
            assert await page.evaluate(FAINT_TEXTS) == []
    assert reader.complaints == []


PAPER = {"light": "rgb(246, 247, 249)", "dark": "rgb(17, 19, 22)"}

FAINT_TEXTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) =>
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const ground = (each) => {
    const colour = numbers(getComputedStyle(each).backgroundColor);
    return colour[3] === 0 ? ground(each.parentElement) : colour;
  };
  const contrast = (each) => {
    const [one, other] = [numbers(getComputedStyle(each).color), ground(each)].map(luminance);
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };
  const hasText = (each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.body.querySelectorAll("*")]
    .filter((each) => hasText(each) && each.checkVisibility() && contrast(each) < 4.5)
    .map((each) => each.textContent);
}"""
"""The texts that stand out too little from what is behind them."""


async def test_one_request_at_a_time_and_none_while_nobody_looks(
    reader: Reader, bus: AwsEmulator, tmp_path: Path
) -> None:
    """An answer that takes long is waited for; a hidden tab costs the gateway nothing."""
    page = reader.page
    asked: list[Any] = []
    await page.route("**/status", lambda route: asked.append(route))  # noqa: PLW0108 - the driver marks what it calls
    await page.clock.install(time=datetime(2026, 1, 1, tzinfo=UTC))
    await page.clock.pause_at(datetime(2026, 1, 2, tzinfo=UTC))
    async with GatewayProcess(tmp_path, configuration(bus)) as gateway:
        async with page.expect_request("**/status"):
            await page.goto(gateway.admin_url)
        await page.clock.run_for(3000)
        assert len(asked) == 1
        await asked[0].continue_()
        await expect(reader.figure("orders", "accepted")).to_have_attribute("value", "0")
        await page.evaluate(LOOK, {"hidden": True})
        await page.clock.run_for(60_000)
        assert len(asked) == 1
        async with page.expect_request("**/status"):
            await page.evaluate(LOOK, {"hidden": False})


LOOK = """({ hidden }) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""Turn to another tab, or back to this one."""


async def test_workers_are_shown_one_by_one(reader: Reader, bus: AwsEmulator, tmp_path: Path) -> None:
    """Each with its process and its state."""
    async with GatewayProcess(tmp_path, configuration(bus), workers=2) as gateway:
        await reader.page.goto(gateway.admin_url)
        rows = reader.page.get_by_role("table", name="Workers").locator("tbody tr")
        await expect(rows).to_have_count(2)
        await expect(rows).to_contain_text(["ready", "ready"])
    assert reader.complaints == []
