"""Huawei Cloud EventGrid: configuration, events, signatures, credentials, answers, sender."""

from gateway.sender import SenderPlugin
from gateway.senders.huawei.config import HuaweiConfig, check
from gateway.senders.huawei.sender import HuaweiSender

plugin = SenderPlugin(config_type=HuaweiConfig, check=check, create=HuaweiSender)
