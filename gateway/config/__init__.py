"""The configuration: one TOML file and the environment in, validated values or every fault out.

Knows no sender by name: the plugins come in as an argument, and their own keys are read by the
Struct that each of them brings.
"""

from gateway.config.document import parse
from gateway.config.file import load
from gateway.config.listen import ListenAddress
from gateway.config.model import (
    Acknowledge,
    AdminConfig,
    BufferConfig,
    Config,
    DeadLettersConfig,
    DeliveryConfig,
    DestinationConfig,
    FlushConfig,
    LogConfig,
    LogFormat,
    LogLevel,
    ReceiverConfig,
    ShutdownConfig,
    TlsConfig,
    WhenIdle,
)

__all__ = [
    "Acknowledge",
    "AdminConfig",
    "BufferConfig",
    "Config",
    "DeadLettersConfig",
    "DeliveryConfig",
    "DestinationConfig",
    "FlushConfig",
    "ListenAddress",
    "LogConfig",
    "LogFormat",
    "LogLevel",
    "ReceiverConfig",
    "ShutdownConfig",
    "TlsConfig",
    "WhenIdle",
    "load",
    "parse",
]
