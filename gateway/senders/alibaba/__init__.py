"""Alibaba Cloud EventBridge: configuration, entries, outcomes, signing, credentials, sender."""

from gateway.sender import SenderPlugin
from gateway.senders.alibaba.config import AlibabaConfig, check
from gateway.senders.alibaba.sender import AlibabaSender

plugin = SenderPlugin(config_type=AlibabaConfig, check=check, create=AlibabaSender)
