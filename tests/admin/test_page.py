"""The page's files as a browser gets them: bytes, header fields, and who may have them."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import aiohttp
import pytest

from gateway.admin.page import PageFile, page_files
from gateway.admin.server import Admin
from gateway.bearer import NO_TOKENS, BearerTokens
from gateway.config import ListenAddress
from tests.admin.operations import FakeOperations
from tests.admin.wire import TOKENS, answered, request

TOKEN = "mF_9.B5f-4.1JqM"  # RFC 6750's own example
FILES = page_files()
ROOT = Path(__file__).resolve().parents[2]
SVG_NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client of an interface that asks for a token."""
    admin = Admin(FakeOperations(), ListenAddress("127.0.0.1:0"), TOKENS)
    async with aiohttp.ClientSession(await admin.start()) as session:
        yield session
    await admin.aclose()


class Markup(HTMLParser):
    """What an HTML file names and how; text left out."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def values(self, *names: str) -> list[str]:
        """The values of those attributes, wherever they stand."""
        return [value for _, have in self.elements for name in names if (value := have.get(name))]


def page() -> PageFile:
    """The page itself."""
    (found,) = (file for file in FILES if file.path == "/")
    return found


def index() -> Markup:
    return Markup(page().body.decode())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)
async def test_every_file_is_answered_to_anybody_with_strict_header_fields(
    client: aiohttp.ClientSession, file: PageFile
) -> None:
    """The page itself as the body of a 401; nothing from elsewhere may run or be framed."""
    async with client.get(file.path) as answer:
        assert answer.status == (401 if file.path == "/" else 200)
        assert await answer.read() == file.body
        assert answer.headers["Content-Type"] == file.content_type
        policy = set(answer.headers["Content-Security-Policy"].split("; "))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-cache"
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= policy
    assert {"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= policy
    assert not any("unsafe" in directive for directive in policy)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("shown", "challenge"),
    [
        ((), 'Bearer realm="gateway"'),
        (("Authorization: Bearer wrong",), 'Bearer realm="gateway", error="invalid_token"'),
    ],
)
async def test_the_page_asks_for_a_token_and_has_the_form_for_it(
    method: str, shown: tuple[str, ...], challenge: str
) -> None:
    """401 with its challenge, and the page below it, which browsers show; HEAD without (RFC 9110 9.3.2)."""
    answer = await answered(request(f"{method} /", *shown), tokens=TOKENS)
    body = page().body
    assert (answer.status, answer.getheader("WWW-Authenticate")) == (401, challenge)
    assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
    assert answer.getheader("Content-Security-Policy")
    assert answer.getheader("Content-Length") == str(len(body))
    assert answer.read() == (body if method == "GET" else b"")
    assert b'<form id="token-form"' in body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("tokens", [NO_TOKENS, TOKENS], ids=["none", "shown"])
async def test_the_page_is_found_where_no_token_is_asked_for_or_it_is_shown(
    method: str, tokens: BearerTokens
) -> None:
    """200, the same page, and no challenge."""
    answer = await answered(request(f"{method} /", f"Authorization: Bearer {TOKEN}"), tokens=tokens)
    assert (answer.status, answer.getheader("WWW-Authenticate")) == (200, None)
    assert answer.getheader("Content-Length") == str(len(page().body))
    assert answer.read() == (page().body if method == "GET" else b"")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)
async def test_the_page_takes_nothing(client: aiohttp.ClientSession, file: PageFile) -> None:
    """It is to look at: 405, with what is allowed."""
    shown = {"Authorization": f"Bearer {TOKEN}"}
    async with client.post(file.path, data=b"token=x", headers=shown) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")


@pytest.mark.parametrize(
    "path",
    ["/status", "/metrics", "/page", "/page/", "/page/none.js", "/page/__init__.py"],
)
async def test_whatever_is_no_file_of_the_page_asks_for_a_token(
    client: aiohttp.ClientSession, path: str
) -> None:
    """The figures, and every path that only begins like the page's."""
    async with client.get(path) as answer:
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="gateway"')


async def test_figures_are_kept_in_no_cache(client: aiohttp.ClientSession) -> None:
    """They were for who had the token."""
    async with client.get("/status", headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)
def test_no_file_names_an_address_elsewhere(file: PageFile) -> None:
    """But for the name of SVG's namespace, which nobody fetches."""
    text = file.body.decode().replace(SVG_NAMESPACE, "")
    assert re.findall(r"(?:[a-z]+:)?//[\w.\[-]+\.\w+", text) == []
    assert not re.search(r"@import|url\(", text)


def test_the_page_needs_nothing_but_its_own_files() -> None:
    """Each file that it names is there, and each file that is there is named by the page or a script."""
    named = {name for name in index().values("src", "href") if name.startswith("page/")}
    scripts = [file for file in FILES if file.path.endswith(".js")]
    named |= {
        f"page/{name}" for file in scripts for name in re.findall(r' from "\./([\w.]+)"', file.body.decode())
    }
    assert {f"/{name}" for name in named} | {"/"} == {file.path for file in FILES}


def test_nothing_stands_inline() -> None:
    """Neither a script, nor a style, nor a handler: the policy would not let them run."""
    elements = index().elements
    assert not [tag for tag, _ in elements if tag == "style"]
    assert all(have.get("src") for tag, have in elements if tag == "script")
    assert not [name for _, have in elements for name in have if name == "style" or name.startswith("on")]


def test_every_id_that_the_scripts_ask_for_is_on_the_page() -> None:
    """A renamed element would be found out only by a reader."""
    asked = {
        name
        for file in FILES
        if file.path.endswith(".js")
        for name in re.findall(r'\bat\("([\w-]+)"\)', file.body.decode())
    }
    assert asked
    assert asked <= set(index().values("id"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)
def test_no_text_is_read_as_markup(file: PageFile) -> None:
    """What a bus or an event says goes in as text alone."""
    assert not re.search(rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", file.body)


def test_every_file_is_in_a_wheel(tmp_path: Path) -> None:
    """What is installed shows the page too: built as pip builds it, without a network."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "gateway", tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "."]
    subprocess.run(command, cwd=tmp_path, check=True)  # noqa: S603 - ours
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("gateway/admin/page/")}
    names = {"index.html" if file.path == "/" else file.path.removeprefix("/page/") for file in FILES}
    assert packed == {f"gateway/admin/page/{name}" for name in names | {"__init__.py"}}
