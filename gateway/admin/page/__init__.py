"""The page at `/` for a person: what `/status` says, live. A browser takes its files as they are.

The files are the same in every installation and hold no figure of any: those come from `/status` alone.
"""

from collections.abc import Mapping
from importlib.resources import files

from msgspec import Struct

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

HEADERS: Mapping[str, str] = {
    # Nothing from elsewhere, nothing inline, no text ever read as markup (trusted types), in no frame. A
    # form's own way of sending is forbidden: it would write the token into the address.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # another version of the gateway has other files under these names
}
"""Of every file of the page (CSP Level 3, Fetch)."""


class PageFile(Struct, frozen=True):
    """One file, ready to be answered."""

    path: str
    """As it is asked for."""
    body: bytes
    content_type: str


def page_files() -> list[PageFile]:
    """`/` and what it needs below `/page/`, read from the package."""
    found = []
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name):
        stem, dot, extension = file.name.rpartition(".")
        if (content_type := CONTENT_TYPES.get(dot + extension)) is not None:
            path = "/" if stem == "index" else f"/page/{file.name}"
            found.append(PageFile(path, file.read_bytes(), content_type))
    return found
