"""Small text files, read whole: the configuration itself, and the secrets it points to."""

from pathlib import Path

MAX_BYTES = 1 << 20
"""Far above any configuration, far below what would hurt when a path is wrong, say a device."""


def read_text(path: Path) -> str:
    """The file's text. Raises ValueError that says why not, and quotes nothing of it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise ValueError(f"cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"cannot be read: more than {MAX_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError("cannot be read: not UTF-8") from None


def read_secret(path: Path) -> str:
    """The secret that is all of the file but its last line's end. Raises ValueError; also for none."""
    return _present(read_text(path).removesuffix("\n").removesuffix("\r"))


def read_secrets(path: Path) -> list[str]:
    """The secrets of the file, one on each line that is not empty. Raises ValueError; also for none."""
    return [line for line in _present(read_text(path).strip()).splitlines() if line]


def _present(text: str) -> str:
    if not text:
        raise ValueError("the file is empty")
    return text
