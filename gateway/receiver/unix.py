"""Unix sockets to listen on: their files are made, told from those of others, and removed."""

import socket
import stat
from pathlib import Path


class UnixSockets:
    """Binds sockets, and remembers which files in the file system are ours."""

    def __init__(self) -> None:
        self._inodes: dict[Path, int] = {}

    def bind(self, path: Path, mode: int) -> socket.socket:
        """A bound socket of that mode; nobody can connect before it listens, so the mode is never too wide.

        A socket file whose owner is gone is removed. Raises OSError if another process still listens there.
        """
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _remove_stale(path)
            bound.bind(str(path))
            path.chmod(mode)
            self._inodes[path] = path.stat().st_ino
        except OSError:
            bound.close()
            raise
        return bound

    def remove(self) -> None:
        """Remove the files; safe twice."""
        for path, inode in self._inodes.items():
            if path.exists() and path.stat().st_ino == inode:  # a successor may have put its own there
                path.unlink()
        self._inodes.clear()


def _remove_stale(path: Path) -> None:
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return  # bind says what is wrong with a file that is no socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except BlockingIOError:
            pass  # it is in use, and its backlog full
