"""Where the configuration comes from while the gateway runs: a file that is read again when somebody asks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gateway.config.document import parse
from gateway.config.file import read_document
from gateway.config.model import Config, LogLevel
from gateway.config.watch import FileWatch
from gateway.sender import SenderPlugin


class ConfigSource:
    """A file and the environment; `log_level`, where given, stands above what the file says.

    What is loaded is the ground of later refreshes once it is said to `keep` it: it may be refused yet.
    """

    def __init__(
        self,
        path: Path,
        *,
        environment: Mapping[str, str],
        plugins: Mapping[str, SenderPlugin],
        log_level: LogLevel | None = None,
    ) -> None:
        self._path = path
        self._environment = environment
        self._plugins = plugins
        self._log_level = log_level
        self._document: Mapping[str, Any] = {}
        """As it was when it was last taken up."""
        self._watch = FileWatch()
        self._loaded: tuple[Mapping[str, Any], FileWatch] = (self._document, self._watch)

    def load(self) -> Config:
        """The configuration as the file is now. Raises ConfigError with every fault."""
        document, watch = read_document(self._path), FileWatch()
        config = self._parse(document, watch)
        self._loaded = document, watch
        return config

    def keep(self) -> None:
        """What was read last is taken up."""
        self._document, self._watch = self._loaded

    def refresh(self) -> Config:
        """The configuration as it was taken up last, with the files of its secrets and of TLS read again.

        Raises ConfigError with every fault.
        """
        self._watch = FileWatch()
        self._loaded = self._document, self._watch
        return self._parse(self._document, self._watch)

    def has_changed_files(self) -> bool:
        """Whether a file of a secret or of TLS has changed since it was read, be it in vain."""
        return self._watch.changed()

    def _parse(self, document: Mapping[str, Any], watch: FileWatch) -> Config:
        config = parse(document, environment=self._environment, plugins=self._plugins, note_file=watch.add)
        if self._log_level is None:
            return config
        return replace(config, log=replace(config.log, level=self._log_level))
