"""The senders, one per bus, and the registry that finds them."""
