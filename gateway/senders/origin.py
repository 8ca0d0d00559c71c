"""An endpoint as an operator writes it: scheme, host and perhaps a port."""

from yarl import URL

ORIGIN_RULE = 'is not of the form "https://host" or "http://host:port"'
"""What a configuration's fault says of an endpoint that is none."""


def is_origin(text: str) -> bool:
    """Whether `text` is scheme, host and perhaps a port: no path, query or user."""
    try:
        url = URL(text)
        return url.scheme in ("http", "https") and text.rstrip("/") == str(url.origin()).rstrip("/")
    except ValueError:
        return False
