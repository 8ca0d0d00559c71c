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
    """A file and the environment; `log_level`, where given, stands above what the file says."""

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
        """As it was when it was last found good."""
        self._watch = FileWatch()

    def load(self) -> Config:
        """The configuration as the file is now. Raises ConfigError with every fault."""
        document = read_document(self._path)
        config = self._parse(document)
        self._document = document
        return config

    def refresh(self) -> Config:
        """The configuration as it was loaded last, with the files of its secrets and of TLS read again.

        Raises ConfigError with every fault.
        """
        return self._parse(self._document)

    def has_changed_files(self) -> bool:
        """Whether a file of a secret or of TLS has changed since it was read, be it in vain."""
        return self._watch.changed()

    def _parse(self, document: Mapping[str, Any]) -> Config:
        watch = FileWatch()
        try:
            config = parse(
                document, environment=self._environment, plugins=self._plugins, note_file=watch.add
            )
        finally:
            self._watch = watch
        if self._log_level is None:
            return config
        return replace(config, log=replace(config.log, level=self._log_level))
