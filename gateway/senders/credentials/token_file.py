"""Small files that a platform writes and rewrites: tokens and profiles, read anew each time."""

import asyncio
import stat
from pathlib import Path

from gateway.senders.credentials.provider import ProviderError

MAX_BYTES = 64 << 10


class FileMissingError(ProviderError):
    """There is no such file, or no home for it to be in."""


async def read_text(path: str) -> str:
    """The file's text, without white space around it.

    Raises FileMissingError, or ProviderError for what cannot be read, is no regular file, is no UTF-8, or
    is longer than MAX_BYTES; the messages name the path and not the content.
    """
    return await asyncio.to_thread(_read_text, path)


def _read_text(path: str) -> str:
    try:
        place = Path(path).expanduser()
        if not stat.S_ISREG(place.stat().st_mode):  # to open a pipe would wait for a writer, for ever
            raise ProviderError(f"{path} is no regular file")
        with place.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ProviderError(f"{path} is larger than {MAX_BYTES} bytes")
        return content.decode().strip()
    except FileNotFoundError as error:
        raise FileMissingError(f"{path} is missing") from error
    except UnicodeDecodeError as error:
        raise ProviderError(f"{path} is not UTF-8 text") from error
    except (
        RuntimeError
    ) as error:  # a user whom /etc/passwd does not know, and no HOME: nothing to expand "~" to
        raise FileMissingError(f"{path} is missing: there is no home directory") from error
    except OSError as error:
        raise ProviderError(f"{path}: {error.strerror}") from error
