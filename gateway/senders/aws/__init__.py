"""Amazon EventBridge (the classic custom event bus): configuration, entries, outcomes, sender."""

from gateway.sender import SenderPlugin
from gateway.senders.aws.config import AwsConfig, check
from gateway.senders.aws.sender import AwsSender

plugin = SenderPlugin(config_type=AwsConfig, check=check, create=AwsSender)
