"""Whether files have changed since they were read: secrets and certificates that somebody else rotates.

Looks at them where it is called; they are expected on a file system that answers.
"""

from pathlib import Path

POLL_SECONDS = 2.0
"""Between two looks; inotify would miss what a network file system or another mount brings."""

_Stamp = tuple[int, int, int, int] | None


class FileWatch:
    """Remembers what files looked like when they were added, which is best done right before reading them.

    Links are followed: a mounted Kubernetes secret is changed by turning a link.
    """

    def __init__(self) -> None:
        self._stamps: dict[Path, _Stamp] = {}

    def add(self, path: Path) -> None:
        """Watch that file too, be it there or not."""
        self._stamps[path] = _stamp(path)

    def changed(self) -> bool:
        """Whether any file was written, replaced, made or removed since it was added; the same each time."""
        return any(_stamp(path) != stamp for path, stamp in self._stamps.items())


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a zero byte in the path
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
